//! SDP and offer/answer, as pure functions.
