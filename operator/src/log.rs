//! What is logged: everything that is asked for, but nothing that could show a Secret (semantics S10.10).

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// kube writes answers that it cannot read into its log whole, as a warning: Secrets come to us in answers. What it has
/// to say of errors it says to whoever called, too.
const NEVER: &str = "kube_client::client=off";

/// The filter for `wanted`, the text of `--log`.
///
/// # Errors
/// `wanted` is no list of levels and modules.
pub fn filter(wanted: &str) -> Result<EnvFilter, ParseError> {
    Ok(wanted.parse::<EnvFilter>()?.add_directive(NEVER.parse()?))
}
