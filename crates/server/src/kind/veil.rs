//! Patching a document without reading its secrets: each is replaced by a text nobody can guess while the operations
//! run, and put back where it, or its like, belongs.

use hookswitch_api::error::FieldError;
use hookswitch_api::secret::MASK;
use serde_json::Value;

use super::{Kept, Kind, Members, each, push};
use crate::random::uuid;

/// The secrets of one document while it is patched.
pub struct Veil {
    kind: &'static Kind,
    /// What every stand-in begins with.
    stem: String,
    /// The path a secret belongs to, by its place among the kind's, and the secret.
    secrets: Vec<(usize, String)>,
}

impl Veil {
    /// The document with stand-ins for its secrets.
    pub fn over(kind: &'static Kind, members: Members) -> (Value, Self) {
        let mut value = Value::Object(members);
        let mut veil = Self {
            kind,
            stem: format!("{}-", uuid()),
            secrets: Vec::new(),
        };
        for (place, path) in veil.paths().into_iter().enumerate() {
            let (stem, secrets) = (&veil.stem, &mut veil.secrets);
            each(&mut value, path, &mut |_, text| {
                let stand_in = format!("{stem}{}", secrets.len());
                secrets.push((place, std::mem::replace(text, stand_in)));
            });
        }
        (value, veil)
    }

    fn paths(&self) -> Vec<&'static [&'static str]> {
        let kind = self.kind;
        kind.secrets.iter().chain(kind.hidden).copied().collect()
    }

    /// Whether a `test` for `expected` holds of a place of the veiled document: secrets equal the mask, whatever they
    /// are, and nothing else.
    pub fn is_equal(&self, veiled: &Value, expected: &Value) -> bool {
        match (veiled, expected) {
            (Value::String(one), Value::String(two)) if one.starts_with(&self.stem) => two == MASK,
            (Value::Array(one), Value::Array(two)) => {
                one.len() == two.len()
                    && one
                        .iter()
                        .zip(two)
                        .all(|(one, two)| self.is_equal(one, two))
            }
            (Value::Object(one), Value::Object(two)) => {
                let is_hidden = |name: &str| self.kind.hidden.iter().any(|path| path[0] == name);
                let shown = || one.iter().filter(|(name, _)| !is_hidden(name));
                shown().count() == two.len()
                    && shown()
                        .all(|(name, one)| two.get(name).is_some_and(|two| self.is_equal(one, two)))
            }
            // RFC 6902 §4.6: numbers are equal when their values are.
            (Value::Number(one), Value::Number(two)) => {
                one == two || one.as_f64() == two.as_f64() && one.is_f64() != two.is_f64()
            }
            (one, two) => one == two,
        }
    }

    /// Whether a pointer leads to a member that replies do not have.
    pub fn hides(&self, pointer: &str) -> bool {
        let mut hidden = self.kind.hidden.iter();
        hidden.any(|path| pointer.strip_prefix('/') == path.first().copied())
    }

    /// Puts the secrets back, and says where they are.
    ///
    /// # Errors
    /// A secret that came to a place of another kind, by that place.
    pub fn lift(mut self, value: &mut Value) -> Result<Vec<Kept>, Vec<FieldError>> {
        let mut kept = Vec::new();
        for (place, path) in self.paths().into_iter().enumerate() {
            let (stem, secrets) = (&self.stem, &mut self.secrets);
            each(value, path, &mut |pointer, text| {
                let number = text.strip_prefix(stem.as_str());
                let secret = number
                    .and_then(|number| secrets.get(number.parse::<usize>().ok()?))
                    .filter(|(home, _)| *home == place);
                if let Some((_, secret)) = secret {
                    *text = secret.clone();
                    let pointer = pointer.to_owned();
                    kept.push(Kept { path, pointer });
                }
            });
        }
        let mut faults = Vec::new();
        self.find_strays(value, &mut String::new(), &mut faults);
        match faults.is_empty() {
            true => Ok(kept),
            false => Err(faults),
        }
    }

    fn find_strays(&self, value: &Value, at: &mut String, faults: &mut Vec<FieldError>) {
        let length = at.len();
        match value {
            Value::String(text) if text.contains(&self.stem) => {
                faults.push(FieldError::new(at.as_str(), "cannot be given a secret"));
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    at.push_str(&format!("/{index}"));
                    self.find_strays(item, at, faults);
                    at.truncate(length);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    push(at, name);
                    self.find_strays(member, at, faults);
                    at.truncate(length);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::{CLOUD_SIP_UA, TRUNK};

    fn veiled() -> (Value, Veil) {
        let value = json!({
            "name": "alarms", "callbackTimeout": 5000,
            "restAuthentication": [
                {"secret": "s1", "requestHeaders": {"a": "h"}}, {"secret": "s2"},
            ],
        });
        Veil::over(&CLOUD_SIP_UA, value.as_object().unwrap().clone())
    }

    #[test]
    fn secrets_are_out_of_sight_and_come_back() {
        let (mut value, veil) = veiled();
        for secret in ["s1", "s2", "\"h\""] {
            assert!(!value.to_string().contains(secret));
        }
        let kept = veil.lift(&mut value).unwrap();
        let pointers = kept.iter().map(|kept| kept.pointer.as_str());
        assert_eq!(
            Vec::from_iter(pointers),
            [
                "/restAuthentication/0/secret",
                "/restAuthentication/1/secret",
                "/restAuthentication/0/requestHeaders/a",
            ]
        );
        assert_eq!(value["restAuthentication"][0]["requestHeaders"]["a"], "h");
        assert_eq!(value["restAuthentication"][1]["secret"], "s2");
    }

    #[test]
    fn a_secret_moves_among_its_like_and_nowhere_else() {
        let (mut value, veil) = veiled();
        let moved = value["restAuthentication"][0]["secret"].clone();
        value["restAuthentication"][1]["secret"] = moved;
        assert_eq!(veil.lift(&mut value).map(|kept| kept.len()), Ok(3));
        assert_eq!(value["restAuthentication"][1]["secret"], "s1");
        for pointer in ["/name", "/restAuthentication/1/requestHeaders/x"] {
            let (mut value, veil) = veiled();
            value["restAuthentication"][1]["requestHeaders"] = json!({"x": ""});
            let secret = value["restAuthentication"][0]["secret"].clone();
            *value.pointer_mut(pointer).unwrap() = secret;
            let faults = veil.lift(&mut value);
            assert_eq!(
                faults,
                Err(vec![FieldError::new(pointer, "cannot be given a secret")])
            );
        }
    }

    #[test]
    fn a_test_learns_nothing_about_a_secret() {
        let (value, veil) = veiled();
        let at = &value["restAuthentication"][1];
        assert!(veil.is_equal(at, &json!({"secret": MASK})));
        for guess in ["s2", "s1", ""] {
            assert!(!veil.is_equal(at, &json!({"secret": guess})));
        }
        assert!(veil.is_equal(&value["callbackTimeout"], &json!(5000.0)));
        assert!(!veil.is_equal(&value["callbackTimeout"], &json!("5000")));
        let trunk = json!({"ha1": "x", "hashes": "SHA-256=y"});
        let (value, veil) = Veil::over(&TRUNK, trunk.as_object().unwrap().clone());
        assert!(veil.is_equal(&value, &json!({"ha1": MASK})));
    }
}
