//! What an application's reply to `newRemoteCall` means.

use hookswitch_api::command::Receive;
use hookswitch_api::reply::NewRemoteCallReply;
use hookswitch_call::command::{Accepted, Answer, AskAnswer, Hangup};
use hookswitch_media::{Codec, Crypto, Endpoint};

use crate::callback::Asked;

/// The engine's answer, and what was wrong with a command on board: that is left out, and the call waits for
/// a better one over REST.
pub fn read(asked: &Asked) -> (AskAnswer, Option<String>) {
    match asked {
        Asked::Accepted { body } => accepted(body),
        Asked::Refused { why, .. } => (AskAnswer::Refused { why: why.clone() }, None),
        Asked::Disabled => {
            let why = "the callbacks of this service are switched off (callback_disabled): its application answered 410";
            (
                AskAnswer::Disabled {
                    why: why.to_owned(),
                },
                None,
            )
        }
        Asked::TimedOut { why } => {
            let why = format!("the application did not answer newRemoteCall in time: {why}");
            (AskAnswer::TimedOut { why }, None)
        }
    }
}

fn accepted(body: &[u8]) -> (AskAnswer, Option<String>) {
    let nothing = || AskAnswer::Accepted(Box::default());
    let reply = match NewRemoteCallReply::parse(body) {
        Ok(reply) => reply,
        Err(fault) => {
            return (
                nothing(),
                Some(format!("{}: {}", fault.pointer, fault.detail)),
            );
        }
    };
    let session_reference_id = reply.session_reference_id.as_deref().map(Into::into);
    if let Some(fault) = reply.validate().into_iter().next() {
        let accepted = Accepted {
            session_reference_id,
            ..Accepted::default()
        };
        let why = format!(
            "the command in the reply was left out: {} {}",
            fault.pointer, fault.detail
        );
        return (AskAnswer::Accepted(Box::new(accepted)), Some(why));
    }
    let accepted = Accepted {
        ringback: reply
            .ringback
            .as_ref()
            .map(|ringback| ringback.receive().map(|receive| endpoint(&receive))),
        answer: reply.answer.as_ref().and_then(|answer| {
            let reference = answer.session_reference_id.as_deref().map(Into::into);
            Some(Answer {
                media: endpoint(&answer.receive()?),
                session_reference_id: reference,
            })
        }),
        hangup: reply.hangup.as_ref().map(|hangup| Hangup {
            status: hangup.sip_status,
            reason: hangup.reason.as_deref().map(Into::into),
        }),
        session_reference_id,
    };
    (AskAnswer::Accepted(Box::new(accepted)), None)
}

/// A device's media as the core knows it.
pub fn endpoint(receive: &Receive<'_>) -> Endpoint {
    Endpoint {
        address: receive.ip,
        port: receive.port,
        codec: receive.codec.parse().unwrap_or(Codec::Pcma),
        telephone_event: receive.telephone_event,
        crypto: receive
            .crypto
            .iter()
            .map(|key| Crypto {
                tag: key.id,
                suite: key.suite.clone().into_owned(),
                config: key.config.clone().into_owned(),
            })
            .collect(),
    }
}
