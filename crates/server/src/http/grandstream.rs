//! `/provisioning/grandstream/{domain}/{mac}`: what a gateway fetches to configure itself, in Grandstream's own format.
//!
//! The file never has a password: only hashes of it are kept. A gateway leaves alone what its file does not name, so
//! the password is entered once, where the gateway is.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts as _, RawPathParams, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use hookswitch_api::device::parse_mac;
use hookswitch_call::directory::Mac;
use hookswitch_sip::flow::Transport;
use hookswitch_store::{UnixMicros, documents};
use serde::Deserialize;
use utoipa::IntoParams;

use super::allowed::unix_seconds;
use super::devices::provisioned::configured_key;
use super::error::ApiError;
use super::query::Query;
use super::{Rest, blocking, source};
use crate::auth::{Denied, Keys, Scope};

/// The query of a gateway.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct KeyQuery {
    /// An API token of the domain with the scope `read` or `provisioning`.
    k: Option<String>,
}

/// Shows a gateway its configuration
///
/// The file of the device with this `macAddress`, in Grandstream's XML format: account, server, transport and codecs of
/// its first account. It has no password, which is entered at the gateway once. `k` is an API token of the domain with
/// the scope `read` or `provisioning`; make one of its own for gateways, since it stands in their URL. The MAC address
/// is taken in every usual form, and as the name of the file that gateways ask for (`cfg000b82aabbcc.xml`). The time of
/// the download is the device's `lastConfigured`.
#[utoipa::path(
    get, path = "/provisioning/grandstream/{domain}/{mac}", tag = "Devices", operation_id = "getGrandstreamConfiguration",
    params(
        ("domain" = String, Path, description = "The tenant's SIP domain"),
        ("mac" = String, Path, description = "The MAC address of the gateway", example = "000b82aabbcc"),
        KeyQuery,
    ),
    security(()),
    responses((status = 200, description = "The configuration file", content_type = "application/xml", body = String,
        example = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n  <mac>000b82aabbcc</mac>\n  <config version=\"1\">\n    <P271>1</P271>\n  </config>\n</gs_provision>\n")),
)]
pub(super) async fn show(
    State(rest): State<Arc<Rest>>,
    Query(query): Query<KeyQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let (domain, mac) = names(&mut parts, &rest).await?;
    // All of it is done before anything is decided, so that a refusal takes as long whatever it is for.
    let allowed = is_allowed(&rest, query.k.as_deref().unwrap_or_default(), &domain);
    let directory = rest.publisher.current().directory.clone();
    let tenant = directory.tenant(&domain);
    let device = tenant.and_then(|tenant| tenant.devices.with_mac(mac));
    let file = file(mac, device.unwrap_or("nobody"), &domain, rest.sip_address);
    allowed.map_err(|denied| refused(denied, &parts, &rest))?;
    let device = device.ok_or_else(|| {
        ApiError::not_found("no device of the domain has a gateway with this MAC address")
    })?;
    remember(&rest, &domain, device).await?;
    let headers = [
        (CONTENT_TYPE, "application/xml"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, file).into_response())
}

/// Domain and MAC address of the path; what is no MAC address is nobody's.
async fn names(parts: &mut Parts, rest: &Arc<Rest>) -> Result<(String, Mac), ApiError> {
    let params = RawPathParams::from_request_parts(parts, rest)
        .await
        .map_err(|_| ApiError::not_found("the path is not UTF-8"))?;
    let named = |wanted: &str| {
        let mut found = params.iter().filter(|(name, _)| *name == wanted);
        found.next().map_or("", |(_, value)| value)
    };
    let mac = named("mac").to_ascii_lowercase();
    let mac = mac.strip_prefix("cfg").unwrap_or(&mac);
    let mac = mac.strip_suffix(".xml").unwrap_or(mac);
    Ok((
        named("domain").to_ascii_lowercase(),
        parse_mac(mac).unwrap_or_default(),
    ))
}

/// A key is looked up by its hash, which takes as long for every wrong one.
fn is_allowed(rest: &Rest, key: &str, domain: &str) -> Result<(), Denied> {
    // A JWT would be verified with the domain's keys, which takes as long as they are many.
    if Keys::is_signed(key) {
        return Err(Denied::Unknown("a JWT is no API token"));
    }
    let caller = rest.keys.authenticate(key, domain, unix_seconds())?;
    if caller.scopes.has(Scope::Read) || caller.scopes.has(Scope::Provisioning) {
        Ok(())
    } else {
        Err(Denied::Foreign)
    }
}

fn refused(denied: Denied, parts: &Parts, rest: &Rest) -> ApiError {
    let source = source::of(parts, &rest.trusted_proxies);
    if let Some(wait) = rest.failures.count(source, Instant::now()) {
        rest.room.brakes().sign_ins.hit(Instant::now());
        let why = "too many requests from this address had no valid key";
        let status = StatusCode::TOO_MANY_REQUESTS;
        return ApiError::new(status, "too_many_failures", why).retry_after(wait.as_secs().max(1));
    }
    match denied {
        Denied::Unknown(_) => {
            let why = "the parameter k must be an API token of the domain";
            ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", why)
        }
        Denied::Foreign | Denied::ForeignClaim => {
            let why = "the key does not open this domain, or lacks the scope read";
            ApiError::new(StatusCode::FORBIDDEN, "forbidden", why)
        }
    }
}

/// Writes down when the gateway was last configured.
async fn remember(rest: &Arc<Rest>, domain: &str, device: &str) -> Result<(), ApiError> {
    let (rest, domain, device) = (rest.clone(), domain.to_owned(), device.to_owned());
    blocking(move || {
        rest.store.write(move |db| {
            let milliseconds = UnixMicros::now().0 / 1_000;
            let key = configured_key(&domain, &device);
            let body = milliseconds.to_string();
            documents::put(db, key, &body, documents::Expected::Any).map(|_| ())
        })
    })
    .await
}

/// The first account of the gateway. Ids and domains have no character that XML would have to escape.
fn file(mac: Mac, device: &str, domain: &str, sip: Option<(Transport, SocketAddr)>) -> String {
    let mac = mac.map(|octet| format!("{octet:02x}")).concat();
    let mut values = vec![
        ("Account active", 271, "1".to_owned()),
        ("Account name", 270, device.to_owned()),
        ("SIP server", 47, domain.to_owned()),
        ("SIP user id", 35, device.to_owned()),
        ("Authenticate id", 36, device.to_owned()),
        ("Display name", 3, device.to_owned()),
        // Calls are signed in one by one; nobody has to register for them.
        ("SIP registration", 31, "0".to_owned()),
        ("Outgoing call without registration", 109, "1".to_owned()),
        ("Preferred vocoder 1: PCMA", 57, "8".to_owned()),
        ("Preferred vocoder 2: PCMU", 58, "0".to_owned()),
        ("DTMF payload type", 79, "101".to_owned()),
    ];
    if let Some((transport, address)) = sip {
        let kind = match transport {
            Transport::Tls => ("SIP transport: TLS", "2"),
            Transport::Tcp => ("SIP transport: TCP", "1"),
            _ => ("SIP transport: UDP", "0"),
        };
        values.push(("Outbound proxy", 48, address.to_string()));
        values.push((kind.0, 130, kind.1.to_owned()));
    }
    let mut file = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n  <mac>{mac}</mac>\n  <config version=\"1\">\n"
    );
    for (meaning, number, value) in values {
        writeln!(
            file,
            "    <!-- {meaning} -->\n    <P{number}>{value}</P{number}>"
        )
        .expect("a String takes every write");
    }
    file += "  </config>\n</gs_provision>\n";
    file
}
