//! A gateway in a pod: configured by what the operator publishes.

mod args;

use args::Args;
use clap::Parser;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use tracing_subscriber::EnvFilter;
use weir_gateway::{Bounds, Log, Options, Signals};
use weir_source_kube::{Settings, Source, addresses};

fn main() -> ExitCode {
    let args = Args::parse();
    let log = match Log::to_stderr(lost) {
        Ok(log) => log,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error: there can be no log: {error}"));
            return ExitCode::from(2);
        }
    };
    let code = match run(args, &log) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // Its filter may be what is wrong.
            log.line(format!("error: {error:#}\n").as_bytes());
            ExitCode::from(2)
        }
    };
    log.flush();
    code
}

/// Runs until a signal; whether everything ended in order. An error: it could not start.
fn run(args: Args, log: &Log) -> anyhow::Result<bool> {
    begin(log, &args.log)?;
    let (heard, signalled) = mpsc::channel();
    let signals = Signals::listen(move || {
        // Nobody waits any more once the end has begun.
        let _ = heard.send(());
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (config, withheld) = runtime.block_on(async {
        let config = kube::Config::infer().await?;
        let withheld = addresses(&config).await;
        anyhow::Ok((config, withheld))
    })?;
    runtime.shutdown_background(); // a name lookup may go on, and nobody waits for it
    let options = Options {
        listen: args.listen,
        admin_listen: args.admin_listen,
        workers: args.workers,
        usage_log: args.usage_log,
        log: Some(log.clone()),
        memory_budget: args.memory_budget.map(|args::Bytes(bytes)| bytes),
        bounds: Bounds::default(),
        keep_alive: Options::KEEP_ALIVE,
        withheld,
    };
    let running = weir_gateway::start(&options)?;
    running.obey(&signals);
    tracing::info!(
        gateway = %args.gateway,
        data = %running.data_address,
        admin = %running.admin_address,
        "started"
    );
    let settings =
        Settings { gateway: args.gateway, state_dir: args.state_dir, patience: Settings::PATIENCE };
    let source = Source::start(&config, settings, running.feed())?;
    // An error means that the signals' thread is gone: no signal will ever be heard.
    signalled.recv()?;
    tracing::info!("ending: running answers finish first");
    // The source goes on meanwhile: a key that is revoked now is refused now.
    let in_order = running.end(&signals);
    source.stop();
    Ok(in_order)
}

/// One line of JSON per event, on standard error: standard output is the usage log's. Nobody needs to read it.
fn begin(log: &Log, filter: &str) -> anyhow::Result<()> {
    let (filter, writer) = (EnvFilter::try_new(filter)?, log.clone());
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(move || writer.clone()).init();
    log.tell_panics();
    Ok(())
}

/// In the form of all other lines.
fn lost(lines: u64) -> String {
    let fields = json!({ "message": "lines lost here: nobody read them", "lines": lines });
    json!({ "level": "WARN", "fields": fields, "target": "weir_gateway" }).to_string() + "\n"
}
