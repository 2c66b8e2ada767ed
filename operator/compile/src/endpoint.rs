//! An endpoint's URL -> where to connect. Says why not without showing the URL: people put passwords and keys
//! into URLs, and findings are public.

use std::net::IpAddr;
use url::{Host, Url};
use weir_config::{AddressKind, Endpoint};

/// Reads `text`, the URL up to and without `call`, the path of the calls there; http only where `allow_insecure`.
///
/// The error completes the sentence "the endpoint …".
pub(crate) fn read(text: &str, call: &str, allow_insecure: bool) -> Result<Endpoint, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("is no URL ({error}); write one such as https://llm.example.com/v1"))?;
    let tls = match url.scheme() {
        "https" => true,
        "http" if allow_insecure => false,
        "http" => {
            return Err("is http, which shows the credential to the network; \
             use https, or set allowInsecure: true where the network is yours"
                .to_owned());
        }
        _ => return Err("is neither https nor http; write https://".to_owned()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("names a user or password; put the credential into `credentials`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or fragment; leave it out".to_owned());
    }
    let base_path = url.path().trim_end_matches('/');
    if base_path.to_ascii_lowercase().ends_with(call) {
        return Err(format!("ends with {call}, which gateways append; leave it out"));
    }
    Ok(Endpoint {
        tls,
        host: host(&url)?,
        port: url.port_or_known_default().unwrap_or(if tls { 443 } else { 80 }),
        base_path: base_path.to_owned(),
    })
}

/// Ends of calls that vendors' pages show, none of which a base ends with.
const CALLS: &[&str] = &[
    "/audio/transcriptions",
    "/images/generations",
    "/batches",
    "/chat",
    "/completions",
    "/embeddings",
    "/generate",
    "/messages",
    "/models",
    "/moderations",
    "/responses",
];

/// What names follow: there `chat` is what somebody calls a deployment, as on Azure.
const PARENTS_OF_NAMES: &[&str] = &["/deployments", "/endpoints", "/engines", "/models"];

/// What should be left off the end of `base_path`, for it seems to be a call's own path. It may be meant: then what is
/// sent there is not lost.
pub(crate) fn superfluous(base_path: &str) -> Option<&'static str> {
    let path = base_path.to_ascii_lowercase();
    let is_name = |parent: &str| PARENTS_OF_NAMES.iter().any(|end| parent.ends_with(end));
    CALLS.iter().copied().find(|call| path.strip_suffix(call).is_some_and(|parent| !is_name(parent)))
}

fn host(url: &Url) -> Result<String, String> {
    let host = match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => return Ok(name.to_owned()),
        Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
        Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
        _ => return Err("has no host; name one".to_owned()),
    };
    let kind = AddressKind::of(host);
    if kind.is_never_allowed() {
        return Err(format!("is {}: no gateway ever connects there; name a server", kind.words()));
    }
    Ok(host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of accounts that are asked in OpenAI's API.
    fn read(text: &str, allow_insecure: bool) -> Result<Endpoint, String> {
        super::read(text, "/chat/completions", allow_insecure)
    }

    fn endpoint(tls: bool, host: &str, port: u16, base_path: &str) -> Endpoint {
        Endpoint { tls, host: host.to_owned(), port, base_path: base_path.to_owned() }
    }

    #[test]
    fn a_url_becomes_origin_and_base_path() {
        for (text, expected) in [
            ("https://api.openai.com/v1", endpoint(true, "api.openai.com", 443, "/v1")),
            ("https://API.Example.com/", endpoint(true, "api.example.com", 443, "")),
            ("https://a.example:8443/x/v1//", endpoint(true, "a.example", 8443, "/x/v1")),
            ("http://vllm.ai.svc:8000/v1", endpoint(false, "vllm.ai.svc", 8000, "/v1")),
            ("http://127.0.0.1", endpoint(false, "127.0.0.1", 80, "")),
            ("http://[::1]:8080/v1", endpoint(false, "::1", 8080, "/v1")),
        ] {
            assert_eq!(read(text, true), Ok(expected), "{text}");
        }
    }

    #[test]
    fn s10_2_what_is_no_plain_origin_and_path_is_refused() {
        for text in [
            "http://a.example",
            "ftp://a.example",
            "https://user:pw@a.example",
            "https://user@a.example",
            "https://a.example/?key=x",
            "https://a.example/#x",
            "https://a.example/v1/chat/completions/",
            "https://a.example/v1/Chat/Completions",
            "https://",
            "a.example/v1",
            "",
        ] {
            assert!(read(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn s10_2_the_call_that_gateways_append_is_that_of_the_accounts_api() {
        for (path, chat, messages) in
            [("/v1/Messages/", true, false), ("/v1/chat/completions", false, true), ("/v1", true, true)]
        {
            let url = format!("https://a.example{path}");
            let is_read =
                ["/chat/completions", "/messages"].map(|call| super::read(&url, call, false).is_ok());
            assert_eq!(is_read, [chat, messages], "{path}");
        }
    }

    #[test]
    fn s10_4_forbidden_addresses_are_found_in_every_spelling() {
        for text in [
            "https://169.254.169.254/latest",
            "https://0xa9fea9fe/",
            "https://2852039166",
            "https://0251.0376.0251.0376",
            "https://169.254.169.254.",
            "https://[::ffff:169.254.169.254]",
            "https://0/",
        ] {
            assert!(read(text, true).is_err(), "{text}");
        }
    }

    #[test]
    fn s8_16_a_calls_own_path_is_found_at_the_end_only() {
        for (path, found) in [
            ("/v1/chat", Some("/chat")),
            ("/v1/Messages", Some("/messages")),
            ("/openai/v1/completions", Some("/completions")),
            ("/responses", Some("/responses")),
            ("/v1", None),
            ("", None),
            ("/chat/v1", None),
            ("/v1/my-chat", None),
            ("/api/chats", None),
            ("/openai/deployments/chat", None),
            ("/openai/Deployments/Embeddings", None),
            ("/openai/deployments/chat/embeddings", Some("/embeddings")),
            ("/my-deployments/chat", Some("/chat")),
        ] {
            assert_eq!(superfluous(path), found, "{path}");
        }
    }

    #[test]
    fn s10_10_the_reason_does_not_show_the_url() {
        for text in ["https://u:hunter2@a.example", "https://a.example?k=hunter2", "hunter2://x", "hunter2"] {
            assert!(!read(text, true).unwrap_err().contains("hunter2"));
        }
    }
}
