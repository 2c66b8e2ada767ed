//! The pages in `docs/reference` that are made from the table of codes.

use crate::codes::Code;
use crate::condition::Condition;
use weir_crds::ConditionStatus;

/// The page `docs/reference/codes.md`.
pub fn codes_markdown() -> String {
    let mut page = String::from(
        "# Codes\n\nWhat Weir has to say about an object carries one of these codes. Conditions show the \
         reason, the CLI and logs the code.\n\n| code | reason | severity | meaning | what to do |\n\
         |---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let (reason, severity) = (code.reason(), code.severity());
        page.push_str(&format!(
            "| {code} | {reason} | {severity} | {} | {} |\n",
            code.meaning(),
            code.remedy()
        ));
    }
    page
}

/// What every object's status has, in the order of its conditions.
const TYPES: &str = "\
# Conditions

The operator says in `status.conditions` what became of an object. All four kinds have the same condition types:

| type | True means |
|---|---|
| Ready | Accepted, ResolvedRefs and Programmed are True, and a gateway's pods are as it wants them. It takes status, reason and message of the first that is not. |
| Accepted | The object is right in itself, and its gateway takes it. |
| ResolvedRefs | Secrets, providers and models that it names are there and usable. |
| Programmed | All ready pods of its gateways run its last change, or nothing needs it yet. |
| Reconciling | The operator is at work on it. Absent otherwise. |
| Stalled | Nothing goes on without a change by somebody. Absent otherwise. |

An LLMGateway has two more, about its pods; they come and go without a change of `Ready`:

| type | True means |
|---|---|
| Available | A pod is ready. With the reason RolloutFailed: but others do not come up. |
| ConfigInSync | All ready pods run the configuration that was published last; else the message says how many do. |

A new LLMGateway is not Ready before one of its pods is, and one of which the pods are changed not until no pod from
before is left: Pending while they are replaced, RolloutFailed if they do not come up. Programmed is about what is
configured, and stays True while pods from before serve on.

Each has `observedGeneration`. The health of upstreams never changes `Ready`, and once an object is Programmed, pods
that join, restart or fall silent do not change it either until its next generation; but for one of an older version
that cannot be told of a part of the object, which then is in force nowhere: it is Pending until that pod is gone.

What a tool that follows kstatus shows (Argo CD, Flux, `kubectl wait`, Helm):

| outcome | when |
|---|---|
| Current | `Ready` is True. |
| InProgress | `observedGeneration` is behind, or a condition waits for pods. |
| InProgress, Failed after 5 minutes | A condition waits for other objects, or pods do not come up: `Stalled` becomes True when that has lasted for 5 minutes. |
| Failed | `Stalled` is True at once. |
";

const REASONS: &str = "
## Reasons

While a condition is True its reason is its type, unless the table says otherwise; `Ready` takes such a reason over.
A reason that is about no condition stands in events, logs and the CLI, or, where the table says so, with a route's
target.

| reason | code | condition | status | outcome | meaning | what to do |
|---|---|---|---|---|---|---|
";

/// The page `docs/reference/conditions.md`.
pub fn conditions_markdown() -> String {
    let mut page = format!("{TYPES}{REASONS}");
    for condition in Condition::ALL.into_iter().chain([Condition::None]) {
        for code in Code::ALL.iter().filter(|code| code.condition() == condition) {
            let (place, status) = match condition {
                Condition::None if code.is_found_by_compile() => ("none", String::new()),
                Condition::None => ("none; a target's reason", String::new()),
                _ => (condition.name(), format!("{:?}", code.status())),
            };
            page.push_str(&format!(
                "| {} | {code} | {place} | {status} | {} | {} | {} |\n",
                code.reason(),
                outcome(*code),
                code.meaning(),
                code.remedy()
            ));
        }
    }
    page
}

/// What kstatus makes of an object whose first failing condition has this reason.
fn outcome(code: Code) -> &'static str {
    match (code.status(), code.condition()) {
        (ConditionStatus::True, _) => "Current",
        _ if code.terminal() => "Failed",
        _ if code == Code::RolloutFailed => "InProgress, Failed after 5 minutes",
        (_, Condition::Accepted | Condition::ResolvedRefs) => "InProgress, Failed after 5 minutes",
        (_, Condition::Programmed | Condition::None) => "InProgress",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn is_checked_in(name: &str, page: &str) {
        let path = format!("{}/../../docs/reference/{name}", env!("CARGO_MANIFEST_DIR"));
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert!(there == page, "docs/reference/{name} is old: run `make gen`");
    }

    /// The cells in which `page` shows reasons, and how wide its tables of them are.
    fn rows(page: &str) -> Vec<&str> {
        page.lines().filter(|line| line.contains("| WEIR")).collect()
    }

    #[test]
    fn the_checked_in_pages_are_those_of_the_table() {
        is_checked_in("codes.md", &codes_markdown());
        is_checked_in("conditions.md", &conditions_markdown());
    }

    #[test]
    fn a_page_has_a_line_for_each_code_and_no_cell_breaks_the_table() {
        for (page, bars) in [(codes_markdown(), 6), (conditions_markdown(), 8)] {
            let rows = rows(&page);
            assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), Code::ALL.len());
            assert_eq!(rows.len(), Code::ALL.len());
            assert!(rows.iter().all(|row| row.matches('|').count() == bars), "{page}");
        }
    }

    #[test]
    fn s8_5_what_waits_for_pods_is_no_failure_and_what_waits_for_objects_becomes_one() {
        assert_eq!(outcome(Code::Pending), "InProgress");
        assert_eq!(outcome(Code::PodsUnreachable), "InProgress");
        assert_eq!(outcome(Code::ProviderNotFound), "InProgress, Failed after 5 minutes");
        assert_eq!(outcome(Code::InvalidEndpoint), "Failed");
        assert_eq!(outcome(Code::NotReferenced), "Current");
    }
}
