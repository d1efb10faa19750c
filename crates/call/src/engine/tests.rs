//! Whole calls on virtual time: SIP messages as text on one side, asks, commands and writes on the other.

mod drills;
mod inbound;
mod limits;
mod media;
mod outbound;
mod restart;
mod sign_in;
mod strays;
mod trunks;
mod walks;
mod world;
mod writes;
