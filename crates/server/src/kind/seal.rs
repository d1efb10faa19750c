//! The secrets of a document sealed to its place, opened, and masked.

use hookswitch_api::secret::MASK;
use hookswitch_store::documents::Document;
use hookswitch_store::seal::Place;
use hookswitch_store::{MasterKey, Result, SealedText};
use serde_json::Value;

use super::{Kind, Members, each, find, parse};

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

    fn sealed_kind(&self, id: &str) -> String {
        format!("{}/{id}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::CLOUD_SIP_UA;

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
}
