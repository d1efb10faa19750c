//! What can go wrong, sorted by whose turn it is: the caller's, the operator's, or nobody's but time's.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

/// Why the store did not do as it was told.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The row exists already, or breaks a rule such as one terminal event per call; names the index.
    #[error("conflicts with what is stored: {0}")]
    Conflict(String),
    /// The document has another version than the caller expected; `None` when there is none.
    #[error("the stored version is {0:?}")]
    Version(Option<u64>),
    /// The domain does not exist.
    #[error("there is no such domain")]
    NoSuchDomain,
    /// The writer has more waiting than it takes; nothing was queued.
    #[error("the write queue is full")]
    QueueFull,
    /// The writer has stopped.
    #[error("the store is closed")]
    Closed,
    /// The disk, or the size allowed to the database, is used up.
    #[error("the disk is full")]
    DiskFull,
    /// The disk does not do as it is told.
    #[error("the disk fails: {0}")]
    DiskFailed(String),
    /// The disk has not answered for too long; nothing was changed.
    #[error("the disk does not answer")]
    Stalled,
    /// Another process held the database for longer than the busy timeout.
    #[error("the database is locked by another process")]
    Busy,
    /// The file is not a database, or is damaged.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The database was written by a newer release.
    #[error("the database has schema {found}, this program knows {known}")]
    NewerSchema {
        /// Schema version in the file.
        found: u32,
        /// Newest schema version known here.
        known: u32,
    },
    /// A file or folder could not be used.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A file is open to others than its owner.
    #[error("{path} has mode {mode:o}; it must be 600")]
    WidePermissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The master key file does not hold 32 bytes in base64.
    #[error("{0} is not a master key file")]
    MasterKey(PathBuf),
    /// A sealed text was sealed with another master key, for another place, or was changed.
    #[error("a stored secret does not open: wrong master key, or the text was changed")]
    WrongKey,
    /// A sealed text is not in a form this release knows.
    #[error("a stored secret has an unknown format")]
    SealFormat,
    /// A change given to the writer panicked and was undone.
    #[error("a change panicked and was undone")]
    Panicked,
    /// The database takes no writes at present.
    #[error("the database is read-only")]
    ReadOnly,
    /// Anything else the database said.
    #[error("database: {0}")]
    Database(String),
}

impl Error {
    /// Whether the same request may succeed later without anyone changing it (an HTTP 503).
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::QueueFull
                | Self::Closed
                | Self::DiskFull
                | Self::DiskFailed(_)
                | Self::Stalled
                | Self::Busy
                | Self::ReadOnly
        )
    }

    /// Whether the fault lies with the disk or another process, and not with what was to be written.
    pub(crate) fn is_trouble(&self) -> bool {
        matches!(
            self,
            Self::DiskFull | Self::DiskFailed(_) | Self::Busy | Self::Damaged(_) | Self::ReadOnly
        )
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            path,
            source: Arc::new(source),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, message) = &error else {
            return Self::Database(error.to_string());
        };
        let said = || message.clone().unwrap_or_else(|| failure.to_string());
        match failure.code {
            ErrorCode::DiskFull => Self::DiskFull,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationAborted
            | ErrorCode::OperationInterrupted
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed => Self::DiskFailed(said()),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged(said()),
            ErrorCode::ConstraintViolation
                if failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY =>
            {
                Self::NoSuchDomain
            }
            ErrorCode::ConstraintViolation => Self::Conflict(said()),
            ErrorCode::ReadOnly => Self::ReadOnly,
            _ => Self::Database(error.to_string()),
        }
    }
}
