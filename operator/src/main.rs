//! `weir-operator`: its command line, its logs, its loop.

use clap::Parser;
use std::process::ExitCode;
use weir_operator::args::Args;
use weir_operator::log;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let args = Args::parse();
    match start(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start(args: Args) -> anyhow::Result<()> {
    let filter = log::filter(&args.log)?;
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    // One TLS library for everything in the process.
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().map_err(|_| anyhow::anyhow!("a TLS library is installed already"))?;
    weir_operator::run::run(args).await
}
