//! What can go wrong, sorted by whose turn it is: the caller's, the operator's, or nobody's but time's.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;
use tokio_postgres::types::WrongType;

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
    #[error("{path}: {cause}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A file that is to be written exists.
    #[error("{0} exists and is left alone: give another name, or remove it first")]
    Exists(PathBuf),
    /// A file cannot be restored.
    #[error("{path} cannot be restored: {why}")]
    Unrestorable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
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
    /// The database cannot be reached, or stopped answering.
    #[error("the database is away: {0}")]
    Away(String),
    /// Another node uses the database under this name.
    #[error("a node named `{0}` uses it already; give each a --node of its own")]
    NodeInUse(String),
    /// The database's address cannot be used; says why, without the password.
    #[error("the database's address cannot be used: {0}")]
    Address(String),
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
                | Self::Away(_)
                | Self::NodeInUse(_)
        )
    }

    /// Whether the database cannot be used at present, by nobody's fault who asked: the store itself says so in the log,
    /// once when it begins and once when it ends.
    pub fn is_outage(&self) -> bool {
        self.is_trouble() && self.is_transient()
    }

    /// Whether the fault lies with the disk or another process, and not with what was to be written.
    pub(crate) fn is_trouble(&self) -> bool {
        matches!(
            self,
            Self::DiskFull
                | Self::DiskFailed(_)
                | Self::Busy
                | Self::Damaged(_)
                | Self::ReadOnly
                | Self::Away(_)
                | Self::NodeInUse(_)
        )
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::Io {
            path,
            cause: Arc::new(cause),
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

impl From<&tokio_postgres::Error> for Error {
    fn from(error: &tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            let cause = std::error::Error::source(error);
            let said = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
            // What is not of the server's making is the connection's, or a value of the wrong kind.
            let is_ours = cause.is_some_and(<dyn std::error::Error>::is::<WrongType>);
            return if is_ours {
                Self::Database(said)
            } else {
                Self::Away(said)
            };
        };
        let said = || {
            let place = refusal.constraint().or(refusal.table());
            let place = place.map_or(String::new(), |place| format!(" ({place})"));
            format!("{}{place}", refusal.message())
        };
        match refusal.code().code() {
            "23503" => Self::NoSuchDomain,
            "25006" => Self::ReadOnly,
            "53100" => Self::DiskFull,
            // It shuts down, starts up, or ended a connection that was idle in a transaction.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Self::Away(said()),
            "40001" | "40P01" | "55P03" | "57014" => Self::Busy,
            code => match &code[..2] {
                "08" | "28" | "3D" | "53" => Self::Away(said()),
                "23" => Self::Conflict(said()),
                "58" => Self::DiskFailed(said()),
                "XX" => Self::Damaged(said()),
                _ => Self::Database(format!("{} ({code})", said())),
            },
        }
    }
}
