//! Every limit of the message layer, in one place.

/// The longest message, in octets; also the largest datagram UDP can carry.
pub const MAX_MESSAGE: usize = 65_535;
/// The most header fields of one message.
pub const MAX_HEADERS: usize = 256;
/// The longest start line or header field including its folded lines, in octets.
pub const MAX_LINE: usize = 8_192;
/// The most parameters or embedded headers of a URI that are compared; beyond it URIs are never equivalent.
pub const MAX_COMPARED: usize = 64;
/// The most digest challenges of one response that are looked at.
pub const MAX_CHALLENGES: usize = 16;
