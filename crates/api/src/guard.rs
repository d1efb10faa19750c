//! What no JSON body may have, whoever reads it: a member twice, NUL, numbers no one can keep, deep nesting.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::error::FieldError;

/// How deep lists and objects may be nested.
const MAX_DEPTH: usize = 32;
/// How many values a body may have in all: what is read at length and means nothing is work for nothing.
const MAX_VALUES: usize = 20_000;
/// Above it a number with a fraction or an exponent is no count, time or phone number.
const MAX_FRACTIONAL: f64 = 9_007_199_254_740_992.0;

/// Looks through a whole body; the error names the first place at fault, or says why it is no JSON.
pub(crate) fn look_through(body: &[u8]) -> Result<(), FieldError> {
    look_through_at(body, 0)
}

/// The same for what is to stand `depth` lists and objects deep in a body.
pub(crate) fn look_through_at(body: &[u8], depth: usize) -> Result<(), FieldError> {
    let mut path = Path::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    let looked = Place {
        path: &mut path,
        depth,
    }
    .deserialize(&mut json)
    .and_then(|()| json.end());
    looked.map_err(|error| match path.fault {
        Some(detail) => FieldError::new(path.text, detail),
        // JSON sets no bounds to numbers, and serde_json calls one beyond its own wrong text.
        None if error.to_string().starts_with("number out of range") => {
            FieldError::new(path.text, TOO_LARGE)
        }
        None => FieldError::new("", format!("the body is not JSON: {error}")),
    })
}

const TOO_LARGE: &str = "is too large a number";
/// Characters of a member's name that are shown.
pub(crate) const MAX_SEGMENT: usize = 128;

/// Where the reader is, and what it found there.
#[derive(Default)]
struct Path {
    text: String,
    fault: Option<&'static str>,
    /// Values so far.
    count: usize,
}

impl Path {
    /// Stops the reading with the path as it stands.
    fn refuse<E: Error>(&mut self, detail: &'static str) -> E {
        self.fault = Some(detail);
        E::custom(detail)
    }

    fn push(&mut self, segment: &str) -> usize {
        let before = self.text.len();
        self.text.push('/');
        // A name that long is no field of anything.
        let shown = segment.chars().take(MAX_SEGMENT);
        for c in shown {
            match c {
                '~' => self.text.push_str("~0"),
                '/' => self.text.push_str("~1"),
                c => self.text.push(c),
            }
        }
        before
    }
}

struct Place<'p> {
    path: &'p mut Path,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.path.count += 1;
        if self.path.count > MAX_VALUES {
            return Err(self
                .path
                .refuse("is one value too many: a body may have 20000 in all"));
        }
        from.deserialize_any(self)
    }
}

impl Place<'_> {
    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.path.refuse("must not have NUL"));
        }
        Ok(())
    }

    fn deeper<E: Error>(&mut self) -> Result<usize, E> {
        if self.depth >= MAX_DEPTH {
            return Err(self.path.refuse("is nested too deeply"));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        if number.abs() >= MAX_FRACTIONAL {
            return Err(self.path.refuse(TOO_LARGE));
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut index = 0_usize;
        loop {
            let before = self.path.push(&index.to_string());
            let place = Place {
                path: &mut *self.path,
                depth,
            };
            if items.next_element_seed(place)?.is_none() {
                self.path.text.truncate(before);
                return Ok(());
            }
            self.path.text.truncate(before);
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut seen: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(Name(name)) = members.next_key()? {
            let before = self.path.push(&name);
            if name.contains('\0') {
                return Err(self.path.refuse("must not have NUL"));
            }
            if !seen.insert(name) {
                return Err(self.path.refuse("may be said once"));
            }
            members.next_value_seed(Place {
                path: &mut *self.path,
                depth,
            })?;
            self.path.text.truncate(before);
        }
        Ok(())
    }
}

/// A member's name, borrowed where that can be.
struct Name<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Borrowing;

        impl<'de> Visitor<'de> for Borrowing {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        from.deserialize_str(Borrowing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> Option<(String, String)> {
        let error = look_through(body.as_bytes()).err()?;
        Some((error.pointer, error.detail))
    }

    #[test]
    fn an_ordinary_body_passes() {
        let body =
            r#"{"a":[1,-2,3.5,"x",null,true,{"b":{}}],"c":"\u00e5\n","d":18446744073709551615}"#;
        assert_eq!(fault(body), None);
    }

    #[test]
    fn a_member_said_twice_is_named_at_any_depth() {
        for (body, pointer) in [
            (r#"{"a":1,"a":2}"#, "/a"),
            (r#"{"a":1,"\u0061":2}"#, "/a"),
            (r#"{"x":[0,{"b~/":{"c":1,"c":1}}]}"#, "/x/1/b~0~1/c"),
        ] {
            assert_eq!(
                fault(body),
                Some((pointer.to_owned(), "may be said once".to_owned()))
            );
        }
        assert_eq!(fault(r#"{"a":{"b":1},"c":{"b":1}}"#), None);
    }

    #[test]
    fn nul_is_refused_in_names_and_texts() {
        assert_eq!(fault(r#"{"a":["\u0000"]}"#).unwrap().0, "/a/0");
        assert_eq!(fault(r#"{"a\u0000":1}"#).unwrap().1, "must not have NUL");
    }

    #[test]
    fn numbers_no_one_can_keep_are_refused() {
        for number in ["1e300", "-1e16", "123456789012345678901234567890"] {
            let (pointer, detail) = fault(&format!("{{\"a\":{number}}}")).unwrap();
            assert_eq!(
                (pointer.as_str(), detail.as_str()),
                ("/a", "is too large a number")
            );
        }
        let digits = "9".repeat(400);
        for body in [
            r#"{"a":[1e999]}"#.to_owned(),
            format!("{{\"a\":[{digits}]}}"),
        ] {
            let (pointer, detail) = fault(&body).unwrap();
            assert_eq!((&*pointer, &*detail), ("/a/0", "is too large a number"));
        }
    }

    #[test]
    fn of_too_many_values_the_same_number_is_read_however_many_there_are() {
        for more in [1, 1_000, 100_000] {
            let items = vec!["1"; MAX_VALUES + more].join(",");
            let (pointer, detail) = fault(&format!("[{items}]")).unwrap();
            assert_eq!(pointer, format!("/{}", MAX_VALUES - 1));
            assert!(detail.contains("20000"), "{detail}");
            let members: Vec<String> = (0..MAX_VALUES + more)
                .map(|number| format!("\"m{number}\":1"))
                .collect();
            let (pointer, _) = fault(&format!("{{{}}}", members.join(","))).unwrap();
            assert_eq!(pointer, format!("/m{}", MAX_VALUES - 1));
        }
        let items = vec!["1"; MAX_VALUES - 1].join(",");
        assert_eq!(fault(&format!("[{items}]")), None);
    }

    #[test]
    fn deep_nesting_ends_early_and_names_the_place() {
        let deep = "[".repeat(100_000);
        let (pointer, detail) = fault(&deep).unwrap();
        assert_eq!(
            (pointer.as_str(), detail.as_str()),
            ("/0".repeat(32).as_str(), "is nested too deeply")
        );
        assert!(fault(&format!("{}{}", "[".repeat(32), "]".repeat(32))).is_none());
    }

    #[test]
    fn what_is_no_json_says_so() {
        for body in ["", "{", "{} {}", "{\"a\":}", "nul"] {
            let (pointer, detail) = fault(body).unwrap();
            assert!(
                pointer.is_empty() && detail.starts_with("the body is not JSON"),
                "{body}"
            );
        }
    }
}
