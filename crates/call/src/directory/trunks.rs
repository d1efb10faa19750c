//! Trunks, and the service destinations that are provisioned before there is a service.

use std::net::IpAddr;
use std::sync::Arc;

use hookswitch_sip::auth::Ha1;
use hookswitch_sip::flow::Transport;
use ipnet::IpNet;

use crate::pattern::Pattern;
use crate::rewrite::Rewrite;

/// A way to and from another network.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// `trunkId`.
    pub id: Arc<str>,
    /// Where outbound calls go: a host, perhaps with a port.
    pub target: Box<str>,
    /// Over which transport.
    pub transport: Transport,
    /// Which users it takes.
    pub destination_match: Pattern,
    /// How the user is rewritten.
    pub rewrite: Option<Rewrite>,
    /// Which users it does not take.
    pub blacklist: Option<Pattern>,
    /// Where its inbound calls come from, as far as the operator granted that to the tenant.
    pub source_networks: Box<[IpNet]>,
    /// Its name in X-Terminating-Trunk-Group-Id.
    pub group: Option<Box<str>>,
    /// Parameters added to the Request-URI.
    pub parameters: Option<Box<str>>,
    /// The number in Diversion.
    pub diversion: Option<Box<str>>,
    /// The number calls come from instead of their own.
    pub caller: Option<Box<str>>,
    /// How its other side proves itself.
    pub credentials: Option<TrunkCredentials>,
}

/// How the other side of a trunk proves itself.
#[derive(Clone, Debug)]
pub struct TrunkCredentials {
    /// The user name.
    pub user_name: Box<str>,
    /// The realm.
    pub realm: Box<str>,
    /// The hashes of both and the password.
    pub ha1: Ha1,
}

impl Trunk {
    /// Whether `source` is in one of its networks.
    pub fn is_from(&self, source: IpAddr) -> bool {
        self.source_networks
            .iter()
            .any(|network| network.contains(&source))
    }
}

/// What a destination is of which no service runs here yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnservedKind {
    /// `alarmbridge`.
    AlarmBridge,
    /// `mediaservice`.
    MediaService,
}

impl UnservedKind {
    /// The word in paths and traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlarmBridge => "alarmbridge",
            Self::MediaService => "mediaservice",
        }
    }
}

/// A provisioned destination of which no service runs here yet.
#[derive(Clone, Debug)]
pub struct Unserved {
    /// What it is.
    pub kind: UnservedKind,
    /// Its id.
    pub id: Arc<str>,
    /// The customer's label.
    pub name: Box<str>,
    /// Which users it is for.
    pub destination_match: Pattern,
}
