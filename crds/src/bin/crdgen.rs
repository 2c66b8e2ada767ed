//! Writes the CRDs to `charts/weir/files/crds`, so that a change of the API is visible in review. The chart renders them
//! from there; there is no other copy.

use std::path::Path;
use weir_crds::Kind;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/weir/files/crds");
    std::fs::create_dir_all(&folder)?;
    for kind in Kind::ALL {
        let yaml = weir_crds::crd_yaml(kind).map_err(std::io::Error::other)?;
        std::fs::write(folder.join(format!("{}.yaml", kind.plural())), yaml)?;
    }
    Ok(())
}
