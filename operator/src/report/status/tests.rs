use super::*;
use weir_compile::{Code, Skipped};
use weir_config::{Digest, ObjectName, UnixSeconds};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn key_of(texts: Vec<KeyText>) -> KeyAttachment {
    KeyAttachment { texts, ..KeyAttachment::default() }
}

fn spec(source: &str) -> LLMKeySpec {
    serde_json::from_str(&format!(r#"{{"allowedModels": ["*"], "source": {source}}}"#)).unwrap()
}

#[test]
fn a_route_counts_the_targets_that_requests_can_go_to() {
    let state = |name: &str, unavailable: Option<Code>| TargetState { name: name.to_owned(), unavailable };
    let targets = vec![state("a", None), state("b", Some(Code::ProviderSuspended))];
    let status = route(Some(&RouteAttachment { gateway: None, targets }));
    assert_eq!(status.ready_targets.as_deref(), Some("1/2"));
    assert_eq!(status.targets[1].reason.as_deref(), Some("ProviderSuspended"));
    assert!(!status.targets[1].available && status.targets[0].available);
    assert_eq!(route(None).ready_targets.as_deref(), Some("0/0"));
}

#[test]
fn a_text_is_active_until_its_end_and_that_is_when_to_look_again() {
    let text = |id: &str, end: Option<i64>| KeyText { id: id.to_owned(), not_after: end.map(UnixSeconds) };
    let found = key_of(vec![text("a", Some(100)), text("b", Some(200)), text("c", None)]);
    let active = |now| {
        let status = key(&spec(r#"{"generate": {"secretName": "s"}}"#), Some(&found), at(now));
        assert_eq!(status.secret_name.as_deref(), Some("s"));
        status.keys.iter().map(|text| text.active).collect::<Vec<_>>()
    };
    assert_eq!(active(99), [true, true, true]);
    assert_eq!(active(100), [false, true, true]);
    assert_eq!(active(200), [false, false, true]);
    assert_eq!(next_end(Some(&found), at(99)), Some(at(100)));
    assert_eq!(next_end(Some(&found), at(100)), Some(at(200)));
    assert_eq!(next_end(Some(&found), at(200)), None);
    let status = key(&spec(r#"{"digests": []}"#), Some(&found), at(0));
    assert_eq!(status.secret_name, None);
    assert_eq!(status.keys[0].not_after, Some("1970-01-01T00:01:40Z".into()));
}

#[test]
fn a_gateway_says_what_is_published_and_how_many_pods_run_it() {
    let skipped = (0..150).map(|n| Skipped {
        object: (Kind::Key, ObjectName::new("a", format!("k{n}"))),
        code: Code::InvalidKey,
    });
    let found = GatewayAttachment { routes: 3, skipped: skipped.collect(), ..GatewayAttachment::default() };
    let revision = Some(Revision { generation: 7, hash: Digest([0xab; 32]) });
    let address = "http://default-gateway.a.svc".to_owned();
    let numbers = GatewayNumbers {
        pods: 3,
        ready: 2,
        current: 1,
        revision,
        bytes: 4096,
        address: address.clone(),
        ..GatewayNumbers::default()
    };
    let status = gateway(Some(&found), &numbers);
    assert_eq!((status.replicas, status.ready_replicas), (Some(3), Some(2)));
    assert_eq!((status.address, status.selector), (Some(address), None));
    let config = status.config.unwrap();
    assert_eq!((config.generation, config.bytes), (7, 4096));
    assert_eq!((config.pods_current, config.pods_total), (1, 2));
    assert_eq!(config.hash, "ab".repeat(32));
    assert_eq!(status.attached.unwrap().routes, 3);
    assert_eq!(status.skipped.len(), MOST_SKIPPED);
    assert_eq!(status.skipped[0].code, "WEIR0401");
    assert_eq!(gateway(None, &GatewayNumbers::default()).config, None);
}

#[test]
fn lists_are_the_same_in_any_order_and_conditions_are_no_detail() {
    let text = |id: &str| KeyTextStatus { id: id.to_owned(), not_after: None, active: true };
    let one = LLMKeyStatus { keys: vec![text("a"), text("b")], ..LLMKeyStatus::default() };
    let other = LLMKeyStatus { keys: vec![text("b"), text("a")], ..one.clone() }.with(4, Vec::new());
    assert!(one.is_same(&other) && other.is_same(&one));
    assert!(!one.is_same(&LLMKeyStatus { keys: vec![text("a")], ..one.clone() }));
    assert!(!one.is_same(&LLMKeyStatus { secret_name: Some("s".to_owned()), ..one.clone() }));
}
