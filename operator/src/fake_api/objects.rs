//! What is stored, and what each verb does to it.

use super::call::Call;
use super::{failure, managed};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// For watches: the resource, and what they say.
pub type Event = (String, Value);

#[derive(Default)]
pub struct Objects {
    stored: BTreeMap<(String, String, String), Value>,
    version: u64,
    history: Vec<(u64, Event)>,
}

/// What a call came to.
pub struct Done {
    pub answer: Value,
    pub event: Option<Event>,
}

impl From<Value> for Done {
    fn from(answer: Value) -> Self {
        Self { answer, event: None }
    }
}

fn missing() -> Value {
    failure(404, "NotFound", "not found")
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

impl Objects {
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.stored.get(&(resource.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    pub fn create(
        &mut self,
        resource: &str,
        mut object: Value,
        manager: &str,
    ) -> Result<(Value, Event), Value> {
        let (namespace, name) = (text(&object, "namespace").to_owned(), text(&object, "name").to_owned());
        if self.get(resource, &namespace, &name).is_some() {
            return Err(failure(409, "AlreadyExists", &format!("{resource} {name:?} already exists")));
        }
        if !manager.is_empty() {
            let sent = object.clone();
            managed::own(&mut object, &sent, manager, "Update");
        }
        object["metadata"]["uid"] = json!(format!("uid-{}", self.version + 1));
        object["metadata"]["creationTimestamp"] = json!("2026-11-01T00:00:00Z");
        Ok(self.store(resource, "ADDED", object))
    }

    pub fn edit(
        &mut self,
        resource: &str,
        namespace: &str,
        name: &str,
        edit: impl FnOnce(&mut Value),
    ) -> Result<Event, Value> {
        let mut object = self.get(resource, namespace, name).ok_or_else(missing)?.clone();
        let before = object.clone();
        edit(&mut object);
        managed::disown(&before, &mut object);
        object["metadata"]["generation"] = json!(self.version + 1);
        Ok(self.store(resource, "MODIFIED", object).1)
    }

    pub fn delete(
        &mut self,
        resource: &str,
        namespace: &str,
        name: &str,
        version: Option<&str>,
    ) -> Result<Event, Value> {
        let object = self.get(resource, namespace, name).ok_or_else(missing)?;
        if version.is_some_and(|version| version != text(object, "resourceVersion")) {
            return Err(failure(409, "Conflict", "the precondition failed"));
        }
        let object = object.clone();
        let (object, event) = self.store(resource, "DELETED", object);
        let key = (resource.to_owned(), namespace.to_owned(), text(&object, "name").to_owned());
        self.stored.remove(&key);
        Ok(event)
    }

    fn store(&mut self, resource: &str, what: &str, mut object: Value) -> (Value, Event) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let name = text(&object, "name").to_owned();
        let key = (resource.to_owned(), text(&object, "namespace").to_owned(), name);
        self.stored.insert(key, object.clone());
        let event = (resource.to_owned(), json!({"type": what, "object": object}));
        self.history.push((self.version, event.clone()));
        (object, event)
    }

    /// What a watch that goes on from its version has missed.
    pub fn since(&self, call: &Call) -> Vec<Value> {
        let concerns =
            |resource: &str, event: &Value| resource == call.resource() && call.is_about(&event["object"]);
        let later = self.history.iter().filter(|(version, _)| *version > call.from);
        let events = later.filter(|(_, (resource, event))| concerns(resource, event));
        events.map(|(_, (_, event))| event.clone()).collect()
    }

    pub fn perform(&mut self, call: &Call, body: &[u8]) -> Result<Done, Value> {
        let (resource, namespace) = (call.resource(), call.namespace.clone().unwrap_or_default());
        let name = call.name.clone().unwrap_or_default();
        let sent: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).unwrap() };
        match call.verb {
            "list" => Ok(self.list(call).into()),
            "get" => Ok(self.get(&resource, &namespace, &name).ok_or_else(missing)?.clone().into()),
            "create" => {
                let mut sent = sent;
                sent["metadata"]["namespace"] = json!(namespace);
                let (answer, event) = self.create(&resource, sent, &call.manager)?;
                Ok(Done { answer, event: Some(event) })
            }
            "update" => self.update(&resource, (&namespace, &name), sent),
            "patch" => self.patch(call, (&namespace, &name), &sent),
            "delete" => {
                let version = sent["preconditions"]["resourceVersion"].as_str();
                let event = self.delete(&resource, &namespace, &name, version)?;
                Ok(Done { answer: json!({"kind": "Status", "status": "Success"}), event: Some(event) })
            }
            verb => panic!("{verb} is no call with one answer"),
        }
    }

    fn list(&self, call: &Call) -> Value {
        let resource = call.resource();
        let of_kind = self.stored.iter().filter(|((kind, ..), _)| *kind == resource);
        let items: Vec<&Value> = of_kind.map(|(_, object)| object).filter(|it| call.is_about(it)).collect();
        json!({"kind": "List", "apiVersion": "v1",
               "metadata": {"resourceVersion": self.version.to_string()}, "items": items})
    }

    fn update(
        &mut self,
        resource: &str,
        (namespace, name): (&str, &str),
        sent: Value,
    ) -> Result<Done, Value> {
        let before = self.get(resource, namespace, name).ok_or_else(missing)?;
        if text(&sent, "resourceVersion") != text(before, "resourceVersion") {
            return Err(failure(409, "Conflict", "the object has been modified"));
        }
        let mut sent = sent;
        for kept in ["uid", "creationTimestamp", "namespace"] {
            sent["metadata"][kept] = before["metadata"][kept].clone();
        }
        let (answer, event) = self.store(resource, "MODIFIED", sent);
        Ok(Done { answer, event: Some(event) })
    }

    fn patch(&mut self, call: &Call, (namespace, name): (&str, &str), sent: &Value) -> Result<Done, Value> {
        let resource = call.resource();
        let before = self.get(&resource, namespace, name).cloned();
        let mut object = match before {
            Some(object) => object,
            None if call.apply && !call.plural.contains('/') => {
                json!({"metadata": {"namespace": namespace, "name": name}})
            }
            None => return Err(missing()),
        };
        let (meant, uid) = (&sent["metadata"]["uid"], &object["metadata"]["uid"]);
        if !call.plural.contains('/') && !meant.is_null() && meant != uid {
            let mut refused = failure(422, "Invalid", "metadata.uid: field is immutable");
            refused["details"] =
                json!({"causes": [{"field": "metadata.uid", "reason": "FieldValueInvalid"}]});
            return Err(refused);
        }
        // Of what is applied tests may claim any version.
        let meant = sent["metadata"]["resourceVersion"].as_str().filter(|_| !call.apply);
        if meant.is_some_and(|version| version != text(&object, "resourceVersion")) {
            return Err(failure(409, "Conflict", "the object has been modified"));
        }
        merge(&mut object, sent);
        if call.apply && !call.plural.contains('/') {
            managed::own(&mut object, sent, &call.manager, "Apply");
        }
        let (answer, event) = self.store(&resource, "MODIFIED", object);
        Ok(Done { answer, event: Some(event) })
    }
}

fn merge(into: &mut Value, from: &Value) {
    match from.as_object() {
        Some(fields) => {
            for (name, value) in fields {
                merge(&mut into[name], value);
            }
        }
        None => *into = from.clone(),
    }
}
