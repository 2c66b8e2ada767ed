//! Writes docs/reference/codes.md from the table of codes.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/codes.md");
    std::fs::write(page, weir_compile::codes_markdown())
}
