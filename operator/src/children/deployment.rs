//! A gateway's pods.
//!
//! The template changes only with what a running gateway cannot take over: its image, its place, its resources, and
//! how long it may take to stop. All else reaches pods as configuration. They run as PodSecurity's `restricted`
//! (semantics S10.9), as whatever user the image says.

use super::parts::Parts;
use super::resources::resources;
use super::service::HTTP;
use super::{Owner, Settings, labels, match_pods, meta, name};
use crate::names::{ADMIN_PORT, CONTAINER, DEFAULT_ADMIN_PORT};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource,
    HTTPGetAction, LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, SeccompProfile,
    SecurityContext, Toleration, TopologySpreadConstraint, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;
use std::time::Duration;
use weir_compile::Finding;
use weir_config::ObjectName;
use weir_crds::{ExtraEnv, GatewayListener, GatewayPod, LLMGateway};

/// Where callers connect in the container.
const DATA_PORT: i32 = 8080;
/// Where the last good configuration is. In memory: credentials are in it.
const STATE_DIR: &str = "/var/lib/weir";
const STATE: &str = "state";
/// The last good configuration is there compressed, and twice while it is replaced. A pod that kept more than this
/// would be evicted.
const STATE_SIZE: &str = "128Mi";
/// A pod has so much longer than its own timers, to say goodbye (semantics S9.1).
const GRACE: Duration = Duration::from_secs(10);
/// ReplicaSets that are kept for `kubectl rollout undo`, which the operator would undo: for people to compare.
const HISTORY: i32 = 3;

pub(super) fn build(
    gateway: &LLMGateway,
    owner: &Owner,
    settings: &Settings,
) -> Result<Deployment, Vec<Finding>> {
    let spec = DeploymentSpec {
        replicas: Some(gateway.spec.replicas),
        revision_history_limit: Some(HISTORY),
        selector: match_pods(&owner.name.name),
        strategy: Some(one_more_before_one_less()),
        template: template(gateway, &owner.name, settings)?,
        ..DeploymentSpec::default()
    };
    Ok(Deployment { metadata: meta(owner, &BTreeMap::new()), spec: Some(spec), status: None })
}

fn one_more_before_one_less() -> DeploymentStrategy {
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::String("25%".to_owned())),
            max_unavailable: Some(IntOrString::Int(0)),
        }),
    }
}

fn template(
    gateway: &LLMGateway,
    at: &ObjectName,
    settings: &Settings,
) -> Result<PodTemplateSpec, Vec<Finding>> {
    let (nothing, spec) = (GatewayPod::default(), &gateway.spec);
    let (pod, mut parts) = (spec.pod.as_ref().unwrap_or(&nothing), Parts::of(at));
    let affinity = pod.affinity.as_ref().and_then(|raw| parts.read::<Affinity>("spec.pod.affinity", raw));
    let tolerations = parts.each::<Toleration>("spec.pod.tolerations", &pod.tolerations);
    let pod_spec = PodSpec {
        affinity,
        automount_service_account_token: Some(true),
        containers: vec![container(gateway, settings, environment(at, pod, &mut parts))],
        // Variables for each Service of the namespace: the gateway reads none, and thousands keep a pod from starting.
        enable_service_links: Some(false),
        image_pull_secrets: some(pull_secrets(gateway)),
        node_selector: some_map(&pod.node_selector),
        priority_class_name: pod.priority_class_name.clone(),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            seccomp_profile: Some(runtime_default()),
            ..PodSecurityContext::default()
        }),
        service_account_name: Some(name(&at.name)),
        termination_grace_period_seconds: Some(grace_seconds(&spec.listener)),
        tolerations: some(tolerations),
        topology_spread_constraints: some(spread(&at.name, pod, &mut parts)),
        volumes: Some(vec![state()]),
        ..PodSpec::default()
    };
    let findings = parts.into_findings();
    if !findings.is_empty() {
        return Err(findings);
    }
    // Weir's own win; the schema refuses others of their names.
    let mut all = pod.labels.clone();
    all.extend(labels(&at.name));
    let annotations = some_map(&pod.annotations);
    let metadata = ObjectMeta { labels: Some(all), annotations, ..ObjectMeta::default() };
    Ok(PodTemplateSpec { metadata: Some(metadata), spec: Some(pod_spec) })
}

