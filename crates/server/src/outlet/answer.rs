//! What an application's reply to `newRemoteCall` means.

use hookswitch_api::reply::NewRemoteCallReply;
use hookswitch_call::command::{Accepted, Answer, AskAnswer, Hangup};

use crate::callback::Asked;
use crate::http::endpoint;

/// The engine's answer. A command on board that cannot be read is left out, and the call waits for a better
/// one over REST; its record says why.
pub fn read(asked: &Asked) -> AskAnswer {
    match asked {
        Asked::Accepted { body } => AskAnswer::Accepted(Box::new(accepted(body))),
        Asked::Refused { why, .. } => AskAnswer::Refused { why: why.clone() },
        Asked::Disabled => AskAnswer::Disabled {
            why: "the callbacks of this service are switched off (callback_disabled): its application answered 410"
                .to_owned(),
        },
        Asked::TimedOut { why, .. } => AskAnswer::TimedOut {
            why: format!("newRemoteCall brought no usable answer: {why}"),
        },
    }
}

fn accepted(body: &[u8]) -> Accepted {
    let faulty = |session_reference_id, pointer: &str, detail: &str| Accepted {
        session_reference_id,
        fault: Some(format!(
            "the reply to newRemoteCall was left out: {} {detail}",
            if pointer.is_empty() { "it:" } else { pointer }
        )),
        ..Accepted::default()
    };
    let reply = match NewRemoteCallReply::parse(body) {
        Ok(reply) => reply,
        Err(fault) => return faulty(None, &fault.pointer, &fault.detail),
    };
    let session_reference_id = reply.session_reference_id.as_deref().map(Into::into);
    if let Some(fault) = reply.validate().into_iter().next() {
        return faulty(session_reference_id, &fault.pointer, &fault.detail);
    }
    Accepted {
        fault: None,
        ringback: reply
            .ringback
            .as_ref()
            .map(|ringback| ringback.receive().map(endpoint)),
        answer: reply.answer.as_ref().and_then(|answer| {
            let reference = answer.session_reference_id.as_deref().map(Into::into);
            Some(Answer {
                media: endpoint(answer.receive()?),
                session_reference_id: reference,
            })
        }),
        hangup: reply.hangup.as_ref().map(|hangup| Hangup {
            status: hangup.sip_status,
            reason: hangup.reason.as_deref().map(Into::into),
        }),
        session_reference_id,
    }
}
