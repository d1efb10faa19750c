//! `replay TARGET FILE`: one input of a fuzz target on the stable tool chain; with `PROBE_STORY=1` an engine's life is
//! told as it happens.

use hookswitch_probe::{engine, parse_message, parse_sdp, parse_stream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = match arguments.next().as_deref() {
        Some("engine") => engine,
        Some("parse_message") => parse_message,
        Some("parse_sdp") => parse_sdp,
        Some("parse_stream") => parse_stream,
        _ => return Err("replay TARGET FILE".into()),
    };
    target(&std::fs::read(
        arguments.next().ok_or("replay TARGET FILE")?,
    )?);
    Ok(())
}
