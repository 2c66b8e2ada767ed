//! Which fragments a change of one object may touch (semantics S8.6): those of objects that refer to it, or that
//! share a public name or a key text with it. Written against manifests alone, so that it owes compile nothing.

use serde_json::Value;
use std::collections::BTreeSet;
use weir_config::{Digest, ObjectName};

/// Kind and name of an object.
pub type Id = (String, ObjectName);

/// What may differ afterwards.
#[derive(Debug, Default)]
pub struct Touched {
    /// Gateways of which anything may differ.
    pub gateways: BTreeSet<ObjectName>,
    /// Objects of which the fragment may differ, come or go.
    pub objects: BTreeSet<Id>,
    /// Providers that may come or go, but not differ: whether a route needs them may have changed.
    pub needed: BTreeSet<ObjectName>,
}

pub fn id(object: &Value) -> Id {
    let meta = &object["metadata"];
    let namespace = meta["namespace"].as_str().filter(|it| !it.is_empty()).unwrap_or("default");
    (text(&object["kind"]), ObjectName::new(namespace, text(&meta["name"])))
}

/// What a world in which `changed` is anything else, or nothing, may have different from `world`.
/// `now` is what it is there.
pub fn touched(world: &[Value], changed: &Value, now: Option<&Value>) -> Touched {
    let mut touched = Touched::default();
    let before_and_after: Vec<&Value> = std::iter::once(changed).chain(now).collect();
    match id(changed).0.as_str() {
        "LLMGateway" => drop(touched.gateways.insert(id(changed).1)),
        "LLMProvider" => provider(&mut touched, world, changed),
        "LLMRoute" => route(&mut touched, world, &before_and_after),
        "LLMKey" => key(&mut touched, world, &before_and_after, &before_and_after),
        "Secret" => secret(&mut touched, world, changed, &before_and_after),
        "Namespace" => namespace(&mut touched, world, &id(changed).1.name),
        "Flags" => {
            of_kind(world, "LLMProvider").for_each(|changed| provider(&mut touched, world, changed));
        }
        kind => panic!("{kind}"),
    }
    touched
}

fn provider(touched: &mut Touched, world: &[Value], provider: &Value) {
    touched.objects.insert(id(provider));
    let routes = of_kind(world, "LLMRoute");
    touched.objects.extend(routes.filter(|route| targets(route).contains(&id(provider).1)).map(id));
}

fn route(touched: &mut Touched, world: &[Value], versions: &[&Value]) {
    let claimed: BTreeSet<String> = versions.iter().flat_map(|version| names(version)).collect();
    let rivals = of_kind(world, "LLMRoute").filter(|route| {
        same_gateway(route, versions) && names(route).iter().any(|name| claimed.contains(name))
    });
    for route in rivals.chain(versions.iter().copied()) {
        touched.objects.insert(id(route));
        touched.needed.extend(targets(route));
    }
}

fn key(touched: &mut Touched, world: &[Value], keys: &[&Value], versions: &[&Value]) {
    let secrets = || world.iter().chain(versions.iter().copied());
    let digests: BTreeSet<String> = keys.iter().flat_map(|key| digests(key, secrets())).collect();
    let rivals = of_kind(world, "LLMKey").filter(|rival| {
        same_gateway(rival, keys) && self::digests(rival, secrets()).iter().any(|it| digests.contains(it))
    });
    touched.objects.extend(rivals.chain(keys.iter().copied()).map(id));
}

fn secret(touched: &mut Touched, world: &[Value], secret: &Value, versions: &[&Value]) {
    let named = |object: &Value, name: &Value| in_namespace_of(object, name) == id(secret).1;
    for provider in of_kind(world, "LLMProvider") {
        if named(provider, &provider["spec"]["credentials"]["apiKeySecretRef"]["name"]) {
            self::provider(touched, world, provider);
        }
    }
    for key in of_kind(world, "LLMKey") {
        let source = &key["spec"]["source"];
        if named(key, &source["secretRef"]["name"]) || named(key, &source["generate"]["secretName"]) {
            self::key(touched, world, &[key], versions);
        }
    }
}

/// Its labels say who admits what is in it.
fn namespace(touched: &mut Touched, world: &[Value], name: &str) {
    let within = |object: &&Value| id(object).1.namespace == *name;
    for inhabitant in of_kind(world, "LLMRoute").filter(within) {
        route(touched, world, &[inhabitant]);
    }
    for inhabitant in of_kind(world, "LLMKey").filter(within) {
        key(touched, world, &[inhabitant], &[]);
    }
}

fn of_kind<'w>(world: &'w [Value], kind: &'w str) -> impl Iterator<Item = &'w Value> {
    world.iter().filter(move |object| object["kind"] == kind)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn in_namespace_of(object: &Value, name: &Value) -> ObjectName {
    ObjectName::new(id(object).1.namespace.clone(), text(name))
}

/// What a reference in `object` means, whether it may or not.
fn referred(object: &Value, reference: &Value, default: &str) -> ObjectName {
    let namespace = reference["namespace"].as_str().map(str::to_owned);
    let name = reference["name"].as_str().unwrap_or(default);
    ObjectName::new(namespace.unwrap_or_else(|| id(object).1.namespace.to_string()), name)
}

fn same_gateway(object: &Value, versions: &[&Value]) -> bool {
    let gateway = |object: &Value| referred(object, &object["spec"]["gatewayRef"], "default");
    versions.iter().any(|version| gateway(version) == gateway(object))
}

fn names(route: &Value) -> Vec<String> {
    let aliases = list(&route["spec"]["aliases"]).iter().map(|alias| text(&alias["name"]));
    std::iter::once(text(&route["spec"]["model"])).chain(aliases).collect()
}

fn targets(route: &Value) -> Vec<ObjectName> {
    let targets = list(&route["spec"]["targets"]).iter();
    targets.map(|target| referred(route, &target["providerRef"], "")).collect()
}

/// Every digest that the key might have, whatever of it compile takes.
fn digests<'w>(key: &Value, secrets: impl Iterator<Item = &'w Value>) -> Vec<String> {
    let source = &key["spec"]["source"];
    let mut found: Vec<String> =
        list(&source["digests"]).iter().map(|entry| text(&entry["sha256"])).collect();
    let named = [
        in_namespace_of(key, &source["secretRef"]["name"]),
        in_namespace_of(key, &source["generate"]["secretName"]),
    ];
    for secret in secrets.filter(|object| object["kind"] == "Secret" && named.contains(&id(object).1)) {
        for value in secret["stringData"].as_object().into_iter().flat_map(|data| data.values()).map(text) {
            let line = value.strip_suffix("\r\n").or(value.strip_suffix('\n')).unwrap_or(&value);
            found.push(Digest::of(line.as_bytes()).to_string());
            if let Ok(entries) = serde_json::from_str::<Vec<Value>>(&value) {
                found.extend(entries.iter().map(|entry| text(&entry["sha256"])));
            }
        }
    }
    found
}
