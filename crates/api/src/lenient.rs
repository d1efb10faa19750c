//! Reading what clients really send: numbers as text, text as numbers, members nobody knows.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde_path_to_error::{Path, Segment, Track};

use crate::error::FieldError;
use crate::form::MAX_TIME;
use crate::guard;
use crate::secret::Secret;
use crate::strict::Strict;

/// Members that replies have and clients send back; at the top they are ignored without a word.
const READ_ONLY: [&str; 5] = [
    "/success",
    "/reason",
    "/heartbeatStatus",
    "/heartbeatExpiration",
    "/lastConfigured",
];
/// How many unknown members are told.
const MAX_WARNINGS: usize = 32;
/// Characters of a wrong value that an error shows, with the words before it.
const MAX_FOUND: usize = 80;
/// Characters of what is said of a field.
const MAX_DETAIL: usize = 300;

/// A body with the members that meant nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<T> {
    /// What was understood.
    pub value: T,
    /// Unknown members, each as a warning; a strict reader refuses them.
    pub unknown: Vec<FieldError>,
}

/// Reads a JSON body; the error names the first member that has the wrong type, is said twice, or holds what no
/// member may.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<Parsed<T>, FieldError> {
    guard::look_through(body)?;
    let mut json = serde_json::Deserializer::from_slice(body);
    match parse_from(&mut json) {
        // It is JSON, as was seen above: some wrong types make serde_json call the text wrong.
        Err(error) if error.pointer.is_empty() => {
            let value: serde_json::Value = serde_json::from_slice(body)
                .map_err(|error| FieldError::new("", format!("the body is not JSON: {error}")))?;
            parse_from(value)
        }
        parsed => parsed,
    }
}

/// Reads a JSON text that is to stand `depth` lists and objects deep in a body, by the rules of bodies; the pointer of
/// the error is relative to it.
pub fn value_within(text: &str, depth: usize) -> Result<serde_json::Value, FieldError> {
    guard::look_through_at(text.as_bytes(), depth)?;
    serde_json::from_str(text)
        .map_err(|error| FieldError::new("", format!("the body is not JSON: {error}")))
}

/// The same for a value that was read before, for example a patched document.
pub fn parse_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<Parsed<T>, FieldError> {
    parse_from(value)
}

/// The warning of a member that means nothing.
pub fn unknown_member(pointer: String) -> FieldError {
    FieldError::new(pointer, "is not known and was ignored")
}

fn parse_from<'de, T, D>(from: D) -> Result<Parsed<T>, FieldError>
where
    T: DeserializeOwned,
    D: Deserializer<'de, Error = serde_json::Error>,
{
    let mut unknown = Vec::new();
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(from, &mut track);
    let mut ignore = |path: serde_ignored::Path<'_>| {
        let pointer = pointer_of_ignored(&path);
        if unknown.len() < MAX_WARNINGS && !READ_ONLY.contains(&pointer.as_str()) {
            unknown.push(unknown_member(pointer));
        }
    };
    let read = T::deserialize(Strict(serde_ignored::Deserializer::new(
        tracked,
        &mut ignore,
    )));
    match read {
        Ok(value) => Ok(Parsed { value, unknown }),
        Err(error) => Err(fault_of(&track.path(), &error)),
    }
}

fn fault_of(path: &Path, error: &serde_json::Error) -> FieldError {
    let text = error.to_string();
    if error.is_syntax() || error.is_eof() {
        return FieldError::new("", format!("the body is not JSON: {text}"));
    }
    let detail = match text.rfind(" at line ") {
        Some(end) if error.line() > 0 => &text[..end],
        _ => text.as_str(),
    };
    let detail = &*worded(detail);
    let mut pointer = pointer_of(path);
    let missing = detail
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    match missing {
        Some(name) => {
            push_segment(&mut pointer, name);
            FieldError::new(pointer, "is required")
        }
        None => match detail.split_once(", expected struct ") {
            Some((found, _)) => FieldError::new(pointer, format!("{found}, expected an object")),
            None => FieldError::new(pointer, detail),
        },
    }
}

/// The same in the words of JSON, without more of a value than tells which one it is.
fn worded(detail: &str) -> Cow<'_, str> {
    let Some((found, expected)) = detail.rsplit_once(", expected ") else {
        return shortened(detail, MAX_DETAIL);
    };
    let expected = match expected {
        "string or map" => "text",
        "a sequence" => "a list",
        "a map" => "an object",
        other => other,
    };
    Cow::Owned(format!(
        "{}, expected {}",
        shortened(found, MAX_FOUND),
        shortened(expected, MAX_DETAIL)
    ))
}

/// A text of at most so many characters, with a mark where it was cut.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

fn pointer_of(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push_segment(&mut pointer, &index.to_string()),
            Segment::Map { key } => push_segment(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn pointer_of_ignored(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path as At;
    match path {
        At::Root => String::new(),
        At::Seq { parent, index } => {
            let mut pointer = pointer_of_ignored(parent);
            push_segment(&mut pointer, &index.to_string());
            pointer
        }
        At::Map { parent, key } => {
            let mut pointer = pointer_of_ignored(parent);
            push_segment(&mut pointer, key);
            pointer
        }
        At::Some { parent } | At::NewtypeStruct { parent } | At::NewtypeVariant { parent } => {
            pointer_of_ignored(parent)
        }
    }
}

/// Adds one reference token, escaped (RFC 6901 section 3).
fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    // A name that long is no field of anything.
    for c in segment.chars().take(guard::MAX_SEGMENT) {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// Text, or a number as its text; null and absence are `None`.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    from.deserialize_any(Text)
}

/// The same where absence is the empty text.
pub fn required_text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    text(from).map(Option::unwrap_or_default)
}

/// The same for text that must not be seen.
pub fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Ok(text(from)?.map(Secret::from))
}

