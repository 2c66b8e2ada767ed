use super::*;
use crate::report::conditions::{Facts, Programmed, conditions};
use k8s_openapi::jiff::Timestamp;
use weir_compile::Finding;

/// Conditions after `before` with these findings.
fn said(before: &[Condition], codes: &[Code], programmed: Programmed) -> Vec<Condition> {
    let object = (Kind::Route, ObjectName::new("a", "x"));
    let finding = |code: &Code| Finding {
        object: object.clone(),
        severity: code.severity(),
        code: *code,
        field: "spec".to_owned(),
        message: "x".repeat(4000),
    };
    let findings: Vec<Finding> = codes.iter().map(finding).collect();
    let findings: Vec<&Finding> = findings.iter().collect();
    let facts = Facts { kind: Kind::Route, generation: 1, findings: &findings, programmed, rollout: None };
    conditions(&facts, before, Timestamp::UNIX_EPOCH)
}

fn told(old: &[Condition], new: &[Condition]) -> Option<(bool, String, &'static str)> {
    news(old, new).map(|news| {
        assert!(news.note.len() <= LONGEST, "{}", news.note.len());
        (news.is_warning, news.reason, news.action)
    })
}

const PENDING: Programmed = Programmed::Pending { current: 0, total: 2 };

#[test]
fn an_object_that_is_well_from_the_start_is_no_news() {
    let well = said(&[], &[], Programmed::Current);
    assert_eq!(told(&[], &well), None);
    assert_eq!(told(&well, &well), None);
}

#[test]
fn waiting_for_pods_is_no_news_and_having_waited_is() {
    let waits = said(&[], &[], PENDING);
    assert_eq!(told(&[], &waits), None);
    let well = said(&waits, &[], Programmed::Current);
    assert_eq!(told(&waits, &well), Some((false, "Ready".to_owned(), "Ready")));
}

#[test]
fn a_turn_for_the_worse_is_told_once() {
    let well = said(&[], &[], Programmed::Current);
    let ill = said(&well, &[Code::NoTargets], Programmed::Current);
    assert_eq!(told(&well, &ill), Some((true, "NoTargets".to_owned(), "NotReady")));
    let still = said(&ill, &[Code::ProviderNotFound], Programmed::Current);
    assert_eq!(told(&ill, &still), None, "another reason of the same state");
    assert_eq!(told(&[], &ill), Some((true, "NoTargets".to_owned(), "NotReady")), "ill at first sight");
    let stalled = said(&still, &[Code::InvalidEndpoint], Programmed::Current);
    assert_eq!(told(&still, &stalled), Some((true, "InvalidEndpoint".to_owned(), "Stalled")));
    assert_eq!(told(&stalled, &stalled), None);
}

#[test]
fn s10_8_a_taken_name_is_told_whatever_else_is_wrong() {
    let blocked = || Programmed::Blocked { code: Code::NameTaken, message: "it is taken".to_owned() };
    let stalled = said(&[], &[Code::InvalidEndpoint], Programmed::Current);
    let taken = said(&stalled, &[Code::InvalidEndpoint], blocked());
    assert_eq!(told(&stalled, &taken), Some((true, "NameTaken".to_owned(), "NameTaken")));
    assert_eq!(told(&taken, &taken), None);
}
