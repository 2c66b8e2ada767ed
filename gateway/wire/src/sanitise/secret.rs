//! Does a piece of text look like a key or like the id of an account.

/// How keys of vendors, clouds and forges begin, and how many characters follow at least.
const KEYS: &[(&str, usize)] = &[
    ("sk-", 1),
    ("sk_", 3),
    ("weir_", 3),
    ("rk_", 8),
    ("pk-", 8),
    ("gsk_", 6),
    ("csk-", 6),
    ("xai-", 8),
    ("pplx-", 6),
    ("nvapi-", 6),
    ("hf_", 6),
    ("r8_", 6),
    ("fw_", 8),
    ("tgp_", 6),
    ("AIza", 8),
    ("AQ.", 16),
    ("ya29.", 6),
    ("eyJ", 8),
    ("AKIA", 8),
    ("ASIA", 8),
    ("ABSK", 16),
    ("dapi", 16),
    ("ghp_", 6),
    ("gho_", 6),
    ("ghs_", 6),
    ("github_pat_", 6),
    ("glpat-", 6),
    ("xoxb-", 6),
    ("xoxp-", 6),
];

/// How ids of accounts begin.
const ACCOUNTS: &[&str] =
    &["org-", "org_", "proj_", "proj-", "user-", "user_", "acct_", "acct-", "team_", "team-", "wrkspc_"];

/// How ids begin that callers have or get anyway, and that messages are about.
const CALLERS_OWN: &[&str] =
    &["call_", "toolu_", "chatcmpl-", "msg_", "resp_", "req_", "fc_", "rs_", "gen-", "file-"];

/// So many letters in a row are an id's, not a word's, where an id's beginning stands before them.
const LONG_ID: usize = 16;

/// A run of so many characters may be a key that no prefix gives away.
const LONG: usize = 24;

/// Whether the word `before` says that `word` is a secret: `Bearer …`, `API key provided: …`.
pub(super) fn is_announced(before: &str, word: &str) -> bool {
    let prose = |most: usize| word.len() <= most && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let bare = before.trim_matches(|c: char| !c.is_alphanumeric());
    if bare.eq_ignore_ascii_case("bearer") || bare.eq_ignore_ascii_case("basic") && !before.ends_with(':') {
        return word.len() >= 8 && !prose(16);
    }
    let announces = ["provided:", "key:", "token:", "secret:", "password:", "credential:", "key", "token"];
    let Some(which) = announces.iter().position(|end| ends_with(before, end)) else { return false };
    match which {
        0 => true,
        1..=5 => !prose(12),
        _ => word.len() >= 12 && word.bytes().any(|byte| byte.is_ascii_digit()) && !is_callers_own(word),
    }
}

fn ends_with(word: &str, end: &str) -> bool {
    let from = word.len().saturating_sub(end.len());
    word.get(from..).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// Appends `piece` with placeholders in place of what looks secret.
pub(super) fn push_without(clean: &mut String, piece: &str) {
    if is_masked(piece) {
        return clean.push_str("[key]");
    }
    let mut done = 0;
    let mut before = ' ';
    for (at, c) in piece.char_indices() {
        let begins = at >= done && c.is_ascii_alphanumeric() && !before.is_ascii_alphanumeric();
        before = c;
        if !begins {
            continue;
        }
        let from_here = piece.get(at..).unwrap_or_default();
        if let Some((placeholder, length)) = known(from_here) {
            push_runs(clean, piece.get(done..at).unwrap_or_default());
            clean.push_str(placeholder);
            done = at + length;
        }
    }
    push_runs(clean, piece.get(done..).unwrap_or_default());
}

/// A key of which a vendor shows the ends: `sk-a****xyz`. `**Note**` is none.
fn is_masked(piece: &str) -> bool {
    piece.contains("**") && !(piece.starts_with("**") && piece.trim_end_matches(['.', ':']).ends_with("**"))
}

/// What begins here, if its beginning gives it away, and how long it is.
fn known(text: &str) -> Option<(&'static str, usize)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.+/~*".contains(c);
    let length = || text.find(|c| !is_part(c)).unwrap_or(text.len());
    if KEYS.iter().any(|(prefix, least)| text.starts_with(prefix) && length() >= prefix.len() + least) {
        return Some(("[key]", length()));
    }
    let account = ACCOUNTS.iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let rest =
        account.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').unwrap_or(account.len());
    let id = account.get(..rest)?;
    let telling = id.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    let is_long = id.len() >= LONG_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (id.len() >= 6 && telling || is_long).then_some(("[id]", text.len() - account.len() + rest))
}

/// Appends `text` with placeholders in place of long runs that look random.
fn push_runs(clean: &mut String, text: &str) {
    let in_run = |c: char| c.is_ascii_alphanumeric() || "_-+/".contains(c);
    let mut rest = text;
    while !rest.is_empty() {
        let (run, after) = rest.split_at(rest.find(|c| !in_run(c)).unwrap_or(rest.len()));
        clean.push_str(placeholder(run).unwrap_or(run));
        let other = after.find(in_run).unwrap_or(after.len());
        let (other, after) = after.split_at(other);
        clean.push_str(other);
        rest = after;
    }
}

fn placeholder(run: &str) -> Option<&'static str> {
    if run.split(['_', '-', '+', '/']).any(is_number) {
        return Some("[id]"); // an AWS account, a Google project
    }
    (run.len() >= LONG && !is_callers_own(run) && is_random(run)).then_some("[key]")
}

fn is_number(part: &str) -> bool {
    part.len() >= 12 && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_callers_own(run: &str) -> bool {
    let own = CALLERS_OWN.iter().find_map(|prefix| run.strip_prefix(prefix));
    own.is_some_and(|id| {
        id.len() <= 40 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Words change between letters and digits, capitals and small letters, seldom; random characters do every
/// other time.
fn is_random(run: &str) -> bool {
    let bytes = run.as_bytes();
    let count = |is: fn(&u8) -> bool| bytes.iter().filter(|byte| is(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let hex = bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    if hex && digits > 0 && digits < bytes.len() {
        return true;
    }
    if digits == 0 {
        return count(u8::is_ascii_uppercase) * 3 > bytes.len()
            && count(u8::is_ascii_lowercase) * 3 > bytes.len();
    }
    changes(bytes) * 6 >= bytes.len()
}

/// How often the kind of character changes. A capital that begins a word doesn't count.
fn changes(bytes: &[u8]) -> usize {
    let kind = |byte: u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase(), byte.is_ascii_lowercase());
    let mut begins = true;
    let mut count = 0;
    for pair in bytes.windows(2) {
        let &[a, b] = pair else { continue };
        let both = a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric();
        let capital = begins && a.is_ascii_uppercase() && b.is_ascii_lowercase();
        count += usize::from(both && !capital && kind(a) != kind(b));
        begins = !a.is_ascii_alphanumeric();
    }
    count
}
