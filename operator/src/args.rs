//! The command line; every flag is an environment variable, too.

use clap::Parser;
use std::net::SocketAddr;

/// What a build of this version is called.
const GATEWAY_IMAGE: &str = concat!("weir-gateway:", env!("CARGO_PKG_VERSION"));

/// Compiles Weir's objects into configurations, runs and configures gateways, and reports what became of them.
#[derive(Debug, Clone, Parser)]
#[command(name = "weir-operator", version, max_term_width = 100)]
pub struct Args {
    /// Namespaces to watch, separated by commas; "*" for all of the cluster.
    #[arg(long, env = "WEIR_WATCH_NAMESPACES", value_name = "NAMES", value_delimiter = ',', required = true)]
    pub watch_namespaces: Vec<String>,
    /// The namespace of the operator itself: its Lease is there.
    #[arg(long, env = "WEIR_NAMESPACE", value_name = "NAME")]
    pub namespace: String,
    /// Who this replica is, in the Lease and in Events: the pod's name.
    #[arg(long, env = "WEIR_IDENTITY", value_name = "NAME")]
    pub identity: String,
    /// Let providers use only Secrets that are labelled weir.dev/credential: "true".
    #[arg(
        long,
        env = "WEIR_REQUIRE_CREDENTIAL_LABEL",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_name = "BOOL"
    )]
    pub require_credential_label: bool,
    /// The image of gateways whose LLMGateway names none.
    #[arg(long, env = "WEIR_GATEWAY_IMAGE", value_name = "IMAGE", default_value = GATEWAY_IMAGE)]
    pub gateway_image: String,
    /// Where /livez, /readyz and /metrics are.
    #[arg(long, env = "WEIR_HEALTH_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8081")]
    pub health_listen: SocketAddr,
    /// What to log on standard error: a level, or one per module, such as warn,weir_operator=debug.
    #[arg(long, env = "WEIR_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}
