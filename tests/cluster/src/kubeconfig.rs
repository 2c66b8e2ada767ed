//! Kubeconfigs as text. They carry their keys inside, so that a file works wherever it is copied to. JSON is YAML.

use crate::pki::Pair;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use kube::config::AuthInfo;
use serde_json::{Value, json};

/// Who calls.
pub(crate) enum User<'a> {
    Pair(&'a Pair),
    Token(&'a str),
}

/// `ca` is PEM; without it `server` is a plain `http` URL.
pub(crate) fn text(server: &str, ca: Option<&str>, user: &User<'_>) -> String {
    let mut cluster = json!({ "server": server });
    if let Some(ca) = ca
        && let Some(fields) = cluster.as_object_mut()
    {
        fields.insert("certificate-authority-data".into(), encoded(ca));
    }
    let user = match user {
        User::Pair(Pair { cert, key }) => {
            json!({ "client-certificate-data": encoded(cert), "client-key-data": encoded(key) })
        }
        User::Token(token) => json!({ "token": token }),
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "plane", "cluster": cluster }],
        "users": [{ "name": "user", "user": user }],
        "contexts": [{ "name": "plane", "context": { "cluster": "plane", "user": "user" } }],
        "current-context": "plane",
    });
    config.to_string()
}

/// The same for a client of our own.
pub(crate) fn auth(user: &User<'_>) -> AuthInfo {
    let mut auth = AuthInfo::default();
    match user {
        User::Pair(Pair { cert, key }) => {
            auth.client_certificate_data = Some(BASE64_STANDARD.encode(cert));
            auth.client_key_data = Some(BASE64_STANDARD.encode(key).into());
        }
        User::Token(token) => auth.token = Some((*token).to_owned().into()),
    }
    auth
}

fn encoded(pem: &str) -> Value {
    BASE64_STANDARD.encode(pem).into()
}
