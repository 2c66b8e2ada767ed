//! What stands in the Secret of a generated key. The operator writes it, compile reads it; on a laptop `weir up` does
//! both. Apps take the Secret's keys for their environment: the names are those that the vendors' SDKs read.

use crate::codes::Code;
use crate::finding::Report;
use crate::key::SourcedDigest;
use crate::resolve::{Secrets, Wanted, resolve_ref, without_final_newline};
use crate::source::{of_digest, of_text, short};
use crate::values::quoted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weir_config::{Digest, KeyDigest, ObjectName, Secret};
use weir_crds::{GenerateKey, KeySource, Kind, Timestamp};

/// The Secret's key under which the newest text stands.
pub const MINTED_TEXT: &str = "OPENAI_API_KEY";
/// The Secret's key under which the newest text stands again, for Anthropic's SDKs.
pub const MINTED_TOKEN: &str = "ANTHROPIC_AUTH_TOKEN";
/// The Secret's key under which all valid texts stand: a JSON list of [`MintedDigest`].
pub const MINTED_DIGESTS: &str = "digests.json";

/// Where a key says which Secret it is generated into.
const FIELD: &str = "spec.source.generate.secretName";

/// One entry of `digests.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MintedDigest {
    /// The label inside the key.
    pub id: String,
    /// SHA-256 of the whole key, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// When it was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minted_at: Option<Timestamp>,
    /// From this instant on it is refused, RFC 3339; never, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// What the Secret of a key holds that `text` alone opens, but for [`minted_addresses`]. The only thing with
/// [`MINTED_TEXT`] in the clear.
///
/// # Errors
/// Never seen: a list of texts is always JSON.
pub fn minted_data(
    text: &Secret,
    minted_at: Option<Timestamp>,
) -> Result<BTreeMap<String, Vec<u8>>, serde_json::Error> {
    let text = text.expose();
    let digest = MintedDigest {
        id: text.split('_').nth(1).unwrap_or_default().to_owned(),
        sha256: Digest::of(text.as_bytes()).to_string(),
        minted_at,
        not_after: None,
    };
    Ok(BTreeMap::from([
        (MINTED_TEXT.to_owned(), text.as_bytes().to_vec()),
        (MINTED_TOKEN.to_owned(), text.as_bytes().to_vec()),
        (MINTED_DIGESTS.to_owned(), serde_json::to_vec(&[digest])?),
    ]))
}

/// The port of a gateway's Service that says nothing of its own, and of one that nobody has seen.
pub const DEFAULT_PORT: u16 = 80;

/// Where apps in the cluster find `gateway`, whose Service has this port, as the Secret says it: OpenAI's SDKs add
/// `/chat/completions` to theirs, Anthropic's `/v1/messages`.
pub fn minted_addresses(gateway: &ObjectName, port: u16) -> [(&'static str, String); 2] {
    let origin = origin(&format!("{}-gateway.{}.svc", gateway.name, gateway.namespace), port);
    [("OPENAI_BASE_URL", format!("{origin}/v1")), ("ANTHROPIC_BASE_URL", origin)]
}

/// The URL of `host` at this port, which is left out where everybody knows it.
pub fn origin(host: &str, port: u16) -> String {
    // An IPv6 address stands in brackets.
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == DEFAULT_PORT { format!("http://{host}") } else { format!("http://{host}:{port}") }
}

/// The Secret that a key is generated into; `None` if it comes from elsewhere, or it is not clear from where.
pub fn minted_into(source: &KeySource) -> Option<&str> {
    match source {
        KeySource { secret_ref: None, digests: None, generate: Some(generate) } => {
            Some(&generate.secret_name)
        }
        _ => None,
    }
}

/// Says that the Secret is not the key's own.
pub(crate) fn taken(report: &mut Report, key: &ObjectName, spec: &GenerateKey) -> Vec<SourcedDigest> {
    let message = format!(
        "Secret {} of namespace {} is there and was not made for this key, so it is left alone and the key opens \
         nothing; remove that Secret, or give another secretName",
        quoted(&spec.secret_name),
        key.namespace
    );
    report.add(Code::NameTaken, FIELD, message);
    Vec::new()
}

/// The digests in the Secret: those of `digests.json`, or where that is missing or unreadable that of the
/// newest text.
pub(crate) fn read(
    report: &mut Report,
    key: &ObjectName,
    spec: &GenerateKey,
    secrets: &Secrets,
) -> Vec<SourcedDigest> {
    let field = FIELD;
    let wanted = Wanted { name: &spec.secret_name, namespace: None };
    let secret = resolve_ref(secrets, (Kind::Key, key), wanted).map(|(_, secret)| secret);
    let value = |name: &str| secret.and_then(|secret| secret.data.get(name));
    match (value(MINTED_DIGESTS), value(MINTED_TEXT)) {
        (Some(list), text) => match serde_json::from_slice::<Vec<MintedDigest>>(list) {
            Ok(list) if list.is_empty() => {
                let message = format!(
                    "{MINTED_DIGESTS} in the Secret is empty, so the key opens nothing; \
                                       delete the Secret to have a new key made"
                );
                report.add(Code::InvalidValue, field, message);
                Vec::new()
            }
            Ok(list) => entries(report, &list, field),
            Err(_) => {
                let message = format!(
                    "{MINTED_DIGESTS} in Secret {} is no list of digests, so only the key beside it is taken; \
                     delete the Secret to have a new key made",
                    quoted(&spec.secret_name)
                );
                report.add(Code::InvalidValue, field, message);
                newest(report, text, field)
            }
        },
        (None, Some(text)) => newest(report, Some(text), field),
        (None, None) if secret.is_some() => {
            let message = format!(
                "Secret {} has nothing under the key {MINTED_TEXT}, so the key opens nothing; delete the Secret to \
                 have a new key made",
                quoted(&spec.secret_name)
            );
            report.add(Code::SecretKeyMissing, field, message);
            Vec::new()
        }
        (None, None) => {
            let message = format!(
                "no key is in Secret {} of namespace {} yet; wait, the operator makes one",
                quoted(&spec.secret_name),
                key.namespace
            );
            report.add(Code::KeyPending, field, message);
            Vec::new()
        }
    }
}

fn newest(report: &mut Report, text: Option<&Vec<u8>>, field: &str) -> Vec<SourcedDigest> {
    let text = text.map(|text| without_final_newline(text));
    text.and_then(|text| of_text(report, text, field)).into_iter().collect()
}

fn entries(report: &mut Report, list: &[MintedDigest], field: &str) -> Vec<SourcedDigest> {
    let mut digests = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        match of_digest(&entry.sha256, entry.not_after.as_ref()) {
            Ok(digest) => {
                digests.push(SourcedDigest { id: label(&entry.id, &digest), digest, field: field.to_owned() })
            }
            Err((what, why)) => {
                let message = format!("{MINTED_DIGESTS} in the Secret, entry {index}, {what}: {why}");
                report.add(Code::InvalidValue, field, message);
            }
        }
    }
    digests
}

/// What a status calls the text: the label inside the key, unless it is none.
fn label(id: &str, digest: &KeyDigest) -> String {
    let is_label = !id.is_empty() && id.len() <= 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_label { id.to_owned() } else { short(digest) }
}
