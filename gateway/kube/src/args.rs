//! The command line, or the environment: a pod's template is easier to read with either.

use clap::Parser;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use weir_config::ObjectName;
use weir_gateway::UsageLogTo;

/// An LLM gateway, configured by what the Weir operator publishes for one LLMGateway.
///
/// The API server is found as in any pod, or through KUBECONFIG.
/// Exit code: 0 after SIGTERM and a clean end, 1 if a second signal cut answers off or a part of it died, 2 if it cannot
/// start.
#[derive(Debug, Parser)]
#[command(name = "weir-gateway", version, max_term_width = 100)]
pub(crate) struct Args {
    /// The LLMGateway to serve.
    #[arg(long, value_name = "NAMESPACE/NAME", env = "WEIR_GATEWAY")]
    pub(crate) gateway: ObjectName,
    /// Where callers connect; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", env = "WEIR_LISTEN", default_value = "0.0.0.0:8080")]
    pub(crate) listen: SocketAddr,
    /// Where /livez, /readyz, /metrics and /status are; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", env = "WEIR_ADMIN_LISTEN", default_value = "0.0.0.0:9090")]
    pub(crate) admin_listen: SocketAddr,
    /// Where the last good configuration is kept for restarts without the API server [default: nowhere]. It holds
    /// credentials: give it a volume in memory.
    #[arg(long, value_name = "DIR", env = "WEIR_STATE_DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// One line of JSON per request: appended to a file, "-" for standard output, or "off".
    #[arg(long, value_name = "FILE|-|off", env = "WEIR_USAGE_LOG", default_value = "-")]
    pub(crate) usage_log: UsageLogTo,
    /// Worker threads [default: one for each processor].
    #[arg(long, value_name = "N", env = "WEIR_WORKERS")]
    pub(crate) workers: Option<NonZeroUsize>,
    /// Bytes of bodies held at once, such as 512Mi [default: half of the memory limit].
    #[arg(long, value_name = "BYTES", env = "WEIR_MEMORY_BUDGET")]
    pub(crate) memory_budget: Option<Bytes>,
    /// What to log on standard error: a level, or one per module, such as info,weir_source_kube=debug.
    #[arg(long, value_name = "FILTER", env = "WEIR_LOG", default_value = "info")]
    pub(crate) log: String,
}

/// An amount of memory as Kubernetes writes it: a whole number, with or without a suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SUFFIXES: [(&str, u64); 6] = [
            ("Ki", 1 << 10),
            ("Mi", 1 << 20),
            ("Gi", 1 << 30),
            ("k", 1_000),
            ("M", 1_000_000),
            ("G", 1_000_000_000),
        ];
        let found = SUFFIXES.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)));
        let (number, unit) = found.unwrap_or((text, 1));
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        match bytes {
            Some(bytes) if bytes > 0 => Ok(Self(bytes)),
            _ => Err("a number of bytes above zero is needed, such as 268435456, 256Mi or 1G".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn memory_is_written_as_kubernetes_does() {
        for (text, expected) in [("1", 1), ("256Mi", 256 << 20), ("1G", 1_000_000_000), ("64Ki", 64 << 10)] {
            assert_eq!(text.parse(), Ok(Bytes(expected)), "{text}");
        }
        for wrong in ["", "0", "Mi", "1.5Gi", "-1", "1mi", "99999999999Gi", "1 Mi"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong:?}");
        }
    }
}
