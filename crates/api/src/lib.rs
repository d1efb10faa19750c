//! The wire: resources, commands and callback bodies.
//!
//! Requests are read leniently (a number where text is documented, text where a number is), replies and
//! callbacks are written exactly as documented, with every extension additive. What can be checked
//! without knowing anything else is checked here, beside the type. No behaviour, no store, no SIP.

pub mod alarmbridge;
pub mod alarmeventmapper;
pub mod api_key;
pub mod authorize;
pub mod bulk;
pub mod call;
pub mod callback;
pub mod cloudsipua;
pub mod command;
pub mod crypto;
pub mod delivery;
pub mod destination;
pub mod device;
pub mod done;
pub mod error;
pub mod form;
pub mod ladder;
pub mod lenient;
pub mod mediaservice;
pub mod notice;
pub mod notification;
pub mod page;
pub mod patch;
pub mod profile;
pub mod provisory;
pub mod reply;
pub mod secret;
pub mod settings;
pub mod sip_log;
pub mod statistics;
pub mod trunk;
pub mod url;
pub mod webhook_secret;

mod fault;
mod guard;
mod strict;
mod time;
