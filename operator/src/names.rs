//! Labels and names by which our objects and pods are found, and under which we write.

/// Who made an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`] on what the operator writes.
pub const WEIR: &str = "weir";
/// The name of the gateway that an object or a pod belongs to, in its own namespace.
pub const GATEWAY_LABEL: &str = "weir.dev/gateway";
/// The name of a pod's port that /status is on.
pub const ADMIN_PORT: &str = "admin";
/// The admin port of a pod that names none.
pub const DEFAULT_ADMIN_PORT: u16 = 9090;
/// Writes the Lease.
pub const FIELD_MANAGER: &str = "weir";
/// Writes statuses.
pub const STATUS_MANAGER: &str = "weir/status";
