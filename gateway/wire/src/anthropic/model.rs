//! What a Claude takes, by its name: what newer ones were taught, older ones refuse, and the other way round.

use crate::hub::Effort;

/// What a model takes. A name that is no Claude's is of a server that copies the API: those know its older half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Model {
    pub(super) thinking: Thinking,
    /// The efforts that it has, the least first.
    pub(super) efforts: &'static [Effort],
    /// Whether thinking can be switched off by name.
    pub(super) can_disable: bool,
    /// Whether it can be sampled otherwise than by default.
    pub(super) samples: bool,
    /// Whether system turns may stand in the middle.
    pub(super) system_turns: bool,
}

/// How a model is asked to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thinking {
    /// It cannot.
    Never,
    /// By a budget of tokens.
    Budget,
    /// By itself, as much as its effort says.
    Adaptive,
}

/// Which Claude, major and minor. Those with a name but no number are the newest.
type Generation = (u8, u8);

const NEWEST: Generation = (u8::MAX, 0);

impl Model {
    /// The model of this name.
    ///
    /// Sources: the pages on adaptive thinking, effort and system messages in the middle of Anthropic's documents.
    pub(crate) fn named(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let Some(generation) = generation(&name) else {
            return Self { thinking: Thinking::Budget, ..Self::of((3, 7)) };
        };
        let always_thinks = name.contains("mythos") || name.contains("fable");
        Self { can_disable: !always_thinks, ..Self::of(generation) }
    }

    fn of(generation: Generation) -> Self {
        const EARLY: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Max];
        const ALL: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];
        let (thinking, efforts): (_, &'static [Effort]) = match generation {
            (4, 6) => (Thinking::Adaptive, EARLY),
            _ if generation > (4, 6) => (Thinking::Adaptive, ALL),
            _ if generation >= (3, 7) => (Thinking::Budget, &[]),
            _ => (Thinking::Never, &[]),
        };
        Self {
            thinking,
            efforts,
            can_disable: true,
            samples: generation < (4, 7),
            system_turns: generation >= (4, 8),
        }
    }

    /// The nearest effort that it has: one less if there is no such, the least if there is none less.
    pub(super) fn nearest(&self, effort: Effort) -> Option<Effort> {
        let below = self.efforts.iter().rev().find(|known| **known <= effort);
        below.or(self.efforts.first()).copied()
    }
}

/// The numbers in the name of a Claude, such as `claude-opus-4-6-v1`, `claude-3-7-sonnet-20250219` or
/// `anthropic/claude-haiku-4.5`.
fn generation(name: &str) -> Option<Generation> {
    let (_, behind) = name.split_once("claude")?;
    let mut numbers = behind
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .skip_while(|word| number(word).is_none())
        .map_while(number);
    let Some(major) = numbers.next() else { return Some(NEWEST) };
    Some((major, numbers.next().unwrap_or(0)))
}

/// A number of a version; dates are longer.
fn number(word: &str) -> Option<u8> {
    (word.len() <= 2).then(|| word.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_found_in_every_form_of_the_name() {
        for (name, expected) in [
            ("claude-opus-4-6-v1", Some((4, 6))),
            ("claude-3-7-sonnet-20250219", Some((3, 7))),
            ("anthropic/claude-haiku-4.5", Some((4, 5))),
            ("claude-opus-4-20250514", Some((4, 0))),
            ("claude-sonnet-4@20250514", Some((4, 0))),
            ("us.anthropic.claude-opus-4-7", Some((4, 7))),
            ("claude-opus-5", Some((5, 0))),
            ("claude-2.1", Some((2, 1))),
            ("claude-mythos-preview", Some(NEWEST)),
            ("deepseek-v4", None),
        ] {
            assert_eq!(generation(name), expected, "{name}");
        }
    }

    #[test]
    fn what_a_model_takes_follows_its_generation() {
        let takes = |name| {
            let model = Model::named(name);
            (model.thinking, model.nearest(Effort::XHigh), model.samples, model.system_turns)
        };
        assert_eq!(takes("claude-3-5-sonnet-20241022"), (Thinking::Never, None, true, false));
        assert_eq!(takes("claude-haiku-4-5"), (Thinking::Budget, None, true, false));
        assert_eq!(takes("claude-sonnet-4-6"), (Thinking::Adaptive, Some(Effort::High), true, false));
        assert_eq!(takes("claude-opus-4-7"), (Thinking::Adaptive, Some(Effort::XHigh), false, false));
        assert_eq!(takes("claude-opus-5-5"), (Thinking::Adaptive, Some(Effort::XHigh), false, true));
        assert_eq!(takes("kimi-k3"), (Thinking::Budget, None, true, false));
        let model = Model::named("claude-opus-4-6");
        assert_eq!(model.nearest(Effort::Max), Some(Effort::Max));
        assert_eq!(model.nearest(Effort::Minimal), Some(Effort::Low));
        assert!(model.can_disable && !Model::named("claude-fable-5").can_disable);
    }
}
