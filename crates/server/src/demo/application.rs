//! A device's application: takes callbacks, checks that they are ours, and passes them on.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use aws_lc_rs::hmac;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::SharedSecret;

/// What the bearer tokens of the callbacks are signed with.
pub(super) const BEARER_SECRET: &str = "a secret only the demo's application and its service know";

/// One callback as it was heard.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) name: String,
    pub(super) body: Value,
    pub(super) verified: Result<(), String>,
}

/// The running application.
pub(super) struct Application {
    address: SocketAddr,
    verified: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Ears {
    secret: SharedSecret,
    heard: mpsc::UnboundedSender<Heard>,
    verified: Arc<AtomicUsize>,
}

impl Application {
    /// Listens on a free loopback port.
    pub(super) async fn start(
        webhook_secret: &str,
    ) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<Heard>)> {
        let (heard, hears) = mpsc::unbounded_channel();
        let verified = Arc::new(AtomicUsize::new(0));
        let ears = Ears {
            secret: webhook_secret.into(),
            heard,
            verified: Arc::clone(&verified),
        };
        let router = Router::new()
            .route("/hooks/{name}", post(hear))
            .with_state(ears);
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((Self { address, verified }, hears))
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    pub(super) fn verified(&self) -> usize {
        self.verified.load(Ordering::Relaxed)
    }
}

async fn hear(
    State(ears): State<Ears>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    let verified = verify(&ears.secret, &headers, &body).map_err(|error| error.to_string());
    if verified.is_ok() {
        ears.verified.fetch_add(1, Ordering::Relaxed);
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let _ = ears.heard.send(Heard {
        name,
        body,
        verified,
    });
    Json(json!({}))
}

/// The recipe of Standard Webhooks, and the bearer token.
fn verify(secret: &str, headers: &HeaderMap, body: &[u8]) -> anyhow::Result<()> {
    let header = |name: &str| {
        let value = headers.get(name).with_context(|| format!("no {name}"))?;
        value
            .to_str()
            .with_context(|| format!("{name} is not text"))
    };
    let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
    let key = STANDARD.decode(
        secret
            .strip_prefix("whsec_")
            .context("not a webhook secret")?,
    )?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let matches = header("webhook-signature")?
        .split(' ')
        .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok())
        .any(|tag| hmac::verify(&key, &signed, &tag).is_ok());
    anyhow::ensure!(matches, "webhook-signature does not match");
    let token = header("authorization")?
        .strip_prefix("Bearer ")
        .context("no bearer token")?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_aud = false;
    validation.set_issuer(&["hookswitch"]);
    let key = DecodingKey::from_secret(BEARER_SECRET.as_bytes());
    jsonwebtoken::decode::<Value>(token, &key, &validation)
        .context("the bearer token does not verify")?;
    Ok(())
}
