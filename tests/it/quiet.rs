//! Tests that measure time or make much load run one after the other: each would measure the others.

use tokio::sync::{Mutex, MutexGuard};

static MACHINE: Mutex<()> = Mutex::const_new(());

/// Waits until no other such test runs; hold on to what it gives.
pub async fn alone() -> MutexGuard<'static, ()> {
    MACHINE.lock().await
}
