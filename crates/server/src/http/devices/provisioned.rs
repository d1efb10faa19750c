//! A device as a provisioned document: which secrets it needs, and what is kept of them.

use hookswitch_api::device::{AuthType, Device};
use hookswitch_api::error::FieldError;
use hookswitch_api::secret::{MASK, Secret};
use hookswitch_call::pattern::Pattern;
use hookswitch_sip::auth::Ha1;
use hookswitch_store::{Error, Write, documents as stored};

use super::super::Rest;
use super::super::documents::{Form, Provisioned, Target};
use crate::kind::{CONFIGURED, DEVICE, Kind, Members};
use crate::{password, random};

/// Bytes of a password the platform makes.
const PASSWORD_BYTES: usize = 24;

impl Provisioned for Device {
    const KIND: &'static Kind = &DEVICE;

    fn check(&self, _: &Rest) -> Vec<FieldError> {
        let mut faults = faults(self);
        if is_masked(self.ha1.as_ref()) {
            faults.retain(|fault| fault.pointer != "/ha1");
        }
        faults
    }

    fn complete(
        &mut self,
        target: &Target,
        previous: Option<&Self>,
        form: Form,
    ) -> Result<Vec<FieldError>, FieldError> {
        target.id.clone_into(&mut self.device_id);
        complete(self, previous, form, Generated::Allowed)
    }

    fn protect(&mut self, target: &Target) {
        protect(self, &target.domain);
    }

    /// When its gateway was last configured, where it has one.
    fn show(rest: &Rest, domain: &str, id: &str, members: &mut Members) {
        if !members.contains_key("macAddress") {
            return;
        }
        let key = configured_key(domain, id);
        let found = rest.store.read(|db| stored::find(db, key));
        let at = found
            .ok()
            .flatten()
            .and_then(|found| found.body.parse::<u64>().ok());
        if let Some(milliseconds) = at {
            members.insert("lastConfigured".to_owned(), milliseconds.into());
        }
    }

    fn delete_along(db: &Write<'_>, domain: &str, id: &str) -> Result<(), Error> {
        let key = configured_key(domain, id);
        stored::delete(db, key, stored::Expected::Any).map(|_| ())
    }

    fn publish(rest: &Rest, domain: &str, id: &str) -> Result<(), Error> {
        rest.publisher.refresh_device(domain, id)
    }
}

/// Where a device's `lastConfigured` is stored.
pub(in super::super) fn configured_key<'a>(domain: &'a str, id: &'a str) -> stored::Key<'a> {
    stored::Key {
        domain,
        kind: CONFIGURED,
        id,
        draft: false,
    }
}

/// What is wrong with a device, its pattern included.
pub(in super::super) fn faults(device: &Device) -> Vec<FieldError> {
    let mut faults = device.validate();
    let invite = device
        .authorized
        .as_ref()
        .and_then(|authorized| authorized.invite.as_deref());
    if let Some(pattern) = invite.filter(|pattern| !pattern.is_empty())
        && let Err(why) = Pattern::compile(pattern)
    {
        faults.push(FieldError::new("/authorized/invite", why.to_string()));
    }
    faults
}

/// Whether a password can be made, because somebody will be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Generated {
    /// The reply carries it.
    Allowed,
    /// Nobody would learn it.
    Refused,
}

