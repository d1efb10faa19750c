//! The four call commands, each under its two paths: with the suffix `jwt` and without.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use hookswitch_api::command::{
    self, AnswerRemoteCall, HangupCall, PlaceRemoteCall, PlaceRemoteCallReply, Receive,
    SendRemoteCallRingback,
};
use hookswitch_api::error::FieldError;
use hookswitch_api::ladder::{LadderDirection, LadderEntry, LadderKind};
use hookswitch_api::url::PlainHttp;
use hookswitch_call::command::{
    Answer, Command, CommandError, CommandErrorKind, CommandReply, Hangup, Place,
};
use hookswitch_call::id::CallId;
use hookswitch_media::{Codec, Crypto, Endpoint};
use hookswitch_store::UnixMicros;

use super::allowed::{Allowed, Steer, unix_seconds};
use super::body::Json;
use super::error::{ApiError, refuse_faults};
use super::idempotency::IdempotencyKey;
use super::{Rest, reply};
use crate::callback::BaseUrl;
use crate::guard::Guard;
use crate::reply_id::ReplyId;

/// The paths with the suffix, and what follows `/mediaservice/{domain}/` in them.
pub(super) const NAMES: [&str; 4] = [
    "answerremotecall",
    "sendremotecallringback",
    "hangupcall",
    PLACE,
];

/// The one that has no call yet.
pub(super) const PLACE: &str = "placeremotecall";

/// The command of a path, if it is one's.
pub(super) fn of_route(route: &str) -> Option<&'static str> {
    let name = route.strip_prefix("/mediaservice/{domain}/")?;
    let name = name.strip_suffix("jwt").unwrap_or(name);
    NAMES.into_iter().find(|known| *known == name)
}

/// Answers an inbound call
///
/// The far end gets 200 OK with the device's media. Repeating the command with the same body is answered
/// in the same way; another body then gets 409.
#[utoipa::path(
    post, path = "/mediaservice/{domain}/answerremotecalljwt", tag = "Calls", operation_id = "answerRemoteCall",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body = AnswerRemoteCall,
    responses((status = 200, description = "The call is answered", body = command::CommandReply)),
)]
pub(super) async fn answer(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Steer>,
    Json { value: body, .. }: Json<AnswerRemoteCall>,
) -> Result<Response, ApiError> {
    refuse_faults(body.validate())?;
    let named = named(&rest, &caller, body.reply_id.as_deref())?;
    let call = named.call;
    let media = body.receive().map(endpoint).ok_or_else(unchecked)?;
    let session_reference_id = body.session_reference_id.as_deref().map(Arc::from);
    let answer = Box::new(Answer {
        media,
        session_reference_id,
    });
    let command = Command::Answer {
        call,
        domain: caller.domain.clone(),
        answer,
    };
    carry_out(&rest, "answerremotecall", &named, command).await
}

/// Lets an inbound call ring
///
/// Sends 180 Ringing; with `receiveIp`, `receivePort` and `codec` 183 with early media from the device.
#[utoipa::path(
    post, path = "/mediaservice/{domain}/sendremotecallringbackjwt", tag = "Calls", operation_id = "sendRemoteCallRingback",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body = SendRemoteCallRingback,
    responses((status = 200, description = "The caller hears ringing", body = command::CommandReply)),
)]
pub(super) async fn ringback(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Steer>,
    Json { value: body, .. }: Json<SendRemoteCallRingback>,
) -> Result<Response, ApiError> {
    refuse_faults(body.validate())?;
    let named = named(&rest, &caller, body.reply_id.as_deref())?;
    let call = named.call;
    let media = body.receive().map(endpoint);
    let command = Command::Ringback {
        call,
        domain: caller.domain.clone(),
        media,
    };
    carry_out(&rest, "sendremotecallringback", &named, command).await
}

/// Ends a call
///
/// Not yet answered: busy, or the rejection that `sipStatus` and `reason` name. Answered: hung up. Ringing
/// outbound: cancelled.
#[utoipa::path(
    post, path = "/mediaservice/{domain}/hangupcalljwt", tag = "Calls", operation_id = "hangupCall",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body = HangupCall,
    responses((status = 200, description = "The call is ended", body = command::CommandReply)),
)]
pub(super) async fn hangup(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Steer>,
    Json { value: body, .. }: Json<HangupCall>,
) -> Result<Response, ApiError> {
    refuse_faults(body.validate())?;
    let named = named(&rest, &caller, body.reply_id.as_deref())?;
    let call = named.call;
    let hangup = Hangup {
        status: body.sip_status,
        reason: body.reason.map(String::into_boxed_str),
    };
    let command = Command::Hangup {
        call,
        domain: caller.domain.clone(),
        hangup,
    };
    carry_out(&rest, "hangupcall", &named, command).await
}

