//! Stored secrets put back into a document that takes another's place.

use hookswitch_api::error::FieldError;
use hookswitch_api::secret::MASK;
use serde_json::Value;

use super::{Kept, Kind, Members, push};

impl Kind {
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
    ) -> Result<Vec<Kept>, Vec<FieldError>> {
        let before = previous.cloned().unwrap_or_default();
        let mut masked = before.clone();
        self.mask(&mut masked);
        let (before, masked) = (Value::Object(before), Value::Object(masked));
        let mut value = Value::Object(std::mem::take(members));
        let mut keeping = Keeping {
            absent,
            secrets: self.secrets,
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
    secrets: &'static [&'static [&'static str]],
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
                let partners = partners(items, stored, &self.siblings(rest));
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

    /// The members of a list's items that secrets are in, where the way that is walked has `rest` before it.
    fn siblings(&self, rest: &[&str]) -> Vec<&'static str> {
        let list = &self.whole[..self.whole.len() - rest.len()];
        let behind = |path: &&'static [&'static str]| path.strip_prefix(list)?.first().copied();
        self.secrets.iter().filter_map(behind).collect()
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

/// For each item of a list the place of the stored one it goes on from: the one that says the same beside its secrets,
/// else the one in its place.
fn partners(items: &[Value], before: &[Value], secrets: &[&str]) -> Vec<Option<usize>> {
    let plain = |item: &Value| {
        let mut item = item.clone();
        if let Value::Object(members) = &mut item {
            members.retain(|name, _| !secrets.contains(&name.as_str()));
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
    use serde_json::json;

    use super::*;
    use crate::kind::{ALL, CLOUD_SIP_UA, MEDIA_SERVICE};

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
