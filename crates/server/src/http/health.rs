//! Is it alive, may it get work, how is it doing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use hookswitch_api::done::Done;
use hookswitch_api::error::ErrorBody;
use hookswitch_store::settings;
use tokio::sync::watch;

use super::error::ApiError;
use super::{Rest, blocking, reply};

/// The database answers within this time, or it is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the node may get work.
#[derive(Debug, Default)]
pub struct Readiness {
    state: AtomicU8,
    draining: watch::Sender<bool>,
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// Everything listens.
    pub fn ready(&self) {
        self.state.store(READY, Ordering::Release);
    }

    /// The node is being stopped.
    pub fn draining(&self) {
        self.state.store(DRAINING, Ordering::Release);
        self.draining.send_replace(true);
    }

    /// Turns true when the node is being stopped.
    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    fn check(&self) -> Result<(), ApiError> {
        let refuse = |code, reason| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, reason);
        match self.state.load(Ordering::Acquire) {
            READY => Ok(()),
            STARTING => Err(refuse("starting", "the node is still starting")),
            _ => Err(refuse(
                "draining",
                "the node is being stopped and takes no new calls",
            )),
        }
    }
}

/// Whether the program runs at all.
#[utoipa::path(
    get, path = "/healthz", tag = "Node", security(()),
    responses((status = 200, description = "The program runs", body = Done)),
)]
pub(super) async fn healthz() -> Result<Response, ApiError> {
    reply(&Done::new())
}

/// Whether the node takes new calls: 503 while it starts, drains or has no database.
#[utoipa::path(
    get, path = "/readyz", tag = "Node", security(()),
    responses(
        (status = 200, description = "The node takes calls", body = Done),
        (status = 503, description = "It does not; `code` says why", body = ErrorBody),
    ),
)]
pub(super) async fn readyz(State(rest): State<Arc<Rest>>) -> Result<Response, ApiError> {
    rest.readiness.check()?;
    let store = rest.store.clone();
    let asked = blocking(move || store.read(|db| settings::find(db, "ready")));
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => reply(&Done::new()),
        _ => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database_away",
            "the database does not answer",
        )),
    }
}

/// Counters and gauges in the text format of Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "Node", security(()),
    responses((status = 200, description = "All metrics", content_type = "application/openmetrics-text", body = String)),
)]
pub(super) async fn metrics(State(rest): State<Arc<Rest>>) -> Response {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, TYPE)], rest.metrics.text()).into_response()
}
