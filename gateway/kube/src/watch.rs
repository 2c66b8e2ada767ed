//! The index as it changes. After any error it is listed anew: one object costs nothing, and there is no state in
//! which an expired version could be asked for again and again.

use crate::client::CALL;
use crate::pause::Pause;
use crate::problem::Problem;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::watcher::{self, watch_object};
use kube::{Api, Client};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};
use weir_config::ObjectName;
use weir_config::published::{INDEX_KEY, index_name};

/// The longest wait before the API server is asked again: with a call's time still well below the ten seconds in
/// which a gateway converges after its return (semantics S8.7).
pub(crate) const LONGEST: Duration = Duration::from_secs(3);

/// What is to be seen of the index.
#[derive(Debug)]
pub(crate) enum Seen {
    /// Its JSON.
    Index(String),
    /// There is none.
    Nothing,
}

type Events = BoxStream<'static, watcher::Result<Option<ConfigMap>>>;

/// The watch of one gateway's index.
pub(crate) struct Watch {
    api: Api<ConfigMap>,
    name: String,
    events: Option<Events>,
    /// The first event of `events` is due by then; `None` once it has come.
    first_by: Option<Instant>,
    /// Not before then is it begun again.
    again_at: Instant,
    pause: Pause,
}

impl Watch {
    /// Begins with the next call of [`Watch::next`].
    pub(crate) fn new(client: Client, gateway: &ObjectName) -> Self {
        Self {
            api: Api::namespaced(client, &gateway.namespace),
            name: index_name(&gateway.name),
            events: None,
            first_by: None,
            again_at: Instant::now(),
            pause: Pause::up_to(LONGEST),
        }
    }

    /// What is to be seen next: at first how things stand, later each change. After an error it goes on by itself.
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Seen, Problem> {
        if self.events.is_none() {
            sleep_until(self.again_at).await;
            self.first_by = Some(Instant::now() + 2 * CALL);
        }
        let (api, name) = (&self.api, &self.name);
        let events = self.events.get_or_insert_with(|| watch_object(api.clone(), name).boxed());
        let event = match self.first_by {
            Some(due) => match timeout_at(due, events.next()).await {
                Ok(event) => event,
                Err(_) => {
                    return Err(self.broken(Problem::Api("the index cannot be listed: no answer".into())));
                }
            },
            None => events.next().await,
        };
        match event {
            Some(Ok(object)) => {
                self.first_by = None;
                self.pause.reset();
                Ok(seen(object))
            }
            Some(Err(error)) => Err(self.broken(Problem::watch(&error))),
            None => Err(self.broken(Problem::Api("the watch of the index has ended".to_owned()))),
        }
    }

    fn broken(&mut self, problem: Problem) -> Problem {
        self.events = None;
        self.again_at = Instant::now() + self.pause.next();
        problem
    }
}

fn seen(object: Option<ConfigMap>) -> Seen {
    let index = object.and_then(|mut object| object.data.as_mut()?.remove(INDEX_KEY));
    index.map_or(Seen::Nothing, Seen::Index)
}
