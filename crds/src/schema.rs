//! What every schema here has in common, whatever the derives make of a type.

use schemars::Schema;
use serde_json::Value;

/// Lets no property take `null`. The API server then drops a `null` before it validates, or puts the default in
/// its place, so that `field:` without a value means what its author sees: nothing. CEL rules never meet a null.
/// A description becomes one paragraph: `kubectl explain` wraps it itself.
pub(crate) fn absent_is_not_null(schema: &mut Schema) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for property in properties.values_mut() {
        let Value::Object(property) = property else { continue };
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|name| name != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                property.insert("type".to_owned(), one);
            }
        }
        if let Some(Value::Array(values)) = property.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
        if let Some(Value::String(description)) = property.get_mut("description") {
            *description = description.replace('\n', " ");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use serde_json::Value;

    /// Calls `visit` with the path and the schema of every property and every list's items below `schema`.
    fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = format!("{path}.{name}");
            visit(&path, property);
            walk(property, &path, visit);
        }
        if let Some(items) = schema.get("items") {
            let path = format!("{path}[]");
            visit(&path, items);
            walk(items, &path, visit);
        }
    }

    fn for_every_schema(mut visit: impl FnMut(&str, &Value)) {
        for kind in Kind::ALL {
            let crd = serde_json::to_value(kind.crd()).unwrap();
            walk(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], kind.name(), &mut visit);
        }
    }

    /// Whether `path` is in a status: the operator writes all of it, so that nobody needs a default or an example.
    fn is_status(path: &str) -> bool {
        path.split('.').nth(1) == Some("status")
    }

    #[test]
    fn every_property_says_what_it_is_its_default_and_an_example() {
        for_every_schema(|path, schema| {
            if path.ends_with(']') || path.split('.').count() == 2 {
                return;
            }
            let description = schema["description"].as_str().unwrap_or_default();
            assert!(!description.contains('\n'), "{path}: {description}");
            if is_status(path) {
                assert!(description.len() > 5 && description.ends_with('.'), "{path}: {description}");
                return;
            }
            assert!(
                description.contains("Default: ") || description.contains("Required"),
                "{path}: {description}"
            );
            assert!(description.contains("Example: `"), "{path}: {description}");
            if let Some(default) = schema.get("default").filter(|default| !default.is_object()) {
                let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
                assert!(
                    description.contains(&format!("Default: {default}"))
                        || description.contains(&format!("Default: `{default}`")),
                    "{path}: {description}"
                );
            }
        });
    }

    #[test]
    fn everything_has_a_bound_so_that_rules_have_a_cost() {
        for_every_schema(|path, schema| {
            let has = |keyword: &str| schema.get(keyword).is_some();
            if is_raw(schema) {
                return;
            }
            match schema["type"].as_str().expect(path) {
                "string" => assert!(has("maxLength") || has("enum"), "{path}"),
                "array" => {
                    assert!(has("maxItems") && has("items") && has("x-kubernetes-list-type"), "{path}")
                }
                "integer" => {
                    assert!(has("minimum") && has("maximum"), "{path}");
                    let format = schema["format"].as_str().unwrap();
                    assert!(["int32", "int64"].contains(&format), "{path}: the server warns of {format}");
                }
                "object" => {
                    let values = &schema["additionalProperties"];
                    let is_bounded = has("maxProperties") && values["maxLength"].is_u64();
                    assert!(values.is_null() || is_bounded, "{path}");
                }
                "boolean" => assert!(has("default") || is_status(path) || is_in_a_list(path), "{path}"),
                other => panic!("{path} is a {other}"),
            }
        });
    }

    /// Whether it is a field of a list's items, or below one.
    fn is_in_a_list(path: &str) -> bool {
        path.contains("[].")
    }

    /// The paths of all defaults below a list's items or a map's values, those of `schema` at `path`.
    fn repeated_defaults(schema: &Value, path: &str, is_repeated: bool, found: &mut Vec<String>) {
        let below = |name: &str| schema.get(name).filter(|below| below.is_object());
        if is_repeated && schema.get("default").is_some() {
            found.push(path.to_owned());
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            repeated_defaults(property, &format!("{path}.{name}"), is_repeated, found);
        }
        for (keyword, step) in [("items", "[]"), ("additionalProperties", "{}")] {
            if let Some(below) = below(keyword) {
                repeated_defaults(below, &format!("{path}{step}"), true, found);
            }
        }
    }

    /// `kubectl apply` and Argo CD replace a list whole: one whose items the server filled up never looks applied.
    #[test]
    fn s8_12_nothing_in_a_list_or_map_has_a_default() {
        let mut found = Vec::new();
        for kind in Kind::ALL {
            let crd = serde_json::to_value(kind.crd()).unwrap();
            let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
            repeated_defaults(schema, kind.name(), false, &mut found);
        }
        assert_eq!(
            found, [""; 0],
            "absence has to mean the default there: take an Option, and let compile fill in"
        );
    }

    #[test]
    fn a_default_is_found_however_deep_it_stands_in_a_list_or_map() {
        let one = serde_json::json!({ "properties": { "a": { "default": 1 } }, "default": {} });
        let schema = serde_json::json!({ "properties": {
            "plain": one,
            "list": { "items": { "properties": { "deep": one } } },
            "map": { "additionalProperties": one },
            "lists": { "default": [], "items": { "items": { "default": 0 } } },
        } });
        let mut found = Vec::new();
        repeated_defaults(&schema, "K", false, &mut found);
        found.sort();
        assert_eq!(found, ["K.list[].deep", "K.list[].deep.a", "K.lists[][]", "K.map{}", "K.map{}.a"]);
    }

    /// Whether it is a part of Kubernetes' own form, which has no bound but an object's.
    fn is_raw(schema: &Value) -> bool {
        schema["x-kubernetes-preserve-unknown-fields"] == true
    }

    #[test]
    fn only_parts_of_pods_are_taken_as_they_are() {
        let mut raw = Vec::new();
        for_every_schema(|path, schema| raw.extend(is_raw(schema).then(|| path.to_owned())));
        let below = |name: &str| format!("LLMGateway.spec.pod.{name}");
        let expected = ["affinity", "extraEnv[].valueFrom", "tolerations[]", "topologySpread[]"].map(below);
        assert_eq!(raw, expected);
    }

    #[test]
    fn nothing_takes_null_or_unknown_fields() {
        for_every_schema(|path, schema| {
            if is_raw(schema) {
                return;
            }
            for keyword in
                ["nullable", "x-kubernetes-preserve-unknown-fields", "oneOf", "anyOf", "allOf", "not"]
            {
                assert!(schema.get(keyword).is_none(), "{path}: {keyword}");
            }
        });
    }

    #[test]
    fn what_a_gateway_may_set_has_no_default() {
        for_every_schema(|path, schema| {
            let step = |name: &str| path.split('.').any(|step| step == name);
            if step("timeouts") || step("fallback") || step("retry") {
                assert!(schema.get("default").is_none(), "{path}");
            }
        });
    }
}
