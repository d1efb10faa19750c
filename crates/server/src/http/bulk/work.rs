//! A bulk job at work, on a thread of its own.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use csv::{ByteRecord, Reader, ReaderBuilder, StringRecord};
use hookswitch_api::bulk::BulkError;
use hookswitch_api::device::{AuthType, Device};
use hookswitch_api::error::FieldError;
use hookswitch_store::bulk::{self, Job, State, Waiting};
use hookswitch_store::{Error, Store, UnixMicros, documents};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::super::Rest;
use super::super::devices::provisioned::{self, Generated};
use super::super::documents::Form;
use super::super::error::ApiError;
use super::quotes;
use super::sheet::Columns;
use super::upload::File;
use crate::database;
use crate::kind::DEVICE;
use crate::password::Turn;

/// Devices in one transaction: few enough that a call's commit hardly waits for them.
const PORTION: usize = 250;
/// A portion is written after this time, however few it has: hashing passwords is slow.
const PORTION_TIME: Duration = Duration::from_secs(2);
/// Errors that are told; reading stops when there are as many.
const MAX_ERRORS: usize = 100;
/// How long what could not be written waits for the next try.
const PAUSE: Duration = Duration::from_secs(1);

const STOPPED: &str =
    "the program was stopped while it read the file; nothing was changed: send the file again";
const HASHING: &str = "each new userid password takes tens of milliseconds for its argon2 hash";

/// Why a job ends early.
enum Failure {
    /// The file is to blame.
    Faults(Vec<BulkError>),
    /// The database is, or we are.
    Trouble(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Trouble(format!("the database could not be used: {error}"))
    }
}

/// Starts the work on a job that was begun.
pub(super) fn start(
    rest: Arc<Rest>,
    job: Job,
    file: File,
    slot: OwnedSemaphorePermit,
) -> Result<(), ApiError> {
    let runtime = Handle::current();
    let work = move || {
        let _slot = slot;
        let _turn = rest
            .bulk
            .turn
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        run(&rest, &runtime, &job, file);
    };
    let spawned = thread::Builder::new().name("bulk".to_owned()).spawn(work);
    spawned
        .map(|_| ())
        .map_err(|error| ApiError::internal(&error))
}

fn run(rest: &Rest, runtime: &Handle, job: &Job, file: File) {
    let began = Instant::now();
    let reading = Reading {
        rest,
        runtime,
        job,
        columns: None,
        ids: HashMap::new(),
        portion: Vec::new(),
        portion_since: Instant::now(),
        checked: 0,
        errors: Vec::new(),
        hashes: false,
    };
    let serial = job.serial;
    let wrong = quotes::faults(file.pieces(), MAX_ERRORS);
    let read = if wrong.is_empty() {
        reading.read(file.into_reader())
    } else {
        Err(Failure::Faults(wrong))
    };
    match read {
        Ok(count) => {
            insist(|| rest.store.write(move |db| bulk::decide(db, serial)));
            move_all(&rest.store, job);
            insist(|| rest.publisher.refresh_devices(&job.domain));
            insist(|| {
                rest.store
                    .write(move |db| bulk::complete(db, serial, UnixMicros::now()))
            });
            tracing::info!(domain = job.domain, bulk = job.bulk, count, took = ?began.elapsed(), "a bulk job is done");
        }
        Err(failure) => {
            let (reason, errors) = match failure {
                Failure::Faults(errors) => (reason_of(&errors), errors),
                Failure::Trouble(reason) => (reason, Vec::new()),
            };
            tracing::info!(
                domain = job.domain,
                bulk = job.bulk,
                reason,
                "a bulk job failed"
            );
            fail(&rest.store, job, &reason, &errors);
        }
    }
}

/// Takes up what a former run left: files that were decided are written to the end, the others failed. To be called
/// before the devices are read.
pub fn resume(store: &Store, node: &str) -> Result<(), Error> {
    for job in store.read(|db| bulk::unfinished(db, node))? {
        if job.state == State::Writing {
            move_all(store, &job);
            let serial = job.serial;
            store.write(move |db| bulk::complete(db, serial, UnixMicros::now()))?;
        } else {
            fail(store, &job, STOPPED, &[]);
        }
    }
    Ok(())
}

