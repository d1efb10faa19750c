//! `/provisioning/device/{domain}/bulk/{bulkId}`: many devices from one file.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a bulk job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum BulkState {
    /// It is at work.
    Started,
    /// Every device of the file is written.
    Completed,
    /// Nothing of the file is written; `reason` and `errors` say why.
    Failed,
}

/// What is wrong with one line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkError {
    /// The line, counted from 1, which is the header.
    #[schema(example = 3)]
    pub line: u64,
    /// The member of the device, as a JSON pointer; empty for the whole line.
    #[schema(example = "/deviceId")]
    pub pointer: String,
    /// What is wrong with it.
    #[schema(example = "must have only letters, digits and - . _ : ~ +")]
    pub detail: String,
}

/// A bulk job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkStatus {
    /// The id that the caller chose.
    #[schema(example = "spring-2026")]
    pub bulk_id: String,
    /// The tenant.
    #[schema(example = "acme.example.com")]
    pub domain: String,
    /// How far it is.
    pub status: BulkState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was taken, in milliseconds since 1970.
    #[schema(example = 1_766_000_000_000_u64)]
    pub started_at: u64,
    /// When it ended, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<u64>,
    /// Lines of the file, the header included.
    #[schema(example = 100_001)]
    pub lines: u64,
    /// Devices found good so far.
    #[schema(example = 100_000)]
    pub checked: u64,
    /// Devices written so far; calls see all of them at once, at the end.
    #[schema(example = 100_000)]
    pub written: u64,
    /// What it is doing, for a person.
    #[schema(example = "100000 devices are written")]
    pub progress: String,
    /// What is wrong, line by line: the first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<BulkError>,
}

/// Reply with a bulk job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkReply {
    /// Always true: the job is known. Whether it is well says its `status`.
    #[schema(example = true)]
    pub success: bool,
    /// The job.
    pub status: BulkStatus,
}
