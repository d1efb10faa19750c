//! `/v1/{domain}/explain`: where a call would go that has not happened, by the very rules that route one.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookswitch_api::call::{CallDirection, TraceStep};
use hookswitch_api::{command, form, lenient};
use hookswitch_call::route::{self, Destined, Route, ServingRefusal, Way};
use hookswitch_sip::message::{Host, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::allowed::{Allowed, Look, unix_seconds};
use super::body::Json;
use super::error::ApiError;
use super::{Rest, reply};

/// The facts of a call that might happen.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExplainRequest {
    /// `inbound` (the default) or `outbound`.
    direction: Option<CallDirection>,
    /// Whom the peer or the application calls. Inbound a SIP URI or a user of the domain; outbound a SIP URI, as
    /// `placeremotecall` takes it, which decides which trunk takes the call.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(example = "sip:+46890510@acme.example.com")]
    destination_uri: Option<String>,
    /// Inbound: the address the request comes from.
    #[serde(deserialize_with = "lenient::text")]
    #[schema(example = "192.0.2.10")]
    source_ip: Option<String>,
    /// Outbound: the user part of From.
    #[serde(deserialize_with = "lenient::text")]
    source_user: Option<String>,
    /// Outbound: the service that is to serve the call.
    #[serde(rename = "cloudSipUAId", deserialize_with = "lenient::text")]
    cloud_sip_ua_id: Option<String>,
}

/// What [`inbound`] says of members that depend on each other.
pub(super) fn conditions() -> Value {
    json!({
        "if": {"properties": {"direction": {"const": "outbound"}}, "required": ["direction"]},
        "then": {"properties": {"destinationUri": form::text_or_nothing("sip-uri")}},
        "else": {
            "required": ["destinationUri", "sourceIp"],
            "properties": {
                "destinationUri": {"type": "string", "minLength": 1},
                "sourceIp": {"type": "string", "format": "ip-address", "pattern": "^[0-9A-Fa-f:.]+$"},
            },
        },
    })
}

/// Where the call would go.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExplainReply {
    /// Always true: the question was answered.
    #[schema(example = true)]
    success: bool,
    /// The service that would take the call.
    #[serde(rename = "cloudSipUAId", skip_serializing_if = "Option::is_none")]
    cloud_sip_ua_id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Outbound: the trunk that would take the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    trunk_id: Option<String>,
    /// Outbound: whom that trunk would be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    trunk_user: Option<String>,
    /// Why nothing would take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<ExplainRefusal>,
    /// Every step of the decision.
    trace: Vec<TraceStep>,
}

/// Why a call would go nowhere.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExplainRefusal {
    /// In one word.
    #[schema(example = "unknown_user")]
    code: String,
    /// The SIP status an inbound call would get.
    #[serde(skip_serializing_if = "Option::is_none")]
    sip_status: Option<u16>,
}

/// Explains where a call would go
#[utoipa::path(
    post, path = "/v1/{domain}/explain", tag = "Calls", operation_id = "explain",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body = ExplainRequest,
    responses((status = 200, description = "The decision with its steps", body = ExplainReply)),
)]
pub(super) async fn explain(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Json { value: request, .. }: Json<ExplainRequest>,
) -> Result<Response, ApiError> {
    match request.direction.unwrap_or(CallDirection::Inbound) {
        CallDirection::Inbound => reply(&inbound(&rest, &caller.domain, &request)?),
        CallDirection::Outbound => reply(&outbound(&rest, &caller.domain, &request)?),
    }
}

