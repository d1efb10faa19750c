//! `/provisioning/device/{domain}/bulk/{bulkId}`: many devices from one CSV file, all of them or none.
//!
//! The file is looked at while it comes (size, encoding, header) and refused at once where that is enough; the rest is
//! a job. It reads line by line, keeps what is good beside the devices, and only when all of it is good moves it to
//! where it belongs, a portion at a time, so that the commits of calls come in between. From that decision on a job is
//! finished, over restarts too; before it, a job fails and leaves nothing.

mod quotes;
mod sheet;
mod upload;
mod work;

use std::sync::{Arc, Mutex};

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use hookswitch_api::bulk::{BulkReply, BulkState, BulkStatus};
use hookswitch_store::UnixMicros;
use hookswitch_store::bulk::{self, Job, NewJob, State as JobState};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::allowed::{Allowed, Change, Look};
use super::error::ApiError;
use super::{Rest, blocking, reply, work_off_the_loop};

pub use work::resume;

/// Files in memory at a time, received or at work; each has [`upload::MAX_FILE`] at most.
const SLOTS: usize = 4;
/// Jobs of one domain at a time.
const PER_DOMAIN: u64 = 2;
/// The longest id, in characters.
const MAX_ID: usize = 128;

/// The bulk jobs of this node.
#[derive(Debug)]
pub struct BulkJobs {
    node: Box<str>,
    slots: Arc<Semaphore>,
    /// One works at a time, so that there is a processor left for calls.
    turn: Mutex<()>,
}

impl BulkJobs {
    /// None yet; `node` is whose they will be.
    pub fn new(node: &str) -> Self {
        Self {
            node: node.into(),
            slots: Arc::new(Semaphore::new(SLOTS)),
            turn: Mutex::new(()),
        }
    }

    /// Keeps jobs from beginning their work.
    #[cfg(test)]
    pub(super) fn hold(&self) -> std::sync::MutexGuard<'_, ()> {
        self.turn.lock().expect("nobody panicked with it")
    }

    fn slot(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        self.slots.clone().try_acquire_owned().map_err(|_| {
            let why = "the node has as many bulk files at work as it may; wait for one of them";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "bulk_busy", why).retry_after(10)
        })
    }
}

/// The id in the path.
pub(super) struct BulkId(String);

impl<S: Send + Sync> FromRequestParts<S> for BulkId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((_, id)) = path.map_err(|error| ApiError::field("/bulkId", error.body_text()))?;
        let fits = !id.is_empty() && id.chars().count() <= MAX_ID;
        if !fits || id.chars().any(char::is_control) {
            let why =
                format!("must have 1 to {MAX_ID} characters, none of them a control character");
            return Err(ApiError::field("/bulkId", why));
        }
        Ok(Self(id))
    }
}

/// Provisions many devices from a file
///
/// The body is CSV in UTF-8, below 10 MB. Its first line names members of a device, with dots for nesting:
/// `deviceId,authType,authorized.invite,serviceData.alarmBridge.heartbeatInterval`. An empty cell is a member that is
/// not there; cells below `serviceData` are JSON, so text stands in quotes of its own. A line for a device that exists
/// overwrites it, and keeps the secret it has where none is given; a new `credentials` device needs `ha1`, since
/// nobody could be told a password made here.
///
/// The reply comes at once and says that the job has started; GET tells how it goes. Either every line becomes a
/// device or nothing changes. While a job is at work its id is taken (409); afterwards it can be used again.
#[utoipa::path(
    put, path = "/provisioning/device/{domain}/bulk/{bulkId}", tag = "Devices", operation_id = "putDeviceBulk",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("bulkId" = String, Path, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", max_length = 128, description = "An id of your choice")),
    request_body(content = String, content_type = "text/csv", description = "The devices", example = "deviceId,authType,description\n1234,deviceid,front door\n5678,deviceid,back door\n"),
    responses((status = 200, description = "The job has started", body = BulkReply)),
)]
pub(super) async fn put(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    BulkId(id): BulkId,
    request: Request,
) -> Result<Response, ApiError> {
    let slot = rest.bulk.slot()?;
    let file = upload::receive(request).await?;
    let domain = caller.domain.clone();
    let status = work_off_the_loop(move || {
        let job = begin(&rest, &domain, &id, file.lines())?;
        let status = status(&job);
        work::start(rest, job, file, slot)?;
        Ok(status)
    })
    .await?;
    reply(&BulkReply {
        success: true,
        status,
    })
}

