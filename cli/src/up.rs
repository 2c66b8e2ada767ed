//! `weir up`: a gateway from manifests, on this machine, kept to them as they change.

use crate::args::{Format, Up};
use crate::configuration::{self, Configuration};
use crate::events::{self, Event};
use crate::manifest::{Drafts, Id, Look, Outcome, Problem, Source, What, World, drafts};
use crate::ready::{self, Offer};
use crate::watch::Watch;
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
use weir_gateway::{Bounds, Log, Options, Running, Signals, StartError, UsageLogTo};

/// What runs when no manifest is given.
const QUICKSTART: &[(&str, &str)] = &[
    ("quickstart/key.yaml", include_str!("../../examples/quickstart/key.yaml")),
    ("quickstart/providers.yaml", include_str!("../../examples/quickstart/providers.yaml")),
    ("quickstart/route.yaml", include_str!("../../examples/quickstart/route.yaml")),
];

/// So many errors are told on `/status`.
const TOLD: usize = 10;

/// Runs until a signal; returns the exit code. An error: it could not start.
pub(crate) fn run(args: &Up, log: Log) -> anyhow::Result<u8> {
    let source = source(args);
    let (sender, events) = channel();
    let signals = events::signals(sender.clone()).context("signals cannot be handled")?;
    let watch = Watch::new(&source, sender);
    let mut site = Site::new(args, source, watch)?;
    let outcome = site.read();
    if let Some(code) = refused(&outcome.problems) {
        return Ok(code);
    }
    if !outcome.foreign.is_empty() {
        screen::note(format_args!("passed over, as they are not Weir's: {}", outcome.foreign.join(", ")));
    }
    let options = options(args, log);
    let compiled = site.compile()?;
    if !compiled.unminted.is_empty() {
        compiled.unminted.iter().for_each(screen::note);
        return Ok(2);
    }
    let running = weir_gateway::start(&options).map_err(|error| explain(&error, &options))?;
    running.obey(&signals);
    running.apply(compiled.snapshot);
    running.feed().report(site.trouble());
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
    let source = Source::paths(args.paths.clone());
    match &args.usage_log {
        UsageLogTo::File(file) => source.without(file),
        UsageLogTo::Off | UsageLogTo::Stdout => source,
    }
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
    watch: Watch,
    state: PathBuf,
    drafts: Drafts,
    world: World,
    /// What was wrong with the files and with the manifests last, and what was found in them; said once, for as long
    /// as it holds.
    astray: BTreeSet<Problem>,
    wrong: BTreeSet<Problem>,
    found: BTreeSet<Problem>,
    /// What counts since the gateway last took what does.
    pending: Outcome,
    /// The keys that the gateway lacks, as they could not be made.
    unminted: BTreeSet<Problem>,
    /// Why nothing could be applied, if it is so; said once.
    stuck: Option<String>,
    offer: Offer,
}

/// What the gateway is to run.
struct Compiled {
    snapshot: Snapshot,
    offer: Offer,
    /// The keys that could not be made, which are left out.
    unminted: Vec<Problem>,
}

impl<'a> Site<'a> {
    fn new(args: &'a Up, source: Source, watch: Watch) -> anyhow::Result<Self> {
        let state = args.state.clone().map_or_else(mint::default_folder, Ok)?;
        let (drafts, world, astray, wrong, found) = Default::default();
        let (pending, unminted, stuck, offer) = Default::default();
        let site = Self {
            args,
            source,
            watch,
            state,
            drafts,
            world,
            astray,
            wrong,
            found,
            pending,
            unminted,
            stuck,
            offer,
        };
        Ok(site)
    }

    /// Reads the manifests for the first time and says what is wrong with them.
    fn read(&mut self) -> Outcome {
        let Look { files, problems, folders } = self.source.read();
        self.watch.follow(&folders);
        say_new(&mut self.astray, &problems);
        self.drafts = Drafts::begin(files);
        let mut outcome = self.take(&BTreeSet::new());
        outcome.problems.splice(0..0, problems);
        outcome
    }

    /// Reads them again; `None` if nothing else counts than before.
    fn look(&mut self, now: Instant) -> Option<Outcome> {
        let Look { files, problems, folders } = self.source.read();
        self.watch.follow(&folders);
        say_new(&mut self.astray, &problems);
        let held = self.world.by_file();
        self.drafts.see(files, &held, now);
        let staying = self.drafts.settle(&held, now)?;
        Some(self.take(&staying))
    }

    /// Takes the texts that count, and says what is wrong with them. What is `staying` need not be in them.
    fn take(&mut self, staying: &BTreeSet<Id>) -> Outcome {
        let wanted = &self.args.gateway.gateway;
        let outcome = self.world.take(&self.drafts.texts(), staying, |id, value| {
            if laptop::is_wanted(wanted, id) {
                laptop::adjust(value);
            }
        });
        say_new(&mut self.wrong, &outcome.problems);
        outcome
    }

