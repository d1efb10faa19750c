//! How operations may refuse: which statuses, and what each looks like.

use axum::http::{Method, StatusCode};
use serde_json::json;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema};

use super::super::scopes::Access;

/// A status with which operations refuse.
struct Refusal {
    status: u16,
    /// Its name among the components.
    name: &'static str,
    description: &'static str,
    code: &'static str,
    reason: &'static str,
}

const REFUSALS: [Refusal; 12] = [
    Refusal {
        status: 400,
        name: "BadRequest",
        description: "A field, a parameter or the body is wrong; `errors` points at each",
        code: "invalid_field",
        reason: "/name: is required",
    },
    Refusal {
        status: 401,
        name: "Unauthorized",
        description: "No credential, or none that counts",
        code: "unauthorized",
        reason: "the API token is not known",
    },
    Refusal {
        status: 403,
        name: "Forbidden",
        description: "The key opens another domain, or lacks the scope",
        code: "forbidden",
        reason: "the key does not open this domain",
    },
    Refusal {
        status: 404,
        name: "NotFound",
        description: "There is no such thing in the domain",
        code: "not_found",
        reason: "there is no device 1001",
    },
    Refusal {
        status: 408,
        name: "SlowBody",
        description: "The body did not come in time",
        code: "slow_body",
        reason: "the body did not come within 30 s",
    },
    Refusal {
        status: 409,
        name: "Conflict",
        description: "The call or object is in another state; `reason` says which",
        code: "idempotency_in_progress",
        reason: "the first request with this Idempotency-Key is still at work",
    },
    Refusal {
        status: 412,
        name: "PreconditionFailed",
        description: "`If-Match` names another version than the present one",
        code: "precondition_failed",
        reason: "it was changed meanwhile: read it again",
    },
    Refusal {
        status: 413,
        name: "TooLarge",
        description: "The body is larger than allowed",
        code: "too_large",
        reason: "a JSON body may have 1 MiB at most",
    },
    Refusal {
        status: 415,
        name: "UnsupportedMediaType",
        description: "The body is of another media type, or has a Content-Encoding",
        code: "unsupported_media_type",
        reason: "the body must be application/json, not text/plain",
    },
    Refusal {
        status: 422,
        name: "Unprocessable",
        description: "A `test` of the patch failed, or the Idempotency-Key was used for another request",
        code: "idempotency_key_reused",
        reason: "this Idempotency-Key was used for another request",
    },
    Refusal {
        status: 429,
        name: "TooManyRequests",
        description: "Too many requests under way, or too many without a valid credential; wait for Retry-After",
        code: "too_many_requests",
        reason: "the domain has too many requests under way; wait for some of them",
    },
    Refusal {
        status: 503,
        name: "Unavailable",
        description: "Draining, or the database is away; wait for Retry-After",
        code: "database_away",
        reason: "the database cannot be used at the moment: it is away",
    },
];

/// Describes every refusal once.
pub(super) fn define(document: &mut OpenApi) {
    let responses = &mut document.components.get_or_insert_default().responses;
    for refusal in &REFUSALS {
        responses.insert(refusal.name.to_owned(), RefOr::T(refusal.response()));
    }
}

/// Adds to an operation the refusals that such operations have, where it does not describe them itself.
pub(super) fn add(method: &Method, path: &str, access: Option<Access>, operation: &mut Operation) {
    let is_held = matches!(access, Some(Access::AnyOf(_)));
    let has_body = operation.request_body.is_some();
    let takes_body = has_body || method == Method::POST;
    // Its key stands in the query.
    let is_keyed = path.starts_with("/provisioning/grandstream/");
    let asks = is_held || is_keyed || takes_body;
    let is_document = path.starts_with("/provisioning/") || path.ends_with("/settings");
    for refusal in &REFUSALS {
        let applies = match refusal.status {
            400 | 429 | 503 => asks,
            401 => asks,
            403 | 404 => is_held || is_keyed,
            408 | 413 => takes_body,
            415 => has_body,
            409 => is_held && (method != Method::GET),
            412 => {
                is_held
                    && is_document
                    && (method == Method::PUT
                        || method == Method::PATCH
                        || method == Method::DELETE
                        || is_conditional_post(path))
            }
            422 => is_held && (method == Method::POST || method == Method::PATCH),
            _ => false,
        };
        if applies {
            let described = &mut operation.responses.responses;
            described
                .entry(refusal.status.to_string())
                .or_insert_with(|| RefOr::Ref(Ref::from_response_name(refusal.name)));
        }
    }
}

/// A POST to a path of several items that honours `If-Match` and `If-None-Match`.
fn is_conditional_post(path: &str) -> bool {
    path.starts_with("/provisioning/device/{domain}") || path.ends_with("/currentuser/profile")
}

impl Refusal {
    fn response(&self) -> Response {
        let Self {
            status,
            description,
            code,
            reason,
            ..
        } = *self;
        let errors = match status {
            400 => json!([{"pointer": "/name", "detail": "is required"}]),
            _ => json!([]),
        };
        let body = json!({
            "success": false, "reason": reason, "code": code, "errors": errors,
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        });
        let mut problem = body.clone();
        problem["type"] = "about:blank".into();
        problem["title"] = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .into();
        problem["status"] = status.into();
        problem["detail"] = reason.into();
        let both = utoipa::openapi::AllOfBuilder::new()
            .item(Ref::from_schema_name("ErrorBody"))
            .item(Ref::from_schema_name("Problem"))
            .build();
        let plain = ContentBuilder::new().schema(Some(RefOr::<Schema>::Ref(
            Ref::from_schema_name("ErrorBody"),
        )));
        let problems = ContentBuilder::new().schema(Some(Schema::AllOf(both)));
        ResponseBuilder::new()
            .description(description)
            .content("application/json", plain.example(Some(body)).build())
            .content(
                "application/problem+json",
                problems.example(Some(problem)).build(),
            )
            .build()
    }
}