/// Places an outbound call
///
/// The reply names the call at once, so that it can be cancelled while it rings; how it goes is told by
/// callbacks.
#[utoipa::path(
    post, path = "/mediaservice/{domain}/placeremotecalljwt", tag = "Calls", operation_id = "placeRemoteCall",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body = PlaceRemoteCall,
    responses((status = 200, description = "The call is being placed", body = PlaceRemoteCallReply)),
)]
pub(super) async fn place(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Steer>,
    key: Option<Extension<IdempotencyKey>>,
    Json { value: body, .. }: Json<PlaceRemoteCall>,
) -> Result<Response, ApiError> {
    let since = Instant::now();
    let mut faults = body.validate(rest.plain_http());
    if let Some(url) = body
        .callback_base_url
        .as_deref()
        .filter(|_| faults.is_empty())
    {
        faults.extend(rest.check_target("/callbackBaseUrl", url));
    }
    refuse_faults(faults)?;
    let media = body.receive().map(endpoint).ok_or_else(unchecked)?;
    let destination = body.destination_uri.unwrap_or_default();
    let place = Place {
        domain: caller.domain.clone(),
        service: body.cloud_sip_ua_id.as_deref().map(Arc::from),
        destination_uri: destination.clone(),
        source_user: body.source_user.unwrap_or_default(),
        media,
        session_reference_id: body.session_reference_id.as_deref().map(Arc::from),
        callback_base_url: body.callback_base_url.as_deref().map(Arc::from),
        ring_timeout: body
            .ring_timeout
            .map(|seconds| Duration::from_secs(u64::from(seconds))),
        idempotency_key: key.map(|Extension(IdempotencyKey(key))| key),
    };
    match rest.calls.command(Command::Place(Box::new(place))).await {
        Ok(CommandReply::Placed { call, sip_call_id }) => {
            log(&rest, PLACE, call, since, StatusCode::OK, None);
            let node = rest.reply_ids.node();
            reply(&placed(&rest, node, &caller.domain, call, &sip_call_id))
        }
        Ok(_) => Err(ApiError::internal(
            &"a call was placed, and something else was the answer",
        )),
        Err(error) => {
            complain(&rest, &caller.domain, &destination, &error);
            Err(ApiError::from(&error))
        }
    }
}

/// What the application is told of a call that it placed.
pub(super) fn placed(
    rest: &Rest,
    node: &str,
    domain: &str,
    call: CallId,
    sip_call_id: &str,
) -> PlaceRemoteCallReply {
    let reply_ids = &rest.reply_ids;
    PlaceRemoteCallReply {
        success: true,
        reply_id: reply_ids.mint_of(node, domain, call, 0, unix_seconds()),
        session_id: call.session().to_string(),
        call_id: sip_call_id.to_owned(),
        trace_id: call.trace().to_string(),
    }
}

/// A line in the log for a call that the domain may not place: there is no record of it.
fn complain(rest: &Rest, domain: &Arc<str>, destination: &str, error: &CommandError) {
    if error.kind != CommandErrorKind::OutboundForbidden {
        return;
    }
    if let Some(left_out) = rest.complaints.due(domain) {
        let why = &error.reason;
        tracing::warn!(%domain, destination = ?destination, left_out, why = %why, "a call was not placed: the domain may not call there");
    }
}

/// The same commands without the suffix.
pub(super) fn suffixless() -> Router<Arc<Rest>> {
    Router::new()
        .route("/mediaservice/{domain}/answerremotecall", post(answer))
        .route(
            "/mediaservice/{domain}/sendremotecallringback",
            post(ringback),
        )
        .route("/mediaservice/{domain}/hangupcall", post(hangup))
        .route("/mediaservice/{domain}/placeremotecall", post(place))
}

