//! A namespace with a gateway process in it and an operator that calls through a proxy: where a test does its harm.

use super::end::End;
use super::story::Story;
use super::traffic::Traffic;
use anyhow::Result;
use weir_cluster::Plane;
use weir_cluster::proxy::Proxy;
use weir_cluster::world::{Gateway, Objects, Operator, Setting};

pub(super) struct Scene<'plane> {
    pub(super) plane: &'plane Plane,
    pub(super) objects: Objects,
    /// The operator's way to the API server.
    pub(super) proxy: Proxy<'plane>,
    pub(super) setting: Setting,
    pub(super) gateway: Gateway,
    pub(super) traffic: Traffic,
}

impl<'plane> Scene<'plane> {
    /// All worlds' names are of one length, for it counts in the size of what is published.
    pub(super) async fn new(plane: &'plane Plane) -> Result<Self> {
        let objects = Objects::new(plane, "story").await?;
        let mut setting = Setting::new(plane, &[&objects.namespace]).await?;
        let proxy = Proxy::start(plane)?;
        setting.kubeconfig = proxy.kubeconfig_for(&plane.token(&setting.home, "weir-operator").await?)?;
        let gateway = Gateway::start(plane, &objects.namespace, "main", "127.0.0.2").await?;
        let traffic = Traffic::start(gateway.data);
        Ok(Self { plane, objects, proxy, setting, gateway, traffic })
    }

    /// The gateway calls through a proxy of its own from now on; its process is another then.
    pub(super) async fn gateways_proxy(&mut self) -> Result<Proxy<'plane>> {
        let proxy = Proxy::start(self.plane)?;
        let token = self.plane.token(&self.objects.namespace, &Gateway::account("main")).await?;
        self.gateway.call_through(self.plane, proxy.kubeconfig_for(&token)?)?;
        Ok(proxy)
    }

    pub(super) fn operator(&self) -> Result<Operator> {
        Operator::start(self.plane, &self.setting)
    }

    pub(super) fn story(&mut self) -> Story<'_> {
        let Self { plane, objects, gateway, traffic, .. } = self;
        Story { plane, objects, gateway, traffic }
    }

    /// Tells the whole story.
    pub(super) async fn tell(&mut self, wanted: Option<&End>) -> Result<End> {
        self.story().tell(wanted).await
    }
}
