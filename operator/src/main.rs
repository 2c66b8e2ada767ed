//! `weir-operator`.

fn main() {}
