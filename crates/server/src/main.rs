//! The program `hookswitch`.

fn main() {}
