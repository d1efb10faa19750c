//! Callbacks against applications on real sockets of this machine.

mod application;
mod asking;
mod connecting;
mod telling;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use super::*;

use application::{Application, Reply};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// One exchange as the observer saw it.
#[derive(Clone, Debug, PartialEq)]
struct Tried {
    url: String,
    entry: usize,
    status: Option<u16>,
    error: Option<TryError>,
}

#[derive(Default)]
struct Watch {
    tried: Mutex<Vec<Tried>>,
    switched_off: AtomicU64,
}

impl Observer for Watch {
    fn tried(&self, report: &AttemptReport<'_>) {
        self.tried.lock().unwrap().push(Tried {
            url: report.url(),
            entry: report.auth_entry,
            status: report.status.map(|status| status.as_u16()),
            error: report.error.cloned(),
        });
    }

    fn switched_off(&self, _: &Target) {
        self.switched_off.fetch_add(1, Ordering::Relaxed);
    }
}

/// Names that resolve to what the test says.
#[derive(Default)]
struct Names(HashMap<&'static str, Vec<IpAddr>>);

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            self.0
                .get(host)
                .cloned()
                .ok_or_else(|| io::Error::other("no such name"))
        })
    }
}

/// This node's callbacks, with everything a test looks at.
struct Node {
    callbacks: Arc<Callbacks>,
    watch: Arc<Watch>,
    results: mpsc::Receiver<TellResult>,
}

/// What a node is started with.
struct Setup {
    allow: &'static [&'static str],
    names: Names,
    roots: Vec<CertificateDer<'static>>,
    limits: Limits,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            allow: &["127.0.0.0/8"],
            names: Names::default(),
            roots: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Setup {
    fn names(mut self, name: &'static str, addresses: &[&str]) -> Self {
        let addresses = addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect();
        self.names.0.insert(name, addresses);
        self
    }

    fn start(self) -> Node {
        let watch = Arc::new(Watch::default());
        let (sender, results) = mpsc::channel(64);
        let allow = self.allow.iter().map(|net| net.parse().unwrap()).collect();
        let parts = Parts {
            guard: Guard::new(allow),
            names: Arc::new(self.names),
            extra_roots: self.roots,
            observer: Arc::clone(&watch) as Arc<dyn Observer>,
            results: sender,
            limits: self.limits,
            catch_up: CatchUp::here(),
        };
        Node {
            callbacks: Arc::new(Callbacks::new(parts).unwrap()),
            watch,
            results,
        }
    }
}

impl Node {
    fn start() -> Self {
        Setup::default().start()
    }

    async fn ask(&self, target: &Target) -> Asked {
        self.callbacks
            .ask(Arc::new(target.clone()), delivery(1, 1, "newRemoteCall"))
            .await
            .asked
    }

    /// What an ask comes to that gets no answer.
    async fn ask_fails(&self, target: &Target) -> TryError {
        match self.ask(target).await {
            Asked::TimedOut { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }

    fn tell(&self, target: &Target, call: u128, sequence: u64) {
        self.callbacks.tell(event(target, call, sequence)).unwrap();
    }

    async fn result(&mut self) -> TellResult {
        self.results.recv().await.unwrap()
    }

    fn tried(&self) -> Vec<Tried> {
        self.watch.tried.lock().unwrap().clone()
    }

    fn statuses(&self) -> Vec<Option<u16>> {
        self.tried().iter().map(|tried| tried.status).collect()
    }
}

fn target(url: &str) -> Target {
    Target {
        domain: "customer.example".into(),
        service: "app".into(),
        base: BaseUrl::parse(url).unwrap(),
        auth: Arc::new([]),
        timeout: Duration::from_secs(15),
        secrets: Arc::new([Secret::parse(SECRET).unwrap()]),
        switch: Arc::default(),
        per_call: None,
        topic: None,
    }
}

fn impatient(url: &str) -> Target {
    Target {
        timeout: Duration::from_millis(300),
        ..target(url)
    }
}

fn with_auth(mut target: Target, entries: impl IntoIterator<Item = RestAuth>) -> Target {
    target.auth = entries.into_iter().collect();
    target
}

fn hs256(secret: &str) -> RestAuth {
    RestAuth::new("HS256", secret, Some("hooks"), None).unwrap()
}

fn delivery(call: u128, sequence: u64, name: &'static str) -> Delivery {
    Delivery {
        webhook_id: format!("msg_{call}_{sequence}").into(),
        name,
        body: format!(r#"{{"call":{call},"sequence":{sequence}}}"#).into(),
        call: CallKey(call),
        sequence,
        trace: TraceId(0xabc),
    }
}

fn event(target: &Target, call: u128, sequence: u64) -> Tell {
    Tell {
        cursor: EventCursor(i64::try_from(call * 1000).unwrap() + sequence.cast_signed()),
        target: Arc::new(target.clone()),
        delivery: delivery(call, sequence, "callNotify"),
        created_at: SystemTime::now(),
        attempts: 0,
        first_tried: None,
    }
}
