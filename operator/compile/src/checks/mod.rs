//! What can only be said of several objects together: one check a file. Two of them also decide, who keeps a
//! name and who keeps a key text; the others only report.

pub(crate) mod egress;
pub(crate) mod key_digests;
pub(crate) mod model_names;
pub(crate) mod references;
pub(crate) mod served;
pub(crate) mod unpriced;
