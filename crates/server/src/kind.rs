//! Kinds of provisioning documents: what each is called in paths and replies, and which of its members
//! are secrets. Documents are JSON objects here; their types live in `hookswitch_api`.

mod check;
mod veil;

use hookswitch_api::error::FieldError;
use hookswitch_api::secret::MASK;
use hookswitch_store::documents::Document;
use hookswitch_store::seal::Place;
use hookswitch_store::{MasterKey, Result, SealedText};
use serde_json::{Map, Value};

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
    /// The text to store: the document with its secrets sealed to its place.
    pub fn seal(
        &self,
        master_key: &MasterKey,
        domain: &str,
        id: &str,
        members: &Members,
    ) -> String {
        self.seal_value(master_key, domain, id, members.clone())
            .to_string()
    }

    /// The same as a value.
    pub fn seal_value(
        &self,
        master_key: &MasterKey,
        domain: &str,
        id: &str,
        members: Members,
    ) -> Value {
        debug_assert!(find(self.name).is_some(), "list it in `ALL`");
        let mut sealed = Value::Object(members);
        let kind = self.sealed_kind(id);
        for path in self.secrets.iter().chain(self.hidden) {
            let field = path.join("/");
            each(&mut sealed, path, &mut |text| {
                let place = Place {
                    domain,
                    kind: &kind,
                    field: &field,
                };
                *text = master_key.seal(place, text.as_bytes()).as_str().to_owned();
            });
        }
        sealed
    }

    /// A stored document with its secrets in the clear.
    pub fn open(&self, master_key: &MasterKey, document: &Document) -> Result<Members> {
        let sealed = parse(document);
        self.open_value(master_key, &document.domain, &document.id, sealed)
    }

    /// The same of a document that was read already.
    pub fn open_value(
        &self,
        master_key: &MasterKey,
        domain: &str,
        id: &str,
        mut opened: Value,
    ) -> Result<Members> {
        let kind = self.sealed_kind(id);
        let mut failure = None;
        for path in self.secrets.iter().chain(self.hidden) {
            let field = path.join("/");
            each(&mut opened, path, &mut |text| {
                let place = Place {
                    domain,
                    kind: &kind,
                    field: &field,
                };
                match master_key.open_text(place, &SealedText::from(std::mem::take(text))) {
                    Ok(plain) => *text = plain,
                    Err(error) => failure = Some(error),
                }
            });
        }
        match (failure, opened) {
            (None, Value::Object(members)) => Ok(members),
            (Some(error), _) => Err(error),
            (None, _) => Ok(Members::new()),
        }
    }

    /// What keeps a document in its stored form, secrets opened, from being used by this release.
    pub fn faults(&self, members: Members) -> Vec<FieldError> {
        (self.check)(members)
    }

    /// Takes out what nobody reads and masks what nobody reads back.
    pub fn mask(&self, members: &mut Members) {
        let mut value = Value::Object(std::mem::take(members));
        for path in self.secrets {
            each(&mut value, path, &mut |text| MASK.clone_into(text));
        }
        if let Value::Object(masked) = value {
            *members = masked;
        }
        for path in self.hidden {
            members.remove(path[0]);
        }
    }

    /// Puts the stored secrets into a document that takes another's place: where it shows the mask, and where it does
    /// not have the member at all, be it one secret or a list of credentials, unless that means its end. Null takes a
    /// secret away, an empty list all of its own. A mask with nothing behind it is a fault.
    pub fn keep(
        &self,
        members: &mut Members,
        previous: Option<&Members>,
        absent: Absent,
    ) -> Vec<FieldError> {
        let nothing = Value::Null;
        let before = previous.map_or(nothing, |members| Value::Object(members.clone()));
        let mut value = Value::Object(std::mem::take(members));
        let mut keeping = Keeping {
            absent,
            at: String::new(),
            faults: Vec::new(),
        };
        for path in self.secrets {
            keeping.keep(&mut value, &before, path);
        }
        if let Value::Object(kept) = value {
            *members = kept;
        }
        keeping.faults
    }

    fn sealed_kind(&self, id: &str) -> String {
        format!("{}/{id}", self.name)
    }
}

/// The JSON of a stored document, secrets still sealed.
pub fn parse(document: &Document) -> Value {
    serde_json::from_str(&document.body).unwrap_or_else(|error| {
        tracing::error!(domain = document.domain, kind = document.kind, %error, "a stored document is damaged");
        Value::Object(Members::new())
    })
}

/// Calls `change` with every text at `path`.
fn each(value: &mut Value, path: &[&str], change: &mut dyn FnMut(&mut String)) {
    let Some((first, rest)) = path.split_first() else {
        if let Value::String(text) = value {
            change(text);
        }
        return;
    };
    match value {
        Value::String(text) if *first == "**" => change(text),
        Value::Object(members) if *first == "**" => {
            members
                .values_mut()
                .for_each(|member| each(member, path, change));
        }
        Value::Array(items) if *first == "**" => {
            items.iter_mut().for_each(|item| each(item, path, change));
        }
        Value::Object(members) if *first == "*" => {
            members
                .values_mut()
                .for_each(|member| each(member, rest, change));
        }
        Value::Array(items) if *first == "*" => {
            items.iter_mut().for_each(|item| each(item, rest, change));
        }
        Value::Object(members) => {
            if let Some(member) = members.get_mut(*first) {
                each(member, rest, change);
            }
        }
        _ => {}
    }
}

