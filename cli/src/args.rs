//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use weir_compile::Severity;
use weir_config::ObjectName;
use weir_gateway::UsageLogTo;

/// An LLM gateway: many accounts behind one address, one key per tenant.
#[derive(Debug, Parser)]
#[command(name = "weir", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(Up),
    Lint(Lint),
}

/// Run the gateway on this machine, from manifests as a cluster takes them; edits apply on save.
///
/// Without a manifest it serves two made-up providers, so that there is something to try.
/// Exit code: 0 after Ctrl-C or SIGTERM and a clean end, 1 if manifests are wrong or a second signal cut answers
/// off or a part of it died, 2 if it cannot start.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Manifests: files, or folders to search for *.yaml, *.yml and *.json.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) gateway: GatewayArg,
    /// Where callers connect; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Where /livez, /readyz, /metrics and /status are; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    pub(crate) admin_listen: SocketAddr,
    /// How to say that it is ready: for people, or as one line of JSON.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
    /// Where generated keys are kept [default: $XDG_STATE_HOME/weir, or ~/.local/state/weir].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// One line of JSON per request: appended to a file, "-" for standard output, or "off".
    #[arg(long, value_name = "FILE|-|off", default_value = "off")]
    pub(crate) usage_log: UsageLogTo,
    /// Worker threads [default: one for each processor].
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// What to log on standard error: a level, or one per module, such as warn,weir_gateway=debug.
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    pub(crate) log: String,
}

/// Check manifests without a cluster: schema, rules, and what they mean together.
///
/// Exit code: 0 if there is nothing at or above the level of --fail-on, 1 if there is, 2 if a file cannot be read.
#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// Manifests: files, or folders to search for *.yaml, *.yml and *.json.
    #[arg(value_name = "FILE|DIR", required_unless_present = "files")]
    pub(crate) paths: Vec<PathBuf>,
    /// The same, as kubectl wants it.
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) gateway: GatewayArg,
    /// The mildest that fails.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = FailOn::Error)]
    pub(crate) fail_on: FailOn,
    /// How to report: a line each for people, or one object of JSON.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct GatewayArg {
    /// Name of the LLMGateway, with its namespace if there are several; where the manifests have none of that name,
    /// one for this machine is implied.
    #[arg(long, value_name = "[NAMESPACE/]NAME", default_value = "default")]
    pub(crate) gateway: GatewayName,
}

/// A gateway's name as it is given: the namespace may follow from the manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatewayName {
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl std::str::FromStr for GatewayName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('/') {
            let name: ObjectName = text.parse().map_err(|error| format!("{error}"))?;
            return Ok(Self { namespace: Some(name.namespace.clone()), name: name.name.clone() });
        }
        if text.is_empty() {
            return Err("a name is needed".to_owned());
        }
        Ok(Self { namespace: None, name: text.to_owned() })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Error,
    Warn,
}

impl FailOn {
    /// Whether something of `severity` fails.
    pub(crate) fn includes(self, severity: Severity) -> bool {
        match self {
            Self::Error => severity == Severity::Error,
            Self::Warn => severity != Severity::Info,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_gateway_is_named_with_or_without_its_namespace() {
        let name = |text: &str| text.parse::<GatewayName>();
        assert_eq!(name("a/b").unwrap(), GatewayName { namespace: Some("a".into()), name: "b".into() });
        assert_eq!(name("b").unwrap(), GatewayName { namespace: None, name: "b".into() });
        assert!(name("a/b/c").is_err() && name("").is_err() && name("/b").is_err());
    }
}
