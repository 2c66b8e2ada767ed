//! JSON as gateways read it: in place, in pieces, and without a tree of it.

pub(crate) mod scan;
