//! CORS: any page may call the interface, because every call carries its own credentials and none
//! travels in cookies. `OPTIONS` is answered on every path, without authentication.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONTENT_TYPE,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;

const METHODS: HeaderValue = HeaderValue::from_static("GET,PUT,POST,DELETE,PATCH,OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization,Content-Type,Accept,Idempotency-Key,If-Match,If-None-Match,traceparent,X-Amz-Date,X-Amz-Security-Token,X-Amz-Content-Sha256",
);
const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag,Location,Retry-After,Idempotency-Replayed,Allow");

/// Middleware: answers `OPTIONS`, and adds the header that lets a page read every other answer.
pub(super) async fn allow(
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    if request.method() == Method::OPTIONS {
        let mut response = Response::new(Body::from("{}"));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        allow_origin(headers);
        return response;
    }
    let mut response = next(request).await;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    allow_origin(headers);
    response
}

fn allow_origin(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}
