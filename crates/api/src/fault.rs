//! Collects what is wrong with a body, field by field.

use crate::error::FieldError;

/// The faults found so far, below one place of the body.
pub(crate) struct Faults {
    prefix: String,
    found: Vec<FieldError>,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self::under("")
    }

    /// Pointers given from now on are relative to `prefix`.
    pub(crate) fn under(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            found: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, pointer: impl AsRef<str>, detail: impl Into<String>) {
        let pointer = format!("{}{}", self.prefix, pointer.as_ref());
        self.found.push(FieldError::new(pointer, detail));
    }

    /// Adds the fault of a check that returned one.
    pub(crate) fn check(&mut self, pointer: impl AsRef<str>, checked: Result<(), &'static str>) {
        if let Err(detail) = checked {
            self.add(pointer, detail);
        }
    }

    /// Text of at most `limit` characters, in one line.
    pub(crate) fn line(&mut self, pointer: &str, text: Option<&str>, limit: usize) {
        let Some(text) = text else { return };
        self.length(pointer, Some(text), limit);
        if text.chars().any(char::is_control) {
            self.add(pointer, "must not have control characters");
        }
    }

    /// Text of at most `limit` characters.
    pub(crate) fn length(&mut self, pointer: &str, text: Option<&str>, limit: usize) {
        // Bytes are never fewer than characters, so most texts need no counting.
        if text.is_some_and(|text| text.len() > limit && text.chars().count() > limit) {
            self.add(pointer, format!("must have at most {limit} characters"));
        }
    }

    /// One line that must be there.
    pub(crate) fn required(&mut self, pointer: &str, text: Option<&str>, limit: usize) {
        match text {
            None | Some("") => self.add(pointer, "is required"),
            some => self.line(pointer, some, limit),
        }
    }

    /// A number within a range, where there is one.
    pub(crate) fn range(
        &mut self,
        pointer: &str,
        number: Option<u64>,
        range: std::ops::RangeInclusive<u64>,
    ) {
        if number.is_some_and(|number| !range.contains(&number)) {
            let (from, to) = range.into_inner();
            self.add(pointer, format!("must be from {from} to {to}"));
        }
    }

    pub(crate) fn append(&mut self, more: Vec<FieldError>) {
        self.found.extend(more);
    }

    pub(crate) fn into_vec(self) -> Vec<FieldError> {
        self.found
    }
}
