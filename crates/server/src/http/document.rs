//! The OpenAPI 3.1 document: written down with the handlers, completed here with what they share: who may call, how
//! each may refuse, and an example of every body.

mod examples;
mod links;
mod refusals;

use axum::http::Method;
use hookswitch_api::callback::{CallAnswered, CallFailed, CallHungup, CallNotify, NewRemoteCall};
use hookswitch_api::error::ErrorBody;
use hookswitch_api::form;
use hookswitch_api::notice::{ServiceAlarms, SipEvents};
use hookswitch_api::reply::NewRemoteCallReply;
use utoipa::openapi::path::{Operation, OperationBuilder, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, RefOr, ResponseBuilder, Schema};
use utoipa::{OpenApi, PartialSchema as _, openapi};

use super::scopes::{self, Access};
use super::{commands, explain, routes};
use crate::auth::Scope;

/// The scheme of API tokens and JWTs; what is listed with it are scopes.
const BEARER: &str = "bearer";
/// The scheme of signed requests.
const SIGNATURE: &str = "sigv4";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hookswitch",
        description = "SIP calls for programs. Provision a service and its devices, take calls as signed webhooks, steer them with four commands.\n\nEvery path answers `OPTIONS` with CORS headers. `Authorization: Bearer` takes an API token (`hs_…`) or a JWT signed with a key uploaded at `/provisioning/apiKey/{domain}`. Every POST honours `Idempotency-Key` for 24 hours; under one key a call is placed once, even when the program crashed before it answered. Numbers are accepted where text is documented; unknown members are ignored, and on provisioning reported in `warnings` (`strict=true` refuses them); `null` means absence. A JSON body has at most 1 MiB, 32 levels and 20,000 values, no NUL in any text, and no fraction or exponent on a number from 2^53 on. Below `/v1/` a query parameter that an operation does not list is refused with 400 where it lists any; on the other paths it is ignored. A request whose headers are longer than the server reads (64 KiB, 100 fields) is answered with 431 and no body, and its connection is closed.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "Calls", description = "The four commands, and what became of calls"),
        (name = "Events", description = "What applications were told, how that went, and telling it again"),
        (name = "Services", description = "Which calls go to which application"),
        (name = "Trunks", description = "The ways to and from other networks"),
        (name = "Notifications", description = "Where a tenant's events and alarms go"),
        (name = "Devices", description = "The devices of a tenant"),
        (name = "Keys", description = "What opens the interface"),
        (name = "Tenant", description = "What holds for the whole tenant"),
        (name = "Node", description = "How the node is doing"),
        (name = "Callbacks", description = "What an application is told"),
    ),
    paths(new_remote_call, call_answered, call_notify, call_failed, call_hungup, sip_events, service_alarm),
    components(schemas(ErrorBody)),
)]
struct Described;

/// An inbound call waits for an answer
///
/// The 2xx reply may carry a command (`ringback`, `answer` or `hangup`), which saves a round trip.
#[utoipa::path(
    post, path = "newRemoteCall", tag = "Callbacks", operation_id = "newRemoteCall",
    request_body = NewRemoteCall<'static>,
    responses(
        (status = 200, description = "The application takes the call", body = NewRemoteCallReply),
        (status = 410, description = "The application wants no more calls of this service"),
    ),
)]
#[expect(dead_code, reason = "it only carries the description of a callback")]
fn new_remote_call() {}

/// Both sides of a call are connected
#[utoipa::path(
    post, path = "callAnswered", tag = "Callbacks", operation_id = "callAnswered",
    request_body = CallAnswered<'static>,
    responses((status = "2XX", description = "Taken; anything else is tried again")),
)]
#[expect(dead_code, reason = "it only carries the description of a callback")]
fn call_answered() {}

/// A call makes progress
#[utoipa::path(
    post, path = "callNotify", tag = "Callbacks", operation_id = "callNotify",
    request_body = CallNotify<'static>,
    responses((status = "2XX", description = "Taken; anything else is tried again")),
)]
#[expect(dead_code, reason = "it only carries the description of a callback")]
fn call_notify() {}

/// An outbound call was never answered
///
/// The last callback of its call.
#[utoipa::path(
    post, path = "callFailed", tag = "Callbacks", operation_id = "callFailed",
    request_body = CallFailed<'static>,
    responses((status = "2XX", description = "Taken; anything else is tried again")),
)]
#[expect(dead_code, reason = "it only carries the description of a callback")]
fn call_failed() {}

