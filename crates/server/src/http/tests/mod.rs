//! The whole router against a store in a temporary folder, and calls that are made up.

mod authorize;
mod bulk;
mod calls;
mod commands;
mod deliveries;
mod devices;
mod errors;
mod events;
mod grandstream;
mod hostile;
mod idempotency;
mod isolation;
mod keys;
mod limits;
mod openapi;
mod profile;
mod provisory;
mod resources;
mod scopes;
mod services;
mod signatures;
mod sip_log;
mod statistics;
mod tenant;
mod trunks;

use std::sync::Mutex;

use crate::complaints::Complaints;
use crate::config::Folder;
use crate::database::home::{self, Home};
use ::http::{HeaderMap, Method, Request, StatusCode};
use axum::body::Body;
use axum::extract::ConnectInfo;
use hookswitch_api::ladder::LadderEntry;
use hookswitch_call::command::{Command, CommandError, CommandReply};
use hookswitch_call::id::CallId;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;
use crate::control::{self, Operator};

const ACME: &str = "acme.example.com";
const CALL: CallId = CallId::from_u128(0x0192_0000_0000_7000_8000_0000_dead_beef);

/// Calls that do as the test says, and remember what they were told.
#[derive(Default)]
struct MadeUp {
    commands: Mutex<Vec<Command>>,
    answer: Mutex<Option<Result<CommandReply, CommandError>>>,
    /// What happens while the next command is carried out.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    recent: Mutex<Vec<LadderEntry>>,
    logged: Mutex<Vec<LadderEntry>>,
}

impl CallControl for MadeUp {
    fn command(&self, command: Command) -> Pending<'_, Result<CommandReply, CommandError>> {
        self.commands.lock().unwrap().push(command);
        if let Some(happens) = self.meanwhile.lock().unwrap().take() {
            happens();
        }
        let answer = self.answer.lock().unwrap().clone();
        Box::pin(async move { answer.unwrap_or(Ok(CommandReply::Done { call: CALL })) })
    }

    fn recent_ladder(&self, _: CallId) -> Pending<'_, Vec<LadderEntry>> {
        let recent = self.recent.lock().unwrap().clone();
        Box::pin(async move { recent })
    }

    fn log(&self, _: CallId, entry: LadderEntry) {
        self.logged.lock().unwrap().push(entry);
    }
}

/// An outbox that tells nobody, and remembers what it was to tell.
#[derive(Default)]
struct Announced {
    replayed: Mutex<Vec<(String, String)>>,
    bell: tokio::sync::watch::Sender<u64>,
}

impl Outbox for Announced {
    fn replayed(&self, domain: &str, service: &str) {
        let told = (domain.to_owned(), service.to_owned());
        self.replayed.lock().unwrap().push(told);
    }

    fn listen(&self, _: &Arc<str>) -> tokio::sync::watch::Receiver<u64> {
        self.bell.subscribe()
    }
}

/// A node with one tenant, ACME, and its first key.
struct World {
    rest: Arc<Rest>,
    calls: Arc<MadeUp>,
    outbox: Arc<Announced>,
    operator: Operator,
    token: String,
    folder: Home,
}

/// An answer, read whole.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The body of a success.
    fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }

    /// Status and code of a refusal, whose shape is checked.
    fn refusal(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body["success"], false, "{body}");
        assert!(
            body["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{body}"
        );
        assert_eq!(body["traceId"].as_str().map(str::len), Some(32), "{body}");
        assert!(body["errors"].is_array(), "{body}");
        (
            self.status.as_u16(),
            body["code"].as_str().unwrap().to_owned(),
        )
    }

    /// The pointers of a refusal's errors.
    fn pointers(&self) -> Vec<String> {
        assert_eq!(self.status, StatusCode::BAD_REQUEST, "{}", self.text);
        let body = self.json();
        let errors = body["errors"].as_array().unwrap().iter();
        errors
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect()
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    fn new() -> Self {
        Self::with_networks(&[])
    }

    /// A world whose operator lists networks for callbacks.
    fn with_networks(callback_allow: &[&str]) -> Self {
        let (folder, store) = home::store();
        let master_key = Arc::new(MasterKey::ephemeral());
        let keys = Arc::new(Keys::load(&store).unwrap());
        let publisher =
            Arc::new(Publisher::load(store.clone(), master_key.clone(), ["192.0.2.1"]).unwrap());
        let operator = Operator::live(
            store.clone(),
            Folder {
                folder: folder.path().to_owned(),
                database: None,
                master_key_file: Folder::usual_key_file(folder.path()),
            },
            master_key.clone(),
            keys.clone(),
            publisher.clone(),
        );
        let calls = Arc::new(MadeUp::default());
        let outbox = Arc::new(Announced::default());
        let rest = Arc::new(Rest {
            store,
            master_key,
            keys,
            publisher,
            reply_ids: Arc::new(ReplyIds::new(&[7; 32], "node-1")),
            calls: calls.clone(),
            outbox: outbox.clone(),
            streams: Arc::default(),
            metrics: Arc::new(Metrics::default()),
            readiness: Arc::new(Readiness::default()),
            failures: Failures::default(),
            complaints: Complaints::default(),
            sip_tokens: Arc::new(SipTokens::new(&[3; 32])),
            signed: Signed::since(0),
            at_work: AtWork::default(),
            room: Arc::default(),
            searches: Searches::default(),
            trusted_proxies: Vec::new(),
            bulk: BulkJobs::new("node-1"),
            sip_address: Some((Transport::Udp, ([192, 0, 2, 1], 5060).into())),
            hashing: Hashing::default(),
            callback_allow: callback_allow
                .iter()
                .map(|net| net.parse().unwrap())
                .collect(),
            sns_region: None,
            dev: false,
        });
        let mut world = Self {
            rest,
            calls,
            outbox,
            operator,
            token: String::new(),
            folder,
        };
        world.token = world.add_domain(ACME);
        world
    }

    /// Makes a tenant; the token of its first key.
    fn add_domain(&self, domain: &str) -> String {
        let request = control::Request::DomainAdd {
            domain: domain.to_owned(),
            open: Vec::new(),
        };
        match self.operator.perform(&request).unwrap() {
            control::Reply::DomainAdded(new) => new.token.expose().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = router(self.rest.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    /// A request from 192.0.2.99 with the tenant's token.
    fn request(&self, method: Method, path: &str) -> ::http::request::Builder {
        let peer: SocketAddr = "192.0.2.99:4000".parse().unwrap();
        Request::builder()
            .method(method)
            .uri(path)
            .extension(ConnectInfo(peer))
            .header("authorization", format!("Bearer {}", self.token))
    }

    async fn with_body(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self
            .request(method, path)
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap())
            .await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.with_body(Method::POST, path, &body).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.with_body(Method::PUT, path, &body).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.with_body(Method::PATCH, path, &body).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(
            self.request(Method::DELETE, path)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    /// GET with another key.
    async fn get_as(&self, token: &str, path: &str) -> Answer {
        let mut request = self.request(Method::GET, path).body(Body::empty()).unwrap();
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
        self.send(request).await
    }
}
