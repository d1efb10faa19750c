//! Where an inbound request goes: a pure function over the directory that explains itself.

mod caller;
mod outward;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::caller::Standing;
pub use self::outward::{Way, outward, target};
use crate::directory::{AuthType, CloudSipUa, Directory, Tenant, Unserved};

/// One step of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceStep {
    /// Which rule looked.
    pub rule: Cow<'static, str>,
    /// What it found: `matched`, `passed`, `skipped`, `challenged` or `refused`.
    pub result: Cow<'static, str>,
    /// Why, in words for a person.
    pub why: Cow<'static, str>,
}

impl TraceStep {
    /// A step.
    pub fn new(
        rule: &'static str,
        result: &'static str,
        why: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            rule: rule.into(),
            result: result.into(),
            why: why.into(),
        }
    }
}

/// What routing looks at.
#[derive(Clone, Copy, Debug)]
pub struct Destined<'r> {
    /// The user part of the Request-URI, percent-decoded.
    pub user: &'r str,
    /// The host of the Request-URI, without brackets.
    pub host: &'r str,
    /// Where the request came from.
    pub source: IpAddr,
    /// The token in `X-JWTAuth`.
    pub token: Option<&'r str>,
    /// The present, for the token.
    pub unix_seconds: u64,
    /// Whether the node runs with `--dev`: loopback callers are let in.
    pub dev: bool,
    /// Who the sender proved to be by digest.
    pub signer: Option<Signer<'r>>,
    /// What else the sender shows of itself.
    pub shown: Shown<'r>,
}

/// Who a sender proved to be by digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer<'r> {
    /// A device of the domain that the Request-URI names.
    Device(&'r str),
    /// The other side of a trunk.
    Trunk {
        /// The domain it is provisioned for.
        domain: &'r str,
        /// `trunkId`.
        id: &'r str,
    },
}

/// What a sender shows of itself, beside digest and token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'r> {
    /// Whether nobody overhears it: TLS.
    pub secure: bool,
    /// X-Terminating-Trunk-Group-Id.
    pub group: Option<&'r str>,
    /// X-Trunk-Key.
    pub key: Option<&'r str>,
}

/// A decision and how it came about.
#[derive(Clone, Debug)]
pub struct Route {
    /// Whose request it is, as far as that is known.
    pub tenant: Option<Arc<Tenant>>,
    /// The service that takes it, or the refusal.
    pub destination: Result<Arc<CloudSipUa>, Refusal>,
    /// Every step.
    pub trace: Vec<TraceStep>,
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No tenant owns the host: 404.
    UnknownDomain,
    /// Several tenants claim the source network: 403.
    AmbiguousSource,
    /// The caller is a stranger here: 403, whether the user exists or not.
    UnknownCaller,
    /// The sender's digest proves nobody: 403, like a stranger's.
    WrongCredentials,
    /// Nothing matches the user: 404.
    UnknownUser,
    /// The service's callbacks are switched off: 480.
    CallbackDisabled,
    /// The sender has to prove by digest who it is: 401.
    Unauthenticated,
    /// What matches the user has no service on this node yet: 501.
    NotInService,
}

impl Refusal {
    /// The SIP status of the refusal.
    pub const fn status(self) -> u16 {
        match self {
            Self::UnknownDomain | Self::UnknownUser => 404,
            Self::AmbiguousSource | Self::UnknownCaller | Self::WrongCredentials => 403,
            Self::CallbackDisabled => 480,
            Self::Unauthenticated => 401,
            Self::NotInService => 501,
        }
    }

    /// A code for counters and records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownDomain => "unknown_domain",
            Self::AmbiguousSource => "ambiguous_source",
            Self::UnknownCaller => "unknown_caller",
            Self::WrongCredentials => "wrong_credentials",
            Self::UnknownUser => "unknown_user",
            Self::CallbackDisabled => "callback_disabled",
            Self::Unauthenticated => "unauthenticated",
            Self::NotInService => "not_in_service",
        }
    }
}

/// Decides where an inbound request goes.
pub fn route(directory: &Directory, request: Destined<'_>) -> Route {
    let mut trace = Vec::with_capacity(4);
    let tenant = match caller::owner(directory, request, &mut trace) {
        Ok(tenant) => tenant,
        Err(refusal) => {
            return Route {
                tenant: None,
                destination: Err(refusal),
                trace,
            };
        }
    };
    let destination = caller::admit(directory, &tenant, request, &mut trace)
        .and_then(|standing| destination(&tenant, standing, request.user, &mut trace));
    Route {
        tenant: Some(tenant),
        destination,
        trace,
    }
}