/// A call has ended
///
/// The last callback of its call.
#[utoipa::path(
    post, path = "callHungup", tag = "Callbacks", operation_id = "callHungup",
    request_body = CallHungup<'static>,
    responses((status = "2XX", description = "Taken; anything else is tried again")),
)]
#[expect(dead_code, reason = "it only carries the description of a callback")]
fn call_hungup() {}

/// What devices did
///
/// To `sipEventsRestEndpoint` of the notification settings, several events at a time, in order of time.
#[utoipa::path(
    post, path = "sipDeviceMonitoring", tag = "Callbacks", operation_id = "sipDeviceMonitoring",
    request_body = SipEvents,
    responses((status = "2XX", description = "Taken; anything else is tried again")),
)]
#[expect(dead_code, reason = "it only carries the description of a callback")]
fn sip_events() {}

/// Something has to be looked after
///
/// To `alarmEventsRestEndpoint` of the notification settings, when it begins and when it is over.
#[utoipa::path(
    post, path = "serviceAlarm", tag = "Callbacks", operation_id = "serviceAlarm",
    request_body = ServiceAlarms,
    responses((status = "2XX", description = "Taken; anything else is tried again")),
)]
#[expect(dead_code, reason = "it only carries the description of a callback")]
fn service_alarm() {}

/// What the document has before any path is added: callbacks as webhooks, the scheme of keys, the shape
/// of refusals.
pub(super) fn skeleton() -> openapi::OpenApi {
    let mut document = Described::openapi();
    document.webhooks = Some(std::mem::take(&mut document.paths));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API token, or a JWT signed with an uploaded key"))
        .build();
    let signature = ApiKey::Header(ApiKeyValue::with_description(
        "Authorization",
        "AWS Signature Version 4 (`AWS4-HMAC-SHA256`): the access key id is the `sk` of an API key, the secret its token, \
         the service `execute-api`, the region any. `host` and `x-amz-date` are signed; the payload is hashed, at most \
         five minutes lie between its time and ours, and each signature is taken once",
    ));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    components.add_security_scheme(SIGNATURE, SecurityScheme::ApiKey(signature));
    document
}

/// The whole document.
pub fn document() -> openapi::OpenApi {
    let (_, mut document) = routes().split_for_parts();
    for name in commands::NAMES {
        let suffixed = format!("/mediaservice/{{domain}}/{name}jwt");
        let mut twin = document.paths.paths[&suffixed].clone();
        if let Some(post) = &mut twin.post {
            post.operation_id = post.operation_id.as_ref().map(|id| format!("{id}Plain"));
            post.description = Some(format!("The same as `{name}jwt`."));
            note(post, "path without suffix");
            let calls = vec![Scope::Calls.as_str()];
            post.security = Some(vec![
                SecurityRequirement::new(BEARER, calls.clone()),
                SecurityRequirement::new(SIGNATURE, calls),
            ]);
        }
        if let Some(post) = document
            .paths
            .paths
            .get_mut(&suffixed)
            .and_then(|item| item.post.as_mut())
        {
            note(post, "path with the suffix jwt");
        }
        document
            .paths
            .paths
            .insert(format!("/mediaservice/{{domain}}/{name}"), twin);
    }
    unflatten_problem(&mut document);
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let access = scopes::needed(&method, path);
            operation.security.get_or_insert_with(|| security(access));
            refusals::add(&method, path, access, operation);
        }
        item.options = Some(preflight(path));
    }
    refusals::define(&mut document);
    form::write_out(&mut document);
    let components = document.components.get_or_insert_default();
    if let Some(schema) = components.schemas.get_mut("ExplainRequest") {
        form::add(schema, explain::conditions());
    }
    examples::add(&mut document);
    links::add(&mut document);
    document
}

/// The document as it is served and committed: members in the order of their names, since utoipa hands keywords it does
/// not know in any order.
pub fn written() -> serde_json::Value {
    serde_json::to_value(document()).expect("texts and numbers always serialise")
}

/// Tells operations of the same meaning apart where only the summary is shown.
fn note(operation: &mut Operation, note: &str) {
    if let Some(summary) = &mut operation.summary {
        summary.push_str(&format!(" ({note})"));
    }
}

/// A flattened `Option` is described as one of its members or null; what is meant is a body with its own
/// members, and in the other media type those of RFC 9457 beside them.
fn unflatten_problem(document: &mut openapi::OpenApi) {
    let schemas = &mut document.components.get_or_insert_default().schemas;
    if let Some(RefOr::T(Schema::AllOf(parts))) = schemas.get_mut("ErrorBody") {
        let own = parts.items.pop().expect("the body has members of its own");
        schemas.insert("ErrorBody".to_owned(), own);
    }
}

