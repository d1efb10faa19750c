//! The program hookswitch: sockets, HTTP, callbacks, configuration, command line.

pub mod callback;
pub mod guard;
