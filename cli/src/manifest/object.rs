//! Documents -> objects: ours, Secrets, Namespaces, and what somebody else is for.

use super::place::{Origin, Place, Places};
use super::problem::Problem;
use super::yaml::{self, Document, Flaw};
use base64::Engine as _;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Deserializer, Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use weir_config::ObjectName;
use weir_crds::{Kind, Origin as Whose, VERSION};

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// A core Secret.
    Secret,
    /// A core Namespace. Its own namespace is empty.
    Namespace,
    /// One of ours.
    Ours(Kind),
}

/// What tells an object from all others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) what: What,
    pub(crate) name: ObjectName,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Secret => write!(f, "Secret {}", self.name),
            What::Namespace => write!(f, "Namespace {}", self.name.name),
            What::Ours(kind) => write!(f, "{kind} {}", self.name),
        }
    }
}

/// One object as a manifest has it.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) id: Id,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// All that one file holds.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) objects: Vec<Object>,
    /// Objects of kinds that are not ours, for which there is nothing to do: `Deployment default/app`.
    pub(crate) foreign: Vec<String>,
    pub(crate) problems: Vec<Problem>,
    /// Something could not be told apart, so that what seems to be missing may be there.
    pub(crate) incomplete: bool,
}

/// Reads `text`, the content of `file`.
pub(crate) fn read(file: &Arc<str>, text: &str) -> Contents {
    let mut contents = Contents::default();
    match documents(file, text) {
        Ok(documents) => {
            for Document { value, places } in documents {
                let origin = Origin { file: Arc::clone(file), places: Arc::new(places), base: String::new() };
                contents.sort_in(value, origin);
            }
        }
        Err(flaws) => {
            contents.incomplete = true;
            for Flaw { at, message, .. } in flaws {
                let origin = Origin {
                    file: Arc::clone(file),
                    places: Arc::new(Places::leaf(at)),
                    base: String::new(),
                };
                contents.problems.push(Problem::at(Some(origin.spot("")), message));
            }
        }
    }
    contents
}

/// As for `kubectl`, the first character says what a text is, and a file's name does not; but only a `.json` must be
/// strict. JSON is read as YAML, for its places. Tabs, which only JSON may indent with, are blanks then; what else only JSON
/// can say (escaped surrogate pairs) is read without places.
fn documents(file: &str, text: &str) -> Result<Vec<Document>, Vec<Flaw>> {
    let is_json = text.trim_start().starts_with('{');
    let must_be_json = is_json && file.ends_with(".json");
    let as_yaml = yaml::read(text);
    let is_refused = |flaws: &Vec<Flaw>| flaws.iter().any(|flaw| flaw.is_end);
    let may_be_json = is_json && as_yaml.as_ref().is_err_and(is_refused);
    if !must_be_json && !may_be_json {
        return as_yaml;
    }
    let as_json: Result<Vec<Value>, _> = Deserializer::from_str(text).into_iter().collect();
    let start = Place { line: 1, column: 1 };
    match as_json {
        // No string of JSON holds a tab, so only what lies between is changed.
        Ok(values) if may_be_json => match yaml::read(&text.replace('\t', " ")) {
            Err(flaws) if is_refused(&flaws) => {
                Ok(values.into_iter().map(|value| Document { value, places: Places::leaf(start) }).collect())
            }
            placed => placed,
        },
        Err(error) if must_be_json => {
            let at = Place { line: error.line(), column: error.column() };
            Err(vec![Flaw::end(at, format!("this is no JSON: {error}"))])
        }
        _ => as_yaml,
    }
}

impl Contents {
    fn sort_in(&mut self, mut value: Value, origin: Origin) {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        if api_version.is_empty() || kind.is_empty() {
            let why = "this is no Kubernetes object: apiVersion and kind must be set";
            return self.refuse(&origin, "", why.to_owned());
        }
        if api_version == "v1" && kind == "List" {
            let items =
                value.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
            for (index, item) in items.into_iter().enumerate() {
                self.sort_in(
                    item,
                    Origin { base: format!("{}/items/{index}", origin.base), ..origin.clone() },
                );
            }
            return;
        }
        let what = match Whose::of(&api_version, &kind) {
            Whose::Ours(kind) => What::Ours(kind),
            Whose::Foreign if api_version == "v1" && kind == "Secret" => What::Secret,
            Whose::Foreign if api_version == "v1" && kind == "Namespace" => What::Namespace,
            Whose::Foreign => return self.pass_over(&kind, &value),
            Whose::UnknownVersion => {
                let why = format!("there is no version {api_version:?} of {kind}: write weir.dev/{VERSION}");
                return self.refuse(&origin, "/apiVersion", why);
            }
            Whose::UnknownKind(near) => return self.refuse(&origin, "/kind", unknown_kind(&kind, near)),
        };
        match name(&value, what) {
            Ok(name) => self.objects.push(Object { id: Id { what, name }, value, origin }),
            Err((pointer, why)) => self.refuse(&origin, pointer, why.to_owned()),
        }
    }

