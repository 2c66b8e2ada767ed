//! The API server's record of who called what, held against the rules that allow it.

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use std::fmt;
use weir_cluster::world::{SOON, text};
use weir_cluster::{Plane, wait};

/// One call, as a rule sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call {
    verb: String,
    group: String,
    /// With its subresource: `llmkeys/status`.
    resource: String,
    name: Option<String>,
    code: u64,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.{} {:?}: {}", self.verb, self.resource, self.group, self.name, self.code)
    }
}

impl Call {
    fn read(event: &Value) -> Option<Self> {
        let object = |field: &str| text(event, &format!("/objectRef/{field}")).map(str::to_owned);
        let resource = object("resource")?;
        let resource = object("subresource").map_or(resource.clone(), |sub| format!("{resource}/{sub}"));
        Some(Self {
            verb: text(event, "/verb")?.to_owned(),
            group: object("apiGroup").unwrap_or_default(),
            resource,
            name: object("name"),
            code: event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default(),
        })
    }

    /// Whether this is the right that `rule` gives to `resource` of `group` by `verb`.
    fn uses(&self, rule: &PolicyRule, group: &str, resource: &str, verb: &str) -> bool {
        let named = |names: &Vec<String>| {
            // A name that is yet to be made is in the body of a POST, where no rule sees it.
            self.name.as_ref().is_some_and(|name| names.contains(name))
        };
        self.group == group
            && self.resource == resource
            && self.verb == verb
            && rule.resource_names.as_ref().is_none_or(named)
    }
}

/// Every call of one account so far.
pub(crate) struct Audit(Vec<Call>);

impl Audit {
    pub(crate) fn of(plane: &Plane, account: &str) -> Self {
        let log = std::fs::read_to_string(plane.audit_log()).unwrap();
        let account = format!("{account:?}");
        // Whoever is named elsewhere in an event has not made the call.
        let of_account = log.lines().filter(|line| line.contains(&account));
        let events = of_account.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let made = events.filter(|event| Some(account.trim_matches('"')) == text(event, "/user/username"));
        Self(made.filter_map(|event| Call::read(&event)).collect())
    }

    /// How many calls would have changed something, the Lease aside.
    pub(crate) fn writes(&self) -> usize {
        let reads = ["get", "list", "watch"];
        let writes = self.0.iter().filter(|call| !reads.contains(&call.verb.as_str()));
        writes.filter(|call| call.resource != "leases").count()
    }

    /// What was asked for in vain.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.0.iter().filter(|call| call.code == 403).map(ToString::to_string).collect()
    }
}

/// The rights in `rules` of which no call has made use.
pub(crate) fn unused(audit: &Audit, rules: &[PolicyRule]) -> Vec<String> {
    let mut unused = Vec::new();
    for rule in rules {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                let is_used =
                    |verb: &&String| audit.0.iter().any(|call| call.uses(rule, group, resource, verb));
                let verbs = rule.verbs.iter().filter(|verb| !is_used(verb));
                let names = rule.resource_names.iter().flatten().next();
                unused.extend(verbs.map(|verb| format!("{verb} {resource}.{group} {names:?}")));
            }
        }
    }
    unused
}

/// Waits until the API server has heard of the rights of `account`: an operator that is faster would be refused.
pub(crate) async fn until_allowed(plane: &Plane, account: &str, namespace: &str, resource: &str) {
    let reviews: Api<SubjectAccessReview> = Api::all(plane.admin().unwrap());
    let group = if resource == "leases" { "coordination.k8s.io" } else { "" };
    let review = json!({ "spec": { "user": account, "resourceAttributes": {
        "namespace": namespace, "verb": "create", "group": group, "resource": resource,
    }}});
    let review: SubjectAccessReview = serde_json::from_value(review).unwrap();
    wait::until("the rights count", SOON, async || {
        let answer = reviews.create(&PostParams::default(), &review).await?;
        Ok(answer.status.is_some_and(|status| status.allowed).then_some(()))
    })
    .await
    .unwrap();
}
