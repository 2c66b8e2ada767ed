//! Markers of where a vendor may cache up to: `cache_control`.

use super::told::Told;
use super::turns::Said;
use crate::json::text::Json;
use crate::json::write::Writer;

/// How many markers a request may have. Source: Anthropic's page on prompt caching.
const MOST: usize = 4;

/// Which markers are written: the last ones, which cover the most.
#[derive(Debug)]
pub(super) struct Caches {
    skip: usize,
}

impl Caches {
    pub(super) fn of(of_tools: usize, said: &Said<'_>, told: &mut Told) -> Self {
        let blocks = said.system.iter().chain(said.runs.iter().flat_map(|run| &run.blocks));
        let markers = of_tools + blocks.filter(|block| block.cache.is_some()).count();
        let skip = markers.saturating_sub(MOST);
        if skip > 0 {
            told.once("cache_control");
        }
        Self { skip }
    }

    /// Writes a marker, if there is one and it is one of those.
    pub(super) fn write(&mut self, out: &mut Writer, marker: Option<&Json>) {
        let Some(marker) = marker else { return };
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        out.key("cache_control");
        out.json(marker);
    }
}
