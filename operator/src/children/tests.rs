//! What is built, without an API server.

use super::*;
use serde_json::{Value, json};
use std::path::Path;

fn gateway(spec: Value) -> LLMGateway {
    let metadata = json!({"namespace": "llm", "name": "main", "uid": "uid-of-main", "generation": 1});
    let object =
        json!({"apiVersion": "weir.dev/v1alpha1", "kind": "LLMGateway", "metadata": metadata, "spec": spec});
    serde_json::from_value(object).unwrap()
}

fn built(spec: Value) -> Result<Children, Vec<Finding>> {
    build(&gateway(spec), &Settings { image: "weir-gateway:1.0.0".to_owned() })
}

fn template(spec: Value) -> Value {
    let deployment = built(spec).unwrap().deployment;
    serde_json::to_value(deployment.spec.unwrap().template).unwrap()
}

/// Every child as YAML, in the order in which they are applied.
fn yaml(children: &Children) -> String {
    let Children { service_account, role, role_binding, service, disruption_budget, deployment } = children;
    let mut role = role.clone();
    // A hundred names each.
    for names in role.rules.iter_mut().flatten().filter_map(|rule| rule.resource_names.as_mut()) {
        names.truncate(2);
    }
    let texts = [
        serde_yaml::to_string(service_account),
        serde_yaml::to_string(&role),
        serde_yaml::to_string(role_binding),
        serde_yaml::to_string(service),
        serde_yaml::to_string(disruption_budget),
        serde_yaml::to_string(deployment),
    ];
    texts.map(|text| format!("---\n{}", text.unwrap())).concat()
}

/// `WEIR_WRITE=1 cargo test -p weir-operator --lib children` writes the file anew, to be read before it is committed.
#[test]
fn the_children_of_a_gateway_that_says_nothing_are_those_of_the_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/children/tests/default.yaml");
    let text = yaml(&built(json!({})).unwrap());
    if std::env::var_os("WEIR_WRITE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}

#[test]
fn s10_9_pods_run_as_podsecurity_restricted_demands() {
    for spec in [json!({}), json!({"replicas": 1, "pod": {"extraEnv": [{"name": "A", "value": "b"}]}})] {
        let pod = &template(spec)["spec"];
        for field in ["hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"] {
            assert!(pod.get(field).is_none(), "{field}");
        }
        let volumes = pod["volumes"].as_array().unwrap();
        assert!(volumes.iter().all(|volume| volume.get("emptyDir").is_some()));
        let security = &pod["securityContext"];
        assert_eq!(security, &json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
        for container in pod["containers"].as_array().unwrap() {
            let security = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
                                  "readOnlyRootFilesystem": true});
            assert_eq!(container["securityContext"], security);
            let ports = container["ports"].as_array().unwrap();
            assert!(ports.iter().all(|port| port.get("hostPort").is_none()));
        }
    }
}

#[test]
fn s8_7_what_only_configures_leaves_the_template_as_it_is() {
    let before = template(json!({}));
    for spec in [
        json!({"replicas": 7}),
        json!({"listener": {"maxBodyBytes": "1Mi", "disclosure": "None"}}),
        json!({"defaults": {"timeouts": {"total": "1m"}}, "egress": {"allowPrivate": ["10.0.0.0/8"]}}),
        json!({"allowedNamespaces": {"routes": {"from": "All"}}, "tenants": [{"name": "t", "namespaces": ["a"]}]}),
        json!({"service": {"type": "LoadBalancer", "port": 8080, "annotations": {"a": "b"}}}),
        json!({"serviceAccount": {"annotations": {"a": "b"}}}),
    ] {
        assert_eq!(template(spec.clone()), before, "{spec}");
    }
    assert_ne!(template(json!({"image": {"reference": "weir-gateway:2"}})), before);
}

#[test]
fn s9_1_a_pod_is_granted_the_time_that_it_may_take_to_stop() {
    let grace = |listener: Value| {
        template(json!({"listener": listener}))["spec"]["terminationGracePeriodSeconds"].clone()
    };
    assert_eq!(grace(json!({})), 320);
    assert_eq!(grace(json!({"drainTimeout": "1m", "removalDelay": "500ms"})), 71, "rounded up");
    assert_eq!(grace(json!({"drainTimeout": "0s", "removalDelay": "0s"})), 10);
    assert_eq!(grace(json!({"drainTimeout": "soon"})), 320, "what cannot be read has its default");
}

