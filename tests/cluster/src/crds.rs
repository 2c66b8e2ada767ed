//! Weir's CRDs on a plane: the files of `charts/weir/files/crds`, byte by byte.

use crate::plane::Plane;
use crate::wait;
use anyhow::{Context as _, Result, ensure};
use http::Request;
use http_body_util::BodyExt as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::client::Body;
use kube::{Api, Client};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the API server may take to serve a new kind.
const SERVED: Duration = Duration::from_secs(60);

impl Plane {
    /// Applies every one of [`crd_files`] and waits until its kind is served; gives back what the server warned of.
    ///
    /// # Errors
    /// The server refuses one or doesn't come to serve it.
    pub async fn install_crds(&self) -> Result<Vec<String>> {
        let client = self.admin()?;
        let mut warnings = Vec::new();
        for path in crd_files()? {
            let yaml = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            warnings.extend(apply(&client, yaml).await.with_context(|| format!("apply {}", path.display()))?);
        }
        let crds: Api<CustomResourceDefinition> = Api::all(client);
        wait::until("the CRDs are established", SERVED, async || {
            let all = crds.list(&Default::default()).await?;
            Ok(all.iter().all(is_established).then_some(()))
        })
        .await?;
        Ok(warnings)
    }
}

/// The files of `charts/weir/files/crds`, in order.
///
/// # Errors
/// The folder can't be read.
pub fn crd_files() -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/weir/files/crds");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Server-side apply of a CRD; gives back the `Warning` headers of the answer.
async fn apply(client: &Client, yaml: Vec<u8>) -> Result<Vec<String>> {
    let crd: CustomResourceDefinition = serde_yaml::from_slice(&yaml)?;
    let name = crd.metadata.name.context("a CRD without a name")?;
    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
    let request = Request::patch(format!("{path}?fieldManager=weir-cluster&force=true"))
        .header("content-type", "application/apply-patch+yaml")
        .body(Body::from(yaml))?;
    let answer = client.send(request).await?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    ensure!(head.status.is_success(), "{}: {}", head.status, String::from_utf8_lossy(&body));
    let warnings = head.headers.get_all("warning").iter();
    Ok(warnings.map(|warning| String::from_utf8_lossy(warning.as_bytes()).into_owned()).collect())
}

fn is_established(crd: &CustomResourceDefinition) -> bool {
    let conditions = crd.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    conditions.into_iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
}
