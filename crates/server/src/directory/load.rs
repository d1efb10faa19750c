//! From rows of the store to what the calls see.

mod trunks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hookswitch_api::device::parse_mac;
use hookswitch_api::secret::Secret;
use hookswitch_api::{cloudsipua, settings};
use hookswitch_call::directory::{
    AuthType, CloudSipUa, Device, Devices, OutboundPolicy, Settings, Tenant,
};
use hookswitch_call::pattern::Pattern;
use hookswitch_sip::auth::Ha1;
use hookswitch_store::documents::{self, Document, Page};
use hookswitch_store::domains::{self, Domain};
use hookswitch_store::{MasterKey, Read, Result, networks};
use ipnet::IpNet;
use serde_json::Value;

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

/// Every tenant's row.
pub(super) fn all_domains(db: &Read<'_>) -> Result<Vec<Domain>> {
    let mut rows: Vec<Domain> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.domain.clone());
        let page = domains::list(db, after.as_deref(), BATCH)?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

/// Every document of a kind that is not a draft, handed out one by one.
fn each_of_kind(
    db: &Read<'_>,
    domain: &str,
    kind: &str,
    mut each: impl FnMut(&Document),
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
        documents.iter().for_each(&mut each);
        after = Some(last.id.clone());
    }
}

/// A tenant's devices.
pub(super) fn devices(db: &Read<'_>, master_key: &MasterKey, domain: &str) -> Result<Devices> {
    let mut found: Vec<(String, Device)> = Vec::new();
    each_of_kind(db, domain, DEVICE.name, |document| {
        found.push((document.id.clone(), device(master_key, document)));
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
) -> Result<Loaded> {
    let mut disabled = BTreeSet::new();
    each_of_kind(db, &row.domain, CALLBACK, |document| {
        disabled.insert(document.id.clone());
    })?;
    let mut stored = Vec::new();
    each_of_kind(db, &row.domain, CLOUD_SIP_UA.name, |document| {
        stored.push(document.clone());
    })?;

    let mut services = Vec::new();
    let mut callbacks = BTreeMap::new();
    for document in &stored {
        let is_disabled = disabled.contains(&document.id);
        let opened = CLOUD_SIP_UA.open(master_key, document)?;
        match service(&document.id, Value::Object(opened), is_disabled) {
            Ok((service, callback)) => {
                callbacks.insert(service.id.clone(), Arc::new(callback));
                services.push(Arc::new(service));
            }
            Err(why) => {
                tracing::error!(
                    domain = row.domain,
                    id = document.id,
                    why,
                    "a stored service is left out"
                );
            }
        }
    }
    let mut settings_of = Vec::new();
    each_of_kind(db, &row.domain, NOTIFICATION_SETTINGS.name, |document| {
        settings_of.push(document.clone());
    })?;
    for document in &settings_of {
        let opened = NOTIFICATION_SETTINGS.open(master_key, document)?;
        match notifications::ways(Value::Object(opened)) {
            Ok(ways) => callbacks.extend(ways.into_iter().map(|(id, mut way)| {
                way.disabled = disabled.contains(&*id);
                (id, Arc::new(way))
            })),
            Err(why) => {
                tracing::error!(
                    domain = row.domain,
                    why,
                    "stored notification settings are left out"
                );
            }
        }
    }
    let tenant = Tenant::new(&row.domain, settings(row), devices, services)
        .with_trunks(trunks::trunks(db, master_key, &row.domain)?)
        .with_unserved(trunks::unserved(db, &row.domain)?);
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
    disabled: bool,
) -> std::result::Result<(CloudSipUa, ServiceCallback), String> {
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
        disabled,
    };
    let callback = ServiceCallback {
        callback_id,
        base_url,
        timeout,
        authentication: document.rest_authentication.into(),
        disabled,
        way: Way::Named,
    };
    Ok((service, callback))
}
