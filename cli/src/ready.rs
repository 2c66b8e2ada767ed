//! What `weir up` tells: where it answers, with which keys, for which models.

use crate::args::Format;
use crate::screen;
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use weir_compile::{MINTED_TEXT, Secrets};
use weir_config::{AllowedModels, ModelPattern, ObjectName, Secret, Snapshot};
use weir_crds::LLMKey;

/// A key that can be shown, because its text is on this machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShownKey {
    pub(crate) name: ObjectName,
    pub(crate) text: Secret,
    allowed: AllowedModels,
}

/// What there is to call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Offer {
    pub(crate) keys: Vec<ShownKey>,
    pub(crate) models: Vec<String>,
}

impl Offer {
    /// The models and keys of `snapshot`; a key's text is where its object in `objects` says that it is.
    pub(crate) fn of(snapshot: &Snapshot, objects: &[LLMKey], secrets: &Secrets) -> Self {
        let text = |name: &ObjectName| {
            let is_it = |key: &&LLMKey| {
                key.metadata.name.as_ref() == Some(&name.name)
                    && key.metadata.namespace.as_ref() == Some(&name.namespace)
            };
            key_text(objects.iter().find(is_it)?, &name.namespace, secrets)
        };
        let usable = snapshot.keys.iter().filter(|key| !key.suspended && !key.digests.is_empty());
        let keys = usable.filter_map(|key| {
            let text = text(&key.name)?;
            Some(ShownKey { name: key.name.clone(), text, allowed: key.allowed_models.clone() })
        });
        Self { keys: keys.collect(), models: models(snapshot) }
    }

    /// A key and a model that it may ask for, to try.
    fn example(&self) -> Option<(&ShownKey, &str)> {
        self.keys.iter().find_map(|key| {
            let model = self.models.iter().find(|model| key.allowed.allows(model))?;
            Some((key, model.as_str()))
        })
    }
}

fn key_text(key: &LLMKey, namespace: &str, secrets: &Secrets) -> Option<Secret> {
    let source = &key.spec.source;
    let (name, field) = match (&source.generate, &source.secret_ref) {
        (Some(generate), _) => (&generate.secret_name, MINTED_TEXT),
        (None, Some(secret)) => (&secret.name, secret.key.as_str()),
        (None, None) => return None,
    };
    let bytes = secrets.get(&ObjectName::new(namespace, name.as_str()))?.data.get(field)?;
    Some(Secret::new(std::str::from_utf8(bytes).ok()?.trim_end_matches(['\n', '\r'])))
}

/// The public names that `GET /v1/models` lists: for a wildcard those that its providers list.
fn models(snapshot: &Snapshot) -> Vec<String> {
    let mut names = BTreeSet::new();
    for route in &snapshot.routes {
        match &route.model {
            ModelPattern::Exact(name) => drop(names.insert(name.clone())),
            ModelPattern::Prefix(_) => {
                let is_target =
                    |name: &ObjectName| route.targets.iter().any(|target| target.provider == *name);
                let providers = snapshot.providers.iter().filter(|provider| is_target(&provider.name));
                let listed = providers.flat_map(|provider| &provider.models).map(|model| &model.name);
                names.extend(listed.filter(|name| route.model.matches(name)).cloned());
            }
        }
        names.extend(route.aliases.iter().filter(|alias| !alias.hidden).map(|alias| alias.name.clone()));
    }
    names.into_iter().collect()
}

/// How to reach `address` from this machine.
fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// Says that the gateway answers at `data`, and `offer` with it.
pub(crate) fn say(format: Format, data: SocketAddr, admin: SocketAddr, offer: &Offer) {
    let (base_url, admin_url) = (format!("{}/v1", url(data)), url(admin));
    match format {
        Format::Text => screen::say(text(&base_url, &admin_url, offer)),
        Format::Json => screen::say(json(&base_url, &admin_url, offer)),
    }
}

fn json(base_url: &str, admin_url: &str, offer: &Offer) -> String {
    #[derive(Serialize)]
    struct Ready<'a> {
        base_url: &'a str,
        admin_url: &'a str,
        keys: Vec<Key<'a>>,
        models: &'a [String],
    }
    #[derive(Serialize)]
    struct Key<'a> {
        name: String,
        key: &'a str,
    }
    let key = |key: &'_ ShownKey| (key.name.to_string(), key.text.expose().to_owned());
    let keys: Vec<(String, String)> = offer.keys.iter().map(key).collect();
    let keys = keys.iter().map(|(name, key)| Key { name: name.clone(), key }).collect();
    serde_json::to_string(&Ready { base_url, admin_url, keys, models: &offer.models }).unwrap_or_default()
}

fn text(base_url: &str, admin_url: &str, offer: &Offer) -> String {
    let mut text = format!("\nbase URL   {base_url}\nadmin URL  {admin_url}\n");
    for key in &offer.keys {
        text += &format!("key        {}  ({})\n", key.text.expose(), key.name);
    }
    if offer.keys.is_empty() {
        text += "key        none that can be shown: add an LLMKey with source.generate\n";
    }
    let models = if offer.models.is_empty() {
        "none yet: add an LLMRoute".to_owned()
    } else {
        offer.models.join(", ")
    };
    text += &format!("models     {models}\n");
    if let Some((key, model)) = offer.example() {
        let key = key.text.expose();
        text += &format!(
            "\nTry it:\n\n  curl {base_url}/chat/completions \\\n    -H 'Authorization: Bearer {key}' \\\n    \
             -H 'Content-Type: application/json' \\\n    \
             -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n\n\
             or point any OpenAI SDK here:\n\n  export OPENAI_BASE_URL={base_url}\n  export OPENAI_API_KEY={key}\n"
        );
    }
    text
}

/// Tells of keys and models that came with an edit.
pub(crate) fn say_changes(before: &Offer, now: &Offer) {
    for key in now.keys.iter().filter(|key| !before.keys.contains(key)) {
        screen::say(format_args!("key        {}  ({})", key.text.expose(), key.name));
    }
    if now.models != before.models {
        screen::say(format_args!("models     {}", now.models.join(", ")));
    }
}
