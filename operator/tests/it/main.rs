//! The operator from outside: every leaf of the API.

#[cfg(test)]
mod leaves;
// How compile's tests read manifests.
#[cfg(test)]
#[path = "../../compile/tests/it/load.rs"]
mod load;
