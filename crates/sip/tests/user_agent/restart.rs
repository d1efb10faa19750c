//! A user agent is killed and starts again from what it wrote down at the last event of each leg.

mod accepted;
mod calling;
mod confirmed;
mod leaving;
mod offered;
mod properties;
mod taken;