/// What the absence of a secret means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It stays as it is: a document was overwritten.
    Kept,
    /// It was taken away: a document was patched.
    Removed,
}

/// A walk through a document and the one before it.
struct Keeping {
    absent: Absent,
    at: String,
    faults: Vec<FieldError>,
}

impl Keeping {
    /// Keeps the secrets at `path` of what was stored before.
    fn keep(&mut self, wanted: &mut Value, before: &Value, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else {
            return self.keep_text(wanted, before);
        };
        match (*first, wanted) {
            ("**", wanted @ Value::String(_)) => self.keep_text(wanted, before),
            ("*" | "**", Value::Object(members)) => {
                let below = if *first == "**" { path } else { rest };
                for (name, member) in members {
                    self.deeper(name, member, &before[name.as_str()], below);
                }
            }
            ("*", Value::Array(items)) => {
                let stored = before.as_array().map_or(&[][..], Vec::as_slice);
                let partners = partners(items, stored, rest);
                for (index, (item, partner)) in items.iter_mut().zip(partners).enumerate() {
                    self.deeper(&index.to_string(), item, &partner, rest);
                }
            }
            ("**", Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.deeper(&index.to_string(), item, &before[index], path);
                }
            }
            (name, Value::Object(members)) => {
                // A list of credentials is one as a whole; one header of an entry is not.
                let is_secret =
                    matches!(rest, [] | ["**"] | ["*", _, ..]) && self.absent == Absent::Kept;
                match (members.get_mut(name), before.get(name)) {
                    (Some(member), old) => {
                        self.deeper(name, member, old.unwrap_or(&Value::Null), rest);
                    }
                    (None, Some(old)) if is_secret => {
                        members.insert(name.to_owned(), old.clone());
                    }
                    (None, _) => {}
                }
            }
            _ => {}
        }
    }

    fn deeper(&mut self, name: &str, wanted: &mut Value, before: &Value, path: &[&str]) {
        let length = self.at.len();
        self.at.push('/');
        self.at
            .push_str(&name.replace('~', "~0").replace('/', "~1"));
        self.keep(wanted, before, path);
        self.at.truncate(length);
    }

    fn keep_text(&mut self, wanted: &mut Value, before: &Value) {
        if wanted.as_str() != Some(MASK) {
            return;
        }
        if before.is_string() {
            *wanted = before.clone();
        } else {
            let detail = "is masked, and no secret is stored there: send the secret itself";
            self.faults.push(FieldError::new(self.at.as_str(), detail));
        }
    }
}