/// One of the scopes is enough, so each is a requirement of its own.
fn security(access: Option<Access>) -> Vec<SecurityRequirement> {
    match access {
        Some(Access::AnyOf(scopes)) => scopes
            .iter()
            .map(|scope| SecurityRequirement::new(BEARER, [scope.as_str()]))
            .collect(),
        Some(Access::Open) | None => vec![SecurityRequirement::default()],
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// `OPTIONS`, which every path answers alike.
fn preflight(path: &str) -> Operation {
    let header = |description: &str| {
        HeaderBuilder::new()
            .schema(Some(String::schema()))
            .description(Some(description))
            .build()
    };
    let content = ContentBuilder::new()
        .schema(Some(utoipa::openapi::Object::new()))
        .example(Some(serde_json::json!({})))
        .build();
    let response = ResponseBuilder::new()
        .description("What a page may send")
        .content("application/json", content)
        .header("Access-Control-Allow-Origin", header("`*`"))
        .header("Access-Control-Allow-Methods", header("Every method"))
        .header(
            "Access-Control-Allow-Headers",
            header("Every header that is read"),
        )
        .build();
    let parameters = path.split('/').filter_map(|step| {
        let name = step.strip_prefix('{')?.strip_suffix('}')?;
        Some(super::describe::in_path(name, "As in the other operations"))
    });
    OperationBuilder::new()
        .summary(Some("What a page of another origin may send"))
        .description(Some("For browsers (CORS); needs no key."))
        .parameters(Some(parameters.collect::<Vec<_>>()))
        .securities(Some([SecurityRequirement::default()]))
        .response("200", response)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_written_the_same_each_time() {
        let text = || serde_json::to_string(&written()).unwrap();
        let first = text();
        for _ in 0..4 {
            assert!(text() == first, "some members changed places");
        }
    }

    #[test]
    fn what_applications_are_told_are_webhooks() {
        let document = serde_json::to_value(document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let webhooks: Vec<&String> = document["webhooks"].as_object().unwrap().keys().collect();
        assert_eq!(
            webhooks,
            [
                "callAnswered",
                "callFailed",
                "callHungup",
                "callNotify",
                "newRemoteCall",
                "serviceAlarm",
                "sipDeviceMonitoring"
            ]
        );
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_its_own_name() {
        let document = serde_json::to_value(document()).unwrap();
        let mut names = Vec::new();
        let mut unvisited = vec![&document];
        while let Some(value) = unvisited.pop() {
            if let Some(reference) = value.get("$ref").and_then(|value| value.as_str()) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(
                    document.pointer(pointer).is_some(),
                    "{reference} leads nowhere"
                );
            }
            // A link names an operation too.
            if value.get("responses").is_some() {
                names.extend(value.get("operationId").and_then(|value| value.as_str()));
            }
            match value {
                serde_json::Value::Object(members) => unvisited.extend(members.values()),
                serde_json::Value::Array(items) => unvisited.extend(items),
                _ => {}
            }
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count > 30);
    }

    #[test]
    fn a_refusal_is_described_as_it_is_written() {
        let document = serde_json::to_value(document()).unwrap();
        let body = &document["components"]["schemas"]["ErrorBody"];
        assert_eq!(body["type"], "object");
        let members: Vec<&String> = body["properties"].as_object().unwrap().keys().collect();
        assert_eq!(members, ["code", "errors", "reason", "success", "traceId"]);
    }

    #[test]
    fn no_two_operations_have_the_same_summary() {
        let document = document();
        let items = document.paths.paths.values();
        let posts = items.filter_map(|item| item.post.as_ref());
        let mut summaries: Vec<&str> = posts.filter_map(|post| post.summary.as_deref()).collect();
        let count = summaries.len();
        summaries.sort_unstable();
        summaries.dedup();
        assert!(summaries.len() == count && count > 10, "{summaries:?}");
    }

    #[test]
    fn commands_stand_under_both_of_their_paths() {
        let document = document();
        for name in commands::NAMES {
            for suffix in ["jwt", ""] {
                let path = format!("/mediaservice/{{domain}}/{name}{suffix}");
                assert!(document.paths.paths[&path].post.is_some(), "{path}");
            }
        }
    }
}
