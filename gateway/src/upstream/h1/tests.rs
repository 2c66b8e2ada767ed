//! What the tests of this folder share.

use super::Origin;
use weir_config::{Auth, Endpoint, Secret};

/// Somewhere, and a credential for it.
pub(super) fn origin() -> Origin {
    let (host, base_path) = ("upstream.test".to_owned(), "/v1".to_owned());
    let endpoint = Endpoint { tls: false, host, port: 80, base_path };
    Origin::new(&endpoint, Auth::Bearer, Some(&Secret::new("sk-secret"))).unwrap()
}
