//! What API version 2026-10-21 refuses besides. Source: Anthropic's page "Migrating to API version 2026-10-21"
//! (platform.claude.com/docs/en/api/migration-2026-10-21); the texts are ours.

use serde_json::Value;

use super::super::{Rule, hold, items, string};

pub(in super::super) const RULES: &[Rule] =
    &[nothing_samples, no_document_is_the_assistants, no_citation_is_the_users];

/// "even at their default values".
fn nothing_samples(body: &Value) -> Result<(), String> {
    let found = ["temperature", "top_p", "top_k"].into_iter().find(|name| body.get(*name).is_some());
    found.map_or(Ok(()), |name| Err(format!("{name}: Extra inputs are not permitted")))
}

fn no_document_is_the_assistants(body: &Value) -> Result<(), String> {
    let said = items(body, "messages").filter(|message| string(message, "role") == "assistant");
    let mut blocks = said.flat_map(|message| items(message, "content"));
    hold(!blocks.any(|block| string(block, "type") == "document"), || {
        "messages: `document` blocks are not permitted in assistant messages".into()
    })
}

/// Directly, or inside of a search result.
fn no_citation_is_the_users(body: &Value) -> Result<(), String> {
    let said = items(body, "messages").filter(|message| string(message, "role") == "user");
    let blocks = said.flat_map(|message| items(message, "content"));
    let mut blocks = blocks.flat_map(|block| [block].into_iter().chain(items(block, "content")));
    hold(!blocks.any(|block| items(block, "citations").next().is_some()), || {
        "messages: `citations` are not permitted on text blocks of user messages".into()
    })
}
