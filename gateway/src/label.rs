//! Names as metrics, headers and the usage log want them: made once with the configuration, cloned for free.

use http::HeaderValue;
use std::ops::Deref;
use std::sync::Arc;

/// What models are called in metrics that no provider lists: a label never comes from a caller.
pub(crate) const UNLISTED: &str = "other";

/// A name as metrics, headers and the usage log want it; in all of its forms.
#[derive(Debug, Clone)]
pub(crate) struct Label(Arc<Forms>);

/// The forms of a name.
#[derive(Debug)]
pub(crate) struct Forms {
    pub(crate) text: Arc<str>,
    /// In metrics: `text`, unless a caller made it up.
    pub(crate) counted: Arc<str>,
    pub(crate) header: HeaderValue,
    /// With its quotes.
    pub(crate) json: String,
}

impl Label {
    /// Names of Kubernetes objects and models are plain ASCII; anything else would not be a header.
    pub(crate) fn new(text: &str) -> Self {
        let text = Arc::from(text);
        Self::counted_as(Arc::clone(&text), text)
    }

    /// A model that its provider does not list, and that a caller asked for. It is told as it was asked for; counted
    /// under one name with all others, as callers can make up any number of them.
    pub(crate) fn unlisted(model: &str) -> Self {
        Self::counted_as(Arc::from(UNLISTED), Arc::from(model))
    }

    fn counted_as(counted: Arc<str>, text: Arc<str>) -> Self {
        let header = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(UNLISTED));
        let json = serde_json::Value::from(&*text).to_string();
        Self(Arc::new(Forms { text, counted, header, json }))
    }
}

/// A target and the model that is asked there, as metrics, headers and the usage log name them; made once, cloned for
/// free.
#[derive(Debug, Clone)]
pub(crate) struct Chosen(Arc<Names>);

/// The names of what was chosen.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) provider: Label,
    pub(crate) model: Label,
    /// Both and the target, as a line of the usage log has them.
    pub(crate) json: String,
}

impl Chosen {
    pub(crate) fn new(target: &Label, provider: Label, model: Label) -> Self {
        let json =
            format!(",\"target\":{},\"provider\":{},\"model\":{}", target.json, provider.json, model.json);
        Self(Arc::new(Names { provider, model, json }))
    }
}

impl Deref for Chosen {
    type Target = Names;

    fn deref(&self) -> &Names {
        &self.0
    }
}

impl Deref for Label {
    type Target = Forms;

    fn deref(&self) -> &Forms {
        &self.0
    }
}

/// A tenant's key, as metrics and the usage log name it.
#[derive(Debug)]
pub(crate) struct KeyNames {
    /// `namespace/name`.
    pub(crate) key: Label,
    pub(crate) tenant: Label,
}
