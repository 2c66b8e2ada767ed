//! The CEL rules, run by kube's `cel` feature.

use super::violation::Violation;
use kube::core::cel::{CompiledSchema, ErrorKind, Validator};
use serde_json::Value;

/// Reports every rule that `object` breaks. A rule that cannot be evaluated says so only where nothing else is
/// wrong: a text that isn't a duration was reported as such already.
pub(super) fn check(
    rules: &CompiledSchema,
    object: &Value,
    old: Option<&Value>,
    violations: &mut Vec<Violation>,
) {
    let Err(broken) = Validator::new().validate_compiled(rules, object, old) else { return };
    let sound = violations.is_empty();
    violations.extend(
        broken
            .into_iter()
            .filter(|error| sound || error.kind == ErrorKind::ValidationFailure)
            .map(|error| Violation { pointer: pointer(&error.field_path), message: error.message }),
    );
}

/// `spec.targets[0].name` as `/spec/targets/0/name`. No property's name has a dot in it.
fn pointer(path: &str) -> String {
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps.fold(String::new(), |pointer, step| pointer + "/" + step)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_becomes_a_pointer() {
        assert_eq!(super::pointer("spec.targets[0].name"), "/spec/targets/0/name");
        assert_eq!(super::pointer("spec.a[1][2]"), "/spec/a/1/2");
        assert_eq!(super::pointer(""), "");
    }
}
