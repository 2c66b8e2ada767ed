//! `weir up`: a gateway from manifests, on this machine, kept to them as they change.

use crate::args::{Format, Up};
use crate::configuration::{self, Configuration};
use crate::events::{self, Event};
use crate::manifest::{Drafts, Id, Outcome, Problem, Source, What, World, drafts};
use crate::ready::{self, Offer};
use crate::{laptop, mint, screen};
use anyhow::{Context, anyhow};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use weir_config::{ObjectName, Snapshot};
use weir_crds::Kind;
use weir_gateway::{Bounds, Log, Options, Running, Signals, StartError};

/// What runs when no manifest is given.
const QUICKSTART: &[(&str, &str)] = &[
    ("quickstart/key.yaml", include_str!("../../examples/quickstart/key.yaml")),
    ("quickstart/providers.yaml", include_str!("../../examples/quickstart/providers.yaml")),
    ("quickstart/route.yaml", include_str!("../../examples/quickstart/route.yaml")),
];

/// Runs until a signal; returns the exit code. An error: it could not start.
pub(crate) fn run(args: &Up, log: Log) -> anyhow::Result<u8> {
    let source = source(args);
    let (sender, events) = channel();
    let signals = events::signals(sender.clone()).context("signals cannot be handled")?;
    // Before the first reading, so that no edit falls between.
    let watcher = events::watch(&source, sender);
    let mut site = Site::new(args, source)?;
    let outcome = site.read();
    if let Some(code) = refused(&outcome.problems) {
        return Ok(code);
    }
    if !outcome.foreign.is_empty() {
        screen::note(format_args!("passed over, as they are not Weir's: {}", outcome.foreign.join(", ")));
    }
    let options = options(args, log);
    let compiled = site.compile()?;
    let running = weir_gateway::start(&options).map_err(|error| explain(&error, &options))?;
    running.obey(&signals);
    running.apply(compiled.snapshot);
    if let Err(error) = &watcher {
        screen::note(format_args!("edits are noticed within seconds, not at once: {error}"));
    }
    site.offer = compiled.offer;
    ready::say(args.output, running.data_address, running.admin_address, &site.offer);
    serve(&mut site, &running, &events);
    Ok(end(running, &signals))
}

fn source(args: &Up) -> Source {
    if args.paths.is_empty() {
        screen::note("no manifest given: serving made-up providers; `weir up FILE|DIR…` serves yours");
        return Source::built_in(QUICKSTART);
    }
    Source::paths(args.paths.clone())
}

fn options(args: &Up, log: Log) -> Options {
    Options {
        listen: args.listen,
        admin_listen: args.admin_listen,
        workers: args.threads,
        usage_log: args.usage_log.clone(),
        log: Some(log),
        memory_budget: None,
        bounds: Bounds::default(),
        keep_alive: Options::KEEP_ALIVE,
        withheld: Vec::new(),
    }
}

/// Why it did not start, and for a port in use the way out.
fn explain(error: &StartError, options: &Options) -> anyhow::Error {
    match error {
        StartError::Listen(address, source) if source.kind() == ErrorKind::AddrInUse => {
            let option = if *address == options.listen { "--listen" } else { "--admin-listen" };
            let ip = address.ip();
            anyhow!(
                "{error}; stop what has the port, or take a free one with {option} {}",
                SocketAddr::new(ip, 0)
            )
        }
        _ => anyhow!("{error}"),
    }
}

/// Whether so much is wrong with the manifests that nothing starts: the exit code.
fn refused(problems: &[Problem]) -> Option<u8> {
    if problems.iter().any(|problem| problem.io) {
        return Some(2);
    }
    problems.iter().any(Problem::is_error).then_some(1)
}

/// The manifests and what is made of them.
struct Site<'a> {
    args: &'a Up,
    source: Source,
    state: PathBuf,
    drafts: Drafts,
    world: World,
    /// What was found last; said once, for as long as it holds.
    found: BTreeSet<Problem>,
    offer: Offer,
}

/// What the gateway is to run.
struct Compiled {
    snapshot: Snapshot,
    offer: Offer,
}

impl<'a> Site<'a> {
    fn new(args: &'a Up, source: Source) -> anyhow::Result<Self> {
        let state = args.state.clone().map_or_else(mint::default_folder, Ok)?;
        let (drafts, world, found, offer) = Default::default();
        Ok(Self { args, source, state, drafts, world, found, offer })
    }

