//! Labels and names by which our objects and pods are found, and under which we write.

/// Who made an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`] on what the operator writes.
pub const WEIR: &str = "weir";
/// What an object or a pod is.
pub const NAME_LABEL: &str = "app.kubernetes.io/name";
/// Which one of these it is.
pub const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
/// The name of the gateway that an object or a pod belongs to, in its own namespace.
pub const GATEWAY_LABEL: &str = "weir.dev/gateway";
/// The SHA-256 of what was applied last, on each child of a gateway.
pub const APPLIED: &str = "weir.dev/applied";
/// The container that is the gateway, in its pod.
pub const CONTAINER: &str = "gateway";
/// The name of a pod's port that /status is on.
pub const ADMIN_PORT: &str = "admin";
/// The admin port of a pod that names none.
pub const DEFAULT_ADMIN_PORT: u16 = 9090;
/// Writes the Lease and gateways' children.
pub const FIELD_MANAGER: &str = "weir";
/// Writes statuses.
pub const STATUS_MANAGER: &str = "weir/status";
