//! Does a piece of text say where something is: a URL, a host, an address.

/// Ends of host names that are common enough. `gpt-4.1` and `messages.0.content` are no hosts.
const TOP_LEVEL: &str = "com net org io ai dev app cloud co eu cn us uk de fr me sh xyz tech run host site online \
    local localdomain internal svc lan corp home intranet test example arpa";

/// Whether `piece` is a URL, a host with a port, or a host that is known for one by its end.
pub(super) fn is_url(piece: &str) -> bool {
    if piece.contains("://") || piece.contains("%2F%2F") || piece.contains("%2f%2f") {
        return true;
    }
    let piece = piece.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    let foreign = |c: char| !c.is_ascii_alphanumeric() && !".:_@%-".contains(c);
    let authority = piece.split(foreign).next().unwrap_or_default();
    let authority = authority.split("..").next().unwrap_or_default();
    is_ipv6(authority) || is_authority(authority.trim_start_matches(':').trim_end_matches(['.', ':']))
}

/// Whether `url` is one that anybody may have: with a scheme of the web.
pub(super) fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// What follows a URL that `text` begins with: it goes on to the end of the word or to a quote, because its
/// query may hold anything. Marks at its very end belong to the sentence.
pub(super) fn after_url(text: &str) -> &str {
    let end = text.find(['"', '<', '>', '`', '“', '”']).unwrap_or(text.len());
    let url = text.get(..end).unwrap_or_default();
    let url = url.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '’', '»', '\\']);
    match text.get(url.len()..) {
        Some(after) if !url.is_empty() => after,
        _ => "",
    }
}

/// Whether `piece` is a mail address.
pub(super) fn is_email(piece: &str) -> bool {
    piece
        .trim_matches(['.', ':', '/'])
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
}

/// A host with or without port; somebody's password may stand before it.
fn is_authority(authority: &str) -> bool {
    if let Some((user, host)) = authority.rsplit_once('@') {
        return user.contains(':') && !host.is_empty();
    }
    let (host, after) = authority.split_once(':').unwrap_or((authority, ""));
    let host = host.trim_end_matches('.');
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let port =
        (2..=5).contains(&digits) && !after.as_bytes().get(digits).is_some_and(u8::is_ascii_alphanumeric);
    let mut labels = host.split('.');
    let plain = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if !labels.clone().all(plain) {
        return false;
    }
    let known = host.contains('.')
        && labels
            .next_back()
            .is_some_and(|end| TOP_LEVEL.split(' ').any(|known| end.eq_ignore_ascii_case(known)));
    known
        || is_ipv4(host)
        || host.eq_ignore_ascii_case("localhost")
        || port && host.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_ipv4(host: &str) -> bool {
    let end = host.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(host.len());
    let (address, after) = host.split_at(end);
    let whole = after.is_empty() || address.ends_with('.'); // the next sentence may follow without a space
    whole && address.trim_end_matches('.').parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_ipv6(authority: &str) -> bool {
    let (address, _zone) = authority.split_once('%').unwrap_or((authority, ""));
    address.bytes().filter(|byte| *byte == b':').count() >= 2 && address.parse::<std::net::Ipv6Addr>().is_ok()
}
