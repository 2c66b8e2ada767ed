//! A fault proxy: stands between a client and a plane's API server, notes what is called, and does harm on request.
//!
//! Plain HTTP on loopback towards the client, TLS towards the server; `Authorization` and everything else passes
//! through, streams as they come. It upgrades no connection (`exec`, `port-forward`), and a client certificate can't
//! pass: callers are service accounts with tokens.
//!
//! It lives on a thread of its own, so that a test that blocks does not stop it.

mod answer;
mod call;
mod gate;
mod hooks;
mod serve;

pub use answer::Answer;
pub use call::Call;
pub use hooks::Then;

use crate::kubeconfig::{self, User};
use crate::plane::Plane;
use anyhow::{Context as _, Result};
use gate::{Flow, Gate};
use hooks::Hooks;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A running proxy; it ends when dropped, and with it every connection.
pub struct Proxy<'plane> {
    plane: &'plane Plane,
    address: SocketAddr,
    hooks: Arc<Hooks>,
    gate: Gate,
    // Its end is what the thread waits for.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<'plane> Proxy<'plane> {
    /// Starts one in front of `plane`.
    ///
    /// # Errors
    /// No port, no thread.
    pub fn start(plane: &'plane Plane) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen on loopback")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (hooks, gate) = (Arc::new(Hooks::default()), Gate::default());
        let server = serve::Server::new(plane, hooks.clone(), gate.clone())?;
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || runtime.block_on(server.run(listener, ended));
        let thread = std::thread::Builder::new().name("fault-proxy".into()).spawn(run)?;
        Ok(Self { plane, address, hooks, gate, end: Some(end), thread: Some(thread) })
    }

    /// Where it listens: `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig file that leads through the proxy, for whoever `token` names; it goes with the plane.
    ///
    /// # Errors
    /// It can't be written.
    pub fn kubeconfig_for(&self, token: &str) -> Result<PathBuf> {
        let name = format!("proxy-{:08x}.kubeconfig", getrandom::u32()?);
        self.plane.work.write(&name, &kubeconfig::text(&self.url(), None, &User::Token(token)))
    }

    /// A client that goes through the proxy, for whoever `token` names. It asks once: kube's own second try after a
    /// 429, 503 or 504 would hide what a hook did.
    ///
    /// # Errors
    /// None that a test should expect.
    pub fn client_with_token(&self, token: &str) -> Result<kube::Client> {
        Ok(kube::Client::try_from(self.config_with_token(token)?)?)
    }

    /// The configuration of [`Proxy::client_with_token`], for who wants to change it first.
    ///
    /// # Errors
    /// None that a test should expect.
    pub fn config_with_token(&self, token: &str) -> Result<kube::Config> {
        let mut config = kube::Config::new(self.url().parse()?);
        config.auth_info = kubeconfig::auth(&User::Token(token));
        config.default_retry = false;
        Ok(config)
    }

    /// Every call so far, in the order in which they came; those that got no answer, too.
    pub fn calls(&self) -> Vec<Call> {
        self.hooks.calls()
    }

    /// How many calls there were.
    pub fn count(&self) -> usize {
        self.hooks.calls().len()
    }

    /// When the `n`-th call (from 1) of those that `which` picks, counted from now, arrives: runs `then` before the
    /// server sees it. `which` must not ask the proxy anything.
    pub fn before_request(
        &self,
        n: usize,
        which: impl Fn(&Call) -> bool + Send + 'static,
        then: impl FnOnce(&Call) -> Then + Send + 'static,
    ) {
        self.hooks.before(n, Box::new(which), Box::new(then));
    }

    /// When the server has answered the `n`-th call (from 1) of those that `which` picks, counted from now: runs
    /// `then` before the client sees anything of the answer. What the call wrote is written by then. `which` must not
    /// ask the proxy anything.
    pub fn after_response(
        &self,
        n: usize,
        which: impl Fn(&Call) -> bool + Send + 'static,
        then: impl FnOnce(&Call) -> Then + Send + 'static,
    ) {
        self.hooks.after(n, Box::new(which), Box::new(then));
    }

    /// Asks `answer` about each call from now on; the first answer given is the client's, and the server never hears
    /// of the call.
    pub fn on_request(&self, answer: impl Fn(&Call) -> Option<Answer> + Send + Sync + 'static) {
        self.hooks.answer(Arc::new(answer));
    }

    /// Gives `answer` to the next `n` calls that `which` picks.
    pub fn answer_next(
        &self,
        n: usize,
        which: impl Fn(&Call) -> bool + Send + Sync + 'static,
        answer: Answer,
    ) {
        let left = AtomicUsize::new(n);
        let is_due =
            move || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        self.on_request(move |call| (which(call) && is_due()).then(|| answer.clone()));
    }

    /// Forgets every hook and every answer; what was called stays known.
    pub fn forget(&self) {
        self.hooks.forget();
    }

    /// Lets nothing through in either direction until [`Proxy::mend`]; connections stay, and new ones are taken.
    pub fn stall(&self) {
        self.gate.set(Flow::Stalled);
    }

    /// Closes every connection, and each new one at once, until [`Proxy::mend`].
    pub fn break_connections(&self) {
        self.gate.set(Flow::Broken);
        self.gate.cut();
    }

    /// Closes every connection; new ones are served.
    pub fn cut_connections(&self) {
        self.gate.cut();
    }

    /// Ends [`Proxy::stall`] and [`Proxy::break_connections`]: what was held goes on.
    pub fn mend(&self) {
        self.gate.set(Flow::Open);
    }
}

impl Drop for Proxy<'_> {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