/// Moves the rows of a decided job, a portion at a time.
fn move_all(store: &Store, job: &Job) {
    let serial = job.serial;
    let limit = u32::try_from(PORTION).unwrap_or(u32::MAX);
    loop {
        let domain = job.domain.clone();
        let moved = insist(|| {
            let domain = domain.clone();
            store.write(move |db| bulk::write_portion(db, serial, &domain, DEVICE.name, limit))
        });
        if moved == 0 {
            return;
        }
    }
}

fn fail(store: &Store, job: &Job, reason: &str, errors: &[BulkError]) {
    let serial = job.serial;
    let errors = serde_json::to_string(errors).unwrap_or_else(|_| "[]".to_owned());
    insist(|| {
        let (reason, errors) = (reason.to_owned(), errors.clone());
        store.write(move |db| bulk::fail(db, serial, UnixMicros::now(), &reason, &errors))
    });
    let limit = u32::try_from(PORTION * 4).unwrap_or(u32::MAX);
    while insist(|| store.write(move |db| bulk::forget_portion(db, serial, limit))) > 0 {}
}

/// Tries until it is done: what was decided is done, and a full or locked disk is not for ever. A program that is
/// stopped meanwhile goes on at its next start.
fn insist<T>(mut work: impl FnMut() -> Result<T, Error>) -> T {
    loop {
        match work() {
            Ok(done) => return done,
            Err(error) => {
                database::tells(&error, "a bulk job waits for the database");
                thread::sleep(PAUSE);
            }
        }
    }
}

fn reason_of(errors: &[BulkError]) -> String {
    let Some(first) = errors.first() else {
        return "the file is wrong".to_owned();
    };
    let member = first.pointer.trim_start_matches('/').replace('/', ".");
    let space = if member.is_empty() { "" } else { " " };
    let more = match errors.len() {
        1 => String::new(),
        MAX_ERRORS => " (and at least 99 other errors; see errors)".to_owned(),
        count => format!(" (and {} more; see errors)", count - 1),
    };
    let (line, detail) = (first.line, &first.detail);
    format!("line {line}: {member}{space}{detail}{more}; nothing was changed")
}

/// A file while it is read.
struct Reading<'r> {
    rest: &'r Rest,
    runtime: &'r Handle,
    job: &'r Job,
    columns: Option<Columns>,
    /// The line of each device.
    ids: HashMap<Box<str>, u64>,
    portion: Vec<(u64, Device)>,
    portion_since: Instant,
    checked: u64,
    errors: Vec<BulkError>,
    hashes: bool,
}

