//! The wire: resources, commands and callback bodies.
