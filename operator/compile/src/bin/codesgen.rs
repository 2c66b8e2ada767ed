//! Writes the pages in docs/reference that are made from the table of codes.

use std::path::Path;
use weir_compile::{codes_markdown, conditions_markdown};

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    std::fs::write(folder.join("codes.md"), codes_markdown())?;
    std::fs::write(folder.join("conditions.md"), conditions_markdown())
}