    /// What keeps manifests from being served as they are written now, as `/status` tells it: the errors that were said.
    fn trouble(&self) -> Option<String> {
        let problems = [&self.astray, &self.wrong, &self.found, &self.unminted].into_iter().flatten();
        let errors = problems.filter(|problem| problem.is_error()).map(ToString::to_string);
        let mut errors: Vec<String> = self.stuck.iter().cloned().chain(errors).collect();
        let more = errors.len().saturating_sub(TOLD);
        errors.truncate(TOLD);
        errors.extend((more > 0).then(|| format!("and {more} more, see standard error")));
        Some(errors.join("\n")).filter(|told| !told.is_empty())
    }

    /// Compiles what is in force, makes missing keys, and says what compile finds.
    fn compile(&mut self) -> anyhow::Result<Compiled> {
        let name = laptop::full_name(&self.args.gateway.gateway, &self.world);
        let mut secrets = configuration::secrets(&self.world);
        let unminted = mint::add(&self.state, &self.world, &mut secrets);
        let implied = if laptop::is_declared(&self.world, &name) { None } else { laptop::implied(&name) };
        let configuration =
            configuration::configure(&self.world, secrets.clone(), implied.into_iter().collect());
        say_new(&mut self.found, &configuration.problems);
        let snapshot = snapshot(&configuration, &name)?;
        let keys = self.world.all(What::Ours(Kind::Key));
        let keys: Vec<_> =
            keys.filter_map(|(_, held)| serde_json::from_value(held.value.clone()).ok()).collect();
        let offer = Offer::of(&snapshot, &keys, &secrets);
        Ok(Compiled { snapshot, offer, unminted })
    }
}

/// Says those of `problems` that are not `known`, and makes all of them so. An edit that only moves an object within
/// its file makes nothing new.
fn say_new(known: &mut BTreeSet<Problem>, problems: &[Problem]) {
    let placeless = |problem: &Problem| {
        let spot = problem.spot.clone().filter(|_| problem.object.is_none());
        Problem { spot, ..problem.clone() }
    };
    problems.iter().filter(|problem| !known.contains(&placeless(problem))).for_each(screen::note);
    *known = problems.iter().map(placeless).collect();
}

fn snapshot(configuration: &Configuration, name: &ObjectName) -> anyhow::Result<Snapshot> {
    configuration.snapshot(name).cloned().with_context(|| format!("there is no LLMGateway {name}"))
}

/// Applies edits until a signal comes.
fn serve(site: &mut Site<'_>, running: &Running, events: &Receiver<Event>) {
    let mut pause = events::pause(Duration::ZERO, false);
    while events::wait(events, pause) {
        let began = Instant::now();
        reload(site, running, began);
        running.feed().report(site.trouble());
        pause = events::pause(began.elapsed(), site.drafts.is_restless());
    }
}

/// Looks, and applies what counts. What cannot be applied now is tried again at the next look.
fn reload(site: &mut Site<'_>, running: &Running, began: Instant) {
    if let Some(outcome) = site.look(began) {
        site.pending.extend(outcome);
    }
    if !site.pending.has_changes() && site.unminted.is_empty() {
        return;
    }
    match site.compile() {
        Ok(compiled) => apply(site, running, compiled, began),
        Err(error) => {
            let why = format!("error: nothing is changed: {error:#}");
            if site.stuck.as_ref() != Some(&why) {
                screen::note(&why);
            }
            site.stuck = Some(why);
        }
    }
}

fn apply(site: &mut Site<'_>, running: &Running, compiled: Compiled, began: Instant) {
    let Compiled { snapshot, offer, unminted } = compiled;
    site.stuck = None;
    let is_news = site.pending.has_changes() || unminted.len() < site.unminted.len();
    say_new(&mut site.unminted, &unminted);
    if !is_news {
        return;
    }
    let outcome = std::mem::take(&mut site.pending);
    let generation = running.apply(snapshot);
    let took = began.elapsed().as_millis();
    screen::note(format_args!("reloaded: generation {generation}, {took} ms: {}", changes(&outcome)));
    if site.args.output == Format::Text {
        ready::say_changes(&site.offer, &offer);
    }
    site.offer = offer;
}

fn changes(outcome: &Outcome) -> String {
    let parts = [("new", &outcome.added), ("changed", &outcome.changed), ("removed", &outcome.removed)];
    let parts = parts.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(what, ids)| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        format!("{what} {}", ids.join(", "))
    });
    let mut said = parts.collect::<Vec<_>>().join("; ");
    if said.is_empty() {
        said.push_str("keys that could not be made before");
    }
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
