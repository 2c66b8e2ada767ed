//! What the data port serves, by path and method.

use http::Method;
use weir_wire::Api;

/// Where requests go that targets answer, behind `/v1`: with POST, each in an API of its own.
const ASKED: &[(&[&str], Api)] = &[(&["chat", "completions"], Api::Chat), (&["messages"], Api::Messages)];

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint<'a> {
    /// What targets answer, in this API.
    Ask(Api),
    /// `/v1/models`
    Models,
    /// `/v1/models/{id}`; the id as it stands in the path.
    Model(&'a str),
    /// Nothing.
    Nowhere,
}

impl<'a> Endpoint<'a> {
    /// What is at `path`. Base URLs are written by hand: a slash too many, one at the end, and a second `/v1` change
    /// nothing.
    pub(super) fn at(path: &'a str) -> Self {
        if path == "/v1/chat/completions" {
            return Self::Ask(Api::Chat); // nearly all
        }
        let Some(rest) = after(path, "v1") else { return Self::Nowhere };
        let rest = after(rest, "v1").unwrap_or(rest);
        if let Some(rest) = after(rest, "models") {
            return match rest.trim_start_matches('/') {
                "" => Self::Models,
                id => Self::Model(id.strip_suffix('/').unwrap_or(id)),
            };
        }
        let leads_to = |path: &[&str]| {
            let rest = path.iter().try_fold(rest, |rest, word| after(rest, word));
            rest.is_some_and(|rest| rest.trim_start_matches('/').is_empty())
        };
        let asked = ASKED.iter().find(|(path, _)| leads_to(path));
        asked.map_or(Self::Nowhere, |(_, api)| Self::Ask(*api))
    }

    /// The API of a request with `method`, if targets answer it.
    pub(super) fn asks(self, method: &Method) -> Option<Api> {
        match self {
            Self::Ask(api) if method == Method::POST => Some(api),
            _ => None,
        }
    }

    /// The methods that are understood here, as `allow` tells them.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Ask(_) => "POST",
            Self::Models | Self::Model(_) => "GET, HEAD",
            Self::Nowhere => "",
        }
    }

    /// Whether `method` is understood here.
    pub(super) fn allows(self, method: &Method) -> bool {
        self.methods().split(", ").any(|allowed| allowed == method.as_str())
    }
}

/// What follows the segment `word` at the front of `path`.
fn after<'a>(path: &'a str, word: &str) -> Option<&'a str> {
    let rest = path.trim_start_matches('/').strip_prefix(word)?;
    (path.starts_with('/') && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_too_many_and_a_second_prefix_change_nothing() {
        use Endpoint::{Model, Models, Nowhere};
        const CHAT: Endpoint<'_> = Endpoint::Ask(Api::Chat);
        const MESSAGES: Endpoint<'_> = Endpoint::Ask(Api::Messages);
        for (path, endpoint) in [
            ("/v1/chat/completions", CHAT),
            ("/v1/chat/completions/", CHAT),
            ("/v1//chat/completions", CHAT),
            ("//v1/chat//completions//", CHAT),
            ("/v1/v1/chat/completions", CHAT),
            ("/v1/messages", MESSAGES),
            ("/v1/v1/messages/", MESSAGES),
            ("/v1/messages/x", Nowhere),
            ("/v1/models", Models),
            ("/v1/models/", Models),
            ("/v1/v1//models//", Models),
            ("/v1/models/gpt-5", Model("gpt-5")),
            ("/v1/models/meta/llama/", Model("meta/llama")),
            ("/v1/models//meta//llama", Model("meta//llama")),
            ("/v1/models/v1", Model("v1")),
            ("/v1/models/%ff", Model("%ff")),
            ("/v1/modelsx", Nowhere),
            ("/v1/models.json", Nowhere),
            ("/v1/chat/completions/x", Nowhere),
            ("/v1/chat", Nowhere),
            ("/v1chat/completions", Nowhere),
            ("v1/models", Nowhere),
            ("/v1/v1/v1/models", Nowhere),
            ("/", Nowhere),
            ("", Nowhere),
            ("*", Nowhere),
            ("/v1", Nowhere),
        ] {
            assert_eq!(Endpoint::at(path), endpoint, "{path}");
        }
    }
}
