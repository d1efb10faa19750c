//! From rows of the store to what the calls see.

mod trunks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hookswitch_api::device::parse_mac;
use hookswitch_api::secret::Secret;
use hookswitch_api::{cloudsipua, settings};
use hookswitch_call::directory::{
    AuthType, CloudSipUa, Device, Devices, OutboundPolicy, Settings, Tenant, Trunk, Unserved,
    UnservedKind,
};
use hookswitch_call::pattern::Pattern;
use hookswitch_sip::auth::Ha1;
use hookswitch_store::documents::{self, Document, Page};
use hookswitch_store::domains::Domain;
use hookswitch_store::{MasterKey, Read, Result, networks};
use ipnet::IpNet;
use serde_json::Value;

use super::made::Made;
use super::{Callbacks, ServiceCallback, Way, notifications};
use crate::kind::{self, CALLBACK, CLOUD_SIP_UA, DEVICE, NOTIFICATION_SETTINGS};
use crate::secrets;

/// Documents read at a time.
const BATCH: u32 = 1_000;

/// A tenant and its callbacks.
pub(super) struct Loaded {
    pub(super) tenant: Arc<Tenant>,
    pub(super) callbacks: Callbacks,
}

/// What the documents of one tenant were made into.
#[derive(Default)]
pub(super) struct Kept {
    services: Made<(Arc<CloudSipUa>, Arc<ServiceCallback>)>,
    ways: Made<Vec<notifications::Named>>,
    trunks: Made<Arc<Trunk>>,
    unserved: BTreeMap<UnservedKind, Made<Unserved>>,
}

/// Every document of a kind that is not a draft, handed out one by one.
fn each_of_kind(
    db: &Read<'_>,
    domain: &str,
    kind: &str,
    mut each: impl FnMut(Document),
) -> Result<()> {
    let mut after: Option<String> = None;
    loop {
        let page = Page {
            limit: BATCH,
            after: after.as_deref(),
            prefix: None,
        };
        let documents = documents::list(db, domain, kind, false, page)?;
        let Some(last) = documents.last() else {
            return Ok(());
        };
        after = Some(last.id.clone());
        documents.into_iter().for_each(&mut each);
    }
}

/// All of them.
fn all_of_kind(db: &Read<'_>, domain: &str, kind: &str) -> Result<Vec<Document>> {
    let mut all = Vec::new();
    each_of_kind(db, domain, kind, |document| all.push(document))?;
    Ok(all)
}

fn left_out(document: &Document, why: &str) {
    let Document {
        domain, kind, id, ..
    } = document;
    tracing::error!(%domain, %kind, %id, why, "a stored document is left out");
}

/// A tenant's devices.
pub(super) fn devices(db: &Read<'_>, master_key: &MasterKey, domain: &str) -> Result<Devices> {
    let mut found: Vec<(String, Device)> = Vec::new();
    each_of_kind(db, domain, DEVICE.name, |document| {
        let device = device(master_key, &document);
        found.push((document.id, device));
    })?;
    Ok(found
        .iter()
        .map(|(id, device)| (id.as_str(), device.clone()))
        .collect())
}

/// A tenant's devices when those that are `known` had no newer version than `since`; none when they are the same.
pub(super) fn newer_devices(
    db: &Read<'_>,
    master_key: &MasterKey,
    domain: &str,
    known: &Devices,
    since: Option<u64>,
) -> Result<Option<Devices>> {
    let Some(since) = since else {
        return devices(db, master_key, domain).map(Some);
    };
    let newer = documents::newer(db, domain, DEVICE.name, since)?;
    let changed = newer.iter().fold(known.clone(), |devices, document| {
        devices.with(&document.id, device(master_key, document))
    });
    let count = documents::count(db, domain, DEVICE.name, false)?;
    if u64::try_from(changed.len()) != Ok(count) {
        return devices(db, master_key, domain).map(Some);
    }
    Ok((!newer.is_empty()).then_some(changed))
}

/// What routing needs of a stored device.
pub(super) fn device(master_key: &MasterKey, document: &Document) -> Device {
    let members = DEVICE.open(master_key, document).unwrap_or_else(|error| {
        tracing::error!(domain = document.domain, %error, "what a device signs in with cannot be opened");
        kind::Members::new()
    });
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let auth_type = match text("authType") {
        Some("credentials") => AuthType::Credentials,
        Some("userid") => AuthType::UserId,
        Some("deviceid") => AuthType::DeviceId,
        _ => AuthType::Disabled,
    };
    let kept = text("ha1").or(text("password"));
    let ha1 = kept.filter(|_| auth_type == AuthType::Credentials);
    Device {
        auth_type,
        ha1: ha1.and_then(Ha1::parse).map(Arc::new),
        mac: text("macAddress").and_then(parse_mac),
    }
}

