//! YAML text -> documents: values and the places where they stand, from one and the same parse.
//!
//! Two parsers, one for values and one for places, could disagree about a document; and no Rust library reads a
//! plain scalar as `kubectl` does (see `scalar`). So this module builds both from saphyr's events. Whatever is
//! wrong with the text is reported, but never its words: a manifest may be a Secret.

use super::place::{Place, Places};
use super::scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Deeper nesting is refused: Kubernetes objects have a dozen levels.
const MAX_DEPTH: usize = 64;
/// Values that aliases may stand for, in one file: enough for people, too few for a bomb.
const MAX_COPIED: usize = 100_000;

/// One document that isn't empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) value: Value,
    pub(crate) places: Places,
}

/// Something that makes a file unreadable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: Place,
    pub(crate) message: String,
    /// Nothing behind it could be read.
    pub(crate) is_end: bool,
}

impl Flaw {
    /// One behind which nothing can be read.
    pub(crate) fn end(at: Place, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), is_end: true }
    }
}

/// The documents in `text`, or everything that is wrong with it as far as it can be read.
pub(crate) fn read(text: &str) -> Result<Vec<Document>, Vec<Flaw>> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let taken = event.map_err(syntax).and_then(|(event, span)| builder.take(event, span));
        if let Err(flaw) = taken {
            builder.flaws.push(flaw);
            break;
        }
    }
    if builder.flaws.is_empty() { Ok(builder.documents) } else { Err(builder.flaws) }
}

fn syntax(error: ScanError) -> Flaw {
    Flaw::end(place(*error.marker()), format!("this is no YAML: {}", error.info()))
}

fn place(mark: saphyr_parser::Marker) -> Place {
    Place { line: mark.line(), column: mark.col() + 1 }
}

/// A value with its places, and how many values it is with all that is in it.
#[derive(Clone)]
struct Node {
    value: Value,
    places: Places,
    size: usize,
}

/// A list or map that is not complete yet.
struct Open {
    at: Place,
    anchor: usize,
    size: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Value>, Vec<Places>),
    Map { fields: Map<String, Value>, places: Places, key: Option<(String, Place)>, merged: Vec<Node> },
}

/// The key under which YAML 1.1 merges other maps in.
const MERGE: &str = "<<";

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    copied: usize,
    documents: Vec<Document>,
    flaws: Vec<Flaw>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Flaw> {
        let at = place(span.start);
        match event {
            Event::SequenceStart(anchor, _) => self.start(at, anchor, Inside::List(Vec::new(), Vec::new())),
            Event::MappingStart(anchor, _) => {
                let places = Places::leaf(at);
                self.start(
                    at,
                    anchor,
                    Inside::Map { fields: Map::new(), places, key: None, merged: Vec::new() },
                )
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), at),
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        }
    }

    fn start(&mut self, at: Place, anchor: usize, inside: Inside) -> Result<(), Flaw> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Flaw::end(at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.open.push(Open { at, anchor, size: 1, inside });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Flaw> {
        let Some(Open { at, anchor, size, inside }) = self.open.pop() else { return Ok(()) };
        let (value, places) = match inside {
            Inside::List(items, places) => {
                (Value::Array(items), Places { items: places, ..Places::leaf(at) })
            }
            Inside::Map { mut fields, mut places, merged, .. } => {
                merged.into_iter().for_each(|node| merge(&mut fields, &mut places, node));
                (Value::Object(fields), places)
            }
        };
        self.finish(Node { value, places, size }, anchor)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Place,
    ) -> Result<(), Flaw> {
        let is_text = match tag {
            Some(tag) if tag.is_yaml_core_schema() => tag.suffix == "str",
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => true,
            Some(_) => return Err(Flaw::end(at, "tags have no meaning in a manifest")),
            None => style != ScalarStyle::Plain,
        };
        if !is_text && text == MERGE && self.expects_key() {
            return self.key(MERGE.to_owned(), at);
        }
        let value = if is_text { Value::String(text.to_owned()) } else { scalar::plain(text) };
        self.finish(Node { value, places: Places::leaf(at), size: 1 }, anchor)
    }

    fn alias(&mut self, anchor: usize, at: Place) -> Result<(), Flaw> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            let text = "what the alias names has not ended yet, or stands in another document";
            return Err(Flaw::end(at, text));
        };
        self.copied += node.size;
        if self.copied > MAX_COPIED {
            return Err(Flaw::end(at, format!("aliases stand for more than {MAX_COPIED} values")));
        }
        self.finish(node, 0)
    }

    /// Puts a complete value where it belongs: under its key, into its list, or at the top.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Flaw> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        if self.expects_key() {
            let at = node.places.at;
            return self.key(key_text(node)?, at);
        }
        let Some(open) = self.open.last_mut() else {
            if !node.value.is_null() {
                self.documents.push(Document { value: node.value, places: node.places });
            }
            return Ok(());
        };
        open.size += node.size;
        match &mut open.inside {
            Inside::List(items, places) => {
                items.push(node.value);
                places.push(node.places);
            }
            Inside::Map { fields, places, key, merged } => match key.take() {
                Some((name, _)) if name == MERGE && is_mergeable(&node.value) => merged.extend(split(node)),
                Some((name, at)) => {
                    places.fields.insert(name.clone(), Places { at, ..node.places });
                    fields.insert(name, node.value);
                }
                None => {}
            },
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { inside: Inside::Map { key: None, .. }, .. }))
    }

    /// The same name twice is reported and read on: the later value goes, but no file with one is used.
    fn key(&mut self, name: String, at: Place) -> Result<(), Flaw> {
        let Some(Open { inside: Inside::Map { places, key, .. }, .. }) = self.open.last_mut() else {
            return Ok(());
        };
        if let Some(first) = places.fields.get(&name) {
            let line = first.at.line;
            let message = format!("{name:?} is here for the second time, first in line {line}: remove one");
            self.flaws.push(Flaw { at, message, is_end: false });
        }
        *key = Some((name, at));
        Ok(())
    }
}

fn key_text(node: Node) -> Result<String, Flaw> {
    match node.value {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(node.value.to_string()),
        Value::Null => Ok("null".to_owned()),
        Value::Array(_) | Value::Object(_) => Err(Flaw::end(node.places.at, "a field's name must be a word")),
    }
}

fn is_mergeable(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => items.iter().all(Value::is_object),
        _ => false,
    }
}

/// The maps of a `<<`: one, or a list of them.
fn split(node: Node) -> Vec<Node> {
    match node.value {
        Value::Array(items) => items
            .into_iter()
            .zip(node.places.items)
            .map(|(value, places)| Node { value, places, size: 1 })
            .collect(),
        value => vec![Node { value, ..node }],
    }
}

/// What is there already stays.
fn merge(fields: &mut Map<String, Value>, places: &mut Places, node: Node) {
    let Value::Object(more) = node.value else { return };
    let mut where_they_are = node.places.fields;
    for (name, value) in more {
        if !fields.contains_key(&name) {
            let at = where_they_are.remove(&name).unwrap_or_else(|| Places::leaf(node.places.at));
            places.fields.insert(name.clone(), at);
            fields.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests;
