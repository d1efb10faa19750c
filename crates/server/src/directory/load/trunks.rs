//! From stored trunks, alarm bridges and media services to what the calls see.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookswitch_api::secret::Secret;
use hookswitch_api::trunk as wire;
use hookswitch_call::directory::{Trunk, TrunkCredentials, Unserved, UnservedKind};
use hookswitch_call::pattern::Pattern;
use hookswitch_call::rewrite::Rewrite;
use hookswitch_sip::auth::Ha1;
use hookswitch_sip::flow::Transport;
use hookswitch_store::{MasterKey, Read, Result};
use ipnet::IpNet;
use serde_json::Value;

use super::{all_of_kind, left_out};
use crate::directory::made::Made;
use crate::kind::{self, ALARM_BRIDGE, MEDIA_SERVICE, TRUNK};

/// A tenant's trunks.
pub(super) fn trunks(
    db: &Read<'_>,
    master_key: &MasterKey,
    domain: &str,
    kept: &mut Made<Arc<Trunk>>,
) -> Result<Vec<Arc<Trunk>>> {
    kept.renew(all_of_kind(db, domain, TRUNK.name)?, |document| {
        let opened = Value::Object(TRUNK.open(master_key, document)?);
        let made = trunk(&document.id, opened).map(Arc::new);
        Ok(made.map_err(|why| left_out(document, &why)).ok())
    })?;
    Ok(kept.iter().cloned().collect())
}

/// A tenant's destinations of which no service runs here.
pub(super) fn unserved(
    db: &Read<'_>,
    domain: &str,
    kept: &mut BTreeMap<UnservedKind, Made<Unserved>>,
) -> Result<Vec<Unserved>> {
    for (kind, name) in [
        (UnservedKind::AlarmBridge, ALARM_BRIDGE.name),
        (UnservedKind::MediaService, MEDIA_SERVICE.name),
    ] {
        let kept = kept.entry(kind).or_default();
        kept.renew(all_of_kind(db, domain, name)?, |document| {
            let stored = kind::parse(document);
            let pattern = stored["destinationMatch"].as_str().unwrap_or_default();
            let made = Pattern::compile(pattern).map(|destination_match| Unserved {
                kind,
                id: document.id.as_str().into(),
                name: stored["name"].as_str().unwrap_or_default().into(),
                destination_match,
            });
            Ok(made
                .map_err(|why| left_out(document, &why.to_string()))
                .ok())
        })?;
    }
    Ok(kept.values().flat_map(Made::iter).cloned().collect())
}

fn trunk(id: &str, opened: Value) -> std::result::Result<Trunk, String> {
    let document: wire::Trunk =
        serde_json::from_value(opened).map_err(|error| error.to_string())?;
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let pattern = |source: &str| Pattern::compile(source).map_err(|why| text(&why));
    let rewrite = document
        .destination_rewrite
        .as_deref()
        .map(Rewrite::compile);
    let networks = document.source_networks.iter().filter_map(|network| {
        let address = || Some(IpNet::from(network.parse::<std::net::IpAddr>().ok()?));
        network.parse::<IpNet>().ok().or_else(address)
    });
    let hashes = document
        .hashes
        .as_ref()
        .or(document.ha1.as_ref())
        .map(Secret::expose);
    let credentials = match (
        document.user_name,
        document.realm,
        hashes.and_then(Ha1::parse),
    ) {
        (Some(user_name), Some(realm), Some(ha1)) => Some(TrunkCredentials {
            user_name: user_name.into(),
            realm: realm.into(),
            ha1,
        }),
        _ => None,
    };
    let boxed = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Box::from);
    let blacklist = document
        .blacklist_pattern
        .filter(|source| !source.is_empty());
    Ok(Trunk {
        id: id.into(),
        target: document.destination_target.into(),
        transport: Transport::from_token(&document.destination_transport)
            .ok_or("the transport is not known")?,
        destination_match: pattern(&document.destination_match)?,
        rewrite: rewrite.transpose().map_err(|why| text(&why))?,
        blacklist: blacklist.as_deref().map(pattern).transpose()?,
        source_networks: networks.collect(),
        group: boxed(document.trunk_group_id),
        parameters: boxed(document.add_terminating_uri_parameters),
        diversion: boxed(document.diversion_header),
        caller: boxed(document.rewrite_anumber),
        credentials,
    })
}