fn container(gateway: &LLMGateway, settings: &Settings, env: Vec<EnvVar>) -> Container {
    let image = gateway.spec.image.as_ref();
    let reference = image.and_then(|image| image.reference.clone());
    Container {
        name: CONTAINER.to_owned(),
        image: Some(reference.unwrap_or_else(|| settings.image.clone())),
        image_pull_policy: image.and_then(|image| image.pull_policy).map(|policy| policy.name().to_owned()),
        env: Some(env),
        ports: Some(vec![port(HTTP, DATA_PORT), port(ADMIN_PORT, DEFAULT_ADMIN_PORT.into())]),
        resources: Some(resources(gateway.spec.resources.as_ref())),
        // Until it has a configuration a gateway is not ready, and starting it again would not help: so it has begun
        // as soon as it answers at all.
        startup_probe: Some(probe("/livez", 1, 60)),
        readiness_probe: Some(probe("/readyz", 2, 2)),
        liveness_probe: Some(probe("/livez", 10, 3)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            read_only_root_filesystem: Some(true),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![VolumeMount {
            name: STATE.to_owned(),
            mount_path: STATE_DIR.to_owned(),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    }
}

/// Variables that no `extraEnv` may set; the schema refuses them.
fn own_variables(at: &ObjectName) -> [(&'static str, String); 4] {
    [
        ("WEIR_GATEWAY", at.to_string()),
        ("WEIR_LISTEN", format!("0.0.0.0:{DATA_PORT}")),
        ("WEIR_ADMIN_LISTEN", format!("0.0.0.0:{DEFAULT_ADMIN_PORT}")),
        ("WEIR_STATE_DIR", STATE_DIR.to_owned()),
    ]
}

fn environment(at: &ObjectName, pod: &GatewayPod, parts: &mut Parts) -> Vec<EnvVar> {
    let own = own_variables(at);
    let variable = |(name, value): (&str, String)| EnvVar {
        name: name.to_owned(),
        value: Some(value),
        ..EnvVar::default()
    };
    let is_free = |extra: &ExtraEnv| own.iter().all(|(name, _)| *name != extra.name);
    let mut extra = Vec::new();
    for (index, variable) in pod.extra_env.iter().enumerate().filter(|(_, extra)| is_free(extra)) {
        let field = format!("spec.pod.extraEnv[{index}].valueFrom");
        let value_from = variable.value_from.as_ref().and_then(|raw| parts.read::<EnvVarSource>(&field, raw));
        let value = variable.value.clone().filter(|value| !value.is_empty());
        extra.push(EnvVar { name: variable.name.clone(), value, value_from });
    }
    own.clone().into_iter().map(variable).chain(extra).collect()
}

fn pull_secrets(gateway: &LLMGateway) -> Vec<LocalObjectReference> {
    let secrets = gateway.spec.image.iter().flat_map(|image| &image.pull_secrets);
    secrets.map(|secret| LocalObjectReference { name: secret.name.clone() }).collect()
}

/// Over nodes, if the gateway does not say; whoever gives no selector means the gateway's pods, as Kubernetes means
/// none.
fn spread(gateway: &str, pod: &GatewayPod, parts: &mut Parts) -> Vec<TopologySpreadConstraint> {
    let Some(given) = &pod.topology_spread else {
        return vec![TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "kubernetes.io/hostname".to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(match_pods(gateway)),
            ..TopologySpreadConstraint::default()
        }];
    };
    let mut constraints = parts.each::<TopologySpreadConstraint>("spec.pod.topologySpread", given);
    for constraint in &mut constraints {
        constraint.label_selector.get_or_insert_with(|| match_pods(gateway));
    }
    constraints
}

/// Semantics S9.1. A length that cannot be read has its default, as in the configuration.
fn grace_seconds(listener: &GatewayListener) -> i64 {
    let default = GatewayListener::default();
    let length = |given: &weir_crds::Duration, default: &weir_crds::Duration| {
        given.parse().or_else(|_| default.parse()).unwrap_or_default()
    };
    let drain = length(&listener.drain_timeout, &default.drain_timeout);
    let removal = length(&listener.removal_delay, &default.removal_delay);
    let millis = (drain + removal + GRACE).as_millis();
    i64::try_from(millis.div_ceil(1000)).unwrap_or(i64::MAX)
}

fn state() -> Volume {
    Volume {
        name: STATE.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: Some("Memory".to_owned()),
            size_limit: Some(Quantity(STATE_SIZE.to_owned())),
        }),
        ..Volume::default()
    }
}

fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

/// Asked every `period` seconds; what fails so often in a row has failed.
fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(ADMIN_PORT.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        failure_threshold: Some(failures),
        timeout_seconds: Some(2),
        ..Probe::default()
    }
}

fn runtime_default() -> SeccompProfile {
    SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }
}

/// An empty list or map is the same as none to Kubernetes, which keeps none.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn some_map(map: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    (!map.is_empty()).then(|| map.clone())
}