/// Where a device wants its media, as the core has it.
pub fn endpoint(receive: Receive<'_>) -> Endpoint {
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
                suite: key.suite.to_string(),
                config: key.config.to_string(),
            })
            .collect(),
    }
}

fn unchecked() -> ApiError {
    ApiError::internal(&"checked media members are incomplete")
}

/// The call of a `replyId`. One that was not issued for this domain is like one of a call that never was.
fn named(
    rest: &Rest,
    caller: &Allowed<Steer>,
    reply_id: Option<&str>,
) -> Result<ReplyId, ApiError> {
    let reply_id = reply_id.unwrap_or_default();
    rest.reply_ids
        .verify(reply_id, &caller.domain)
        .map_err(|_| {
            ApiError::new(
                StatusCode::NOT_FOUND,
                "call_not_found",
                "there is no such call: the replyId names none of this domain",
            )
        })
}

/// What else there is to say of a call that is not here.
fn elsewhere(rest: &Rest, named: &ReplyId) -> Option<String> {
    let (own, node) = (rest.reply_ids.node(), &named.node);
    (own != node).then(|| {
        format!(
            "there is no such call on this node, {own}: its replyId is of the node {node}; send the command there, to the \
             siteBaseUrl of the call's callbacks"
        )
    })
}

async fn carry_out(
    rest: &Rest,
    name: &'static str,
    named: &ReplyId,
    command: Command,
) -> Result<Response, ApiError> {
    let call = named.call;
    let since = Instant::now();
    match rest.calls.command(command).await {
        Ok(_) => {
            log(rest, name, call, since, StatusCode::OK, None);
            reply(&command::CommandReply::DONE)
        }
        Err(error) => {
            let mut refusal = ApiError::from(&error);
            if refusal.status == StatusCode::NOT_FOUND {
                refusal.reason = elsewhere(rest, named).unwrap_or(refusal.reason);
            } else {
                log(
                    rest,
                    name,
                    call,
                    since,
                    refusal.status,
                    Some(refusal.reason.clone()),
                );
            }
            Err(refusal)
        }
    }
}

fn log(
    rest: &Rest,
    name: &str,
    call: CallId,
    since: Instant,
    status: StatusCode,
    error: Option<String>,
) {
    let took = since.elapsed();
    rest.calls.log(
        call,
        LadderEntry {
            at: UnixMicros::now().before(took).0,
            offset: 0,
            kind: LadderKind::Rest,
            direction: LadderDirection::In,
            from: "application".to_owned(),
            to: "node".to_owned(),
            summary: format!("POST /{name}"),
            status: Some(status.as_u16()),
            took: u64::try_from(took.as_micros()).ok(),
            repeated: false,
            error,
            text: None,
        },
    );
}

impl From<&CommandError> for ApiError {
    fn from(error: &CommandError) -> Self {
        let status =
            StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut refusal = Self::new(status, error.code(), error.reason.clone());
        if let Some(pointer) = error.pointer {
            refusal.errors = vec![FieldError::new(pointer, error.reason.clone())];
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            refusal.retry_after(1)
        } else {
            refusal
        }
    }
}

impl Rest {
    /// Whether `http://` can be a callback's URL at all.
    pub(super) fn plain_http(&self) -> PlainHttp {
        if self.callback_allow.is_empty() {
            PlainHttp::Refused
        } else {
            PlainHttp::Listed
        }
    }

    /// What is wrong with a callback's URL for this node; names are checked when they are resolved.
    pub(super) fn check_target(&self, pointer: &str, url: &str) -> Option<FieldError> {
        let refuse = |detail: String| Some(FieldError::new(pointer, detail));
        if let Err(error) = BaseUrl::parse(url) {
            return refuse(error.to_string());
        }
        let uri: http::Uri = url.parse().ok()?;
        let address: IpAddr = uri.host()?.trim_matches(['[', ']']).parse().ok()?;
        let guard = Guard::new(self.callback_allow.clone());
        if uri.scheme_str() == Some("http") && !guard.listed(address) {
            let detail = format!(
                "must begin with https://, since the node's operator did not list {address} \
                 with --callback-allow"
            );
            return refuse(detail);
        }
        match guard.check(address) {
            Ok(()) => None,
            Err(blocked) => refuse(format!(
                "cannot be reached from here: {blocked}; list it with --callback-allow to call it back"
            )),
        }
    }
}