/// Shows how a bulk job goes
#[utoipa::path(
    get, path = "/provisioning/device/{domain}/bulk/{bulkId}", tag = "Devices", operation_id = "getDeviceBulk",
    params(("domain" = String, Path, description = "The tenant's SIP domain"), ("bulkId" = String, Path, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$", max_length = 128, description = "The id the job was started with")),
    responses((status = 200, description = "The job", body = BulkReply)),
)]
pub(super) async fn find(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    BulkId(id): BulkId,
) -> Result<Response, ApiError> {
    let domain = caller.domain.clone();
    let name = id.clone();
    let found = blocking(move || rest.store.read(|db| bulk::find(db, &domain, &name))).await?;
    let job = found.ok_or_else(|| ApiError::not_found(format!("there is no bulk job {id}")))?;
    reply(&BulkReply {
        success: true,
        status: status(&job),
    })
}

/// Takes the id for a new job.
fn begin(rest: &Rest, domain: &str, id: &str, lines: u64) -> Result<Job, ApiError> {
    let (domain, id) = (domain.to_owned(), id.to_owned());
    let node = rest.bulk.node.clone();
    rest.store.write(move |db| {
        if bulk::running(db, &domain)? >= PER_DOMAIN {
            let named = bulk::find(db, &domain, &id)?;
            if !named.is_some_and(|job| job.state.is_running()) {
                return Ok(Err(too_many()));
            }
        }
        let new = NewJob {
            domain: &domain,
            bulk: &id,
            node: &node,
            lines,
            now: UnixMicros::now(),
        };
        let begun = bulk::begin(db, new)?;
        let job = bulk::find(db, &domain, &id)?;
        Ok(begun.and(job).ok_or_else(|| running(&id)))
    })?
}

fn running(id: &str) -> ApiError {
    let why = format!("the bulk job {id} is at work; wait for its end or choose another id");
    ApiError::new(StatusCode::CONFLICT, "bulk_running", why)
}

fn too_many() -> ApiError {
    let why = format!("the domain has {PER_DOMAIN} bulk jobs at work; wait for one of them");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_bulk_jobs", why).retry_after(10)
}

fn status(job: &Job) -> BulkStatus {
    let (checked, written) = (job.checked, job.written);
    let lines = job.lines;
    let note = job.reason.clone().filter(|_| job.state.is_running());
    let progress = match job.state {
        JobState::Reading => {
            format!(
                "{checked} devices of {lines} lines are checked; none is written before all are"
            )
        }
        JobState::Writing => format!("{written} of {checked} devices are written"),
        JobState::Completed => format!("{written} devices are written"),
        JobState::Failed => "nothing is written".to_owned(),
    };
    BulkStatus {
        bulk_id: job.bulk.clone(),
        domain: job.domain.clone(),
        status: match job.state {
            JobState::Reading | JobState::Writing => BulkState::Started,
            JobState::Completed => BulkState::Completed,
            JobState::Failed => BulkState::Failed,
        },
        reason: job.reason.clone().filter(|_| !job.state.is_running()),
        started_at: job.started_at.0 / 1_000,
        stopped_at: job.stopped_at.map(|at| at.0 / 1_000),
        lines,
        checked,
        written,
        progress: note.map_or(progress.clone(), |note| format!("{progress}; {note}")),
        errors: serde_json::from_str(&job.errors).unwrap_or_default(),
    }
}
