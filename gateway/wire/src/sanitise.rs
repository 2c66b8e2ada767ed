//! Vendor text made fit for callers. To be written.

/// Sanitises.
pub fn sanitise(text: &str) -> String {
    text.chars().take(2000).collect()
}
