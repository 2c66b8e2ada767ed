//! How much the model may say, and how much of that it may think.
//!
//! An effort becomes what the model knows: `output_config.effort` with adaptive thinking since Claude 4.6, a budget in
//! tokens before. A model that thinks by itself is never given a budget, and one that does not is never given an effort.

use super::told::Told;
use crate::anthropic::model::{self, Model};
use crate::hub::{Chat, Effort, Reasoning, To};
use crate::json::write::Writer;

/// The bound where nobody knows one.
const BOUND: u64 = 4096;
/// The least budget. Source: Anthropic's page on extended thinking.
const LEAST: u64 = 1024;
/// What must be left for the answer.
const ROOM: u64 = 256;

/// What is sent of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) max_tokens: u64,
    pub(super) thinking: Thinking,
    pub(super) effort: Option<Effort>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// As the model does by default.
    Unsaid,
    Disabled,
    Adaptive,
    Budget(u64),
}

impl Plan {
    /// `opens_bare`: the turn in progress opens without thinking.
    pub(super) fn of(chat: &Chat, to: &To<'_>, model: Model, opens_bare: bool, told: &mut Told) -> Self {
        let bound = match (chat.max_tokens, to.max_output_tokens) {
            (Some(asked), Some(most)) if asked > most => {
                told.once("max_tokens");
                most
            }
            (Some(asked), _) => asked,
            (None, most) => most.unwrap_or(BOUND),
        };
        let plan = Self { max_tokens: bound, thinking: Thinking::Unsaid, effort: None };
        let Some(reasoning) = chat.reasoning else { return plan };
        if reasoning.on == Some(false) || reasoning.effort == Some(Effort::None) {
            return plan.without(model, told);
        }
        match model.thinking {
            _ if reasoning == Reasoning::default() => plan,
            model::Thinking::Adaptive => {
                let effort = reasoning.effort.or(reasoning.budget.map(effort));
                let effort = effort.and_then(|effort| model.nearest(effort));
                Self { thinking: Thinking::Adaptive, effort, ..plan }
            }
            model::Thinking::Budget if !opens_bare => {
                let wanted = reasoning.budget.unwrap_or_else(|| budget(reasoning.effort));
                let is_bound = chat.max_tokens.or(to.max_output_tokens).is_some();
                plan.within(wanted.max(LEAST), is_bound, told)
            }
            model::Thinking::Budget | model::Thinking::Never => {
                told.once("reasoning_effort");
                plan
            }
        }
    }

    /// No thinking: by default, or by name. Where it cannot be switched off, as little as there is.
    fn without(self, model: Model, told: &mut Told) -> Self {
        match model.thinking {
            model::Thinking::Adaptive if model.can_disable => Self { thinking: Thinking::Disabled, ..self },
            model::Thinking::Adaptive => {
                told.once("reasoning_effort");
                Self { effort: model.nearest(Effort::Low), ..self }
            }
            model::Thinking::Budget | model::Thinking::Never => self,
        }
    }

    /// A budget within the bound, which is the caller's or the model's and stays; if there is none, the budget is
    /// added to what the answer gets.
    fn within(self, wanted: u64, is_bound: bool, told: &mut Told) -> Self {
        if !is_bound {
            let max_tokens = self.max_tokens.saturating_add(wanted);
            return Self { max_tokens, thinking: Thinking::Budget(wanted), ..self };
        }
        if self.max_tokens < LEAST + ROOM {
            told.once("reasoning_effort");
            return self;
        }
        let most = LEAST.max(self.max_tokens / 2);
        Self { thinking: Thinking::Budget(wanted.min(most)), ..self }
    }

    /// Whether the model thinks, as far as it is asked to.
    pub(super) fn thinks(&self) -> bool {
        matches!(self.thinking, Thinking::Adaptive | Thinking::Budget(_))
    }

    pub(super) fn write_thinking(&self, out: &mut Writer) {
        let kind = match self.thinking {
            Thinking::Unsaid => return,
            Thinking::Disabled => "disabled",
            Thinking::Adaptive => "adaptive",
            Thinking::Budget(_) => "enabled",
        };
        out.key("thinking");
        out.open('{');
        out.key("type");
        out.string(kind);
        if let Thinking::Budget(tokens) = self.thinking {
            out.key("budget_tokens");
            out.number(tokens);
        }
        out.close('}');
    }
}

/// How many tokens an effort is: LiteLLM's numbers, which callers know, and Anthropic's least.
fn budget(effort: Option<Effort>) -> u64 {
    match effort {
        Some(Effort::None | Effort::Minimal | Effort::Low) => LEAST,
        Some(Effort::Medium) | None => 2048,
        Some(Effort::High) => 4096,
        Some(Effort::XHigh) => 8192,
        Some(Effort::Max) => 16384,
    }
}

/// The effort that a budget means. A large one allows much and asks for nothing: it never means more than `high`.
fn effort(tokens: u64) -> Effort {
    match tokens {
        0..2048 => Effort::Low,
        2048..4096 => Effort::Medium,
        _ => Effort::High,
    }
}
