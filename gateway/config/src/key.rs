//! A tenant's key: what it may do, how it is recognised, and how a new one is written.

use crate::{ModelPattern, ObjectName, UnixSeconds};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// One `LLMKey`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The object.
    pub name: ObjectName,
    /// Whom the bill goes to; the namespace unless admitted otherwise.
    pub tenant: String,
    /// The key texts that are this key, by digest. Several are valid at once during a rotation.
    pub digests: Vec<KeyDigest>,
    /// The public models that it may ask for.
    pub allowed_models: AllowedModels,
    /// Its rates.
    pub limits: Limits,
    /// From this instant on it is refused.
    pub expires_at: Option<UnixSeconds>,
    /// Refused for as long as it is set.
    pub suspended: bool,
}

/// One text of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDigest {
    /// SHA-256 of the whole text as it is presented.
    pub sha256: Digest,
    /// From this instant on this text is refused.
    pub not_after: Option<UnixSeconds>,
}

/// The models that a key may ask for. Empty means none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedModels(pub Vec<ModelPattern>);

impl AllowedModels {
    /// Whether `model`, a public name, may be asked for.
    pub fn allows(&self, model: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(model))
    }
}

/// A key's rates; absent is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests in any 60 seconds (semantics S3.1).
    pub requests_per_minute: Option<NonZeroU32>,
}

/// A SHA-256, shown and parsed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest(pub [u8; 32]);

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("not a SHA-256: it takes 64 lower-case hexadecimal digits")]
pub struct ParseDigestError;

impl Digest {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // Written at once: a published configuration holds one for each of ten thousand keys.
        let mut text = [b'0'; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let nibble = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(ParseDigestError),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(ParseDigestError);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(bytes))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = ParseDigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A new key: `weir_<id>_<secret><checksum>` (semantics S10.5). The id is a label, ten characters; the secret
/// carries 256 random bits in 43; the checksum, CRC-32 of all before it in six, lets secret scanners tell a
/// key from look-alikes.
pub struct MintedKey {
    /// The label inside, safe to show.
    pub id: String,
    /// The whole key. The only place where it stands in the clear.
    pub text: crate::Secret,
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl MintedKey {
    /// Writes a key from 40 random bytes: 8 for the label, 32 for the secret.
    pub fn from_random(random: &[u8; 40]) -> Self {
        let (label, secret) = random.split_at(8);
        let id = base62(label, 10);
        let body = format!("weir_{id}_{}", base62(secret, 43));
        let checksum = base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), 6);
        Self { id, text: crate::Secret::new(body + &checksum) }
    }

    /// Whether `text` is written as a minted key is, checksum included.
    pub fn is_well_formed(text: &str) -> bool {
        let Some((body, checksum)) = text.split_at_checked(text.len().saturating_sub(6)) else {
            return false;
        };
        let parts: Vec<&str> = body.split('_').collect();
        matches!(parts.as_slice(), ["weir", id, secret] if id.len() == 10 && secret.len() == 43)
            && base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), 6) == checksum
    }
}

/// `bytes` as a big-endian number in base 62, its last `width` digits. 62⁴³ > 2²⁵⁶: 43 lose nothing.
fn base62(bytes: &[u8], width: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits: Vec<u8> = (0..width)
        .map(|_| {
            let mut remainder = 0u32;
            for byte in &mut number {
                let value = remainder << 8 | u32::from(*byte);
                *byte = (value / 62) as u8; // below 256: the remainder is below 62
                remainder = value % 62;
            }
            BASE62.get(remainder as usize).copied().unwrap_or(b'0')
        })
        .collect();
    digits.reverse();
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_5_a_minted_key_has_prefix_and_checksum() {
        let key = MintedKey::from_random(&std::array::from_fn(|i| i as u8 + 3));
        let text = key.text.expose();
        assert_eq!(text.len(), 5 + 10 + 1 + 43 + 6);
        assert!(text.starts_with(&format!("weir_{}_", key.id)));
        assert!(MintedKey::is_well_formed(text));
        assert!(!MintedKey::is_well_formed(&text.replace("weir_", "wier_")));
        let flipped: String =
            text.char_indices().map(|(i, c)| if i == 30 && c != 'x' { 'x' } else { c }).collect();
        assert!(flipped == text || !MintedKey::is_well_formed(&flipped));
        assert!(!MintedKey::is_well_formed("ключ"));
    }

    #[test]
    fn s10_5_all_256_bits_reach_the_text() {
        let texts: std::collections::BTreeSet<String> = (0..320)
            .map(|bit| {
                let mut random = [0u8; 40];
                random[bit / 8] |= 1 << (bit % 8);
                MintedKey::from_random(&random).text.expose().to_owned()
            })
            .collect();
        assert!(texts.len() >= 256 + 59, "62^10 is a little below 2^64, the label may lose four bits");
    }

    #[test]
    fn a_digest_reads_what_it_writes() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!("BA".repeat(32).parse::<Digest>().is_err());
        assert!("ba".repeat(31).parse::<Digest>().is_err());
    }

    #[test]
    fn an_empty_list_of_models_allows_none() {
        assert!(!AllowedModels::default().allows("chat"));
        let some = AllowedModels(vec!["chat".to_owned().into(), "team/*".to_owned().into()]);
        assert!(some.allows("chat") && some.allows("team/x") && !some.allows("chat2") && !some.allows("tea"));
    }
}
