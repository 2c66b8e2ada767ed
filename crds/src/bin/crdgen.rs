//! Writes the CRDs to `crds/yaml`, so that a change of the API is visible in review.

use std::path::Path;
use weir_crds::Kind;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("yaml");
    std::fs::create_dir_all(&folder)?;
    for kind in Kind::ALL {
        let yaml = weir_crds::crd_yaml(kind).map_err(std::io::Error::other)?;
        std::fs::write(folder.join(format!("{}.yaml", kind.plural())), yaml)?;
    }
    Ok(())
}
