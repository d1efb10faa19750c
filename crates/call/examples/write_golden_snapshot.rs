//! Writes the snapshots the golden test reads: a confirmed call with media and keys.
//!
//! `cargo run -p hookswitch-call --example write_golden_snapshot > crates/call/tests/snapshots/v1.hex`, by hand only,
//! and only before a version is released: what is released has to stay readable.

#![expect(clippy::print_stdout, reason = "what it writes goes to a file by hand")]

#[path = "../tests/life/mod.rs"]
mod life;

fn main() {
    let (mut engine, now) = life::engine(1);
    for octets in life::confirmed(&mut engine, now).encode().chunks(40) {
        let line: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        println!("{line}");
    }
}
