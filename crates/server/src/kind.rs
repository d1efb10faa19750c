//! Kinds of provisioning documents: what each is called in paths and replies, and which of its members
//! are secrets. Documents are JSON objects here; their types live in `hookswitch_api`.

mod check;

use hookswitch_api::error::FieldError;
use hookswitch_store::documents::Document;
use hookswitch_store::seal::Place;
use hookswitch_store::{MasterKey, Result, SealedText};
use serde_json::{Map, Value};

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
    /// Members sealed in the store and shown to those who may change them; `*` is any place of a list.
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

/// Where a tenant's notifications go.
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

/// Every kind there is: what is not here can be neither sealed anew under another master key nor exported.
pub static ALL: &[&Kind] = &[&CLOUD_SIP_UA, &DEVICE, &NOTIFICATION_SETTINGS];

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

    /// Takes out what a reader may not see: hidden members always, secrets unless `may_see_secrets`.
    pub fn redact(&self, members: &mut Members, may_see_secrets: bool) {
        let secrets = if may_see_secrets { &[] } else { self.secrets };
        for path in self.hidden.iter().chain(secrets) {
            remove(members, path);
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

/// Calls `change` with every text at `path`.
fn each(value: &mut Value, path: &[&str], change: &mut dyn FnMut(&mut String)) {
    let Some((first, rest)) = path.split_first() else {
        if let Value::String(text) = value {
            change(text);
        }
        return;
    };
    match value {
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

fn remove(members: &mut Members, path: &[&str]) {
    match path {
        [] => {}
        ["*"] => members.clear(),
        [last] => {
            members.remove(*last);
        }
        [first, "*", rest @ ..] => match members.get_mut(*first) {
            Some(Value::Array(items)) => {
                for item in items {
                    if let Value::Object(members) = item {
                        remove(members, rest);
                    }
                }
            }
            Some(Value::Object(inner)) => remove(inner, &path[1..]),
            _ => {}
        },
        [first, rest @ ..] => {
            if let Some(Value::Object(inner)) = members.get_mut(*first) {
                remove(inner, rest);
            }
        }
    }
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
    fn a_reader_without_the_right_sees_no_secret() {
        let mut seen = members();
        CLOUD_SIP_UA.redact(&mut seen, false);
        assert_eq!(
            Value::Object(seen),
            json!({
                "name": "alarms",
                "restAuthentication": [{"type": "HS256", "requestHeaders": {}}, {"type": "HS256"}],
            })
        );
        let mut seen = members();
        CLOUD_SIP_UA.redact(&mut seen, true);
        assert_eq!(seen, members());
    }
}
