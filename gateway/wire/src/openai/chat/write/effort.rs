//! How much is to be reasoned, in the words of the model that is asked (cases 38 and 39).
//!
//! Source: OpenAI's reference of `reasoning_effort`: models before gpt-5.1 know no `none`, gpt-5-pro only `high`, and
//! those from gpt-5.1-codex-max on know `xhigh`. Older models than o1 refuse the field.

use crate::hub::{Effort, Reasoning, To};
use weir_config::Vendor;

use Effort::{High, Low, Medium, Minimal, XHigh};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Nothing was said.
    Unsaid,
    Said(Effort),
    /// What was said has no word here: the field is left out.
    Left,
    /// The same, but for a word that turns reasoning off.
    Off,
}

/// The level for what a caller said of reasoning.
pub(super) fn level(reasoning: Option<Reasoning>, to: &To<'_>, has_tools: bool) -> Level {
    let Some(wanted) = reasoning.and_then(wanted) else { return Level::Unsaid };
    let is_openai = to.row.vendor == Vendor::OpenAI;
    let levels = levels(to.model, is_openai);
    let refuses_tools = is_openai && version(to.model).is_some_and(|version| version >= (5, 4));
    if has_tools && refuses_tools && wanted != Effort::None {
        // Source: OpenAI's answer to function tools with reasoning on chat completions (case 39).
        return Level::Off;
    }
    let nearest = match wanted {
        Effort::None if levels.contains(&Effort::None) => Some(Effort::None),
        // Whoever reasons always does so least.
        Effort::None => levels.first().copied().filter(|_| is_openai),
        _ => {
            let reasons = || levels.iter().copied().filter(|level| *level != Effort::None);
            reasons().find(|level| *level >= wanted).or_else(|| reasons().next_back())
        }
    };
    nearest.map_or(Level::Left, Level::Said)
}

/// The effort that a caller means.
fn wanted(reasoning: Reasoning) -> Option<Effort> {
    let Reasoning { on, effort, budget } = reasoning;
    match (on, effort, budget) {
        (Some(false), _, _) => Some(Effort::None),
        (_, Some(effort), _) => Some(effort),
        // The budgets that are common for efforts (wire.md, section 2). A large one allows much and asks for nothing:
        // it never means more than `high`.
        (_, None, Some(budget)) => Some(match budget {
            0..2_048 => Low,
            2_048..4_096 => Medium,
            _ => High,
        }),
        (Some(true), None, None) => Some(Medium),
        (None, None, None) => None,
    }
}

/// The levels that a model has, the least first.
fn levels(model: &str, is_openai: bool) -> &'static [Effort] {
    // All that many servers know.
    const COMMON: &[Effort] = &[Low, Medium, High];
    let model = bare(model);
    let is = |prefixes: &[&str]| prefixes.iter().any(|prefix| model.starts_with(prefix));
    if !is_openai {
        return COMMON;
    }
    if is(&["gpt-3", "gpt-4", "chatgpt-", "o1-mini", "o1-preview"]) {
        return &[];
    }
    if is(&["o1", "o3", "o4"]) {
        return COMMON;
    }
    if is(&["gpt-5-pro"]) {
        return &[High];
    }
    match version(model) {
        Some((5, 0)) => &[Minimal, Low, Medium, High],
        Some((5, 1)) if !is(&["gpt-5.1-codex-max"]) => &[Effort::None, Low, Medium, High],
        _ => &[Effort::None, Low, Medium, High, XHigh],
    }
}

/// A model's name without what marks it as fine-tuned.
fn bare(model: &str) -> &str {
    model.strip_prefix("ft:").unwrap_or(model)
}

/// The version of a GPT: gpt-5-mini is 5.0, gpt-5.4 is 5.4.
fn version(model: &str) -> Option<(u32, u32)> {
    let rest = bare(model).strip_prefix("gpt-")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (major, minor) = rest.get(..end)?.split_once('.').unwrap_or((rest.get(..end)?, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}