/// Where a MESSAGE goes that would begin an alarm: nothing takes one yet, so what matches it is only named. `None`: it
/// is nobody's, or its sender may not send any.
pub fn messaged(directory: &Directory, request: Destined<'_>) -> Option<Route> {
    let mut trace = Vec::new();
    let tenant = caller::owner(directory, request, &mut trace).ok()?;
    caller::admit(directory, &tenant, request, &mut trace).ok()?;
    let destination = tenant.unserved_for(request.user)?;
    trace.push(not_in_service(destination));
    Some(Route {
        tenant: Some(tenant),
        destination: Err(Refusal::NotInService),
        trace,
    })
}

fn not_in_service(destination: &Unserved) -> TraceStep {
    let kind = destination.kind.as_str();
    let why = format!(
        "{} ({}) matches with {}, and {kind} is not in service on this node yet",
        destination.name,
        destination.id,
        destination.destination_match.as_str(),
    );
    TraceStep::new(kind, "refused", why)
}

/// What takes the call: device, the Cloud SIP UA services, what has no service here yet, trunk.
fn destination(
    tenant: &Tenant,
    standing: Standing,
    user: &str,
    trace: &mut Vec<TraceStep>,
) -> Result<Arc<CloudSipUa>, Refusal> {
    if let Some(device) = tenant.devices.find(user) {
        let why = match device.auth_type {
            AuthType::Disabled => "the device lives behind REST, so its service takes the call",
            _ => "the device is provisioned but not registered",
        };
        trace.push(TraceStep::new("device", "skipped", why));
    }
    let Some(service) = tenant.service_for(user) else {
        if let Some(refusal) = unserved(tenant, standing, user, trace) {
            return Err(refusal);
        }
        trace.push(TraceStep::new(
            "cloudsipua",
            "refused",
            "no destinationMatch matches the user",
        ));
        return Err(Refusal::UnknownUser);
    };
    let named = format!(
        "{} ({}) matches with {}",
        service.name,
        service.id,
        service.destination_match.as_str()
    );
    trace.push(TraceStep::new("cloudsipua", "matched", named));
    if service.disabled {
        trace.push(TraceStep::new(
            "callback",
            "refused",
            "callback_disabled: the application switched its callback off with 410",
        ));
        return Err(Refusal::CallbackDisabled);
    }
    Ok(service.clone())
}

/// What matches the user, but has no service on this node yet.
fn unserved(
    tenant: &Tenant,
    standing: Standing,
    user: &str,
    trace: &mut Vec<TraceStep>,
) -> Option<Refusal> {
    if let Some(destination) = tenant.unserved_for(user) {
        trace.push(not_in_service(destination));
        return Some(Refusal::NotInService);
    }
    let trunk = tenant.trunks_for(user).next()?;
    if standing == Standing::Open {
        let why = format!(
            "trunk {} matches, but the sender did not prove itself",
            trunk.id
        );
        trace.push(TraceStep::new("trunk", "skipped", why));
        return None;
    }
    let why = format!(
        "trunk {} matches with {}, and calls from outside are not connected to a trunk on this node yet",
        trunk.id,
        trunk.destination_match.as_str()
    );
    trace.push(TraceStep::new("trunk", "refused", why));
    Some(Refusal::NotInService)
}

/// Why no service serves an outbound call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServingRefusal {
    /// `cloudSipUAId` names none of the domain's services.
    UnknownService,
    /// No pattern matches the source user, and the domain has several services or none.
    Unclear,
}

/// The service that serves an outbound call: the one named, else the one that matches the source user, else
/// the only one.
pub fn serving(
    tenant: &Tenant,
    named: Option<&str>,
    source_user: &str,
) -> Result<(Arc<CloudSipUa>, TraceStep), ServingRefusal> {
    if let Some(id) = named {
        let service = tenant.service(id).ok_or(ServingRefusal::UnknownService)?;
        return Ok((
            service.clone(),
            TraceStep::new("cloudsipua", "matched", "the command names the service"),
        ));
    }
    if let Some(service) = tenant.service_for(source_user) {
        let why = format!("{} ({}) matches the source user", service.name, service.id);
        return Ok((
            service.clone(),
            TraceStep::new("cloudsipua", "matched", why),
        ));
    }
    match tenant.services() {
        [only] => Ok((
            only.clone(),
            TraceStep::new(
                "cloudsipua",
                "matched",
                "it is the only service of the domain",
            ),
        )),
        _ => Err(ServingRefusal::Unclear),
    }
}

#[cfg(test)]
mod tests;