    fn refuse(&mut self, origin: &Origin, pointer: &str, message: String) {
        self.incomplete = true;
        self.problems.push(Problem::at(Some(origin.spot(pointer)), message));
    }

    fn pass_over(&mut self, kind: &str, value: &Value) {
        let part = |name: &str| value.pointer(&format!("/metadata/{name}")).and_then(Value::as_str);
        let namespace = part("namespace").map(|namespace| format!("{namespace}/")).unwrap_or_default();
        self.foreign.push(format!("{kind} {namespace}{}", part("name").unwrap_or("?")));
    }
}

fn unknown_kind(kind: &str, near: Option<Kind>) -> String {
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", Kind::ALL.map(Kind::name).join(", ")),
    };
    format!("weir.dev/{VERSION} has no kind {kind:?}: {hint}")
}

/// Namespace and name of an object, `default` unless it says something else.
fn name(value: &Value, what: What) -> Result<ObjectName, (&'static str, &'static str)> {
    let part = |name: &str| value.pointer(&format!("/metadata/{name}"));
    let namespace = match part("namespace") {
        _ if what == What::Namespace => "",
        None | Some(Value::Null) => "default",
        Some(Value::String(namespace)) => namespace,
        Some(_) => return Err(("/metadata/namespace", "metadata.namespace must be text: put it in quotes")),
    };
    match part("name") {
        Some(Value::String(name)) if !name.is_empty() => Ok(ObjectName::new(namespace, name.as_str())),
        None => Err(("/metadata", "metadata.name is missing: an object needs a name")),
        Some(_) => Err(("/metadata/name", "metadata.name must be text: put it in quotes")),
    }
}

/// JSON pointers and what is wrong there.
type Wrong = Vec<(String, &'static str)>;

/// What a Secret holds, decoded; or what is wrong with each value that is none.
pub(crate) fn secret(value: &Value) -> Result<BTreeMap<String, Vec<u8>>, Wrong> {
    let mut data = BTreeMap::new();
    let mut wrong = Wrong::new();
    let none = Map::new();
    let part = |name: &str| value.get(name).and_then(Value::as_object).unwrap_or(&none);
    // The reasons are ours: a decoder's would quote the value.
    for (key, value) in part("data") {
        match text(value).and_then(decoded) {
            Some(bytes) => drop(data.insert(key.clone(), bytes)),
            None => wrong.push((format!("/data/{key}"), "must be base64: plain text goes under stringData")),
        }
    }
    for (key, value) in part("stringData") {
        match text(value) {
            Some(text) => drop(data.insert(key.clone(), text.as_bytes().to_vec())),
            None => wrong.push((format!("/stringData/{key}"), "must be text: put it in quotes")),
        }
    }
    if wrong.is_empty() { Ok(data) } else { Err(wrong) }
}

/// A key without a value is an empty one, as the API server takes it.
fn text(value: &Value) -> Option<&str> {
    if value.is_null() { Some("") } else { value.as_str() }
}

/// Base64 as the API server reads it: line breaks count for nothing, and neither do the last character's spare bits.
fn decoded(text: &str) -> Option<Vec<u8>> {
    const SPARE: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    const BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, SPARE);
    let text: String = text.chars().filter(|char| !matches!(char, '\r' | '\n')).collect();
    BASE64.decode(text).ok()
}

/// An object's labels; or what is wrong with each that is none.
pub(crate) fn labels(value: &Value) -> Result<BTreeMap<String, String>, Wrong> {
    let mut labels = BTreeMap::new();
    let mut wrong = Wrong::new();
    let given = match value.pointer("/metadata/labels") {
        None | Some(Value::Null) => return Ok(labels),
        Some(Value::Object(given)) => given,
        Some(_) => return Err(vec![("/metadata/labels".to_owned(), "must be an object of texts")]),
    };
    for (name, value) in given {
        match value.as_str() {
            Some(text) => drop(labels.insert(name.clone(), text.to_owned())),
            None => {
                let step = name.replace('~', "~0").replace('/', "~1");
                wrong.push((format!("/metadata/labels/{step}"), "must be text: put it in quotes"));
            }
        }
    }
    if wrong.is_empty() { Ok(labels) } else { Err(wrong) }
}

#[cfg(test)]
mod tests;
