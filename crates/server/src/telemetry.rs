//! What the program says about itself while it runs: the log on stderr and the numbers of `/metrics`.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::Mutex;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sends the log to stderr, filtered by `filter` (the syntax of `RUST_LOG`).
pub fn start_log(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| anyhow::anyhow!("--log: `{filter}` is not a filter: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .finish()
        .with(filter_fn(|line| is_told(line.target())))
        .try_init()
        .map_err(|error| anyhow::anyhow!("the log is already started: {error}"))
}

/// Whether lines of this origin belong into the log: each connection to PostgreSQL says that it was lost, and what its
/// server noted meanwhile; the store says it once, and when it is over. Its statements, with the values of each, would
/// write secrets and people's numbers there.
fn is_told(target: &str) -> bool {
    target != "deadpool.postgres" && !target.starts_with("tokio_postgres")
}

/// A number, address or URI of a person, shortened for the log: who needs it whole asks the call record.
#[derive(Clone, Copy)]
pub struct Pii<T>(pub T);

impl<T: fmt::Display> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let count = text.chars().count();
        if count <= 4 {
            return f.write_str("…");
        }
        let keep = (count / 4).min(3);
        let first: String = text.chars().take(keep).collect();
        let last: String = text.chars().skip(count - keep).collect();
        write!(f, "{first}…{last}")
    }
}

impl<T: fmt::Display> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Every metric of the program, as `/metrics` shows them.
pub struct Metrics {
    registry: Mutex<Registry>,
    http_requests: Family<HttpLabels, Counter>,
    http_seconds: Histogram,
}

/// The labels of a request: each from a small fixed set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    method: &'static str,
    route: String,
    status: u16,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("hookswitch");
        let http_requests = Family::<HttpLabels, Counter>::default();
        let http_seconds = Histogram::new(exponential_buckets(0.000_25, 4.0, 9));
        registry.register(
            "http_requests",
            "REST requests answered, by the pattern of their path",
            http_requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time from a REST request's head to its answer's head",
            http_seconds.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            http_requests,
            http_seconds,
        }
    }
}

impl Metrics {
    /// Lets another part of the program add its metrics (names get the prefix `hookswitch_`).
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self
            .registry
            .lock()
            .expect("no panic while the lock is held"));
    }

    /// Counts one answered REST request.
    pub(crate) fn http_answered(
        &self,
        method: &http::Method,
        route: &str,
        status: u16,
        took: std::time::Duration,
    ) {
        let method = match *method {
            http::Method::GET => "GET",
            http::Method::POST => "POST",
            http::Method::PUT => "PUT",
            http::Method::PATCH => "PATCH",
            http::Method::DELETE => "DELETE",
            http::Method::OPTIONS => "OPTIONS",
            http::Method::HEAD => "HEAD",
            _ => "other",
        };
        let labels = HttpLabels {
            method,
            route: route.to_owned(),
            status,
        };
        self.http_requests.get_or_create(&labels).inc();
        self.http_seconds.observe(took.as_secs_f64());
    }

    /// Shows what `collector` reads off when somebody asks.
    pub fn watch(&self, collector: Box<dyn Collector>) {
        let mut registry = self
            .registry
            .lock()
            .expect("no panic while the lock is held");
        registry.register_collector(collector);
    }

    /// All metrics in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self
            .registry
            .lock()
            .expect("no panic while the lock is held");
        encode(&mut text, &registry).expect("writing to a String does not fail");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_person_is_shortened_in_the_log() {
        assert_eq!(Pii("+46701234567").to_string(), "+46…567");
        assert_eq!(Pii("sip:alice@example.com").to_string(), "sip…com");
        assert_eq!(Pii("1234").to_string(), "…");
        assert_eq!(format!("{:?}", Pii("åäöåäöåä")), "åä…åä");
    }

    #[test]
    fn neither_statements_nor_their_values_are_logged() {
        assert!(!is_told("tokio_postgres::query"));
        assert!(!is_told("tokio_postgres::connection"));
        assert!(is_told("hookswitch_store::presence"));
    }

    #[test]
    fn requests_are_counted_under_the_pattern_of_their_path() {
        let metrics = Metrics::default();
        let took = std::time::Duration::from_millis(3);
        metrics.http_answered(&http::Method::GET, "/v1/{domain}/calls", 200, took);
        let text = metrics.text();
        assert!(
            text.contains(
                "hookswitch_http_requests_total{method=\"GET\",route=\"/v1/{domain}/calls\",status=\"200\"} 1"
            ),
            "{text}"
        );
        assert!(
            text.contains("hookswitch_http_request_duration_seconds_count 1"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"));
    }
}