/// A whole number, or its text; null and the empty text are `None`.
pub fn number<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64> + Bounds,
{
    from.deserialize_any(Number::<T, 0>(PhantomData))
}

/// The same for a port: what can be none is told with the bounds of a port; 0 is for the checks to refuse.
pub fn port<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    from.deserialize_any(Number::<u16, 1>(PhantomData))
}

/// The same for a time: at most what a double holds exactly, which is what JSON has (RFC 8259 section 6).
pub fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let time = number(from)?;
    match time {
        Some(time) if time > MAX_TIME => Err(Error::custom(format_args!(
            "must be a whole number from 0 to {MAX_TIME}"
        ))),
        time => Ok(time),
    }
}

/// A truth value, or its text; null is `None`.
pub fn boolean<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    from.deserialize_any(Truth)
}

/// A list; null is the empty one.
pub fn list<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    let list: Option<Vec<T>> = serde::Deserialize::deserialize(from)?;
    Ok(list.unwrap_or_default())
}

/// A list of whole numbers, however they are written; null is the empty one.
pub fn integers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i32>, D::Error> {
    let numbers: Vec<Integer> = list(from)?;
    Ok(numbers.into_iter().map(|number| number.0).collect())
}

/// A whole number with its sign; `-6.0` and the text `-6` are ones too.
struct Integer(i32);

impl<'de> serde::Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = text(from)?.unwrap_or_default();
        text.trim().parse().map(Self).map_err(|_| {
            Error::custom(format_args!(
                "must be a whole number from {} to {}",
                i32::MIN,
                i32::MAX
            ))
        })
    }
}

/// A list that means something else than its absence; null is the empty one.
pub fn given_list<'de, D, T>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    list(from).map(Some)
}

/// An object; null is `None`. A struct alone would also be read from a list, member by member.
pub fn object<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    let object: Option<Object<T>> = serde::Deserialize::deserialize(from)?;
    Ok(object.map(|object| object.0))
}

/// The same where there must be one.
pub fn required_object<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    let object: Object<T> = serde::Deserialize::deserialize(from)?;
    Ok(object.0)
}

/// A list of objects; null is the empty one.
pub fn objects<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    let objects: Option<Vec<Object<T>>> = serde::Deserialize::deserialize(from)?;
    let objects = objects.unwrap_or_default().into_iter();
    Ok(objects.map(|object| object.0).collect())
}

/// The same where absence means something else than the empty list; so does null.
pub fn optional_objects<'de, D, T>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    let objects: Option<Vec<Object<T>>> = serde::Deserialize::deserialize(from)?;
    Ok(objects.map(|objects| objects.into_iter().map(|object| object.0).collect()))
}

/// Reads `T` from an object and from nothing else.
struct Object<T>(T);

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Only<T>(PhantomData<T>);

        impl<'de, T: serde::Deserialize<'de>> Visitor<'de> for Only<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                members: A,
            ) -> Result<Self::Value, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(members)).map(Object)
            }
        }

        from.deserialize_map(Only(PhantomData))
    }
}

/// The largest value of a whole number, for the error.
pub trait Bounds {
    /// The largest value.
    const MAX: u64;
}

impl Bounds for u8 {
    const MAX: u64 = u8::MAX as u64;
}
impl Bounds for u16 {
    const MAX: u64 = u16::MAX as u64;
}
impl Bounds for u32 {
    const MAX: u64 = u32::MAX as u64;
}
impl Bounds for u64 {
    const MAX: u64 = u64::MAX;
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

/// A whole number; `LEAST` is only told.
struct Number<T, const LEAST: u64>(PhantomData<T>);

impl<T: TryFrom<u64> + Bounds, const LEAST: u64> Number<T, LEAST> {
    fn within<E: Error>(number: u64) -> Result<Option<T>, E> {
        match T::try_from(number) {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Self::wrong()),
        }
    }

    fn wrong<E: Error>() -> E {
        E::custom(format_args!(
            "must be a whole number from {LEAST} to {}",
            T::MAX
        ))
    }
}

impl<'de, T: TryFrom<u64> + Bounds, const LEAST: u64> Visitor<'de> for Number<T, LEAST> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {LEAST} to {}", T::MAX)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Self::within(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        u64::try_from(number).map_or_else(|_| Err(Self::wrong()), Self::within)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        // `30.0` is how some languages write 30; going by the text keeps the conversion exact.
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.is_empty() {
            return Ok(None);
        }
        let text = text.trim();
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Self::within(number),
            _ => Err(Self::wrong()),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

struct Truth;

impl<'de> Visitor<'de> for Truth {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Some(truth))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            _ => Err(E::custom("must be true or false")),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

#[cfg(test)]
mod tests;
