//! Kinds of provisioning documents: what each is called in paths and replies, and which of its members
//! are secrets. Documents are JSON objects here; their types live in `hookswitch_api`. What becomes of the secrets is in
//! `kind/`: `seal.rs` on the way to the store and to readers, `keep.rs` when a document is overwritten, `veil.rs` when it
//! is patched, `bound.rs` where they are sent to.

mod bound;
mod check;
mod keep;
mod seal;
mod veil;

use hookswitch_api::error::FieldError;
use hookswitch_store::documents::Document;
use serde_json::{Map, Value};

pub use bound::{Bound, Kept};
pub use keep::Absent;
pub use veil::Veil;

/// One kind of documents.
#[derive(Debug)]
pub struct Kind {
    /// Its name in paths and in the store.
    pub name: &'static str,
    /// The member of a list's reply.
    pub list: &'static str,
    /// The member of a single one's reply; `None` when the members stand in the reply itself.
    pub single: Option<&'static str>,
    /// The member that holds its id.
    pub id: &'static str,
    /// What one is called in a sentence.
    pub noun: &'static str,
    /// Members sealed in the store and masked in every reply; `*` is any place of a list or an object, `**` every
    /// text below.
    pub secrets: &'static [&'static [&'static str]],
    /// Members sealed in the store and shown to nobody.
    pub hidden: &'static [&'static [&'static str]],
    /// Which of the masked ones are sent somewhere, and which members say where.
    pub bound: &'static [Bound],
    // Private, so that no kind is made elsewhere and forgotten here.
    check: fn(Members) -> Vec<FieldError>,
}

/// Services whose calls are steered over HTTP.
pub static CLOUD_SIP_UA: Kind = Kind {
    name: "cloudsipua",
    list: "cloudsipuas",
    single: Some("cloudsipua"),
    id: "id",
    noun: "Cloud SIP User Agent",
    secrets: &[
        &["restAuthentication", "*", "secret"],
        &["restAuthentication", "*", "requestHeaders", "*"],
    ],
    hidden: &[],
    bound: bound::CALLBACK,
    check: check::cloud_sip_ua,
};

/// Services that play, ask and record.
pub static MEDIA_SERVICE: Kind = Kind {
    name: "mediaservice",
    list: "mediaservices",
    single: Some("mediaservice"),
    id: "id",
    noun: "Media Service",
    secrets: &[
        &["restAuthentication", "*", "secret"],
        &["restAuthentication", "*", "requestHeaders", "*"],
        &["googleApikey"],
        &["googleServiceKey", "**"],
    ],
    hidden: &[],
    bound: bound::CALLBACK,
    check: check::media_service,
};

/// Services that receive alarm events.
pub static ALARM_BRIDGE: Kind = Kind {
    name: "alarmbridge",
    list: "alarmbridges",
    single: Some("alarmbridge"),
    id: "id",
    noun: "Alarmbridge",
    secrets: &[
        &["restAuthentication", "*", "secret"],
        &["restAuthentication", "*", "requestHeaders", "*"],
    ],
    hidden: &[],
    bound: bound::CALLBACK,
    check: check::alarm_bridge,
};

/// Where alarm events are sent on to.
pub static ALARM_EVENT_MAPPER: Kind = Kind {
    name: "alarmeventmapper",
    list: "alarmeventmappers",
    single: Some("alarmeventmapper"),
    id: "id",
    noun: "Alarm Event Mapper",
    secrets: &[
        &["targetEndpoint", "sipAuthPassword"],
        &["targetEndpoint", "backupEndpoint", "backupSipAuthPassword"],
    ],
    hidden: &[],
    bound: bound::TARGETS,
    check: check::alarm_event_mapper,
};

/// Ways to and from other networks.
pub static TRUNK: Kind = Kind {
    name: "trunk",
    list: "trunks",
    single: Some("trunk"),
    id: "trunkId",
    noun: "trunk",
    secrets: &[&["password"], &["ha1"]],
    hidden: &[&["hashes"]],
    bound: bound::TRUNK,
    check: check::trunk,
};

/// Where a tenant's events and alarms go.
pub static NOTIFICATION_SETTINGS: Kind = Kind {
    name: "notificationsettings",
    list: "notificationsettings",
    single: None,
    id: "id",
    noun: "notification settings",
    secrets: &[
        &["restAuthentication", "*", "secret"],
        &["restAuthentication", "*", "requestHeaders", "*"],
    ],
    hidden: &[],
    bound: bound::ENDPOINTS,
    check: check::notification_settings,
};

/// The same for recording.
pub static SIPREC_SERVICE: Kind = Kind {
    name: "siprecservice",
    list: "siprecservices",
    single: None,
    id: "id",
    noun: "SIPREC service",
    secrets: NOTIFICATION_SETTINGS.secrets,
    hidden: &[],
    bound: bound::ENDPOINTS,
    check: check::notification_settings,
};

/// Who stands behind a key.
pub static PROFILE: Kind = Kind {
    name: "profile",
    list: "profiles",
    single: Some("profile"),
    id: "id",
    noun: "profile",
    secrets: &[],
    hidden: &[],
    bound: &[],
    check: check::profile,
};

/// Devices.
pub static DEVICE: Kind = Kind {
    name: "device",
    list: "devices",
    single: None,
    id: "deviceId",
    noun: "device",
    secrets: &[],
    // What is kept of them: a device's password is shown once, by the write that made it.
    hidden: &[&["password"], &["ha1"]],
    bound: &[],
    check: check::device,
};

/// Every kind there is: what is not here can be neither sealed anew under another master key nor exported.
pub static ALL: &[&Kind] = &[
    &CLOUD_SIP_UA,
    &MEDIA_SERVICE,
    &ALARM_BRIDGE,
    &ALARM_EVENT_MAPPER,
    &TRUNK,
    &NOTIFICATION_SETTINGS,
    &SIPREC_SERVICE,
    &PROFILE,
    &DEVICE,
];

/// Kind of the documents that say that a service's callback was switched off with 410.
pub const CALLBACK: &str = "callback";

/// Kind of the documents that say when a gateway last fetched its configuration: apart from the device, whose version
/// is its customer's.
pub const CONFIGURED: &str = "lastconfigured";

/// Kinds of documents that the platform keeps beside those of its customers; there are no secrets in them.
pub static NOTES: &[&str] = &[CALLBACK, CONFIGURED];

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.name == name)
}

