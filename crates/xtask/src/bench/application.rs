//! The fastest customer there could be: answers every call at once.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use hookswitch_rig::application::{Answer, Application, Callback, Script};
use hookswitch_rig::http::Connection;
use hookswitch_rig::server::Server;
use serde_json::{Value, json};

use super::load::DOMAIN;

/// How the application answers a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// With two REST commands, as every client of the documented interface does.
    Commands,
    /// In its reply to the announcement, which saves both.
    Reply,
}

/// Gives the server a tenant whose application answers every call; the count of the ends it is told.
pub(crate) fn answering(server: &Server, mode: Mode) -> Result<Arc<AtomicU64>> {
    let tenant = server.add_tenant(DOMAIN)?;
    let ended = Arc::new(AtomicU64::new(0));
    let application = Application::start_forgetful(Answering {
        mode,
        http: server.http,
        token: tenant.token.clone(),
        ended: Arc::clone(&ended),
    })?;
    tenant.add_service(&application.base_url(), &json!({}))?;
    Ok(ended)
}

/// Answers calls and counts their ends.
struct Answering {
    mode: Mode,
    http: SocketAddr,
    token: String,
    ended: Arc<AtomicU64>,
}

thread_local! {
    /// Each of the application's connections sends its commands over one of its own.
    static REST: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

fn media() -> Value {
    json!({
        "codec": "PCMU",
        "receiveIp": "127.0.0.1",
        "receivePort": 40_100,
        "telephoneEventPayloadType": 101,
    })
}

impl Script for Answering {
    fn answer(&self, callback: &Callback) -> Answer {
        match (callback.name.as_str(), self.mode) {
            ("newRemoteCall", Mode::Reply) => {
                Answer::Json(200, json!({"ringback": {}, "answer": media()}))
            }
            ("callHungup", _) => {
                self.ended.fetch_add(1, Ordering::Relaxed);
                Answer::ok()
            }
            _ => Answer::ok(),
        }
    }

    fn answered(&self, callback: &Callback) {
        if self.mode == Mode::Commands && callback.name == "newRemoteCall" {
            let reply_id = callback.body["replyId"].clone();
            self.command("sendremotecallringbackjwt", json!({}), &reply_id);
            self.command("answerremotecalljwt", media(), &reply_id);
        }
    }
}

impl Answering {
    fn command(&self, name: &str, mut body: Value, reply_id: &Value) {
        body["replyId"] = reply_id.clone();
        let path = format!("/mediaservice/{DOMAIN}/{name}");
        REST.with_borrow_mut(|connection| {
            if connection.is_none() {
                *connection = Connection::open(self.http).ok();
            }
            let sent = connection.as_mut().map(|open| {
                open.request("POST", &path, Some(&self.token), Some(&body))
                    .is_ok_and(|reply| reply.status == 200)
            });
            if sent != Some(true) {
                // The call will be missing among the answered ones; the next gets a new connection.
                *connection = None;
            }
        });
    }
}
