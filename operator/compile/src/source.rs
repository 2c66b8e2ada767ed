//! `LLMKey.source` -> the digests of the key's texts. The only place that sees a tenant's key in the clear; it
//! leaves as a digest, and no message quotes it.

use crate::codes::Code;
use crate::finding::Report;
use crate::key::SourcedDigest;
use crate::minted;
use crate::resolve::{Secrets, resolve_secret, text_of};
use crate::values::is_visible_ascii;
use weir_config::{Digest, KeyDigest, ObjectName};
use weir_crds::{KeySource, Kind, SecretKeyRef, SourceDigest, Timestamp};

/// A brought key has at least so many characters (semantics S10.5).
const SHORTEST: usize = 32;

/// The key's texts, by digest; none if the source is not to be had. `is_taken`: the Secret that the key is to be
/// generated into is somebody else's.
pub(crate) fn read(
    report: &mut Report,
    key: &ObjectName,
    spec: &KeySource,
    secrets: &Secrets,
    is_taken: bool,
) -> Vec<SourcedDigest> {
    match (&spec.secret_ref, &spec.digests, &spec.generate) {
        (Some(reference), None, None) => brought(report, key, reference, secrets).into_iter().collect(),
        (None, Some(digests), None) => listed(report, digests),
        (None, None, Some(generate)) if is_taken => minted::taken(report, key, generate),
        (None, None, Some(generate)) => minted::read(report, key, generate, secrets),
        _ => {
            let message = "exactly one of secretRef, digests and generate must be given, so the key is refused; \
                           choose one";
            report.add(Code::InvalidValue, "spec.source", message);
            Vec::new()
        }
    }
}

fn brought(
    report: &mut Report,
    key: &ObjectName,
    reference: &SecretKeyRef,
    secrets: &Secrets,
) -> Option<SourcedDigest> {
    let field = "spec.source.secretRef";
    let names = (reference.name.as_str(), reference.key.as_str());
    let secret = resolve_secret(secrets, (Kind::Key, key), names.0, field, report)?;
    let text = text_of(secret, names, field, report)?;
    of_text(report, text, field)
}

/// The digest of a key's text, if it is one that a caller can present and nobody guesses.
pub(crate) fn of_text(report: &mut Report, text: &[u8], field: &str) -> Option<SourcedDigest> {
    let why = if text.len() < SHORTEST {
        "is shorter than 32 characters, which can be guessed"
    } else if !is_visible_ascii(text) {
        "holds spaces, line breaks or other characters that a header cannot carry"
    } else {
        let digest = KeyDigest { sha256: Digest::of(text), not_after: None };
        return Some(SourcedDigest { id: short(&digest), digest, field: field.to_owned() });
    };
    let message = format!("the key in the Secret {why}, so it is refused; put another one there");
    report.add(Code::InvalidKey, field, message);
    None
}

fn listed(report: &mut Report, specs: &[SourceDigest]) -> Vec<SourcedDigest> {
    let mut digests = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let at = format!("spec.source.digests[{index}]");
        match of_digest(&spec.sha256, spec.not_after.as_ref()) {
            Ok(digest) => digests.push(SourcedDigest { id: short(&digest), digest, field: at }),
            Err((field, why)) => report.add(Code::InvalidValue, format!("{at}.{field}"), why),
        }
    }
    if specs.is_empty() {
        let message = "no digest is given, so the key opens nothing; give one";
        report.add(Code::InvalidValue, "spec.source.digests", message);
    }
    digests
}

/// What a status calls a text of which nobody knows the label.
pub(crate) fn short(digest: &KeyDigest) -> String {
    digest.sha256.to_string().chars().take(12).collect()
}

/// A digest as it is written, with its end. One that cannot be read is left out, and so is one whose end cannot:
/// the error names the field and says why.
pub(crate) fn of_digest(
    sha256: &str,
    not_after: Option<&Timestamp>,
) -> Result<KeyDigest, (&'static str, String)> {
    // Not quoted: who mistakes the field puts the key itself here.
    let sha256 = sha256.parse::<Digest>().map_err(|error| {
        ("sha256", format!("{error}, so the digest is left out; give the SHA-256 of the key"))
    })?;
    let not_after = not_after.map(Timestamp::parse).transpose().map_err(|_| {
        ("notAfter", format!("not {}, so the digest is left out; correct it", Timestamp::WORDS))
    })?;
    Ok(KeyDigest { sha256, not_after })
}
