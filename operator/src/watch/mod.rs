//! The watches: they keep a picture of everything that compile and publish need to see.
//!
//! A watch decides nothing; whatever changes wakes the loop, which looks at the whole picture.

mod child;
mod follow;
mod held;
mod store;
mod trouble;

pub use child::{BareChild, Child, DeploymentChild, Ingress, Progress, ServiceChild, owned};
pub use held::{MetaOf, Ours, Unreadable, is_ready};
pub use store::{Held, Store, name_of};
pub use trouble::{Trouble, trouble};

use crate::cluster::Scope;
use crate::names;
use crate::tasks::Tasks;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch as channel};
use weir_config::ObjectName;
use weir_crds::{LLMGateway, LLMKey, LLMProvider, LLMRoute};

/// A watch is begun anew after so many seconds, from where it was: one whose server has vanished without a word is
/// noticed then, not after kube's five minutes.
const WATCH: u32 = 60;
/// The watch has so long to tell of what was written. What it does not tell of then is read again: somebody may have
/// deleted it before anybody looked, and of what came and went a look at the picture shows nothing.
pub const TOLD: Duration = Duration::from_secs(5);

/// The objects of one kind in all watched namespaces.
#[derive(Debug)]
pub struct Watched<H> {
    stores: Vec<Arc<Store<H>>>,
}

impl<H: Held> Watched<H> {
    /// Whether every list has come.
    pub fn is_complete(&self) -> bool {
        self.stores.iter().all(|store| store.is_complete())
    }

    /// As which [`Picture::look_anew`] the last whole list was asked for.
    fn look(&self) -> Option<u64> {
        self.stores.iter().map(|store| store.look()).min()
    }

    /// The object of this name.
    pub fn get(&self, name: &ObjectName) -> Option<H> {
        self.stores.iter().find_map(|store| store.get(name))
    }

    /// All of them.
    pub fn all(&self) -> Vec<H> {
        self.stores.iter().flat_map(|store| store.all()).collect()
    }
}

/// Everything that is watched.
#[derive(Debug)]
pub struct Picture {
    /// Every `LLMGateway`.
    pub gateways: Watched<Ours<LLMGateway>>,
    /// Every `LLMProvider`.
    pub providers: Watched<Ours<LLMProvider>>,
    /// Every `LLMRoute`.
    pub routes: Watched<Ours<LLMRoute>>,
    /// Every `LLMKey`.
    pub keys: Watched<Ours<LLMKey>>,
    /// Every Secret, without its content.
    pub secrets: Watched<MetaOf<Secret>>,
    /// The ConfigMaps that we write, without their content.
    pub config_maps: Watched<MetaOf<ConfigMap>>,
    /// The gateways' pods.
    pub pods: Watched<Arc<Pod>>,
    /// Namespaces, for their labels; none unless all namespaces are watched.
    pub namespaces: Watched<MetaOf<Namespace>>,
    /// What gateways run as.
    pub children: WatchedChildren,
    /// How often everything was to be listed anew.
    looks: channel::Sender<u64>,
}

/// The gateways' children.
#[derive(Debug)]
pub struct WatchedChildren {
    /// Every ServiceAccount of ours, and so on.
    pub service_accounts: Watched<BareChild>,
    /// Roles.
    pub roles: Watched<BareChild>,
    /// RoleBindings.
    pub role_bindings: Watched<BareChild>,
    /// Services, with the addresses of load balancers.
    pub services: Watched<ServiceChild>,
    /// PodDisruptionBudgets.
    pub disruption_budgets: Watched<BareChild>,
    /// Deployments, and how far they have come.
    pub deployments: Watched<DeploymentChild>,
}

impl Picture {
    /// What has not been listed yet, in the words of `kubectl get`.
    pub fn missing(&self) -> Vec<&'static str> {
        let Self {
            gateways,
            providers,
            routes,
            keys,
            secrets,
            config_maps,
            pods,
            namespaces,
            children,
            looks: _,
        } = self;
        let WatchedChildren {
            service_accounts,
            roles,
            role_bindings,
            services,
            disruption_budgets,
            deployments,
        } = children;
        let complete: [(&'static str, bool); 14] = [
            ("llmgateways.weir.dev", gateways.is_complete()),
            ("llmproviders.weir.dev", providers.is_complete()),
            ("llmroutes.weir.dev", routes.is_complete()),
            ("llmkeys.weir.dev", keys.is_complete()),
            ("secrets", secrets.is_complete()),
            ("configmaps", config_maps.is_complete()),
            ("pods", pods.is_complete()),
            ("namespaces", namespaces.is_complete()),
            ("serviceaccounts", service_accounts.is_complete()),
            ("roles.rbac.authorization.k8s.io", roles.is_complete()),
            ("rolebindings.rbac.authorization.k8s.io", role_bindings.is_complete()),
            ("services", services.is_complete()),
            ("poddisruptionbudgets.policy", disruption_budgets.is_complete()),
            ("deployments.apps", deployments.is_complete()),
        ];
        complete.into_iter().filter(|(_, complete)| !complete).map(|(kind, _)| kind).collect()
    }

    /// Has everything listed anew, by consistent reads: what was there at this moment will be seen. Gives which look
    /// that is, to compare with [`Self::look`].
    pub fn look_anew(&self) -> u64 {
        self.looks.send_modify(|looks| *looks += 1);
        *self.looks.borrow()
    }

