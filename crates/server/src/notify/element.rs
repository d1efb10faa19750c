//! An event of a call as an event of its device.

use hookswitch_api::callback::{
    CallAnswered, CallFailed, CallHungup, CallNotify, Callback as _, NewRemoteCall,
};
use hookswitch_api::notice::{DialogDirection, DialogState, SipEvent, SipEventType};
use hookswitch_call::id::CallId;
use hookswitch_store::events::StoredEvent;
use hookswitch_store::{CallRow, Read, Result, calls};
use serde_json::Value;

/// What the event says of a device; nothing when it tells no new state of a call.
pub(super) fn of(db: &Read<'_>, event: &StoredEvent) -> Result<Option<SipEvent>> {
    let Some(state) = state_of(event) else {
        return Ok(None);
    };
    let call = calls::find(db, &event.row.domain, event.row.call)?;
    Ok(call.map(|call| told(event, &call, state)))
}

fn state_of(event: &StoredEvent) -> Option<DialogState> {
    let name = &*event.row.name;
    if name == NewRemoteCall::NAME {
        return Some(DialogState::Trying);
    }
    if name == CallNotify::NAME {
        let is_ringing = body_of(event)["event"] == "ringing";
        return is_ringing.then_some(DialogState::Early);
    }
    if name == CallAnswered::NAME {
        return Some(DialogState::Confirmed);
    }
    [CallHungup::NAME, CallFailed::NAME]
        .contains(&name)
        .then_some(DialogState::Terminated)
}

fn body_of(event: &StoredEvent) -> Value {
    serde_json::from_str(&event.row.body).unwrap_or_default()
}

fn told(event: &StoredEvent, call: &CallRow, state: DialogState) -> SipEvent {
    let id = CallId::from_u128(call.id.0);
    let (source, destination) = (&call.source_user, &call.destination_user);
    let (direction, device, remote) = match &*call.direction {
        "outbound" => (DialogDirection::Initiator, source, destination),
        _ => (DialogDirection::Recipient, destination, source),
    };
    let outcome = match state {
        DialogState::Terminated => body_of(event),
        _ => Value::Null,
    };
    let number = |member: &str| outcome[member].as_u64();
    SipEvent {
        kind: SipEventType::Dialog,
        timestamp: event.row.created_at.0 / 1_000,
        device: device.clone(),
        state,
        direction,
        remote: remote.clone(),
        call: id.to_string(),
        call_id: call.sip_call_id.clone(),
        session_id: id.session().to_string(),
        sip_status: number("sipStatus").and_then(|status| u16::try_from(status).ok()),
        class: outcome["class"].as_str().map(str::to_owned),
        duration: number("duration"),
    }
}
