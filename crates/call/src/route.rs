//! Where an inbound request goes: a pure function over the directory that explains itself.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::directory::{AuthType, CloudSipUa, Directory, Tenant};
use crate::pattern::Pattern;

/// One step of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceStep {
    /// Which rule looked.
    pub rule: Cow<'static, str>,
    /// What it found: `matched`, `passed`, `skipped` or `refused`.
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
    /// The device that the caller proved to be.
    pub device: Option<&'r str>,
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
    /// Nothing matches the user: 404.
    UnknownUser,
    /// The service's callbacks are switched off: 480.
    CallbackDisabled,
}

impl Refusal {
    /// The SIP status of the refusal.
    pub const fn status(self) -> u16 {
        match self {
            Self::UnknownDomain | Self::UnknownUser => 404,
            Self::AmbiguousSource | Self::UnknownCaller => 403,
            Self::CallbackDisabled => 480,
        }
    }

    /// A code for counters and records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownDomain => "unknown_domain",
            Self::AmbiguousSource => "ambiguous_source",
            Self::UnknownCaller => "unknown_caller",
            Self::UnknownUser => "unknown_user",
            Self::CallbackDisabled => "callback_disabled",
        }
    }
}

/// Decides where an inbound request goes.
pub fn route(directory: &Directory, request: Destined<'_>) -> Route {
    let mut trace = Vec::with_capacity(4);
    let tenant = match owner(directory, request, &mut trace) {
        Ok(tenant) => tenant,
        Err(refusal) => {
            return Route {
                tenant: None,
                destination: Err(refusal),
                trace,
            };
        }
    };
    let destination = admit(directory, &tenant, request, &mut trace)
        .and_then(|()| destination(&tenant, request.user, &mut trace));
    Route {
        tenant: Some(tenant),
        destination,
        trace,
    }
}

/// Whose request it is: the domain of the Request-URI, else the grant of the source network.
fn owner(
    directory: &Directory,
    request: Destined<'_>,
    trace: &mut Vec<TraceStep>,
) -> Result<Arc<Tenant>, Refusal> {
    if let Some(tenant) = directory.tenant(request.host) {
        trace.push(TraceStep::new(
            "tenant",
            "matched",
            "the Request-URI names the domain",
        ));
        return Ok(tenant.clone());
    }
    if !directory.is_own(request.host) {
        trace.push(TraceStep::new(
            "tenant",
            "refused",
            "no tenant has the domain of the Request-URI",
        ));
        return Err(Refusal::UnknownDomain);
    }
    match directory.granted(request.source).as_slice() {
        [tenant] => {
            let why = format!("the network of {} is granted to the domain", request.source);
            trace.push(TraceStep::new("tenant", "matched", why));
            Ok((*tenant).clone())
        }
        [] => {
            let why =
                "the Request-URI names this node, and the source network is granted to no domain";
            trace.push(TraceStep::new("tenant", "refused", why));
            Err(Refusal::UnknownDomain)
        }
        _ => {
            let why = "the Request-URI names this node, and the source network is granted to several domains";
            trace.push(TraceStep::new("tenant", "refused", why));
            Err(Refusal::AmbiguousSource)
        }
    }
}

/// Whether the caller may reach the tenant's services at all.
fn admit(
    directory: &Directory,
    tenant: &Tenant,
    request: Destined<'_>,
    trace: &mut Vec<TraceStep>,
) -> Result<(), Refusal> {
    let source = request.source;
    if let Some(device) = request.device {
        let why = format!("the device {device} signed in by digest");
        trace.push(TraceStep::new("caller", "passed", why));
        return Ok(());
    }
    if let Some(token) = request.token {
        match admit_token(directory, tenant, request, token) {
            Ok(why) => {
                trace.push(TraceStep::new("caller", "passed", why));
                return Ok(());
            }
            Err(Distrust::Refused(why)) => {
                trace.push(TraceStep::new("caller", "refused", why));
                return Err(Refusal::UnknownCaller);
            }
            Err(Distrust::Ignored(why)) => trace.push(TraceStep::new("caller", "skipped", why)),
        }
    }
    if directory.is_granted(source, &tenant.domain) {
        trace.push(TraceStep::new(
            "caller",
            "passed",
            "the source network is granted to the domain",
        ));
        return Ok(());
    }
    if let Some(open) = tenant
        .settings
        .open
        .iter()
        .find(|network| network.contains(&source))
    {
        trace.push(TraceStep::new(
            "caller",
            "passed",
            format!("the domain is open to {open}"),
        ));
        return Ok(());
    }
    if request.dev && source.is_loopback() {
        trace.push(TraceStep::new(
            "caller",
            "passed",
            "loopback callers are let in by --dev",
        ));
        return Ok(());
    }
    let why =
        format!("{source} is in no network that is open or granted, and did not authenticate");
    trace.push(TraceStep::new("caller", "refused", why));
    Err(Refusal::UnknownCaller)
}

/// Why a token lets nobody in.
enum Distrust {
    /// It is looked at and is no good.
    Refused(Cow<'static, str>),
    /// It does not count where it came from.
    Ignored(&'static str),
}

/// Whether the token's device may make this call; why.
fn admit_token(
    directory: &Directory,
    tenant: &Tenant,
    request: Destined<'_>,
    token: &str,
) -> Result<String, Distrust> {
    let Some(tokens) = directory.tokens(request.source) else {
        return Err(Distrust::Ignored(
            "X-JWTAuth counts over TLS or from listed networks only",
        ));
    };
    let refused = |why| Err(Distrust::Refused(why));
    let Some(token) = tokens.read(token, &tenant.domain, request.unix_seconds) else {
        return refused("the token in X-JWTAuth is none of this domain, or has expired".into());
    };
    let device = &token.device;
    let found = tenant.devices.find(device);
    if found.is_none_or(|found| found.auth_type != AuthType::UserId) {
        return refused(format!("{device} is no userid device of the domain any more").into());
    }
    let elsewhere = token
        .domain
        .as_deref()
        .is_some_and(|domain| !domain.is_empty() && !domain.eq_ignore_ascii_case(&tenant.domain));
    if elsewhere {
        return refused(format!("authorized.domain of {device} is another one").into());
    }
    let invite = token.invite.as_deref().unwrap_or_default();
    let may_call = Pattern::compile(invite).is_ok_and(|invite| invite.is_match(request.user));
    if !may_call {
        return refused(format!("authorized.invite of {device} does not match the user").into());
    }
    Ok(format!(
        "the token in X-JWTAuth is that of the device {device}"
    ))
}

/// What takes the call: device, then the Cloud SIP UA services.
fn destination(
    tenant: &Tenant,
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
