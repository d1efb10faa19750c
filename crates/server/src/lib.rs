//! The program hookswitch: sockets, HTTP, callbacks, configuration, command line.
