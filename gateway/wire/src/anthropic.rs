//! Anthropic's Messages: its words for requests and answers.

pub(crate) mod answer;