#[test]
fn a_budget_is_for_two_pods_and_more() {
    for (replicas, has_one) in [(0, false), (1, false), (2, true), (1000, true)] {
        let children = built(json!({"replicas": replicas})).unwrap();
        assert_eq!(children.disruption_budget.is_some(), has_one, "{replicas}");
        assert_eq!(children.deployment.spec.unwrap().replicas, Some(replicas));
    }
}

#[test]
fn what_is_added_never_takes_the_place_of_weirs_own() {
    // The schema refuses these: an object of an older one may say them.
    let pod = json!({"labels": {"weir.dev/gateway": "other", "team": "a"},
                     "extraEnv": [{"name": "WEIR_GATEWAY", "value": "other"}, {"name": "WEIR_LOG", "value": "debug"}]});
    let template = template(json!({"pod": pod}));
    assert_eq!(template["metadata"]["labels"]["weir.dev/gateway"], "main");
    assert_eq!(template["metadata"]["labels"]["team"], "a");
    let env = template["spec"]["containers"][0]["env"].as_array().unwrap();
    let value =
        |name: &str| env.iter().filter(|it| it["name"] == name).map(|it| &it["value"]).collect::<Vec<_>>();
    assert_eq!(value("WEIR_GATEWAY"), ["llm/main"]);
    assert_eq!(value("WEIR_LOG"), ["debug"]);
}

#[test]
fn the_schema_refuses_just_the_variables_that_are_set_here() {
    let own = built(json!({})).unwrap().deployment.spec.unwrap().template.spec.unwrap();
    let own: Vec<String> =
        own.containers[0].env.as_ref().unwrap().iter().map(|it| format!("'{}'", it.name)).collect();
    let crd = serde_json::to_string(&Kind::Gateway.crd()).unwrap();
    assert!(crd.contains(&format!("!(self.name in [{}])", own.join(", "))), "{own:?}");
}

#[test]
fn a_part_that_kubernetes_would_not_take_is_named_and_nothing_is_built() {
    let wrong = |pod: Value| {
        let findings = built(json!({"pod": pod})).unwrap_err();
        findings.iter().map(|finding| finding.field.clone()).collect::<Vec<_>>()
    };
    assert_eq!(wrong(json!({"tolerations": [{}, {"kee": "a"}]})), ["spec.pod.tolerations[1].kee"]);
    assert_eq!(wrong(json!({"affinity": {"nodeAffinity": "near"}})), ["spec.pod.affinity"]);
    let term = json!({"matchExpressions": [{"key": "a", "operator": "In", "value": "b"}]});
    let nodes = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}});
    assert_eq!(
        wrong(json!({"affinity": {"nodeAffinity": nodes}})),
        [
            "spec.pod.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]\
          .matchExpressions[0].value"
        ]
    );
    let several = json!({"topologySpread": [{"maxSkew": "1"}],
                         "extraEnv": [{"name": "A", "valueFrom": {"secretRef": {"name": "sk-secret"}}}]});
    let findings = built(json!({"pod": several})).unwrap_err();
    assert_eq!(findings.len(), 2);
    assert!(findings.iter().all(|it| !it.message.contains("sk-secret")), "a value is quoted: {findings:?}");
}

#[test]
fn a_spread_without_a_selector_counts_the_gateways_pods() {
    let spread = |given: Value| {
        template(json!({"pod": {"topologySpread": given}}))["spec"]["topologySpreadConstraints"].clone()
    };
    let zone = json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
    let labels = json!({"app.kubernetes.io/name": "weir-gateway", "weir.dev/gateway": "main"});
    assert_eq!(spread(json!([zone]))[0]["labelSelector"]["matchLabels"], labels);
    let mut own = zone.clone();
    own["labelSelector"] = json!({"matchLabels": {"team": "a"}});
    assert_eq!(spread(json!([own])), json!([own]));
    assert_eq!(spread(json!([])), Value::Null);
}

#[test]
fn the_selector_is_that_of_the_pods() {
    assert_eq!(selector("main"), "app.kubernetes.io/name=weir-gateway,weir.dev/gateway=main");
    let children = built(json!({})).unwrap();
    let selected = children.service.spec.unwrap().selector.unwrap();
    let spec = children.deployment.spec.unwrap();
    assert_eq!(Some(&selected), spec.selector.match_labels.as_ref());
    let labels = spec.template.metadata.unwrap().labels.unwrap();
    assert!(selected.iter().all(|(name, value)| labels.get(name) == Some(value)));
}