impl Reading<'_> {
    /// Reads it all and leaves it waiting in the store; how many devices they are.
    fn read(mut self, file: impl Read) -> Result<u64, Failure> {
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(file);
        let mut record = ByteRecord::new();
        while self.errors.len() < MAX_ERRORS {
            match next(&mut reader, &mut record) {
                Ok(None) => break,
                Ok(Some(line)) => self.take(line, &record)?,
                Err(error) => self.errors.push(error),
            }
            let is_late = self.portion_since.elapsed() >= PORTION_TIME;
            if self.portion.len() >= PORTION || is_late {
                self.stage()?;
            }
        }
        self.stage()?;
        if !self.errors.is_empty() {
            self.errors.sort_by_key(|error| error.line);
            return Err(Failure::Faults(self.errors));
        }
        Ok(self.checked)
    }

    fn take(&mut self, line: u64, record: &ByteRecord) -> Result<(), Failure> {
        let cells = match StringRecord::from_byte_record(record.clone()) {
            Ok(cells) => cells,
            Err(error) => {
                let column = error.utf8_error().field() + 1;
                let why = format!("column {column} is not UTF-8; save the file as CSV in UTF-8");
                self.errors.push(fault(line, FieldError::new("", why)));
                return Ok(());
            }
        };
        let Some(columns) = &self.columns else {
            let columns = Columns::new(&cells).map_err(|faults| {
                Failure::Faults(faults.into_iter().map(|error| fault(line, error)).collect())
            })?;
            self.columns = Some(columns);
            return Ok(());
        };
        let device = match columns.device(&cells, &self.job.domain) {
            Ok(device) => device,
            Err(error) => {
                self.errors.push(fault(line, error));
                return Ok(());
            }
        };
        match self.ids.insert(device.device_id.as_str().into(), line) {
            Some(before) if !device.device_id.is_empty() => {
                let why = format!("is on line {before} too");
                self.errors
                    .push(fault(line, FieldError::new("/deviceId", why)));
            }
            _ => self.portion.push((line, device)),
        }
        Ok(())
    }

    /// Checks what was gathered, and leaves it waiting in the store unless something is wrong already.
    fn stage(&mut self) -> Result<(), Failure> {
        let portion = std::mem::take(&mut self.portion);
        self.portion_since = Instant::now();
        let kept = self.previous(&portion)?;
        let mut rows = Vec::with_capacity(portion.len());
        for ((line, mut device), previous) in portion.into_iter().zip(kept) {
            let form = Form::Whole;
            let refused = Generated::Refused;
            let completed = provisioned::complete(&mut device, previous.as_ref(), form, refused);
            let mut faults = provisioned::faults(&device);
            faults.extend(completed.err());
            // One error for each line: the first that matters to who mends it.
            if let Some(first) = faults.into_iter().next() {
                self.errors.push(fault(line, first));
            }
            if self.errors.is_empty() {
                let _turn = self.turn_to_hash(&device)?;
                provisioned::protect(&mut device, &self.job.domain);
                rows.push(self.sealed(&device)?);
            }
        }
        if !self.errors.is_empty() || rows.is_empty() {
            return Ok(());
        }
        let (serial, first) = (self.job.serial, self.checked);
        self.checked += rows.len() as u64;
        self.rest
            .store
            .write(move |db| bulk::stage(db, serial, first, &rows))?;
        Ok(())
    }

    /// The devices that are there already, in the order of the portion.
    fn previous(&self, portion: &[(u64, Device)]) -> Result<Vec<Option<Device>>, Failure> {
        let find = |db: &hookswitch_store::Read<'_>, id: &str| {
            let key = documents::Key {
                domain: &self.job.domain,
                kind: DEVICE.name,
                id,
                draft: false,
            };
            documents::find(db, key)
        };
        let ids = portion.iter().map(|(_, device)| device.device_id.as_str());
        let found: Vec<_> = self
            .rest
            .store
            .read(|db| ids.map(|id| find(db, id)).collect::<Result<_, _>>())?;
        let opened = found.into_iter().map(|document| {
            let Some(document) = document else {
                return Ok(None);
            };
            let members = DEVICE.open(&self.rest.master_key, &document)?;
            Ok(serde_json::from_value(Value::Object(members)).ok())
        });
        opened.collect::<Result<_, Error>>().map_err(Failure::from)
    }

    /// Waits for a turn in the pool of hashing, behind those who sign in.
    fn turn_to_hash(&mut self, device: &Device) -> Result<Option<Turn>, Failure> {
        if device.auth_type != AuthType::UserId || device.new_password.is_none() {
            return Ok(None);
        }
        if !self.hashes {
            self.hashes = true;
            let serial = self.job.serial;
            let store = &self.rest.store;
            store.write(move |db| bulk::note(db, serial, HASHING))?;
        }
        loop {
            match self.runtime.block_on(self.rest.hashing.turn()) {
                Ok(turn) => return Ok(Some(turn)),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    fn sealed(&self, device: &Device) -> Result<Waiting, Failure> {
        let trouble = |why: &str| Failure::Trouble(why.to_owned());
        match serde_json::to_value(device) {
            Ok(Value::Object(members)) => Ok(Waiting {
                id: device.device_id.clone(),
                body: DEVICE.seal(
                    &self.rest.master_key,
                    &self.job.domain,
                    &device.device_id,
                    &members,
                ),
            }),
            _ => Err(trouble("a device could not be written as JSON")),
        }
    }
}

/// The next line that is not empty, and its number.
fn next(reader: &mut Reader<impl Read>, record: &mut ByteRecord) -> Result<Option<u64>, BulkError> {
    match reader.read_byte_record(record) {
        Ok(true) => Ok(Some(record.position().map_or(0, csv::Position::line))),
        Ok(false) => Ok(None),
        Err(error) => {
            let line = error.position().map_or(0, csv::Position::line);
            let why = match error.kind() {
                csv::ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => format!("has {len} cells where the header has {expected_len}"),
                _ => "cannot be read".to_owned(),
            };
            Err(fault(line, FieldError::new("", why)))
        }
    }
}

fn fault(line: u64, error: FieldError) -> BulkError {
    BulkError {
        line,
        pointer: error.pointer,
        detail: error.detail,
    }
}
