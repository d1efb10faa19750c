//! Whether this release can use a document that was stored elsewhere: the types, the rules and the patterns of each kind.

use hookswitch_api::alarmbridge::AlarmBridge;
use hookswitch_api::alarmeventmapper::AlarmEventMapper;
use hookswitch_api::cloudsipua::CloudSipUa;
use hookswitch_api::device::Device;
use hookswitch_api::error::FieldError;
use hookswitch_api::lenient;
use hookswitch_api::mediaservice::MediaService;
use hookswitch_api::notification::NotificationSettings;
use hookswitch_api::profile::Profile;
use hookswitch_api::trunk::Trunk;
use hookswitch_api::url::PlainHttp;
use hookswitch_call::pattern::Pattern;
use hookswitch_call::rewrite::Rewrite;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Members;

pub(super) fn cloud_sip_ua(members: Members) -> Vec<FieldError> {
    read::<CloudSipUa>(members, |service| {
        let mut faults = service.validate(PlainHttp::Listed);
        faults.extend(pattern("/destinationMatch", &service.destination_match));
        faults
    })
}

pub(super) fn device(members: Members) -> Vec<FieldError> {
    read::<Device>(members, |device| {
        let mut faults = device.validate();
        let authorized = device.authorized.as_ref();
        let invite = authorized.and_then(|authorized| authorized.invite.as_deref());
        faults.extend(invite.and_then(|invite| pattern("/authorized/invite", invite)));
        faults
    })
}

pub(super) fn media_service(members: Members) -> Vec<FieldError> {
    read::<MediaService>(members, |service| {
        let mut faults = service.validate(PlainHttp::Listed);
        faults.extend(pattern("/destinationMatch", &service.destination_match));
        faults
    })
}

pub(super) fn alarm_bridge(members: Members) -> Vec<FieldError> {
    read::<AlarmBridge>(members, |bridge| {
        let mut faults = bridge.validate(PlainHttp::Listed);
        faults.extend(pattern("/destinationMatch", &bridge.destination_match));
        faults
    })
}

pub(super) fn alarm_event_mapper(members: Members) -> Vec<FieldError> {
    read::<AlarmEventMapper>(members, AlarmEventMapper::validate)
}

pub(super) fn trunk(members: Members) -> Vec<FieldError> {
    read::<Trunk>(members, |trunk| {
        let mut faults = trunk.validate();
        faults.extend(pattern("/destinationMatch", &trunk.destination_match));
        let blacklist = trunk.blacklist_pattern.as_deref();
        faults.extend(blacklist.and_then(|blacklist| pattern("/blacklistPattern", blacklist)));
        let rewrite = trunk.destination_rewrite.as_deref().map(Rewrite::compile);
        if let Some(Err(why)) = rewrite {
            faults.push(FieldError::new("/destinationRewrite", why.to_string()));
        }
        faults
    })
}

pub(super) fn notification_settings(members: Members) -> Vec<FieldError> {
    read::<NotificationSettings>(members, |settings| settings.validate(PlainHttp::Listed))
}

pub(super) fn profile(members: Members) -> Vec<FieldError> {
    read::<Profile>(members, Profile::validate)
}

/// Reads the members as `T`, and has them checked.
fn read<T: DeserializeOwned>(
    members: Members,
    check: impl FnOnce(&T) -> Vec<FieldError>,
) -> Vec<FieldError> {
    match lenient::parse_value::<T>(Value::Object(members)) {
        Err(fault) => vec![fault],
        Ok(parsed) => {
            let unknown = parsed.unknown.into_iter();
            let unknown =
                unknown.map(|fault| FieldError::new(fault.pointer, "is not known to this release"));
            unknown.chain(check(&parsed.value)).collect()
        }
    }
}

fn pattern(pointer: &str, text: &str) -> Option<FieldError> {
    let compiled = Pattern::compile(text);
    let why = compiled.err().filter(|_| !text.is_empty())?;
    Some(FieldError::new(pointer, why.to_string()))
}
