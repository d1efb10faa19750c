//! Values on their way into a statement, borrowed from where they are.

use std::borrow::Cow;
use std::sync::Arc;

use crate::seal::{SealedText, TokenHash};
use crate::{CallKey, UnixMicros};

/// One value of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A call's id, whose bytes lie nowhere.
    Call([u8; 16]),
}

/// What a statement may be given.
pub(crate) trait AsValue {
    /// The value as the databases know it.
    fn as_value(&self) -> Value<'_>;
}

/// The values of a statement, in the order of their numbers.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::sql::AsValue::as_value(&$value)),*] as &[$crate::sql::Value<'_>]
    };
}
pub(crate) use values;

macro_rules! integers {
    ($($kind:ty)*) => {
        $(impl AsValue for $kind {
            fn as_value(&self) -> Value<'_> {
                Value::Integer(i64::from(*self))
            }
        })*
    };
}
integers!(i64 u32 u16 u8 bool);

impl AsValue for u64 {
    fn as_value(&self) -> Value<'_> {
        Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

impl AsValue for UnixMicros {
    fn as_value(&self) -> Value<'_> {
        Value::Integer(i64::try_from(self.0).unwrap_or(i64::MAX))
    }
}

impl AsValue for CallKey {
    fn as_value(&self) -> Value<'_> {
        Value::Call(self.0.to_be_bytes())
    }
}

impl AsValue for str {
    fn as_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for String {
    fn as_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for Arc<str> {
    fn as_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for Cow<'_, str> {
    fn as_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl AsValue for SealedText {
    fn as_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl AsValue for [u8] {
    fn as_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl AsValue for Vec<u8> {
    fn as_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl AsValue for TokenHash {
    fn as_value(&self) -> Value<'_> {
        Value::Bytes(self.bytes())
    }
}

impl AsValue for Value<'_> {
    fn as_value(&self) -> Value<'_> {
        *self
    }
}

impl<T: AsValue + ?Sized> AsValue for &T {
    fn as_value(&self) -> Value<'_> {
        (**self).as_value()
    }
}

impl<T: AsValue> AsValue for Option<T> {
    fn as_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, AsValue::as_value)
    }
}
