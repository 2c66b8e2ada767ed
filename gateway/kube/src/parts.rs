//! Fetches parts.

use crate::client::CALL;
use crate::problem::Problem;
use futures_util::{Stream, StreamExt, stream};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use tokio::time::timeout;
use weir_config::published::{PART_KEY, PartRef, Store};

/// Parts that are fetched at once.
const AT_ONCE: usize = 8;

/// The stored bytes of `parts` in `namespace`, each with its name and reference, in the order of their coming. They
/// are not checked.
pub(crate) fn fetch(
    client: &Client,
    namespace: &str,
    parts: Vec<(String, PartRef)>,
) -> impl Stream<Item = (String, PartRef, Result<Vec<u8>, Problem>)> + Send + use<> {
    let (client, namespace) = (client.clone(), namespace.to_owned());
    let call = move |(name, part): (String, PartRef)| {
        let (client, namespace) = (client.clone(), namespace.clone());
        async move {
            let stored = get(&client, &namespace, part.store, &name).await;
            (name, part, stored)
        }
    };
    stream::iter(parts).map(call).buffer_unordered(AT_ONCE)
}

/// The stored bytes of a part. Read as text and parsed here, because kube logs what it cannot parse: it may be secret.
async fn get(client: &Client, namespace: &str, store: Store, name: &str) -> Result<Vec<u8>, Problem> {
    let kind = match store {
        Store::ConfigMap => "configmaps",
        Store::Secret => "secrets",
    };
    let request = http::Request::get(format!("/api/v1/namespaces/{namespace}/{kind}/{name}"));
    let request = request.body(Vec::new()).map_err(|_| Problem::Content(format!("{name} is no name")))?;
    let text = match timeout(2 * CALL, client.request_text(request)).await {
        Ok(answer) => answer.map_err(|error| Problem::call(name, &error))?,
        Err(_) => return Err(Problem::Api(format!("{name} cannot be fetched: no answer"))),
    };
    let data = match store {
        Store::ConfigMap => serde_json::from_str::<ConfigMap>(&text).ok().and_then(|found| found.binary_data),
        Store::Secret => serde_json::from_str::<Secret>(&text).ok().and_then(|found| found.data),
    };
    let part = data.and_then(|mut data| data.remove(PART_KEY));
    let ByteString(stored) = part.ok_or_else(|| Problem::Content(format!("{name} has no {PART_KEY}")))?;
    Ok(stored)
}
