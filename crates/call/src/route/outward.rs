//! The way of an outbound call: straight to its SIP URI, or over a trunk.

use std::sync::Arc;

use hookswitch_sip::message::{Host, Uri};

use super::TraceStep;
use crate::directory::{Directory, OutboundPolicy, Tenant, Trunk};

/// The way of an outbound call.
#[derive(Clone, Debug)]
pub enum Way {
    /// To the host its URI names.
    Direct,
    /// Over a trunk.
    Trunk {
        /// Which.
        trunk: Arc<Trunk>,
        /// The user it is asked for, rewritten.
        user: String,
    },
}

/// The longest destination URI, in octets.
const MAX_DESTINATION: usize = 1_024;

/// Whom a placed call is for.
///
/// # Errors
/// The sentence for whoever placed it.
pub fn target(destination: &str) -> Result<Uri<'_>, &'static str> {
    let uri = Uri::parse(destination)
        .ok()
        .filter(|uri| uri.is_sip() && destination.len() <= MAX_DESTINATION)
        .ok_or("destinationUri must be a sip: or sips: URI of at most 1,024 characters")?;
    if matches!(uri.host, Host::Name("")) || uri.port == Some(0) {
        return Err("destinationUri must name a host, and a port above 0 if any");
    }
    Ok(uri)
}

/// Decides which way a call leaves.
///
/// # Errors
/// The sentence for whoever placed it; the trace says how it came about.
pub fn outward(
    directory: &Directory,
    tenant: &Tenant,
    destination: &Uri<'_>,
    trace: &mut Vec<TraceStep>,
) -> Result<Way, &'static str> {
    let host = match destination.host.ip() {
        Some(address) => address.to_string(),
        None => destination.host.to_string().to_ascii_lowercase(),
    };
    let is_own = *host == *tenant.domain || directory.is_own(&host);
    match tenant.settings.outbound {
        OutboundPolicy::Off => {
            let why = "the setting outbound is off";
            trace.push(TraceStep::new("outbound", "refused", why));
            return Err("the domain may not place calls");
        }
        OutboundPolicy::Any if !is_own || tenant.trunks().is_empty() => return Ok(Way::Direct),
        _ => {}
    }
    let user = destination.user_decoded().unwrap_or_default();
    let mut is_blocked = false;
    for trunk in tenant.trunks_for(&user) {
        if !is_own && !is_target(trunk, destination, &host) {
            continue;
        }
        let note = |result, why: String| TraceStep::new("trunk", result, why);
        if let Some(blacklist) = trunk.blacklist.as_ref().filter(|one| one.is_match(&user)) {
            is_blocked = true;
            let why = format!(
                "blacklistPattern {} of trunk {} blocks the number",
                blacklist.as_str(),
                trunk.id
            );
            trace.push(note("skipped", why));
            continue;
        }
        let matched = format!(
            "destinationMatch {} of trunk {} takes the number",
            trunk.destination_match.as_str(),
            trunk.id
        );
        let Some(rewrite) = &trunk.rewrite else {
            trace.push(note("matched", matched));
            return Ok(way(trunk, user.to_string()));
        };
        let Some(rewritten) = rewrite.apply(&user) else {
            let why = format!(
                "destinationRewrite {} of trunk {} leaves no number",
                rewrite.as_str(),
                trunk.id
            );
            trace.push(note("skipped", why));
            continue;
        };
        trace.push(note("matched", matched));
        let why = format!(
            "destinationRewrite {} makes it {rewritten}",
            rewrite.as_str()
        );
        trace.push(TraceStep::new("rewrite", "passed", why));
        return Ok(way(trunk, rewritten));
    }
    if is_blocked {
        let why = "every trunk that takes the number blocks it";
        trace.push(TraceStep::new("trunk", "refused", why));
        return Err("the number is blocked by blacklistPattern of the trunks that take it");
    }
    if tenant.settings.outbound == OutboundPolicy::Any {
        let why = "destinationMatch of no trunk takes the number, so it goes where its URI says";
        trace.push(TraceStep::new("trunk", "skipped", why));
        return Ok(Way::Direct);
    }
    let why = match is_own {
        true => "destinationMatch of no trunk takes the number",
        false => "the URI names a foreign host, which is no trunk's destinationTarget",
    };
    trace.push(TraceStep::new("trunk", "refused", why));
    Err("the domain may call through its trunks only, and none fits")
}

fn way(trunk: &Arc<Trunk>, user: String) -> Way {
    Way::Trunk {
        trunk: trunk.clone(),
        user,
    }
}

/// Whether a URI names a trunk's own target.
fn is_target(trunk: &Trunk, destination: &Uri<'_>, host: &str) -> bool {
    let target = format!("sip:{}", trunk.target);
    Uri::parse(&target).is_ok_and(|target| {
        let named = match target.host.ip() {
            Some(address) => address.to_string(),
            None => target.host.to_string().to_ascii_lowercase(),
        };
        named == host && (destination.port.is_none() || destination.port == target.port)
    })
}

impl Trunk {
    /// The Request-URI for a user, with the parameters the trunk adds.
    pub fn request_uri(&self, escaped_user: &str) -> String {
        let mut uri = format!("sip:{escaped_user}@{}", self.target);
        if let Some(parameters) = &self.parameters {
            uri.push(';');
            uri.push_str(parameters.trim_start_matches(';'));
        }
        uri.push_str(";transport=");
        uri.push_str(&self.transport.via_token().to_ascii_lowercase());
        uri
    }
}
