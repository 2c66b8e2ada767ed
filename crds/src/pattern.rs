//! Patterns of names that more than one kind has.

/// A name within an object.
pub(crate) const DNS_LABEL: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Name of a provider's model, as routes use it.
pub(crate) const MODEL_NAME: &str = r"^[A-Za-z0-9@][A-Za-z0-9._:/@+-]*$";