    /// Reads the manifests for the first time and says what is wrong with them.
    fn read(&mut self) -> Outcome {
        let (files, problems) = self.source.read();
        self.drafts = Drafts::begin(files);
        self.take(problems, &BTreeSet::new())
    }

    /// Reads them again; `None` if nothing else counts than before.
    fn look(&mut self, now: Instant) -> Option<Outcome> {
        let (files, problems) = self.source.read();
        let held = self.world.by_file();
        self.drafts.see(files, &held, now);
        let staying = self.drafts.settle(&held, now)?;
        Some(self.take(problems, &staying))
    }

    /// Takes the texts that count, and says what is wrong with them besides `problems`. What is `staying` need not be
    /// in them.
    fn take(&mut self, problems: Vec<Problem>, staying: &BTreeSet<Id>) -> Outcome {
        let wanted = &self.args.gateway.gateway;
        let mut outcome = self.world.take(&self.drafts.texts(), staying, |id, value| {
            if laptop::is_wanted(wanted, id) {
                laptop::adjust(value);
            }
        });
        outcome.problems.splice(0..0, problems);
        outcome.problems.iter().for_each(screen::note);
        outcome
    }

    /// Compiles what is in force, makes missing keys, and says what compile finds.
    fn compile(&mut self) -> anyhow::Result<Compiled> {
        let name = laptop::full_name(&self.args.gateway.gateway, &self.world);
        let mut secrets = configuration::secrets(&self.world);
        mint::add(&self.state, &self.world, &mut secrets)?;
        let implied = if laptop::is_declared(&self.world, &name) { None } else { laptop::implied(&name) };
        let configuration =
            configuration::configure(&self.world, secrets.clone(), implied.into_iter().collect());
        self.say_new(&configuration.problems);
        let snapshot = snapshot(&configuration, &name)?;
        let keys = self.world.all(What::Ours(Kind::Key));
        let keys: Vec<_> =
            keys.filter_map(|(_, held)| serde_json::from_value(held.value.clone()).ok()).collect();
        let offer = Offer::of(&snapshot, &keys, &secrets);
        Ok(Compiled { snapshot, offer })
    }

    fn say_new(&mut self, problems: &[Problem]) {
        let placeless = |problem: &Problem| Problem { spot: None, ..problem.clone() };
        problems.iter().filter(|problem| !self.found.contains(&placeless(problem))).for_each(screen::note);
        self.found = problems.iter().map(placeless).collect();
    }
}

fn snapshot(configuration: &Configuration, name: &ObjectName) -> anyhow::Result<Snapshot> {
    configuration.snapshot(name).cloned().with_context(|| format!("there is no LLMGateway {name}"))
}

/// Applies edits until a signal comes.
fn serve(site: &mut Site<'_>, running: &Running, events: &Receiver<Event>) {
    let mut limit = events::poll(Duration::ZERO);
    while events::wait(events, limit) {
        let began = Instant::now();
        reload(site, running, began);
        limit = if site.drafts.is_restless() { drafts::CALM } else { events::poll(began.elapsed()) };
    }
}

fn reload(site: &mut Site<'_>, running: &Running, began: Instant) {
    let Some(outcome) = site.look(began).filter(Outcome::has_changes) else { return };
    match site.compile() {
        Ok(Compiled { snapshot, offer }) => {
            let generation = running.apply(snapshot);
            let took = began.elapsed().as_millis();
            screen::note(format_args!("reloaded: generation {generation}, {took} ms: {}", changes(&outcome)));
            if site.args.output == Format::Text {
                ready::say_changes(&site.offer, &offer);
            }
            site.offer = offer;
        }
        Err(error) => screen::note(format_args!("error: nothing is changed: {error:#}")),
    }
}

fn changes(outcome: &Outcome) -> String {
    let parts = [("new", &outcome.added), ("changed", &outcome.changed), ("removed", &outcome.removed)];
    let parts = parts.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(what, ids)| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        format!("{what} {}", ids.join(", "))
    });
    let mut said = parts.collect::<Vec<_>>().join("; ");
    if !outcome.removed.is_empty() {
        said += &format!(" (in no file for {} s)", drafts::GRACE.as_secs());
    }
    said
}

/// Lets running answers finish; a second signal cuts them off.
fn end(running: Running, signals: &Signals) -> u8 {
    screen::note("ending: running answers finish first; once more ends at once");
    u8::from(!running.end(signals))
}
