//! The interface describes itself: `/openapi.json`, and a page to read it with that needs no other host.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Rest;

const PAGE: &str = include_str!("../../assets/docs.html");
const VIEWER: &str = include_str!("../../assets/vendor/rapidoc/rapidoc-min.js");
/// The page loads from us alone, and calls us alone.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| super::written().to_string());

/// The paths; they need no key.
pub(super) fn routes() -> Router<Arc<Rest>> {
    Router::new()
        .route(
            "/openapi.json",
            get(async || asset("application/json", "no-cache", &DOCUMENT)),
        )
        .route(
            "/docs",
            get(async || asset("text/html; charset=utf-8", "no-cache", PAGE)),
        )
        .route(
            "/docs/rapidoc-min.js",
            get(async || asset("text/javascript; charset=utf-8", "max-age=86400", VIEWER)),
        )
}

fn asset(content_type: &'static str, cache: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, cache),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}
