//! One object in the API that holds a part or the index: reading it, and writing it without overwriting what
//! somebody else wrote in the meantime.

use super::owner::Owner;
use crate::cluster::{CallError, within};
use crate::metrics::Metrics;
use k8s_openapi::ByteString;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use weir_config::published::{INDEX_KEY, PART_KEY};

/// Why a configuration is not published.
#[derive(Debug, thiserror::Error)]
pub enum Unpublished {
    /// An object of that name is there and is not ours.
    #[error("{kind} {name} is there and belongs to somebody else")]
    NameTaken {
        /// What it is.
        kind: &'static str,
        /// What it is called.
        name: String,
    },
    /// It does not fit.
    #[error(transparent)]
    TooLarge(#[from] weir_config::published::Unpublishable),
    /// What was thought to be there is not: somebody else writes, too. To be read again and tried again.
    #[error("what is published has changed meanwhile")]
    Stale,
    /// Another operator has published something else, and may have seen what this one has not. To be tried again with
    /// a picture that is known to be newer.
    #[error("another operator has published; everything is looked at anew before that is written over")]
    Anothers,
    /// The API server did not do it. To be tried again.
    #[error(transparent)]
    Api(#[from] CallError),
}

/// What holds the bytes of a part.
pub trait Holds:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize
{
    /// For people.
    const KIND: &'static str;

    /// An object with these bytes and no name yet.
    fn with_part(bytes: Vec<u8>) -> Self;

    /// The bytes in it.
    fn part(&self) -> Option<&[u8]>;
}

impl Holds for ConfigMap {
    const KIND: &'static str = "ConfigMap";

    fn with_part(bytes: Vec<u8>) -> Self {
        Self { binary_data: Some([(PART_KEY.to_owned(), ByteString(bytes))].into()), ..Self::default() }
    }

    fn part(&self) -> Option<&[u8]> {
        Some(&self.binary_data.as_ref()?.get(PART_KEY)?.0)
    }
}

impl Holds for Secret {
    const KIND: &'static str = "Secret";

    fn with_part(bytes: Vec<u8>) -> Self {
        Self { data: Some([(PART_KEY.to_owned(), ByteString(bytes))].into()), ..Self::default() }
    }

    fn part(&self) -> Option<&[u8]> {
        Some(&self.data.as_ref()?.get(PART_KEY)?.0)
    }
}

/// The ConfigMap of an index.
pub fn index_map(json: String) -> ConfigMap {
    ConfigMap { data: Some([(INDEX_KEY.to_owned(), json)].into()), ..ConfigMap::default() }
}

/// The index's JSON in it.
pub fn index_json(map: &ConfigMap) -> Option<&str> {
    Some(map.data.as_ref()?.get(INDEX_KEY)?)
}

/// Where one gateway's objects are.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub client: &'a Client,
    pub owner: &'a Owner,
    pub metrics: &'a Metrics,
}

impl Place<'_> {
    fn api<K: Holds>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.owner.name.namespace)
    }

    /// The object of this name, if it is there.
    pub async fn read<K: Holds>(&self, name: &str) -> Result<Option<K>, Unpublished> {
        let Some(found) = within(self.api::<K>().get_opt(name)).await? else { return Ok(None) };
        if self.owner.owns(found.meta()) { Ok(Some(found)) } else { Err(self.taken::<K>(name)) }
    }

    /// Writes `object` under `name` over the version `known`, or anew; gives the version that it has now.
    ///
    /// # Errors
    /// [`Unpublished::Stale`] if another version is there, or any; `NameTaken` if that is not ours.
    pub async fn write<K: Holds>(
        &self,
        name: &str,
        known: Option<&str>,
        object: K,
    ) -> Result<String, Unpublished> {
        let mut object = object;
        *object.meta_mut() = self.owner.child(name, &self.owner.name.name);
        let written = match known {
            None => within(self.api::<K>().create(&PostParams::default(), &object)).await,
            Some(version) => {
                object.meta_mut().resource_version = Some(version.to_owned());
                within(self.api::<K>().replace(name, &PostParams::default(), &object)).await
            }
        };
        self.metrics.wrote("configuration", &written);
        match written {
            Ok(written) => Ok(written.meta().resource_version.clone().unwrap_or_default()),
            Err(error) if known.is_none() && error.is_already_exists() => {
                self.read::<K>(name).await?;
                Err(Unpublished::Stale)
            }
            Err(error) if error.is_conflict() || error.is_not_found() => Err(Unpublished::Stale),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes the object of this name if it is ours and still of the version `known`.
    pub async fn delete<K: Holds>(&self, name: &str, known: &str) -> Result<(), Unpublished> {
        let precondition = Preconditions { resource_version: Some(known.to_owned()), uid: None };
        let only = DeleteParams { preconditions: Some(precondition), ..DeleteParams::default() };
        match within(self.api::<K>().delete(name, &only)).await {
            Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn taken<K: Holds>(&self, name: &str) -> Unpublished {
        Unpublished::NameTaken { kind: K::KIND, name: name.to_owned() }
    }
}
