//! Fields that many blocks have.

use crate::json::text::Text;
use crate::json::write::Writer;

pub(super) fn kind(out: &mut Writer, kind: &str) {
    out.key("type");
    out.string(kind);
}

pub(super) fn field(out: &mut Writer, name: &str, text: &Text) {
    out.key(name);
    out.text(text);
}
