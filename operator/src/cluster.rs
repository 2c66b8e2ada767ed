//! The one way to the API server: a client whose calls end, and the namespaces that are watched.
//!
//! kube's own retries are off: they can hold a call for minutes, and whoever calls here knows better when to try
//! again.

use k8s_openapi::NamespaceResourceScope;
use kube::client::ClientBuilder;
use kube::{Api, Client, Config, Resource};
use std::future::Future;
use std::time::Duration;
use tower::timeout::TimeoutLayer;

/// A call has so long, and a watch to begin.
const CALL: Duration = Duration::from_secs(10);
/// A connection has so long.
const CONNECT: Duration = Duration::from_secs(5);

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The API server said no, or could not be reached.
    #[error(transparent)]
    Kube(#[from] kube::Error),
    /// It said nothing in time.
    #[error("the API server did not answer within {} s", CALL.as_secs())]
    Silent,
}

impl CallError {
    /// Whether there is no such object.
    pub fn is_not_found(&self) -> bool {
        self.status(kube::core::Status::is_not_found)
    }

    /// Whether an object of that name is there already.
    pub fn is_already_exists(&self) -> bool {
        self.status(kube::core::Status::is_already_exists)
    }

    /// Whether the object has changed since it was read.
    pub fn is_conflict(&self) -> bool {
        self.status(kube::core::Status::is_conflict)
    }

    fn status(&self, is: impl Fn(&kube::core::Status) -> bool) -> bool {
        matches!(self, Self::Kube(kube::Error::Api(status)) if is(status))
    }
}

/// Waits for `call`, but not for ever.
pub async fn within<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    tokio::time::timeout(CALL, call).await.map_err(|_| CallError::Silent)?.map_err(CallError::from)
}

/// A client from the pod's service account, or from a kubeconfig.
///
/// # Errors
/// There is neither, or it cannot be read.
pub async fn connect() -> anyhow::Result<Client> {
    let mut config = Config::infer().await?;
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    // Lists and the begin of watches, too: whoever makes them waits for as long as it takes.
    Ok(ClientBuilder::try_from(config)?.with_layer(&TimeoutLayer::new(CALL)).build())
}

/// Which namespaces are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All that there are.
    All,
    /// These, each once.
    These(Vec<String>),
}

impl Scope {
    /// Reads `--watch-namespaces`.
    pub fn new(namespaces: &[String]) -> Self {
        if namespaces.iter().any(|name| name == "*") {
            return Self::All;
        }
        let mut these = namespaces.to_vec();
        these.sort();
        these.dedup();
        Self::These(these)
    }

    /// What to watch for one kind: everything at once, or namespace by namespace.
    pub fn apis<K>(&self, client: &Client) -> Vec<Api<K>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Self::All => vec![Api::all(client.clone())],
            Self::These(names) => names.iter().map(|name| Api::namespaced(client.clone(), name)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_among_namespaces_is_all_of_them() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(Scope::new(&names(&["b", "a", "b"])), Scope::These(names(&["a", "b"])));
        assert_eq!(Scope::new(&names(&["a", "*"])), Scope::All);
    }
}
