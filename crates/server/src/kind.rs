//! Kinds of provisioning documents: what each is called in paths and replies, and which of its members
//! are secrets. Documents are JSON objects here; their types live in `hookswitch_api`.

mod bound;
mod check;
mod veil;

use hookswitch_api::error::FieldError;
use hookswitch_api::secret::MASK;
use hookswitch_store::documents::Document;
use hookswitch_store::seal::Place;
use hookswitch_store::{MasterKey, Result, SealedText};
use serde_json::{Map, Value};

pub use bound::{Bound, Kept};
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
    /// The text to store: the document with its secrets sealed to its place.
    pub fn seal(
        &self,
        master_key: &MasterKey,
        domain: &str,
        id: &str,
        members: &Members,
    ) -> String {
        let fields = |path: &[&str], _: &Value| path.join("/");
        self.seal_value(master_key, domain, id, members.clone(), fields)
            .to_string()
    }

    /// The same as a value for a file that others may change: a secret that is sent somewhere opens only while its
    /// address is the same.
    pub fn seal_for_file(
        &self,
        key: &MasterKey,
        domain: &str,
        id: &str,
        members: Members,
    ) -> Value {
        let fields = |path: &[&str], document: &Value| self.field_in_file(path, document);
        self.seal_value(key, domain, id, members, fields)
    }

    fn field_in_file(&self, path: &[&str], document: &Value) -> String {
        match self.bond(path, document) {
            hosts if hosts.is_empty() => path.join("/"),
            hosts => format!("{} {hosts}", path.join("/")),
        }
    }

    fn seal_value(
        &self,
        master_key: &MasterKey,
        domain: &str,
        id: &str,
        members: Members,
        fields: impl Fn(&[&str], &Value) -> String,
    ) -> Value {
        debug_assert!(find(self.name).is_some(), "list it in `ALL`");
        let mut sealed = Value::Object(members);
        let kind = self.sealed_kind(id);
        for path in self.secrets.iter().chain(self.hidden) {
            let field = fields(path, &sealed);
            each(&mut sealed, path, &mut |_, text| {
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
        let fields = |path: &[&str], _: &Value| path.join("/");
        self.open_value(master_key, &document.domain, &document.id, sealed, fields)
    }

    /// The same of a document in a file.
    pub fn open_from_file(
        &self,
        key: &MasterKey,
        domain: &str,
        id: &str,
        sealed: Value,
    ) -> Result<Members> {
        let fields = |path: &[&str], document: &Value| self.field_in_file(path, document);
        self.open_value(key, domain, id, sealed, fields)
    }

    fn open_value(
        &self,
        master_key: &MasterKey,
        domain: &str,
        id: &str,
        mut opened: Value,
        fields: impl Fn(&[&str], &Value) -> String,
    ) -> Result<Members> {
        let kind = self.sealed_kind(id);
        let mut failure = None;
        for path in self.secrets.iter().chain(self.hidden) {
            let field = fields(path, &opened);
            each(&mut opened, path, &mut |_, text| {
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
            each(&mut value, path, &mut |_, text| MASK.clone_into(text));
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
    /// secret away, an empty list all of its own. Says which it put there.
    ///
    /// # Errors
    /// A mask with nothing behind it.
    pub fn keep(
        &self,
        members: &mut Members,
        previous: Option<&Members>,
        absent: Absent,
    ) -> std::result::Result<Vec<Kept>, Vec<FieldError>> {
        let before = previous.cloned().unwrap_or_default();
        let mut masked = before.clone();
        self.mask(&mut masked);
        let (before, masked) = (Value::Object(before), Value::Object(masked));
        let mut value = Value::Object(std::mem::take(members));
        let mut keeping = Keeping {
            absent,
            at: String::new(),
            whole: &[],
            kept: Vec::new(),
            faults: Vec::new(),
        };
        for path in self.secrets {
            keeping.whole = path;
            keeping.keep(&mut value, (&before, &masked), path);
        }
        if let Value::Object(kept) = value {
            *members = kept;
        }
        match keeping.faults.is_empty() {
            true => Ok(keeping.kept),
            false => Err(keeping.faults),
        }
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
    /// The path that is walked.
    whole: &'static [&'static str],
    kept: Vec<Kept>,
    faults: Vec<FieldError>,
}

/// What was stored before, and the same masked.
type Before<'v> = (&'v Value, &'v Value);

impl Keeping {
    /// Keeps the secrets at `path` of what was stored before.
    fn keep(&mut self, wanted: &mut Value, before: Before<'_>, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else {
            return self.keep_text(wanted, before.0);
        };
        match (*first, wanted) {
            ("**", wanted @ Value::String(_)) => self.keep_text(wanted, before.0),
            ("*" | "**", Value::Object(members)) => {
                let below = if *first == "**" { path } else { rest };
                for (name, member) in members {
                    let before = (&before.0[name.as_str()], &before.1[name.as_str()]);
                    self.deeper(name, member, before, below);
                }
            }
            ("*", Value::Array(items)) => {
                let stored = before.0.as_array().map_or(&[][..], Vec::as_slice);
                let partners = partners(items, stored, rest);
                for (index, (item, partner)) in items.iter_mut().zip(partners).enumerate() {
                    let before = match partner {
                        Some(place) => (&before.0[place], &before.1[place]),
                        None => (&Value::Null, &Value::Null),
                    };
                    self.deeper(&index.to_string(), item, before, rest);
                }
            }
            ("**", Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let before = (&before.0[index], &before.1[index]);
                    self.deeper(&index.to_string(), item, before, path);
                }
            }
            (name, Value::Object(members)) => {
                // A list of credentials is one as a whole; one header of an entry is not.
                let is_secret =
                    matches!(rest, [] | ["**"] | ["*", _, ..]) && self.absent == Absent::Kept;
                if is_secret
                    && !members.contains_key(name)
                    && let Some(masked) = before.1.get(name)
                {
                    // As if it had been sent masked.
                    members.insert(name.to_owned(), masked.clone());
                }
                if let Some(member) = members.get_mut(name) {
                    let before = (&before.0[name], &before.1[name]);
                    self.deeper(name, member, before, rest);
                }
            }
            _ => {}
        }
    }

    fn deeper(&mut self, name: &str, wanted: &mut Value, before: Before<'_>, path: &[&str]) {
        let length = self.at.len();
        push(&mut self.at, name);
        self.keep(wanted, before, path);
        self.at.truncate(length);
    }

    fn keep_text(&mut self, wanted: &mut Value, before: &Value) {
        if wanted.as_str() != Some(MASK) {
            return;
        }
        if before.is_string() {
            *wanted = before.clone();
            self.kept.push(Kept {
                path: self.whole,
                pointer: self.at.clone(),
            });
        } else {
            let detail = "is masked, and no secret is stored there: send the secret itself";
            self.faults.push(FieldError::new(self.at.as_str(), detail));
        }
    }
}

/// For each item of a list the place of the stored one it goes on from: the one that says the same beside its secret, else the one
/// in its place.
fn partners(items: &[Value], before: &[Value], secret: &[&str]) -> Vec<Option<usize>> {
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
        place.or_else(in_place)
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
        let kept = kind.keep(&mut members, before.as_object(), Absent::Kept);
        let faults = kept.err().unwrap_or_default().into_iter();
        let pointers = faults.map(|fault| fault.pointer).collect();
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
            let kept = kind.keep(&mut patched, before.as_object(), Absent::Removed);
            assert_eq!(kept, Ok(vec![]));
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
