//! Every reason that a condition can have, on a real API server: what brings it about, how it looks to people and
//! tools, and the way back.
//!
//! That a broken reference is Stalled after five minutes is not waited for: the operator's property tests show it
//! with a clock of their own (`operator/src/report/conditions/tests.rs`).

mod history;
mod scenes;
mod table;

use crate::rights::Audit;
use crate::stage::{Stage, kstatus, says};
use history::History;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use table::{CASES, Case, SURROUNDINGS, Shown, gateway_that_admits};
use weir_cluster::wait;
use weir_cluster::world::{Gateway, SOON, condition, is_ready, text};
use weir_compile::{Code, Condition as About};
use weir_crds::{ConditionStatus, Kind};

/// Reasons that no object in a cluster can have.
const NEVER: &[(Code, &str)] =
    &[(Code::DuplicateObject, "of two manifests for one object an API server keeps the later")];

#[test]
fn every_reason_has_its_case() {
    let shown = CASES.iter().map(|case| case.code).chain(scenes::CODES.iter().copied());
    let shown: BTreeSet<Code> = shown.chain(NEVER.iter().map(|(code, _)| *code)).collect();
    let wanted = Code::ALL.iter().filter(|code| code.condition() != About::None);
    let missing: Vec<_> = wanted.filter(|code| !shown.contains(code)).map(|code| code.reason()).collect();
    assert!(missing.is_empty(), "add a case to the table, or a scene: {missing:?}");
}

#[test]
fn every_case_has_an_object_of_its_own() {
    let mut seen = BTreeSet::new();
    let twice: Vec<&str> =
        CASES.iter().map(|case| case.object.1).filter(|name| !seen.insert(*name)).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// Asserts that `object` shows `code` in the condition that it is about, and that people and tools see it so.
fn assert_shows(code: Code, object: &Value) {
    let (about, reason) = (code.condition().name(), code.reason());
    let status = match code.status() {
        ConditionStatus::True => "True",
        ConditionStatus::False => "False",
        ConditionStatus::Unknown => "Unknown",
    };
    assert!(says(object, about, status, reason), "{about}={status}/{reason}: {:#}", object["status"]);
    let message = text(condition(object, about).unwrap(), "/message").unwrap();
    assert!(message.contains(&format!("[{code}]")), "{message}");
    assert!(says(object, "Ready", status, reason), "{:#}", object["status"]);
    assert_eq!(kstatus(object), outcome(code), "{code}: {:#}", object["status"]);
    let stalled = condition(object, "Stalled");
    assert_eq!(stalled.is_some(), code.terminal(), "{code}");
    if let Some(stalled) = stalled {
        assert_eq!(text(stalled, "/reason"), Some(reason));
    }
}

/// As docs/reference/conditions.md has it.
fn outcome(code: Code) -> &'static str {
    match (code.status(), code.terminal()) {
        (ConditionStatus::True, _) => "Current",
        (_, true) => "Failed",
        _ => "InProgress",
    }
}

/// Whether the condition speaks of this code yet; [`assert_shows`] then says what is wrong with the rest.
fn is_shown(code: Code, object: &Value) -> bool {
    condition(object, code.condition().name()).is_some_and(|found| {
        text(found, "/reason") == Some(code.reason())
            && found.pointer("/observedGeneration") == object.pointer("/metadata/generation")
            && (code.status() != ConditionStatus::True || is_ready(object))
    })
}

impl Case {
    fn is_shown(&self, object: &Value) -> bool {
        match self.shown {
            Shown::InCondition => is_shown(self.code, object),
            Shown::AtTarget => text(object, "/status/targets/0/reason") == Some(self.code.reason()),
        }
    }
}

/// One world for all cases of the table: they have names of their own and do not meet.
async fn stage() -> (Stage, [Gateway; 2]) {
    let stage = Stage::new("conditions").await;
    stage.apply(SURROUNDINGS).await;
    // `later` is to come: its pod is there before it.
    let namespace = &stage.objects.namespace;
    let mut main = Gateway::start(stage.plane, namespace, "main", "127.0.0.2").await.unwrap();
    let later = Gateway::start(stage.plane, namespace, "later", "127.0.0.3").await.unwrap();
    main.ready(stage.plane).await.unwrap();
    later.say_ready(stage.plane, true).await.unwrap();
    (stage, [main, later])
}

#[tokio::test]
async fn every_reason_is_said_and_goes_when_its_cause_goes() {
    let (stage, _gateways) = stage().await;
    let history = History::of(&stage.objects).await;
    for case in CASES {
        stage.apply(case.given).await;
    }
    for case in CASES {
        let what = format!("{} as {}", case.code.reason(), case.code);
        let object = stage.objects.until(case.object, &what, |it| case.is_shown(it)).await.unwrap();
        if case.shown == Shown::InCondition {
            assert_shows(case.code, &object);
        }
    }
    let listed = Listed::of(&stage);
    for case in CASES {
        let object = stage.objects.get(case.object.0, case.object.1).await.unwrap();
        let ready = condition(&object, "Ready").unwrap();
        assert_eq!(listed.cell(case.object, "READY"), text(ready, "/status").unwrap(), "{:?}", case.object);
        assert_eq!(listed.cell(case.object, "REASON"), text(ready, "/reason").unwrap(), "{:?}", case.object);
    }

    for case in CASES {
        stage.apply(case.remedy).await;
        if let Some((version, kind, plural, name)) = case.removed {
            let api = stage.objects.any(version, kind, plural);
            api.delete(name, &Default::default()).await.unwrap();
        }
    }
    stage.apply(&[&gateway_that_admits(&stage.objects.namespace)]).await;
    for case in CASES {
        let is_mended = |object: &Value| is_ready(object) && !case.is_shown(object);
        let what = format!("Ready after {}", case.code.reason());
        let object = stage.objects.until(case.object, &what, is_mended).await.unwrap();
        assert_eq!(kstatus(&object), "Current", "{:#}", object["status"]);
    }
    comes_to_rest(&stage).await;
    let flips = history.check();
    assert!(flips >= CASES.len(), "{flips} flips");
}

/// Waits until the operator has written nothing for a second: whoever writes what is there already never rests.
async fn comes_to_rest(stage: &Stage) {
    let mut before = 0;
    wait::until("the operator comes to rest", SOON, async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let writes = Audit::of(stage.plane, &stage.account).writes();
        Ok((std::mem::replace(&mut before, writes) == writes).then_some(()))
    })
    .await
    .unwrap();
    assert!(before > CASES.len());
}

/// What `kubectl get llm -o wide` prints.
struct Listed(String);

impl Listed {
    fn of(stage: &Stage) -> Self {
        let mut kubectl = stage.plane.kubectl();
        let output =
            kubectl.args(["get", "llm", "-o", "wide", "-n", &stage.objects.namespace]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Self(String::from_utf8(output.stdout).unwrap())
    }

    /// What stands in a column.
    fn cell(&self, (kind, name): (Kind, &str), column: &str) -> &str {
        let prefix = format!("{}.weir.dev/{name} ", kind.name().to_lowercase());
        let tables = self.0.split("\n\n");
        let cell = |table: &str| -> Option<&str> {
            let row = self.0.get(self.0.find(&prefix)?..)?.lines().next()?;
            let header = table.lines().next()?;
            table.contains(&prefix).then_some(())?;
            row.get(header.find(column)?..)?.split_whitespace().next()
        };
        let mut cells = tables.filter_map(cell);
        cells.next().unwrap_or_else(|| panic!("no {column} of {prefix} in:\n{}", self.0))
    }
}
