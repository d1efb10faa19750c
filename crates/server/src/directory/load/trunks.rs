//! From stored trunks, alarm bridges and media services to what the calls see.

use std::sync::Arc;

use hookswitch_api::secret::Secret;
use hookswitch_api::trunk as wire;
use hookswitch_call::directory::{Trunk, TrunkCredentials, Unserved, UnservedKind};
use hookswitch_call::pattern::Pattern;
use hookswitch_call::rewrite::Rewrite;
use hookswitch_sip::auth::Ha1;
use hookswitch_sip::flow::Transport;
use hookswitch_store::documents::Document;
use hookswitch_store::{MasterKey, Read, Result};
use ipnet::IpNet;
use serde_json::Value;

use super::each_of_kind;
use crate::kind::{self, ALARM_BRIDGE, MEDIA_SERVICE, TRUNK};

/// A tenant's trunks.
pub(super) fn trunks(
    db: &Read<'_>,
    master_key: &MasterKey,
    domain: &str,
) -> Result<Vec<Arc<Trunk>>> {
    let mut stored = Vec::new();
    each_of_kind(db, domain, TRUNK.name, |document| {
        stored.push(document.clone());
    })?;
    let mut trunks = Vec::new();
    for document in &stored {
        let opened = Value::Object(TRUNK.open(master_key, document)?);
        match trunk(&document.id, opened) {
            Ok(trunk) => trunks.push(Arc::new(trunk)),
            Err(why) => left_out(document, &why),
        }
    }
    Ok(trunks)
}

/// A tenant's destinations of which no service runs here.
pub(super) fn unserved(db: &Read<'_>, domain: &str) -> Result<Vec<Unserved>> {
    let mut found = Vec::new();
    for (kind, name) in [
        (UnservedKind::AlarmBridge, ALARM_BRIDGE.name),
        (UnservedKind::MediaService, MEDIA_SERVICE.name),
    ] {
        each_of_kind(db, domain, name, |document| {
            let stored = kind::parse(document);
            let pattern = stored["destinationMatch"].as_str().unwrap_or_default();
            match Pattern::compile(pattern) {
                Ok(destination_match) => found.push(Unserved {
                    kind,
                    id: document.id.as_str().into(),
                    name: stored["name"].as_str().unwrap_or_default().into(),
                    destination_match,
                }),
                Err(why) => left_out(document, &why.to_string()),
            }
        })?;
    }
    Ok(found)
}

fn left_out(document: &Document, why: &str) {
    let Document {
        domain, kind, id, ..
    } = document;
    tracing::error!(%domain, %kind, %id, why, "a stored document is left out");
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