    /// The last look of which everything that compile sees has come; 0 for the first. Whatever is read from the picture
    /// afterwards is at least as new.
    pub fn look(&self) -> u64 {
        let Self { gateways, providers, routes, keys, secrets, namespaces, .. } = self;
        let looks = [
            gateways.look(),
            providers.look(),
            routes.look(),
            keys.look(),
            secrets.look(),
            namespaces.look(),
        ];
        looks.into_iter().flatten().min().unwrap_or_default()
    }

    /// The labels of every namespace that is known.
    pub fn namespace_labels(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let labels = |meta: &MetaOf<Namespace>| meta.metadata.labels.clone().unwrap_or_default();
        let all = self.namespaces.all();
        all.iter().map(|meta| (meta.metadata.name.clone().unwrap_or_default(), labels(meta))).collect()
    }
}

impl WatchedChildren {
    /// Whether all of them have been listed.
    pub fn is_complete(&self) -> bool {
        let Self { service_accounts, roles, role_bindings, services, disruption_budgets, deployments } = self;
        let bare = [service_accounts, roles, role_bindings, disruption_budgets];
        bare.iter().all(|it| it.is_complete()) && services.is_complete() && deployments.is_complete()
    }
}

/// What the watches wake, each with one permit: what comes while somebody is busy is not lost.
#[derive(Debug, Default, Clone)]
pub struct Wakers {
    /// The world has changed.
    pub world: Arc<Notify>,
    /// Secrets or our ConfigMaps have: mostly we changed them ourselves, or nothing refers to them.
    pub stored: Arc<Notify>,
    /// Pods have, or how gateways' Deployments and Services fare.
    pub pods: Arc<Notify>,
    /// Gateways or their children have.
    pub children: Arc<Notify>,
}

/// Starts every watch; they end with `tasks`.
pub fn start(client: &Client, scope: &Scope, wake: &Wakers, tasks: &mut Tasks) -> Picture {
    let (looks, look) = channel::channel(0);
    let mut on = On { client, scope, tasks, look };
    let ours = config().labels(&format!("{}={}", names::MANAGED_BY, names::WEIR));
    let gateway_pods = config().labels(names::GATEWAY_LABEL);
    let of_gateways =
        ours.clone().labels(&format!("{}={},{}", names::MANAGED_BY, names::WEIR, names::GATEWAY_LABEL));
    let (children, faring) = (&[&wake.children][..], &[&wake.children, &wake.pods][..]);
    Picture {
        gateways: on.ours(&[&wake.world, &wake.children]),
        providers: on.ours(&[&wake.world]),
        routes: on.ours(&[&wake.world]),
        keys: on.ours(&[&wake.world]),
        secrets: on.each(config(), &[&wake.stored], Arc::<PartialObjectMeta<Secret>>::new),
        config_maps: on.each(ours, &[&wake.stored], Arc::<PartialObjectMeta<ConfigMap>>::new),
        pods: on.each(gateway_pods, &[&wake.pods], Arc::<Pod>::new),
        namespaces: on.namespaces(&[&wake.world]),
        children: WatchedChildren {
            service_accounts: on.each(of_gateways.clone(), children, child::bare::<ServiceAccount>),
            roles: on.each(of_gateways.clone(), children, child::bare::<Role>),
            role_bindings: on.each(of_gateways.clone(), children, child::bare::<RoleBinding>),
            services: on.each(of_gateways.clone(), faring, child::service as fn(Service) -> _),
            disruption_budgets: on.each(of_gateways.clone(), children, child::bare::<PodDisruptionBudget>),
            deployments: on.each(of_gateways, faring, child::deployment as fn(Deployment) -> _),
        },
        looks,
    }
}

/// Who is woken by a watch.
type Wakes<'a> = &'a [&'a Arc<Notify>];

struct On<'a> {
    client: &'a Client,
    scope: &'a Scope,
    tasks: &'a mut Tasks,
    look: channel::Receiver<u64>,
}

impl On<'_> {
    fn ours<K>(&mut self, wake: Wakes<'_>) -> Watched<Ours<K>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        self.each(config(), wake, Ours::from as fn(DeserializeGuard<K>) -> Ours<K>)
    }

    /// One watch for each part of the scope.
    fn each<K, H>(&mut self, config: watcher::Config, wake: Wakes<'_>, hold: fn(K) -> H) -> Watched<H>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + 'static,
        H: Held + Send + Sync + 'static,
    {
        let apis = self.scope.apis::<K>(self.client);
        Watched { stores: apis.into_iter().map(|api| self.one(api, config.clone(), wake, hold)).collect() }
    }

    /// Labels of namespaces can be read where all of them are watched; elsewhere no selector matches.
    fn namespaces(&mut self, wake: Wakes<'_>) -> Watched<MetaOf<Namespace>> {
        let stores = match self.scope {
            Scope::These(_) => Vec::new(),
            Scope::All => {
                let api: Api<PartialObjectMeta<Namespace>> = Api::all(self.client.clone());
                vec![self.one(api, config(), wake, Arc::new as fn(_) -> _)]
            }
        };
        Watched { stores }
    }

    fn one<K, H>(
        &mut self,
        api: Api<K>,
        config: watcher::Config,
        wake: Wakes<'_>,
        hold: fn(K) -> H,
    ) -> Arc<Store<H>>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
        H: Held + Send + Sync + 'static,
    {
        let store = Arc::new(Store::default());
        let to = follow::Sink {
            store: Arc::clone(&store),
            wake: wake.iter().copied().map(Arc::clone).collect(),
            hold,
        };
        let (begin, look) = (move || watcher(api.clone(), config.clone()), self.look.clone());
        self.tasks.spawn("a watch", async move { follow::follow(begin, look, &to).await });
        store
    }
}

fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH)
}
