//! The plane that all tests share. A static is never dropped: the plane goes when this process does, by itself.

use tokio::sync::OnceCell;
use weir_cluster::Plane;

struct Shared {
    plane: Plane,
    /// What the server warned of when the CRDs were applied for the first time.
    warnings: Vec<String>,
}

static SHARED: OnceCell<Shared> = OnceCell::const_new();

async fn shared() -> &'static Shared {
    let start = async || {
        let plane = Plane::start().await.unwrap();
        let warnings = plane.install_crds().await.unwrap();
        Shared { plane, warnings }
    };
    SHARED.get_or_init(start).await
}

/// The shared plane; Weir's kinds are served.
pub(crate) async fn plane() -> &'static Plane {
    &shared().await.plane
}

pub(crate) async fn warnings_of_the_crds() -> &'static [String] {
    &shared().await.warnings
}