/// The networks the operator granted, with their tenants.
pub(super) fn grants(db: &Read<'_>) -> Result<Vec<(IpNet, Arc<str>)>> {
    let rows = networks::all(db)?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((row.cidr.parse().ok()?, row.domain.as_str().into())))
        .collect())
}

fn settings(row: &Domain) -> Settings {
    let document: settings::Settings = serde_json::from_str(&row.settings).unwrap_or_else(|error| {
        tracing::error!(domain = row.domain, %error, "stored settings are damaged; the defaults hold");
        settings::Settings::default()
    });
    let seconds = |value: Option<u32>| value.map(|value| Duration::from_secs(u64::from(value)));
    Settings {
        open: document
            .open
            .iter()
            .filter_map(|network| network.parse().ok())
            .collect(),
        outbound: match document.outbound {
            settings::Outbound::Any => OutboundPolicy::Any,
            settings::Outbound::Trunks => OutboundPolicy::Trunks,
            settings::Outbound::Off => OutboundPolicy::Off,
        },
        ring_timeout: seconds(document.ring_timeout),
        max_call_duration: seconds(document.max_call_duration),
        max_calls: document.max_calls,
        max_calls_per_second: document.max_calls_per_second,
    }
}

/// A tenant with these devices.
pub(super) fn tenant(
    db: &Read<'_>,
    master_key: &MasterKey,
    row: &Domain,
    devices: Devices,
    kept: &mut Kept,
) -> Result<Loaded> {
    let domain = &row.domain;
    let mut disabled = BTreeSet::new();
    each_of_kind(db, domain, CALLBACK, |document| {
        disabled.insert(document.id);
    })?;
    let services = all_of_kind(db, domain, CLOUD_SIP_UA.name)?;
    kept.services.renew(services, |document| {
        let opened = CLOUD_SIP_UA.open(master_key, document)?;
        let made = service(&document.id, Value::Object(opened));
        Ok(made.map_err(|why| left_out(document, &why)).ok())
    })?;
    let settings_of = all_of_kind(db, domain, NOTIFICATION_SETTINGS.name)?;
    kept.ways.renew(settings_of, |document| {
        let opened = NOTIFICATION_SETTINGS.open(master_key, document)?;
        let made = notifications::ways(Value::Object(opened));
        Ok(made.map_err(|why| left_out(document, &why)).ok())
    })?;

    let mut services = Vec::new();
    let mut callbacks = BTreeMap::new();
    for (service, callback) in kept.services.iter() {
        let (mut service, mut callback) = (service.clone(), callback.clone());
        if disabled.contains(&*service.id) {
            Arc::make_mut(&mut service).disabled = true;
            Arc::make_mut(&mut callback).disabled = true;
        }
        callbacks.insert(service.id.clone(), callback);
        services.push(service);
    }
    for (id, callback) in kept.ways.iter().flatten() {
        let mut callback = callback.clone();
        if disabled.contains(&**id) {
            Arc::make_mut(&mut callback).disabled = true;
        }
        callbacks.insert(id.clone(), callback);
    }
    let tenant = Tenant::new(domain, settings(row), devices, services)
        .with_trunks(trunks::trunks(db, master_key, domain, &mut kept.trunks)?)
        .with_unserved(trunks::unserved(db, domain, &mut kept.unserved)?);
    let (secret, previous) = secrets::webhook_secrets(master_key, row)?;
    Ok(Loaded {
        tenant: Arc::new(tenant),
        callbacks: Callbacks {
            secret: Secret::from(secret),
            previous_secret: previous.map(|(secret, until)| (Secret::from(secret), until)),
            services: callbacks,
        },
    })
}

fn service(
    id: &str,
    opened: Value,
) -> std::result::Result<(Arc<CloudSipUa>, Arc<ServiceCallback>), String> {
    let document: cloudsipua::CloudSipUa =
        serde_json::from_value(opened).map_err(|error| error.to_string())?;
    let destination_match =
        Pattern::compile(&document.destination_match).map_err(|error| error.to_string())?;
    let base_url: Arc<str> = document.callback_base_url.trim_end_matches('/').into();
    let callback_id: Arc<str> = document.callback_id.as_deref().unwrap_or(id).into();
    let timeout = Duration::from_millis(u64::from(
        document
            .callback_timeout
            .unwrap_or(cloudsipua::DEFAULT_CALLBACK_TIMEOUT),
    ));
    let service = CloudSipUa {
        id: id.into(),
        callback_id: callback_id.clone(),
        name: document.name.as_str().into(),
        destination_match,
        callback_base_url: base_url.clone(),
        callback_timeout: timeout,
        disabled: false,
    };
    let callback = ServiceCallback {
        callback_id,
        base_url,
        timeout,
        authentication: document.rest_authentication.into(),
        disabled: false,
        way: Way::Named,
    };
    Ok((Arc::new(service), Arc::new(callback)))
}
