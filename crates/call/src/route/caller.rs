//! Who calls: the tenant a request is for, and whether its sender may reach it.

use std::borrow::Cow;
use std::sync::Arc;

use hookswitch_sip::auth::{ALGORITHMS, is_same};

use super::{Destined, Refusal, Signer, TraceStep};
use crate::directory::{AuthType, Directory, Tenant, Trunk};
use crate::pattern::Pattern;

/// What a sender is allowed, once it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It proved itself, or comes from a network the operator granted: it may also reach trunks.
    Known,
    /// It comes from a network the domain is open to: services only.
    Open,
}

/// Whose request it is: the domain of the Request-URI, else the grant of the source network, else the trunk that signed
/// in.
pub(super) fn owner(
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
        [] => by_credentials(directory, request, trace),
        _ => {
            let why = "the Request-URI names this node, and the source network is granted to several domains";
            trace.push(TraceStep::new("tenant", "refused", why));
            Err(Refusal::AmbiguousSource)
        }
    }
}

/// The tenant whose trunk signed in.
fn by_credentials(
    directory: &Directory,
    request: Destined<'_>,
    trace: &mut Vec<TraceStep>,
) -> Result<Arc<Tenant>, Refusal> {
    if let Some(Signer::Trunk { domain, .. }) = request.signer
        && let Some(tenant) = directory.tenant(domain)
    {
        let why = "the digest credentials are those of a trunk of the domain";
        trace.push(TraceStep::new("tenant", "matched", why));
        return Ok(tenant.clone());
    }
    // Realms of other tenants are nobody's business: only who was given this very name as its realm is asked.
    if directory.of_realm(request.host).next().is_some() {
        let why =
            "the Request-URI names this node; the sender is asked for the credentials of a trunk";
        trace.push(TraceStep::new("tenant", "challenged", why));
        return Err(Refusal::Unauthenticated);
    }
    let why = "the Request-URI names this node, the source network is granted to no domain, and no credentials of a trunk came with it";
    trace.push(TraceStep::new("tenant", "refused", why));
    Err(Refusal::UnknownDomain)
}

/// Whether the sender may reach the tenant at all, and what of it.
pub(super) fn admit(
    directory: &Directory,
    tenant: &Tenant,
    request: Destined<'_>,
    trace: &mut Vec<TraceStep>,
) -> Result<Standing, Refusal> {
    let source = request.source;
    if let Some(why) = signed(tenant, request.signer) {
        trace.push(TraceStep::new("caller", "passed", why));
        return Ok(Standing::Known);
    }
    if let Some(token) = request.token {
        match admit_token(directory, tenant, request, token) {
            Ok(why) => {
                trace.push(TraceStep::new("caller", "passed", why));
                return Ok(Standing::Known);
            }
            Err(Distrust::Refused(why)) => {
                trace.push(TraceStep::new("caller", "refused", why));
                return Err(stranger(tenant, trace));
            }
            Err(Distrust::Ignored(why)) => trace.push(TraceStep::new("caller", "skipped", why)),
        }
    }
    let is_granted = directory.is_granted(source, &tenant.domain);
    if is_granted {
        let trunk = tenant.trunks().iter().find(|trunk| trunk.is_from(source));
        let why = match trunk {
            Some(trunk) => format!(
                "{source} is in sourceNetworks of trunk {} and granted to the domain",
                trunk.id
            ),
            None => "the source network is granted to the domain".to_owned(),
        };
        trace.push(TraceStep::new("caller", "passed", why));
        return Ok(Standing::Known);
    }
    if let Some(standing) = keyed(tenant, request, trace) {
        return Ok(standing);
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
        return Ok(Standing::Open);
    }
    if request.dev && source.is_loopback() {
        trace.push(TraceStep::new(
            "caller",
            "passed",
            "loopback callers are let in by --dev",
        ));
        return Ok(Standing::Open);
    }
    let why =
        format!("{source} is in no network that is open or granted, and did not authenticate");
    trace.push(TraceStep::new("caller", "refused", why));
    Err(stranger(tenant, trace))
}

/// A stranger may prove who it is, where anybody can.
fn stranger(tenant: &Tenant, trace: &mut Vec<TraceStep>) -> Refusal {
    if !tenant.asks() {
        return Refusal::UnknownCaller;
    }
    let why = "the sender is asked for the credentials of a device or trunk";
    trace.push(TraceStep::new("digest", "challenged", why));
    Refusal::Unauthenticated
}

/// Who signed in, when it is one of the tenant's.
fn signed(tenant: &Tenant, signer: Option<Signer<'_>>) -> Option<String> {
    match signer? {
        Signer::Device(device) => Some(format!("the device {device} signed in by digest")),
        Signer::Trunk { domain, id } => (*domain == *tenant.domain)
            .then(|| format!("the digest credentials are those of trunk {id}")),
    }
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

/// By X-Terminating-Trunk-Group-Id and X-Trunk-Key, where nobody overhears them.
fn keyed(tenant: &Tenant, request: Destined<'_>, trace: &mut Vec<TraceStep>) -> Option<Standing> {
    let (group, key) = (request.shown.group?, request.shown.key?);
    if !request.shown.secure {
        let why = "X-Trunk-Key counts over TLS or from a granted network only";
        trace.push(TraceStep::new("caller", "skipped", why));
        return None;
    }
    let mut trunks = tenant.trunks().iter();
    let named = trunks.find(|trunk| trunk.group.as_deref() == Some(group));
    let is_key = named.is_some_and(|trunk| has_key(trunk, key));
    if is_key && let Some(trunk) = named {
        let why = format!("X-Trunk-Key is the password of trunk {}", trunk.id);
        trace.push(TraceStep::new("caller", "passed", why));
        return Some(Standing::Known);
    }
    let why = "X-Terminating-Trunk-Group-Id and X-Trunk-Key are of no trunk";
    trace.push(TraceStep::new("caller", "skipped", why));
    None
}

/// Whether a text is the password of a trunk, by the strongest hash there is of it.
fn has_key(trunk: &Trunk, key: &str) -> bool {
    let Some(credentials) = &trunk.credentials else {
        return false;
    };
    let strongest = ALGORITHMS
        .into_iter()
        .find_map(|algorithm| Some((algorithm, credentials.ha1.hex(algorithm)?)));
    strongest.is_some_and(|(algorithm, hash)| {
        let given = algorithm.ha1(&credentials.user_name, &credentials.realm, key);
        is_same(given.as_bytes(), hash.as_bytes())
    })
}
