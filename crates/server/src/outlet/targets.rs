//! Where each service's callbacks go, ready to be called: keys parsed, secrets opened, switches kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hookswitch_api::cloudsipua::{RestAuthentication, SignatureType};
use hookswitch_store::UnixMicros;

use crate::callback::{BaseUrl, RestAuth, Secret, Sns, Switch, Target, Topic};
use crate::directory::{Published, ServiceCallback, Way};

/// The targets of one version of the provisioning, made when they are first needed.
#[derive(Default)]
pub(super) struct Targets {
    state: Mutex<State>,
    sns: Option<Arc<Sns>>,
}

#[derive(Default)]
struct State {
    version: Option<Arc<Published>>,
    /// By domain, then by service.
    ready: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Ready>>,
}

struct Ready {
    made_of: Arc<ServiceCallback>,
    signed_with: Arc<crate::directory::Callbacks>,
    until: Option<UnixMicros>,
    target: Arc<Target>,
}

impl Targets {
    /// Targets of a node that speaks to Amazon SNS so, if it does.
    pub(super) fn publishing_with(sns: Option<Arc<Sns>>) -> Self {
        Self {
            sns,
            ..Self::default()
        }
    }

    /// The target of a service; `None`: there is no such service, or nothing usable in it.
    pub(super) fn find(
        &self,
        published: &Arc<Published>,
        domain: &str,
        service: &str,
    ) -> Option<Arc<Target>> {
        let callbacks = published.callbacks(domain)?;
        let callback = callbacks.services.get(service)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state
            .version
            .as_ref()
            .is_none_or(|version| !Arc::ptr_eq(version, published))
        {
            state.version = Some(Arc::clone(published));
            state.ready.retain(|domain, services| {
                services.retain(|service, _| published.callback(domain, service).is_some());
                !services.is_empty()
            });
        }
        let now = UnixMicros::now();
        if let Some(ready) = state
            .ready
            .get(domain)
            .and_then(|services| services.get(service))
            && Arc::ptr_eq(&ready.made_of, callback)
            && Arc::ptr_eq(&ready.signed_with, callbacks)
            && ready.until.is_none_or(|until| now < until)
        {
            return Some(Arc::clone(&ready.target));
        }
        // A service whose callback is on again starts with a fresh switch.
        let sns = self.sns.as_ref();
        let target = Arc::new(make(domain, service, callbacks, callback, sns, now)?);
        let until = callbacks
            .previous_secret
            .as_ref()
            .map(|(_, until)| *until)
            .filter(|until| now < *until);
        let ready = Ready {
            made_of: Arc::clone(callback),
            signed_with: Arc::clone(callbacks),
            until,
            target: Arc::clone(&target),
        };
        let services = state.ready.entry(domain.into()).or_default();
        services.insert(service.into(), ready);
        Some(target)
    }
}

fn make(
    domain: &str,
    service: &str,
    callbacks: &crate::directory::Callbacks,
    callback: &ServiceCallback,
    sns: Option<&Arc<Sns>>,
    now: UnixMicros,
) -> Option<Target> {
    let unusable = |error: &dyn std::fmt::Display| {
        tracing::error!(domain, service, %error, "the callbacks of a service cannot be sent");
    };
    let (base, topic) = match &callback.way {
        Way::Named => (BaseUrl::parse(&callback.base_url), None),
        Way::Whole => (BaseUrl::parse_whole(&callback.base_url), None),
        Way::Topic(arn) => {
            let Some(sns) = sns else {
                unusable(&"the node has no region and credentials for Amazon SNS any more");
                return None;
            };
            let topic = Topic {
                arn: Arc::clone(arn),
                sns: Arc::clone(sns),
            };
            (BaseUrl::parse_whole(&sns.endpoint), Some(topic))
        }
    };
    let base = base.inspect_err(|error| unusable(error)).ok()?;
    let auth: Option<Vec<RestAuth>> = callback
        .authentication
        .iter()
        .map(|entry| signer(entry).inspect_err(|error| unusable(error)).ok())
        .collect();
    let previous = callbacks
        .previous_secret
        .as_ref()
        .filter(|(_, until)| now < *until)
        .map(|(secret, _)| secret);
    let secrets: Option<Vec<Secret>> = std::iter::once(&callbacks.secret)
        .chain(previous)
        .map(|secret| {
            Secret::parse(secret.expose())
                .inspect_err(|error| unusable(error))
                .ok()
        })
        .collect();
    Some(Target {
        domain: domain.into(),
        service: service.into(),
        base,
        auth: auth?.into(),
        timeout: callback.timeout,
        secrets: secrets?.into(),
        switch: Arc::new(Switch::new(callback.disabled)),
        per_call: None,
        topic,
    })
}

fn signer(entry: &RestAuthentication) -> Result<RestAuth, crate::callback::SignError> {
    let secret = entry.secret.as_ref().map_or("", |secret| secret.expose());
    let kind = match entry.kind {
        SignatureType::Rs256 => "RS256",
        SignatureType::Es256 => "ES256",
        SignatureType::EdDsa => "EdDSA",
        SignatureType::Hs256 => "HS256",
    };
    let auth = RestAuth::new(kind, secret, entry.sub.as_deref(), entry.scope.as_deref())?;
    let headers = entry.request_headers.iter().flatten();
    Ok(headers.fold(auth, |auth, (name, value)| {
        auth.with_header(name, value.expose())
    }))
}
