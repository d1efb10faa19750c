//! Any octets as the life of an engine: what peers, applications, the disk and the clock do to it, in any order.

mod choices;
mod ledger;
mod peer;
mod steps;
mod world;

use self::choices::Choices;
use self::world::World;

/// Whatever happens in whatever order: every message that leaves is a sound one, nothing leaves before its write was
/// handed out, every command gets one reply, the events of a call have no gap and one end, each input brings a bounded
/// number of outputs, and when silence has lasted nothing is left.
///
/// The first octet says what the node is like; every further one or two are a step (`steps.rs`).
pub fn engine(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut world = World::new(choices.byte());
    while !choices.is_empty() {
        world.step(&mut choices);
    }
    world.closes();
}