/// A document's members.
pub type Members = Map<String, Value>;

impl Kind {
    /// What keeps a document in its stored form, secrets opened, from being used by this release.
    pub fn faults(&self, members: Members) -> Vec<FieldError> {
        (self.check)(members)
    }
}

/// The JSON of a stored document, secrets still sealed.
pub fn parse(document: &Document) -> Value {
    serde_json::from_str(&document.body).unwrap_or_else(|error| {
        tracing::error!(domain = document.domain, kind = document.kind, %error, "a stored document is damaged");
        Value::Object(Members::new())
    })
}

/// Calls `change` with every text at `path` and its pointer.
fn each(value: &mut Value, path: &[&str], change: &mut dyn FnMut(&str, &mut String)) {
    each_below(value, path, &mut String::new(), change);
}

fn each_below(
    value: &mut Value,
    path: &[&str],
    at: &mut String,
    change: &mut dyn FnMut(&str, &mut String),
) {
    let Some((first, rest)) = path.split_first() else {
        if let Value::String(text) = value {
            change(at, text);
        }
        return;
    };
    let mut deeper = |name: &str, value: &mut Value, path: &[&str]| {
        let length = at.len();
        push(at, name);
        each_below(value, path, at, change);
        at.truncate(length);
    };
    match value {
        Value::String(text) if *first == "**" => change(at, text),
        Value::Object(members) if matches!(*first, "*" | "**") => {
            let below = if *first == "**" { path } else { rest };
            for (name, member) in members {
                deeper(name, member, below);
            }
        }
        Value::Array(items) if matches!(*first, "*" | "**") => {
            let below = if *first == "**" { path } else { rest };
            for (index, item) in items.iter_mut().enumerate() {
                deeper(&index.to_string(), item, below);
            }
        }
        Value::Object(members) => {
            if let Some(member) = members.get_mut(*first) {
                deeper(first, member, rest);
            }
        }
        _ => {}
    }
}

/// One more step of a JSON pointer (RFC 6901).
fn push(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}
