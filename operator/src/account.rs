//! The operator's own ServiceAccount, as its token names it: no call, and no right, is needed for that.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::Value;

/// Where Kubernetes puts a pod's token.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The ServiceAccount as an owner: what it owns goes when it is deleted. Nothing outside of a pod.
pub fn in_pod() -> Option<OwnerReference> {
    named_by(&std::fs::read_to_string(TOKEN).ok()?)
}

/// Whom a token is of: the API server says so in its claims. They are not checked here, for nothing depends on them but
/// when our own objects go.
fn named_by(token: &str) -> Option<OwnerReference> {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.trim().split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let account = claims.get("kubernetes.io")?.get("serviceaccount")?;
    let text = |field: &str| account.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ServiceAccount".to_owned(),
        name: text("name")?,
        uid: text("uid")?,
        ..OwnerReference::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(claims: &Value) -> String {
        format!("e30.{}.c2ln\n", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn a_token_names_its_account() {
        let account = json!({"name": "weir-operator", "uid": "0f6c"});
        let pod = json!({"name": "weir-operator-5d9", "uid": "77aa"});
        let claims = json!({"kubernetes.io": {"namespace": "a", "pod": pod, "serviceaccount": account}});
        let owner = named_by(&token(&claims)).unwrap();
        assert_eq!((owner.name.as_str(), owner.uid.as_str()), ("weir-operator", "0f6c"));
        assert_eq!((owner.kind.as_str(), owner.controller), ("ServiceAccount", None));
    }

    #[test]
    fn what_names_nobody_owns_nothing() {
        let nameless = token(&json!({"kubernetes.io": {"serviceaccount": {"name": "x", "uid": ""}}}));
        for text in ["", "a.b", "e30.e30.", "e30.%.x", nameless.as_str()] {
            assert_eq!(named_by(text), None, "{text:?}");
        }
    }
}
