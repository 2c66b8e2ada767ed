//! Ways into a plane: clients, tokens of service accounts, namespaces.

use crate::kubeconfig::{self, User};
use crate::plane::Plane;
use crate::wait;
use anyhow::{Context as _, Result};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client, Config};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// How long the controllers may take for something small.
const SOON: Duration = Duration::from_secs(60);

impl Plane {
    /// A client of somebody who may do everything. It lives as long as the runtime it was made in, so each test
    /// makes its own. It waits and asks again after a 429, 503 or 504, as kube's clients do.
    ///
    /// # Errors
    /// None that a test should expect.
    pub fn admin(&self) -> Result<Client> {
        Ok(Client::try_from(self.config(&User::Pair(&self.pki.admin))?)?)
    }

    /// A client of whoever `token` names ([`Plane::token`]); as [`Plane::admin`].
    ///
    /// # Errors
    /// None that a test should expect.
    pub fn client_with_token(&self, token: &str) -> Result<Client> {
        Ok(Client::try_from(self.config_with_token(token)?)?)
    }

    /// The configuration of [`Plane::client_with_token`], for who wants to change it first.
    ///
    /// # Errors
    /// None that a test should expect.
    pub fn config_with_token(&self, token: &str) -> Result<Config> {
        self.config(&User::Token(token))
    }

    /// The configuration of [`Plane::admin`], for who wants to change it first.
    ///
    /// # Errors
    /// None that a test should expect.
    pub fn admin_config(&self) -> Result<Config> {
        self.config(&User::Pair(&self.pki.admin))
    }

    fn config(&self, user: &User<'_>) -> Result<Config> {
        let mut config = Config::new(self.url().parse()?);
        config.root_cert = Some(vec![self.pki.ca_der.clone()]);
        config.auth_info = kubeconfig::auth(user);
        Ok(config)
    }

    /// A token of a service account, by a TokenRequest, good for an hour: what a pod of it would hold.
    ///
    /// # Errors
    /// There is no such service account.
    pub async fn token(&self, namespace: &str, service_account: &str) -> Result<String> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin()?, namespace);
        let request: TokenRequest = serde_json::from_value(json!({ "spec": { "audiences": [] } }))?;
        let answer = accounts.create_token_request(service_account, &PostParams::default(), &request).await;
        let answer = answer.with_context(|| format!("a token of {namespace}/{service_account}"))?;
        Ok(answer.status.context("a TokenRequest without a status")?.token)
    }

    /// A kubeconfig file of whoever `token` names; it goes with the plane.
    ///
    /// # Errors
    /// It can't be written.
    pub fn kubeconfig_for(&self, token: &str) -> Result<PathBuf> {
        let name = format!("token-{:08x}.kubeconfig", getrandom::u32()?);
        self.work.write(&name, &kubeconfig::text(&self.url(), Some(&self.pki.ca), &User::Token(token)))
    }

    /// Makes a namespace `<prefix>-<random>`, complete with its service account `default`. Nothing removes it: a
    /// namespace takes 5 s to go, and the plane goes sooner.
    ///
    /// # Errors
    /// The controllers don't answer; then the error holds the logs' ends.
    pub async fn namespace(&self, prefix: &str) -> Result<String> {
        let client = self.admin()?;
        let wanted: Namespace =
            serde_json::from_value(json!({ "metadata": { "generateName": format!("{prefix}-") } }))?;
        let made = Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &wanted).await?;
        let name = made.metadata.name.context("a namespace without a name")?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client, &name);
        let account = wait::until("a namespace gets its service account", SOON, async || {
            self.check()?;
            Ok(accounts.get_opt("default").await?)
        });
        account.await.with_context(|| self.tails())?;
        Ok(name)
    }
}
