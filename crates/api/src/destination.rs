//! What every service destination has in common: its name, its pattern, its callback.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::error::FieldError;
use crate::fault::Faults;
use crate::url::{self, PlainHttp};
use crate::{cloudsipua::RestAuthentication, lenient};

/// The longest name.
pub(crate) const MAX_NAME: usize = 200;
/// The longest description.
pub(crate) const MAX_DESCRIPTION: usize = 1_024;
/// The longest pattern.
pub(crate) const MAX_PATTERN: usize = 1_024;
/// The longest id.
pub(crate) const MAX_ID: usize = 128;
/// What a service may set as its callback budget, in milliseconds.
pub(crate) const CALLBACK_TIMEOUT: std::ops::RangeInclusive<u64> = 300..=120_000;
/// The most ways to sign.
const MAX_AUTHENTICATIONS: usize = 16;
/// The longest open object as JSON text.
const MAX_OBJECT: usize = 16_384;

/// Whether the text can be the id of a document: letters, digits and `- . _ ~ : +`, and no path step.
pub fn is_id(text: &str) -> bool {
    let in_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:+".contains(&byte);
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(in_id) && !matches!(text, "." | "..")
}

/// Why the text cannot be the id of a document, if it cannot.
pub fn id_fault(text: &str) -> Option<String> {
    (!is_id(text)).then(|| format!("must have 1 to {MAX_ID} letters, digits or - . _ ~ : +"))
}

impl Faults {
    /// An id the caller chose.
    pub(crate) fn id(&mut self, pointer: &str, id: Option<&str>) {
        if let Some(fault) = id.and_then(id_fault) {
            self.add(pointer, fault);
        }
    }

    /// Where callbacks go, where it is given.
    pub(crate) fn callback_url(&mut self, pointer: &str, url: Option<&str>, plain: PlainHttp) {
        if let Some(url) = url {
            self.check(pointer, url::check(url, plain));
        }
    }

    /// How callbacks are signed.
    pub(crate) fn authentications(&mut self, entries: &[RestAuthentication]) {
        if entries.len() > MAX_AUTHENTICATIONS {
            let detail = format!("must have at most {MAX_AUTHENTICATIONS} entries");
            return self.add("/restAuthentication", detail);
        }
        for (index, entry) in entries.iter().enumerate() {
            self.append(entry.validate(&format!("/restAuthentication/{index}")));
        }
    }

    /// An object whose members nobody here looks into.
    pub(crate) fn object(&mut self, pointer: &str, object: Option<&Map<String, Value>>) {
        let Some(object) = object else { return };
        let text = serde_json::to_string(object);
        if text.map_or(usize::MAX, |text| text.len()) > MAX_OBJECT {
            let detail = format!("must have at most {MAX_OBJECT} bytes of JSON");
            self.add(pointer, detail);
        }
    }

    /// Text that becomes part of a SIP or SIPS URI or of a header field: visible ASCII without delimiters.
    pub(crate) fn address(&mut self, pointer: &str, text: Option<&str>) {
        const MAX_ADDRESS: usize = 1_024;
        let Some(text) = text else { return };
        let fits = |byte: u8| byte.is_ascii_graphic() && !b"<>\"\\,".contains(&byte);
        if text.is_empty() || text.len() > MAX_ADDRESS || !text.bytes().all(fits) {
            let detail = format!(
                "must have 1 to {MAX_ADDRESS} visible ASCII characters, none of them < > \" \\ or a comma"
            );
            self.add(pointer, detail);
        }
    }

    /// The user part of a SIP URI: a number or a name.
    pub(crate) fn user(&mut self, pointer: &str, text: Option<&str>) {
        const MAX_USER: usize = 128;
        let Some(text) = text else { return };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.!~*'()#&=$".contains(&byte);
        if text.is_empty() || text.len() > MAX_USER || !text.bytes().all(fits) {
            let detail = format!("must be a number or a user name of 1 to {MAX_USER} characters");
            self.add(pointer, detail);
        }
    }

    /// A word that stands by itself: a group, a network, a site.
    pub(crate) fn word(&mut self, pointer: &str, text: Option<&str>, limit: usize) {
        let Some(text) = text else { return };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if text.is_empty() || text.len() > limit || !text.bytes().all(fits) {
            let detail = format!("must have 1 to {limit} letters, digits or _ - .");
            self.add(pointer, detail);
        }
    }
}

/// Fields that are stored although another variant than the chosen one has them.
pub(crate) fn foreign(
    discriminant: &str,
    chosen: &str,
    fields: &[(&str, bool, &[&str])],
) -> Vec<FieldError> {
    let strays = fields
        .iter()
        .filter(|(_, is_set, variants)| *is_set && !variants.contains(&chosen));
    strays
        .map(|(pointer, _, variants)| {
            let detail = format!(
                "is stored and has no effect: it belongs to {discriminant} {}, not to {chosen}",
                variants.join(" or ")
            );
            FieldError::new(*pointer, detail)
        })
        .collect()
}

/// An open object; null is none.
pub(crate) fn object<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    Option::deserialize(from)
}

/// A list of texts; one text alone is a list of one, null the empty one.
pub(crate) fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    struct Texts;

    impl<'de> serde::de::Visitor<'de> for Texts {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of texts")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![text.to_owned()])
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut items: A,
        ) -> Result<Self::Value, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = items.next_element()? {
                texts.push(text);
            }
            Ok(texts)
        }
    }

    from.deserialize_any(Texts)
}

/// One of a closed set of words, where the wire may carry a number for one.
pub(crate) fn choice<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    use serde::de::IntoDeserializer;
    match lenient::text(from)? {
        None => Ok(None),
        Some(text) => T::deserialize(text.into_deserializer()).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_path() {
        for id in ["a", "0192-x_y.z", "a:b:c", "x".repeat(128).as_str()] {
            assert!(is_id(id), "{id}");
        }
        let long = "x".repeat(129);
        for id in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a b",
            "a\r\nb",
            "å",
            "%2e",
            long.as_str(),
        ] {
            assert!(!is_id(id), "{id}");
        }
    }

    #[test]
    fn what_could_end_a_header_field_is_no_address_number_or_word() {
        for text in ["", "a\r\nVia: x", "a\nb", "a\0b", "a b", "<a>", "å", "\""] {
            let mut faults = Faults::new();
            faults.address("/a", Some(text));
            faults.user("/u", Some(text));
            faults.word("/w", Some(text), MAX_ID);
            assert_eq!(faults.into_vec().len(), 3, "{text:?}");
        }
        let mut faults = Faults::new();
        faults.address("/a", Some("sip:alarm@arc.example.com:5070;transport=tls"));
        faults.user("/u", Some("+46890510"));
        faults.word("/w", Some("site-1"), MAX_ID);
        assert_eq!(faults.into_vec(), []);
    }
}
