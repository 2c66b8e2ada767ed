//! Writing a key's Secret: made by POST only, and afterwards changed only over the version that was read. The key's
//! text leaves through the request's body and in no message.

use super::plan::ToMint;
use crate::cluster::{CallError, within};
use crate::metrics::Metrics;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff;
use kube::api::PostParams;
use kube::{Api, Client};
use std::collections::BTreeMap;
use weir_compile::{MINTED_TEXT, minted_addresses, minted_data};
use weir_config::MintedKey;
use weir_crds::Timestamp;

/// Why a key's Secret is not written.
#[derive(Debug, thiserror::Error)]
pub enum Unminted {
    /// A Secret of that name is there and was not made for this key.
    #[error("a Secret of that name was not made for this key")]
    NameTaken,
    /// What was thought to be there is not. To be tried again.
    #[error("the Secret has changed meanwhile")]
    Stale,
    /// No key is made from less than 256 bits.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// Never seen: what is written is always JSON.
    #[error("the Secret cannot be put into words")]
    Unwritable,
    /// The API server did not do it, and its answer has the key in it: webhooks quote what they dislike.
    #[error("the API server refuses it with status {code} and quotes the key, so its words are left out")]
    Indiscreet {
        /// The HTTP status.
        code: u16,
    },
    /// The API server did not do it.
    #[error(transparent)]
    Api(#[from] CallError),
}

/// Makes a key and the Secret that it is in, unless that is there: then what is there counts.
///
/// # Errors
/// See [`Unminted`]. After a call that went without an answer the Secret may be there all the same: whoever looks
/// next takes it.
pub async fn mint(client: &Client, metrics: &Metrics, to: &ToMint) -> Result<Secret, Unminted> {
    let secret = secret(to, &minted_now()?)?;
    let api: Api<Secret> = Api::namespaced(client.clone(), &to.secret.namespace);
    let made = within(api.create(&PostParams::default(), &secret)).await;
    metrics.wrote("key", &made);
    match made {
        Err(error) if error.is_already_exists() => {
            let there = within(api.get_opt(&to.secret.name)).await?.ok_or(Unminted::Stale)?;
            if to.key.owns(&there.metadata) { Ok(there) } else { Err(Unminted::NameTaken) }
        }
        made => made.map_err(|error| discreet(error, &secret)),
    }
}

/// Puts the addresses of the gateway that the key names now into its Secret, and leaves all else as `known` has it.
///
/// # Errors
/// See [`Unminted`]; [`Unminted::Stale`] if the Secret is not `known` any more.
pub async fn refresh(
    client: &Client,
    metrics: &Metrics,
    to: &ToMint,
    known: &Secret,
) -> Result<Secret, Unminted> {
    if !to.key.owns(&known.metadata) {
        return Err(Unminted::NameTaken);
    }
    let mut secret = known.clone();
    secret.metadata.managed_fields = None;
    secret.data.get_or_insert_default().extend(addresses(to));
    let api: Api<Secret> = Api::namespaced(client.clone(), &to.secret.namespace);
    let written = within(api.replace(&to.secret.name, &PostParams::default(), &secret)).await;
    metrics.wrote("key", &written);
    match written {
        Err(error) if error.is_conflict() || error.is_not_found() => Err(Unminted::Stale),
        written => written.map_err(|error| discreet(error, &secret)),
    }
}

/// Mints, or refreshes what is `known`.
pub(super) async fn write(
    client: &Client,
    metrics: &Metrics,
    to: &ToMint,
    known: Option<Secret>,
) -> Result<Secret, Unminted> {
    match known {
        None => mint(client, metrics, to).await,
        Some(known) => refresh(client, metrics, to, &known).await,
    }
}

fn minted_now() -> Result<MintedKey, Unminted> {
    let mut random = [0; 40];
    getrandom::fill(&mut random).map_err(|_| Unminted::NoRandomness)?;
    Ok(MintedKey::from_random(&random))
}

/// The Secret of a new key. Not immutable: rotation adds texts to it.
fn secret(to: &ToMint, key: &MintedKey) -> Result<Secret, Unminted> {
    let now =
        jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).map_err(|_| Unminted::Unwritable)?;
    let data = minted_data(&key.text, Some(Timestamp::from(now.to_string().as_str())));
    let data = data.map_err(|_| Unminted::Unwritable)?;
    let mut data: BTreeMap<String, ByteString> =
        data.into_iter().map(|(name, value)| (name, ByteString(value))).collect();
    data.extend(addresses(to));
    Ok(Secret {
        metadata: to.key.made(&to.secret.name),
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    })
}

fn addresses(to: &ToMint) -> impl Iterator<Item = (String, ByteString)> {
    minted_addresses(&to.gateway, to.port)
        .into_iter()
        .map(|(name, url)| (name.to_owned(), ByteString(url.into_bytes())))
}

/// The error, unless it quotes the key of `secret`.
fn discreet(error: CallError, secret: &Secret) -> Unminted {
    let code = match &error {
        CallError::Kube(kube::Error::Api(status)) => status.code,
        _ => return error.into(),
    };
    let said = format!("{error:?}");
    let text = secret.data.as_ref().and_then(|data| data.get(MINTED_TEXT));
    let quotes = |text: &ByteString| {
        let plain = String::from_utf8_lossy(&text.0);
        let encoded = serde_json::to_string(text).unwrap_or_default();
        said.contains(&*plain) || said.contains(encoded.trim_matches('"'))
    };
    if text.is_some_and(quotes) { Unminted::Indiscreet { code } } else { error.into() }
}