/// For each item of a list the stored one it goes on from: the one that says the same beside its secret, else the one
/// in its place.
fn partners(items: &[Value], before: &[Value], secret: &[&str]) -> Vec<Value> {
    let plain = |item: &Value| {
        let mut item = item.clone();
        if let (Value::Object(members), Some(name)) = (&mut item, secret.first()) {
            members.remove(*name);
            members.remove("requestHeaders");
        }
        item
    };
    let mut free: Vec<(usize, Value)> = before.iter().map(plain).enumerate().collect();
    let mut found: Vec<Option<usize>> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let item = plain(item);
        let same = |(place, other): &(usize, Value)| (*other == item).then_some(*place);
        let place = free
            .iter()
            .filter(|(place, _)| *place == index)
            .find_map(same)
            .or_else(|| free.iter().find_map(same));
        free.retain(|(other, _)| Some(*other) != place);
        found.push(place);
    }
    let place = |(index, place): (usize, Option<usize>)| {
        let in_place = || {
            free.iter()
                .any(|(other, _)| *other == index)
                .then_some(index)
        };
        place
            .or_else(in_place)
            .and_then(|place| before.get(place).cloned())
            .unwrap_or_default()
    };
    found.into_iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members() -> Members {
        let value = json!({
            "name": "alarms",
            "restAuthentication": [
                {"type": "HS256", "secret": "s1", "requestHeaders": {"x-functions-key": "k"}},
                {"type": "HS256", "secret": "s2"},
            ],
        });
        value.as_object().unwrap().clone()
    }

    fn stored(id: &str, body: String) -> Document {
        Document {
            domain: "acme.example.com".to_owned(),
            kind: CLOUD_SIP_UA.name.to_owned(),
            id: id.to_owned(),
            draft: false,
            version: 1,
            body,
        }
    }

    #[test]
    fn no_secret_of_a_document_is_stored_in_the_clear() {
        let master_key = MasterKey::ephemeral();
        let body = CLOUD_SIP_UA.seal(&master_key, "acme.example.com", "1", &members());
        for secret in ["s1", "s2", "\"k\""] {
            assert!(!body.contains(secret), "{body}");
        }
        let opened = CLOUD_SIP_UA
            .open(&master_key, &stored("1", body.clone()))
            .unwrap();
        assert_eq!(opened, members());
        assert!(
            CLOUD_SIP_UA.open(&master_key, &stored("2", body)).is_err(),
            "moved to another id"
        );
    }

    #[test]
    fn nobody_reads_a_secret_back() {
        let mut seen = members();
        CLOUD_SIP_UA.mask(&mut seen);
        assert_eq!(
            Value::Object(seen),
            json!({
                "name": "alarms",
                "restAuthentication": [
                    {"type": "HS256", "secret": MASK, "requestHeaders": {"x-functions-key": MASK}},
                    {"type": "HS256", "secret": MASK},
                ],
            })
        );
    }

    fn kept(kind: &Kind, wanted: &Value, before: &Value) -> (Value, Vec<String>) {
        let mut members = wanted.as_object().unwrap().clone();
        let faults = kind.keep(&mut members, before.as_object(), Absent::Kept);
        let pointers = faults.into_iter().map(|fault| fault.pointer).collect();
        (Value::Object(members), pointers)
    }

    #[test]
    fn masked_and_absent_secrets_stay_and_null_takes_them_away() {
        let before = json!({"googleApikey": "k", "googleServiceKey": {"private_key": "p", "deep": {"er": ["q"]}}});
        for wanted in [
            json!({}),
            json!({"googleApikey": MASK, "googleServiceKey": {"private_key": MASK, "deep": {"er": [MASK]}}}),
        ] {
            assert_eq!(
                kept(&MEDIA_SERVICE, &wanted, &before),
                (before.clone(), vec![])
            );
        }
        let gone = json!({"googleApikey": null, "googleServiceKey": {"other": "r"}});
        assert_eq!(kept(&MEDIA_SERVICE, &gone, &before), (gone, vec![]));
        let (_, faults) = kept(
            &MEDIA_SERVICE,
            &json!({"googleServiceKey": {"other": MASK}}),
            &before,
        );
        assert_eq!(faults, ["/googleServiceKey/other"]);
        let (_, faults) = kept(&MEDIA_SERVICE, &json!({"googleApikey": MASK}), &Value::Null);
        assert_eq!(faults, ["/googleApikey"]);
    }

    #[test]
    fn a_list_of_credentials_that_is_absent_stays_in_every_kind_and_an_empty_one_takes_all_away() {
        let before = json!({"restAuthentication": [
            {"type": "HS256", "secret": "s1", "requestHeaders": {"x-functions-key": "k"}},
        ]});
        let kinds = ALL.iter().filter(|kind| {
            let lists = kind
                .secrets
                .iter()
                .filter(|path| path[0] == "restAuthentication");
            lists.count() > 0
        });
        let kinds: Vec<_> = kinds.collect();
        assert_eq!(kinds.len(), 5);
        for kind in kinds {
            let absent = kept(kind, &json!({}), &before);
            assert_eq!(absent, (before.clone(), vec![]), "{}", kind.name);
            for none in [json!([]), Value::Null] {
                let wanted = json!({"restAuthentication": none});
                assert_eq!(kept(kind, &wanted, &before), (wanted, vec![]));
            }
            let mut patched = Members::new();
            kind.keep(&mut patched, before.as_object(), Absent::Removed);
            assert!(patched.is_empty(), "a patch that removes it means it");
        }
    }

    #[test]
    fn a_list_that_is_put_into_another_order_keeps_each_secret_with_its_entry() {
        let before = json!({"restAuthentication": [
            {"type": "HS256", "sub": "one", "secret": "s1"},
            {"type": "HS256", "sub": "two", "secret": "s2", "requestHeaders": {"a/b": "h"}},
        ]});
        let wanted = json!({"restAuthentication": [
            {"type": "HS256", "sub": "two", "secret": MASK, "requestHeaders": {"a/b": MASK}},
            {"type": "ES256", "sub": "new", "secret": "s3"},
            {"type": "HS256", "sub": "one"},
        ]});
        let after = json!({"restAuthentication": [
            {"type": "HS256", "sub": "two", "secret": "s2", "requestHeaders": {"a/b": "h"}},
            {"type": "ES256", "sub": "new", "secret": "s3"},
            {"type": "HS256", "sub": "one", "secret": "s1"},
        ]});
        assert_eq!(kept(&CLOUD_SIP_UA, &wanted, &before), (after, vec![]));
        // An entry whose claim changes is still the one in its place.
        let renamed =
            json!({"restAuthentication": [{"type": "HS256", "sub": "1", "secret": MASK}]});
        let (after, _) = kept(&CLOUD_SIP_UA, &renamed, &before);
        assert_eq!(after["restAuthentication"][0]["secret"], "s1");
        let header = json!({"restAuthentication": [{"type": "HS256", "sub": "one", "requestHeaders": {"a/b": MASK}}]});
        let (_, faults) = kept(&CLOUD_SIP_UA, &header, &before);
        assert_eq!(faults, ["/restAuthentication/0/requestHeaders/a~1b"]);
    }
}