fn inbound(rest: &Rest, domain: &str, request: &ExplainRequest) -> Result<ExplainReply, ApiError> {
    let destination = request.destination_uri.as_deref().unwrap_or_default();
    if destination.is_empty() {
        return Err(ApiError::field("/destinationUri", "is required"));
    }
    let source = request.source_ip.as_deref().unwrap_or_default();
    if source.is_empty() {
        return Err(ApiError::field("/sourceIp", "is required"));
    }
    let source: IpAddr = source.parse().map_err(|_| {
        ApiError::field(
            "/sourceIp",
            "must be the address the request would come from",
        )
    })?;
    let written = written(destination, domain);
    let uri =
        Uri::parse(&written).map_err(|why| ApiError::field("/destinationUri", why.to_string()))?;
    let host = match (uri.host, uri.host.ip()) {
        (Host::Name(""), _) => domain.to_owned(),
        (_, Some(ip)) => ip.to_string(),
        (host, None) => host.to_string().to_ascii_lowercase(),
    };
    let user = uri.user_decoded().unwrap_or_default();
    let directory = rest.publisher.current().directory.clone();
    if host != domain && !directory.is_own(&host) {
        return Err(ApiError::field(
            "/destinationUri",
            format!("is not of the domain {domain}"),
        ));
    }
    let facts = Destined {
        user: &user,
        host: &host,
        source,
        token: None,
        unix_seconds: unix_seconds(),
        dev: rest.dev,
        signer: None,
        shown: route::Shown::default(),
    };
    let Route {
        tenant,
        destination,
        trace,
    } = route::route(&directory, facts);
    if tenant.is_some_and(|tenant| *tenant.domain != *domain) {
        // Whose call it is, is none of this caller's business.
        let why = "the source network is not granted to this domain, and the Request-URI does not name it";
        let step = route::TraceStep::new("tenant", "refused", why);
        return Ok(refused("unknown_domain", Some(404), &[step]));
    }
    Ok(match destination {
        Ok(service) => taken(&service.id, &service.name, &trace),
        Err(refusal) => refused(refusal.code(), Some(refusal.status()), &trace),
    })
}

fn outbound(rest: &Rest, domain: &str, request: &ExplainRequest) -> Result<ExplainReply, ApiError> {
    let directory = rest.publisher.current().directory.clone();
    let tenant = directory
        .tenant(domain)
        .ok_or_else(|| ApiError::not_found("the domain was removed"))?;
    let source_user = request.source_user.as_deref().unwrap_or_default();
    let mut steps = Vec::new();
    let way = match request.destination_uri.as_deref() {
        None | Some("") => Ok(Way::Direct),
        Some(destination) => {
            let faults = command::check_destination_uri(Some(destination));
            if !faults.is_empty() {
                return Err(ApiError::fields(faults));
            }
            let uri = route::target(destination)
                .map_err(|why| ApiError::field("/destinationUri", why))?;
            route::outward(&directory, tenant, &uri, &mut steps)
        }
    };
    let way = match way {
        Ok(way) => way,
        Err(_) => return Ok(refused("outbound_forbidden", None, &steps)),
    };
    Ok(
        match route::serving(tenant, request.cloud_sip_ua_id.as_deref(), source_user) {
            Ok((service, step)) => {
                steps.insert(0, step);
                let mut reply = taken(&service.id, &service.name, &steps);
                if let Way::Trunk { trunk, user } = way {
                    reply.trunk_id = Some(trunk.id.to_string());
                    reply.trunk_user = Some(user);
                }
                reply
            }
            Err(refusal) => {
                let (code, why) = match refusal {
                    ServingRefusal::UnknownService => {
                        ("unknown_service", "the domain has no service of that id")
                    }
                    ServingRefusal::Unclear => (
                        "unclear_service",
                        "no destinationMatch matches the source user, and the domain has several services or none",
                    ),
                };
                refused(
                    code,
                    None,
                    &[route::TraceStep::new("cloudsipua", "refused", why)],
                )
            }
        },
    )
}

/// A SIP URI as it is, a user alone as one of the domain.
fn written(destination: &str, domain: &str) -> String {
    if destination.contains(':') {
        destination.to_owned()
    } else {
        format!("sip:{destination}@{domain}")
    }
}

fn taken(id: &str, name: &str, trace: &[route::TraceStep]) -> ExplainReply {
    ExplainReply {
        success: true,
        cloud_sip_ua_id: Some(id.to_owned()),
        name: Some(name.to_owned()),
        trunk_id: None,
        trunk_user: None,
        refusal: None,
        trace: trace.iter().map(step).collect(),
    }
}

fn refused(code: &str, sip_status: Option<u16>, trace: &[route::TraceStep]) -> ExplainReply {
    ExplainReply {
        success: true,
        cloud_sip_ua_id: None,
        name: None,
        trunk_id: None,
        trunk_user: None,
        refusal: Some(ExplainRefusal {
            code: code.to_owned(),
            sip_status,
        }),
        trace: trace.iter().map(step).collect(),
    }
}

/// A step of a decision on the wire.
pub(super) fn step(step: &route::TraceStep) -> TraceStep {
    TraceStep {
        rule: step.rule.to_string(),
        result: step.result.to_string(),
        why: step.why.to_string(),
    }
}
