//! `/provisioning/notificationsettings/{domain}` and `/provisioning/siprecservice/{domain}`: where a tenant's events and
//! alarms go. Both have the same members and verbs, and one document each.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use hookswitch_api::done::Done;
use hookswitch_api::error::FieldError;
use hookswitch_api::notification::NotificationSettings;
use hookswitch_api::page::DocumentQuery;
use hookswitch_store::{Error, Write, notifications};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa::openapi::HttpMethod;
use utoipa::openapi::path::{ParameterIn, Paths};
use utoipa_axum::router::UtoipaMethodRouter;

use super::allowed::{Allowed, Change, Look};
use super::body::Json;
use super::cloudsipua::check_signing;
use super::describe::{self, CHANGING, LOOKING, Said, Schemas};
use super::documents::{self, Form, Missing, Provisioned, Target, Written, tagged};
use super::error::ApiError;
use super::query::Query;
use super::{Rest, reply};
use crate::kind::{Kind, Members, NOTIFICATION_SETTINGS, SIPREC_SERVICE};
use crate::{directory, notify};

/// The one document of its kind a tenant has.
const ID: &str = "default";

/// Settings of recording, or of everything else.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Settings<const OF_RECORDING: bool>(NotificationSettings);

impl<const OF_RECORDING: bool> Provisioned for Settings<OF_RECORDING> {
    const KIND: &'static Kind = if OF_RECORDING {
        &SIPREC_SERVICE
    } else {
        &NOTIFICATION_SETTINGS
    };

    /// There is but one, which nobody names.
    const OWN: &'static [&'static str] = &["id"];

    fn check(&self, rest: &Rest) -> Vec<FieldError> {
        let settings = &self.0;
        let mut faults = settings.validate(rest.plain_http());
        if !faults.is_empty() {
            return faults;
        }
        for (pointer, url) in settings.endpoints() {
            faults.extend(url.and_then(|url| rest.check_target(pointer, url)));
        }
        faults.extend(check_signing(&settings.rest_authentication));
        // Topics beside useHttpEvents are kept for the day it is switched off.
        if settings.use_http_events != Some(true) {
            for (pointer, topic) in settings.topics() {
                let why = topic.and_then(|topic| unpublished(rest.sns_region.as_deref(), topic));
                faults.extend(why.map(|why| FieldError::new(pointer, why)));
            }
        }
        faults
    }

    fn complete(
        &mut self,
        target: &Target,
        _: Option<&Self>,
        _: Form,
    ) -> Result<Vec<FieldError>, FieldError> {
        self.0.id = Some(target.id.clone());
        Ok(Vec::new())
    }

    fn show(_: &Rest, _: &str, _: &str, members: &mut Members) {
        members.remove("id");
    }

    /// What was switched off with 410 is tried again, and devices are watched from now on.
    fn write_along(db: &Write<'_>, domain: &str, _: &str) -> Result<(), Error> {
        if OF_RECORDING {
            return Ok(());
        }
        directory::switch_on(db, domain, notify::ALARMS)?;
        directory::switch_on(db, domain, notify::SIP_EVENTS)?;
        notifications::begin(db, domain)
    }
}

/// Why this node cannot publish to a topic, if it cannot.
fn unpublished(region: Option<&str>, topic: &str) -> Option<String> {
    let Some(region) = region else {
        return Some(NO_SNS.to_owned());
    };
    let of_topic = topic.split(':').nth(3).unwrap_or_default();
    (of_topic != region).then(|| {
        format!(
            "is in the region {of_topic}, and this node publishes to Amazon SNS in {region} only"
        )
    })
}

const NO_SNS: &str = "needs Amazon SNS, for which this node has no region and credentials (--sns-region, --sns-access-key-id): use the HTTPS endpoints with useHttpEvents true";

/// The paths, with their handlers and descriptions.
pub(super) fn routes() -> [UtoipaMethodRouter<Arc<Rest>>; 2] {
    let (schemas, paths) = described::<false>(
        "/provisioning/notificationsettings/{domain}",
        "NotificationSettings",
        "the notification settings",
    );
    let notifications = get(find::<false>).put(set::<false>).post(set::<false>);
    let (recording_schemas, recording_paths) = described::<true>(
        "/provisioning/siprecservice/{domain}",
        "SiprecService",
        "the SIPREC service",
    );
    let recording = get(find::<true>).put(set::<true>).post(set::<true>);
    [
        (schemas, paths, notifications),
        (recording_schemas, recording_paths, recording),
    ]
}

async fn find<const OF_RECORDING: bool>(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let target = Target::new(&caller, ID.to_owned(), &headers);
    match documents::find::<Settings<OF_RECORDING>>(&rest, target).await {
        // Nobody has set anything yet, which is no fault of whoever asks.
        Err(error) if error.status == axum::http::StatusCode::NOT_FOUND => reply(&Done::new()),
        found => found,
    }
}

async fn set<const OF_RECORDING: bool>(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<Value>,
) -> Result<Response, ApiError> {
    let target = Target::new(&caller, ID.to_owned(), &headers);
    let strict = query.strict.unwrap_or(false);
    let written: Written<Settings<OF_RECORDING>> =
        documents::put_whole(&rest, target, body.value, strict, Missing::Create).await?;
    let body = Done::new().warning(written.warnings);
    Ok(tagged(reply(&body)?, written.version))
}

fn described<const OF_RECORDING: bool>(path: &str, name: &str, what: &str) -> (Schemas, Paths) {
    let mut schemas = Schemas::new();
    let settings = describe::schema::<NotificationSettings>(&mut schemas);
    let example = describe::example(include_str!("examples/notifications.json"));
    let mut shown = example.as_object().cloned().unwrap_or_default();
    Settings::<OF_RECORDING>::KIND.mask(&mut shown);
    shown.insert("success".to_owned(), true.into());
    let done = describe::success(vec![
        ("reason", describe::text(), false),
        describe::warnings(&mut schemas),
    ]);
    let find = Said {
        id: format!("get{name}"),
        tag: "Notifications",
        summary: format!("Shows {what}"),
        description: "Secrets are masked. Before anything is set there is only `success`."
            .to_owned(),
        parameters: vec![describe::domain()],
        request: None,
        reply: (settings.clone(), Value::Object(shown)),
        is_tagged: true,
        refusals: LOOKING,
    };
    let set = |id: &str, note: &str| {
        let mut parameters = vec![describe::domain(), describe::if_match()];
        parameters.extend(DocumentQuery::into_params(|| Some(ParameterIn::Query)));
        Said {
            id: format!("{id}{name}"),
            tag: "Notifications",
            summary: format!("Sets {what}{note}"),
            description: "What is left out goes back to its default, but for secrets: one that is masked or left out stays as it is, and null takes it away. Where an address names another host, the secrets that are sent there are refused unless they are given anew. POST and PUT do the same. Topics of Amazon SNS are used unless `useHttpEvents` is true; a node that has no region and credentials for it refuses them.".to_owned(),
            parameters,
            request: Some((settings.clone(), example.clone())),
            reply: (done.clone(), json!({"success": true})),
            is_tagged: true,
            refusals: CHANGING,
        }
    };
    let mut paths = Paths::new();
    for (method, said) in [
        (HttpMethod::Get, find),
        (HttpMethod::Put, set("put", "")),
        (HttpMethod::Post, set("post", " (the same as PUT)")),
    ] {
        paths.add_path_operation(path, vec![method], describe::operation(said));
    }
    (schemas, paths)
}