/// Finds out with which secret the device will sign in: the one given, the one it has, or one made here. Says what it
/// leaves unused, or what is missing.
pub(in super::super) fn complete(
    device: &mut Device,
    previous: Option<&Device>,
    form: Form,
    generated: Generated,
) -> Result<Vec<FieldError>, FieldError> {
    let same_kind = previous.filter(|previous| previous.auth_type == device.auth_type);
    keep_masked(device, same_kind)?;
    match device.auth_type {
        AuthType::UserId => {
            let kept = same_kind.and_then(|previous| previous.password.as_ref());
            let unused = unused(device, same_kind, &["ha1"]);
            device.ha1 = None;
            if device.password.is_none() && form == Form::Whole {
                device.password = kept.cloned();
            }
            if device.password.is_none() {
                return Err(FieldError::new(
                    "/password",
                    "is required for authType userid",
                ));
            }
            if device.password.as_ref() != kept {
                device.new_password.clone_from(&device.password);
            }
            Ok(unused)
        }
        AuthType::Credentials => {
            let unused = unused(device, same_kind, &["password"]);
            let patched = device.password.is_some();
            device.password = None;
            if device.ha1.is_some() {
                return Ok(unused);
            }
            // A patch that takes the hash or the password away asks for a new one.
            if form == Form::Whole {
                device.ha1 = same_kind.and_then(|previous| previous.ha1.clone());
            }
            if device.ha1.is_none() && (form == Form::Whole || patched) {
                device.password = same_kind.and_then(|previous| previous.password.clone());
            }
            if device.ha1.is_none() && device.password.is_none() {
                if generated == Generated::Refused {
                    let why = "is required for authType credentials where no reply could carry a password made here";
                    return Err(FieldError::new("/ha1", why));
                }
                device.new_password = Some(Secret::from(random::secret(PASSWORD_BYTES)));
            }
            Ok(unused)
        }
        AuthType::DeviceId | AuthType::Disabled => {
            let unused = unused(device, same_kind, &["password", "ha1"]);
            device.password = None;
            device.ha1 = None;
            Ok(unused)
        }
    }
}

/// A mask stands for the secret the device has, as in every other document.
fn keep_masked(device: &mut Device, previous: Option<&Device>) -> Result<(), FieldError> {
    let nothing = |pointer| {
        FieldError::new(
            pointer,
            "is masked, and no secret is stored there: send the secret itself",
        )
    };
    if is_masked(device.password.as_ref()) {
        let kept = previous.and_then(|previous| previous.password.clone());
        device.password = Some(kept.ok_or_else(|| nothing("/password"))?);
    }
    if is_masked(device.ha1.as_ref()) {
        let kept = previous.and_then(|previous| previous.ha1.clone());
        device.ha1 = Some(kept.ok_or_else(|| nothing("/ha1"))?);
    }
    Ok(())
}

fn is_masked(secret: Option<&Secret>) -> bool {
    secret.is_some_and(|secret| secret.expose() == MASK)
}

/// Warnings for secrets that devices of this kind do not use.
fn unused(device: &Device, previous: Option<&Device>, names: &[&str]) -> Vec<FieldError> {
    let secret = |device: &Device, name: &str| match name {
        "ha1" => device.ha1.clone(),
        _ => device.password.clone(),
    };
    let auth_type = match device.auth_type {
        AuthType::Credentials => "credentials, whose password is made here or given as ha1",
        AuthType::UserId => "userid",
        AuthType::DeviceId => "deviceid",
        AuthType::Disabled => "disabled",
    };
    let given = names.iter().filter(|name| {
        let given = secret(device, name);
        given.is_some() && given != previous.and_then(|previous| secret(previous, name))
    });
    given
        .map(|name| {
            let why = format!("is not used for authType {auth_type}");
            FieldError::new(format!("/{name}"), why)
        })
        .collect()
}

/// Puts what is kept in the place of the secrets: argon2id of a `userid` password, which takes tens of milliseconds;
/// HA1 in every algorithm of a password made here; a hash that was given as it is.
pub(in super::super) fn protect(device: &mut Device, domain: &str) {
    if let Some(ha1) = &device.ha1 {
        device.ha1 = Some(Secret::from(ha1.expose().to_ascii_lowercase()));
    }
    let Some(new) = &device.new_password else {
        return;
    };
    let kept = match device.auth_type {
        AuthType::UserId => password::hash_password(new.expose()),
        _ => Ha1::of(&device.device_id, domain, new.expose()).write(),
    };
    device.password = Some(Secret::from(kept));
}
