//! Values on their way out of a row.

use std::sync::Arc;

use rusqlite::types::ValueRef;

use super::Value;
use crate::seal::{SealedText, TokenHash};
use crate::{CallKey, Error, Result, UnixMicros};

/// A row that a statement found.
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    /// The value of a column, counted from 0.
    pub(crate) fn get<T: FromValue>(&self, column: usize) -> Result<T> {
        let value = self.value(column)?;
        T::from_value(value).ok_or_else(|| {
            let wanted = std::any::type_name::<T>();
            Error::Database(format!("column {column} is no {wanted}"))
        })
    }

    /// The text in a column, where it lies.
    pub(crate) fn text(&self, column: usize) -> Result<&str> {
        match self.value(column)? {
            Value::Text(text) => Ok(text),
            _ => Err(Error::Database(format!("column {column} is no text"))),
        }
    }

    /// The value in a column, where it lies.
    pub(crate) fn value(&self, column: usize) -> Result<Value<'_>> {
        match self {
            Self::Postgres(row) => row.try_get(column).map_err(|error| (&error).into()),
            Self::Sqlite(row) => Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Integer(number),
                ValueRef::Blob(bytes) => Value::Bytes(bytes),
                text @ ValueRef::Text(_) => {
                    Value::Text(text.as_str().map_err(rusqlite::Error::from)?)
                }
                ValueRef::Real(_) => {
                    return Err(Error::Database(format!("column {column} is a fraction")));
                }
            }),
        }
    }
}

/// What a column may be read as.
pub(crate) trait FromValue: Sized {
    /// `None` when the value is of another kind or does not fit.
    fn from_value(value: Value<'_>) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }
}

macro_rules! integers {
    ($($kind:ty)*) => {
        $(impl FromValue for $kind {
            fn from_value(value: Value<'_>) -> Option<Self> {
                i64::from_value(value)?.try_into().ok()
            }
        })*
    };
}
integers!(u64 u32 u16 u8);

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Option<Self> {
        Some(i64::from_value(value)? != 0)
    }
}

impl FromValue for UnixMicros {
    fn from_value(value: Value<'_>) -> Option<Self> {
        Some(Self(u64::try_from(i64::from_value(value)?).unwrap_or(0)))
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
}

impl FromValue for Arc<str> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.into()),
            _ => None,
        }
    }
}

impl FromValue for SealedText {
    fn from_value(value: Value<'_>) -> Option<Self> {
        String::from_value(value).map(Self::from)
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.to_vec()),
            _ => None,
        }
    }
}

impl FromValue for CallKey {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(Self(u128::from_be_bytes(bytes.try_into().ok()?))),
            _ => None,
        }
    }
}

impl FromValue for TokenHash {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => bytes.try_into().ok().map(Self::from_bytes),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}
