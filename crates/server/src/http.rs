//! REST: provisioning, call commands, what became of calls, and what the node says of itself. Handlers
//! check and translate; what they change lies in the store, and calls live behind [`CallControl`].

mod alarmbridge;
mod alarmeventmapper;
mod allowed;
mod api_keys;
mod authorize;
mod body;
mod bulk;
mod call_control;
mod callbacks;
mod calls;
mod cloudsipua;
mod commands;
mod cors;
mod deliveries;
mod describe;
mod destinations;
mod devices;
mod docs;
mod document;
mod documents;
mod error;
mod events;
mod explain;
mod grandstream;
mod health;
mod idempotency;
mod ladder;
mod limit;
mod listen;
mod mediaservice;
mod notifications;
mod outbox;
mod precondition;
mod profile;
mod provisory;
mod query;
mod rate;
mod scopes;
mod settings;
mod signed;
mod sip_log;
mod source;
mod statistics;
mod trace;
mod trunks;
mod webhook_secret;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use ::http::{StatusCode, header};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hookswitch_api::alarmbridge::AlarmBridge;
use hookswitch_api::alarmeventmapper::AlarmEventMapper;
use hookswitch_api::cloudsipua::CloudSipUa;
use hookswitch_api::mediaservice::MediaService;
use hookswitch_sip::flow::Transport;
use hookswitch_store::{MasterKey, Store};
use ipnet::IpNet;
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use api_keys::MAX_KEYS;
pub use bulk::{BulkJobs, resume as resume_bulk};
pub use call_control::{CallControl, Pending};
pub use commands::endpoint;
pub use document::{document, written};
pub use error::ApiError;
pub use events::Streams;
pub use health::Readiness;
pub use idempotency::AtWork;
pub use ladder::draw as draw_ladder;
pub use limit::Room;
pub use listen::{Crowd, serve, tls};
pub use outbox::Outbox;
pub use rate::Failures;
pub use signed::Signed;
pub use sip_log::Searches;

use crate::auth::{Keys, SipTokens};
use crate::complaints::Complaints;
use crate::directory::Publisher;
use crate::password::Hashing;
use crate::reply_id::ReplyIds;
use crate::telemetry::Metrics;

/// Everything the handlers work with.
pub struct Rest {
    /// The database.
    pub store: Store,
    /// Seals what has to be read back.
    pub master_key: Arc<MasterKey>,
    /// Who may call.
    pub keys: Arc<Keys>,
    /// What routing and callbacks see.
    pub publisher: Arc<Publisher>,
    /// Names calls in commands.
    pub reply_ids: Arc<ReplyIds>,
    /// Where the calls are.
    pub calls: Arc<dyn CallControl>,
    /// Where events wait to be told.
    pub outbox: Arc<dyn Outbox>,
    /// Who follows events as they happen.
    pub streams: Arc<Streams>,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// What `/readyz` says.
    pub readiness: Arc<Readiness>,
    /// Failed sign-ins by source.
    pub failures: Failures,
    /// When which domain was last complained about in the log.
    pub(crate) complaints: Complaints,
    /// Makes the tokens of SIP clients.
    pub sip_tokens: Arc<SipTokens>,
    /// Which signatures were used.
    pub signed: Signed,
    /// Requests under way that carry an `Idempotency-Key`.
    pub at_work: AtWork,
    /// Requests under way, by domain.
    pub room: Arc<Room>,
    /// Searches of the SIP log under way.
    pub searches: Searches,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Devices provisioned by file.
    pub bulk: BulkJobs,
    /// Where passwords of end users are hashed.
    pub hashing: Hashing,
    /// Private networks that callbacks may reach, also in the clear.
    pub callback_allow: Vec<IpNet>,
    /// Where gateways send their SIP, when the node has a listener for them.
    pub sip_address: Option<(Transport, SocketAddr)>,
    /// The region of the topics that notifications can be published to; `None`: to none.
    pub sns_region: Option<Box<str>>,
    /// Whether loopback callers reach services, for `explain`.
    pub dev: bool,
}

