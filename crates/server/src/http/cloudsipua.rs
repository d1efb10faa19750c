//! `/provisioning/cloudsipua/{domain}`: services that hand calls to an application.

use hookswitch_api::cloudsipua::{CloudSipUa, RestAuthentication, SignatureType};
use hookswitch_api::error::FieldError;
use hookswitch_api::secret::Secret;
use hookswitch_call::pattern::Pattern;
use hookswitch_store::{Error, Write};

use super::Rest;
use super::destinations::{Destination, Words};
use super::documents::{Form, Provisioned, Target};
use crate::callback::{RestAuth, SignError};
use crate::directory;
use crate::kind::{CLOUD_SIP_UA, Kind, Members};
use crate::random::uuid;

impl Provisioned for CloudSipUa {
    const KIND: &'static Kind = &CLOUD_SIP_UA;

    fn check(&self, rest: &Rest) -> Vec<FieldError> {
        let service = Service {
            pattern: &self.destination_match,
            url: Some(&self.callback_base_url),
            signing: &self.rest_authentication,
        };
        service.check(rest, self.validate(rest.plain_http()))
    }

    fn complete(
        &mut self,
        target: &Target,
        previous: Option<&Self>,
        _: Form,
    ) -> Result<Vec<FieldError>, FieldError> {
        self.id = Some(target.id.clone());
        let kept = previous.and_then(|previous| previous.callback_id.as_ref());
        complete_callback_id(&mut self.callback_id, kept);
        self.callback_disabled = None;
        Ok(Vec::new())
    }

    fn show(rest: &Rest, domain: &str, id: &str, members: &mut Members) {
        let published = rest.publisher.current();
        if published
            .callback(domain, id)
            .is_some_and(|callback| callback.disabled)
        {
            members.insert("callbackDisabled".to_owned(), true.into());
        }
    }

    fn write_along(db: &Write<'_>, domain: &str, id: &str) -> Result<(), Error> {
        directory::switch_on(db, domain, id)
    }
}

impl Destination for CloudSipUa {
    const WORDS: Words = Words {
        list: "/provisioning/cloudsipua/{domain}",
        item: "/provisioning/cloudsipua/{domain}/{cloudSipUAId}",
        parameter: "cloudSipUAId",
        operation: "CloudSipUa",
        one: "a Cloud SIP User Agent",
        many: "the Cloud SIP User Agents",
        what: "Calls it matches are handed to an application, which steers them over HTTP.",
        example: include_str!("examples/cloudsipua.json"),
    };
}

/// What services of every kind have in common.
pub(super) struct Service<'s> {
    /// `destinationMatch`.
    pub(super) pattern: &'s str,
    /// `callbackBaseUrl`.
    pub(super) url: Option<&'s str>,
    /// `restAuthentication`.
    pub(super) signing: &'s [RestAuthentication],
}

impl Service<'_> {
    /// What is wrong with it, beside the `faults` of its form.
    pub(super) fn check(&self, rest: &Rest, mut faults: Vec<FieldError>) -> Vec<FieldError> {
        check_pattern("/destinationMatch", self.pattern, &mut faults);
        // What a type can check by itself comes first: a wrong form needs no second opinion.
        if faults.is_empty() {
            let wrong = |url| rest.check_target("/callbackBaseUrl", url);
            faults.extend(self.url.and_then(wrong));
            faults.extend(check_signing(self.signing));
        }
        faults
    }
}

/// Whether a pattern compiles, where there is one.
pub(super) fn check_pattern(pointer: &str, pattern: &str, faults: &mut Vec<FieldError>) {
    if pattern.is_empty() || faults.iter().any(|fault| fault.pointer == pointer) {
        return;
    }
    if let Err(why) = Pattern::compile(pattern) {
        faults.push(FieldError::new(pointer, why.to_string()));
    }
}

/// Whether the keys sign: a service whose key does not could never be called back.
pub(super) fn check_signing(entries: &[RestAuthentication]) -> Vec<FieldError> {
    let wrong = |(index, entry): (usize, &RestAuthentication)| {
        let why = signing_key(entry).err()?;
        let pointer = format!("/restAuthentication/{index}/secret");
        Some(FieldError::new(pointer, why.to_string()))
    };
    entries.iter().enumerate().filter_map(wrong).collect()
}

/// The name of a callback: the one given, else the one it had, else a new one.
pub(super) fn complete_callback_id(id: &mut Option<String>, previous: Option<&String>) {
    if id.is_none() {
        *id = previous.cloned().or_else(|| Some(uuid()));
    }
}

fn signing_key(entry: &RestAuthentication) -> Result<(), SignError> {
    let kind = match entry.kind {
        SignatureType::Rs256 => "RS256",
        SignatureType::Es256 => "ES256",
        SignatureType::EdDsa => "EdDSA",
        SignatureType::Hs256 => "HS256",
    };
    let secret = entry.secret.as_ref().map_or("", Secret::expose);
    RestAuth::new(kind, secret, entry.sub.as_deref(), entry.scope.as_deref()).map(|_| ())
}
