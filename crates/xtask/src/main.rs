//! The gate: check, openapi, tidy, bench.
fn main() {}