/// Every path with its handlers and its description.
fn routes() -> OpenApiRouter<Arc<Rest>> {
    let tenant = OpenApiRouter::with_openapi(document::skeleton())
        .routes(routes!(commands::answer))
        .routes(routes!(commands::ringback))
        .routes(routes!(commands::hangup))
        .routes(routes!(commands::place))
        .routes(routes!(
            devices::list,
            devices::put,
            devices::post,
            devices::delete_all
        ))
        .routes(routes!(devices::find, devices::delete, devices::patch))
        .routes(routes!(bulk::find, bulk::put))
        .routes(routes!(grandstream::show))
        .routes(routes!(api_keys::list, api_keys::create, api_keys::put))
        .routes(routes!(api_keys::delete))
        .routes(routes!(authorize::authorize))
        .routes(routes!(settings::find, settings::overwrite))
        .routes(routes!(webhook_secret::rotate))
        .routes(routes!(callbacks::enable))
        .routes(routes!(explain::explain))
        .routes(routes!(calls::list))
        .routes(routes!(calls::find))
        .routes(routes!(ladder::show))
        .routes(routes!(sip_log::search))
        .routes(routes!(statistics::show))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::find))
        .routes(routes!(deliveries::replay))
        .routes(routes!(deliveries::replay_range))
        .routes(routes!(events::follow))
        .routes(routes!(provisory::diff))
        .routes(routes!(provisory::promote))
        .routes(routes!(provisory::discard))
        .routes(routes!(
            profile::find,
            profile::create,
            profile::update,
            profile::patch
        ));
    let mut tenant = tenant;
    let uniform = [
        destinations::routes::<CloudSipUa>(),
        destinations::routes::<MediaService>(),
        destinations::routes::<AlarmBridge>(),
        destinations::routes::<AlarmEventMapper>(),
    ];
    let uniform = uniform.into_iter().flatten();
    for route in uniform
        .chain(trunks::routes())
        .chain(notifications::routes())
    {
        tenant = tenant.routes(route);
    }
    tenant
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

/// The whole REST interface.
pub fn router(rest: Arc<Rest>) -> Router {
    let (router, _) = routes().split_for_parts();
    let repeat = middleware::from_fn_with_state(rest.clone(), idempotency::repeat);
    let verify = middleware::from_fn_with_state(rest.clone(), signed::verify);
    router
        .route_layer(repeat.clone())
        .merge(
            commands::suffixless()
                .route_layer(repeat)
                .route_layer(verify),
        )
        .merge(docs::routes())
        .method_not_allowed_fallback(|| async { StatusCode::METHOD_NOT_ALLOWED })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(rest.clone(), around))
        .with_state(rest)
}

/// Middleware: what surrounds every request, from the outside in. One layer, for a router clones all that it has for
/// every request, each with all those inside it.
async fn around(State(rest): State<Arc<Rest>>, request: Request, next: Next) -> Response {
    let rendered =
        async |request| error::render(request, async |request| next.run(request).await).await;
    let held = async |request| limit::hold(request, rendered).await;
    let measured = async |request| measure(&rest, request, held).await;
    let allowed = async |request| cors::allow(request, measured).await;
    trace::assign(request, allowed).await
}

/// Counts and times.
async fn measure(
    rest: &Rest,
    request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let since = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next(request).await;
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    if response.status() == StatusCode::REQUEST_TIMEOUT {
        rest.room.brakes().slow_body.hit(Instant::now());
    }
    rest.metrics
        .http_answered(&method, route, response.status().as_u16(), since.elapsed());
    response
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    ApiError::internal(&"a handler panicked").into_response()
}

/// Runs work that blocks (on the store, on much computing) where it holds nobody up.
async fn work_off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => Err(ApiError::internal(&panic)),
    }
}

/// The same for work that only the store can keep from being done.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> hookswitch_store::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    work_off_the_loop(move || work().map_err(ApiError::from)).await
}

/// 200 with a JSON body.
fn reply(body: &impl Serialize) -> Result<Response, ApiError> {
    let bytes = serde_json::to_vec(body).map_err(|error| ApiError::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[cfg(test)]
mod tests;
