//! The engine's changes as rows of the store.

use std::borrow::Cow;
use std::time::SystemTime;

use hookswitch_call::event::Event;
use hookswitch_call::id::CallId;
use hookswitch_call::record::{CallRecord, Snapshot};
use hookswitch_store::seal::Place;
use hookswitch_store::{
    CallKey, CallRow, DeliveryOutcome, DeliveryUpdate, EventRow, MasterKey, Try, UnixMicros,
};

use super::body::keys_of;
use crate::callback::{TellResult, Told, Tried};

/// Octets of JSON most records have at most.
const USUAL_RECORD: usize = 1_536;

/// The row of a call's record.
pub(super) fn call(record: &CallRecord) -> CallRow {
    let identity = &record.identity;
    CallRow {
        id: CallKey(identity.call.as_u128()),
        domain: identity.domain.clone(),
        direction: Cow::Borrowed(identity.direction.as_str()),
        source_user: identity.source_user.to_string(),
        destination_user: identity.destination_user.to_string(),
        sip_call_id: identity.sip_call_id.to_string(),
        started_at: UnixMicros(record.times.offered),
        state: Cow::Borrowed(record.state.as_str()),
        session_reference_id: record.session_reference_id.as_deref().map(str::to_owned),
        answered_at: record.times.answered.map(UnixMicros),
        ended_at: record.times.ended.map(UnixMicros),
        class: record
            .outcome
            .as_ref()
            .map(|outcome| Cow::Borrowed(outcome.class.as_str())),
        record: json(record),
    }
}

fn json(record: &CallRecord) -> String {
    let mut bytes = Vec::with_capacity(USUAL_RECORD);
    serde_json::to_writer(&mut bytes, record).expect("a record has text keys only");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// A snapshot, sealed, for it may hold SRTP keys; `None` forgets it.
pub(super) fn snapshot(
    master_key: &MasterKey,
    call: CallId,
    snapshot: Option<&Snapshot>,
) -> (CallKey, Option<Vec<u8>>) {
    let key = CallKey(call.as_u128());
    let sealed = snapshot.map(|snapshot| {
        master_key.seal_bytes(snapshot_place(call.text().as_str()), &snapshot.encode())
    });
    (key, sealed)
}

/// In the place of a snapshot: the call is under way, and nothing of it can be taken up.
pub(super) fn unkept(master_key: &MasterKey, call: CallId) -> (CallKey, Option<Vec<u8>>) {
    let sealed = master_key.seal_bytes(snapshot_place(call.text().as_str()), &[]);
    (CallKey(call.as_u128()), Some(sealed))
}

/// The row of an event; its SRTP keys lie sealed beside the body.
pub(super) fn event(
    master_key: &MasterKey,
    event: &Event,
    callback_id: String,
    body: Vec<u8>,
) -> EventRow {
    let identity = &event.identity;
    let webhook_id = event.webhook_id().to_string();
    let keys = keys_of(event);
    let sealed = (!keys.is_empty()).then(|| {
        let plain = serde_json::to_vec(&keys).expect("keys are plain texts");
        let place = keys_place(&identity.domain, &webhook_id);
        master_key.seal(place, &plain)
    });
    EventRow {
        call: CallKey(identity.call.as_u128()),
        domain: identity.domain.clone(),
        service: identity.service.as_deref().unwrap_or("").to_owned(),
        callback_id,
        name: Cow::Borrowed(event.kind.name()),
        sequence: event.sequence,
        terminal: event.kind.is_terminal(),
        target: identity.target.as_deref().map(str::to_owned),
        created_at: UnixMicros(event.at_unix_ms * 1_000),
        body: String::from_utf8(body).expect("JSON is UTF-8"),
        sealed,
        webhook_id,
    }
}

/// Where a call's snapshot is sealed: under the node, for only the snapshot itself tells its domain.
pub(crate) const fn snapshot_place(call: &str) -> Place<'_> {
    Place {
        domain: "",
        kind: "snapshot",
        field: call,
    }
}

/// A snapshot as it was, `None` of a call of which nothing was to be kept, or why it cannot be read.
pub(super) fn read_snapshot(
    master_key: &MasterKey,
    call: CallId,
    sealed: &[u8],
) -> Result<Option<Snapshot>, String> {
    let plain = master_key
        .open_bytes(snapshot_place(call.text().as_str()), sealed)
        .map_err(|error| error.to_string())?;
    if plain.is_empty() {
        return Ok(None);
    }
    let snapshot = Snapshot::decode(&plain).map_err(|error| error.to_string())?;
    Ok(Some(snapshot))
}

/// Where an event's SRTP keys are sealed.
pub(crate) const fn keys_place<'p>(domain: &'p str, webhook_id: &'p str) -> Place<'p> {
    Place {
        domain,
        kind: "event",
        field: webhook_id,
    }
}

/// What became of a callback.
pub(super) fn delivery(result: &TellResult) -> DeliveryUpdate {
    let tries: Vec<Try> = result.tries.iter().map(one_try).collect();
    let outcome = match result.told {
        Told::Delivered => {
            let taken = tries.last().map_or_else(UnixMicros::now, |tried| tried.at);
            DeliveryOutcome::Delivered(taken)
        }
        Told::Failed => DeliveryOutcome::Failed,
        Told::Retry { at, .. } => DeliveryOutcome::Retry(micros(at)),
    };
    DeliveryUpdate {
        call: CallKey(result.call.0),
        sequence: u32::try_from(result.sequence).unwrap_or(u32::MAX),
        outcome,
        attempts: result.attempts,
        last_status: result.status,
        last_error: result.error.as_ref().map(ToString::to_string),
        tries,
    }
}

fn one_try(tried: &Tried) -> Try {
    Try {
        at: micros(tried.at),
        status: tried.status,
        error: tried.error.as_ref().map(ToString::to_string),
        took_micros: u32::try_from(tried.took.as_micros()).unwrap_or(u32::MAX),
    }
}

pub(super) fn micros(at: SystemTime) -> UnixMicros {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    UnixMicros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
