//! The wall clock is set forward and back by an hour: calls and asks take as long as they take, and what is signed
//! bears the present time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookswitch_rig::application::{Answer, Callback};
use hookswitch_rig::sipp::Transport;
use serde_json::{Value, json};

use crate::world::{World, device_media};

const HOUR: i64 = 3_600;
/// What a slow machine may add to a time.
const SLACK: i64 = 60;

/// A server whose wall clock can be set.
struct Clock {
    world: World,
    setting: PathBuf,
    _folder: tempfile::TempDir,
}

impl Clock {
    fn start(script: impl Fn(&Callback) -> Answer + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let setting = folder.path().join("offset");
        fs::write(&setting, "+0").unwrap();
        let preload = built(folder.path());
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let environment = [
            ("LD_PRELOAD", text(&preload)),
            ("CLOCK_OFFSET", text(&setting)),
        ];
        let environment = environment
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let entry = json!({"type": "HS256", "secret": "a secret that is long enough to be taken", "sub": "us"});
        let service = json!({"restAuthentication": [entry], "callbackTimeout": 15_000});
        let world = World::with_environment(Transport::Udp, script, &environment, &service);
        Self {
            world,
            setting,
            _folder: folder,
        }
    }

    fn is_set(&self, offset: i64) {
        // As a whole: the server reads it whenever it looks at the clock.
        let draft = self.setting.with_extension("draft");
        fs::write(&draft, format!("{offset:+}")).unwrap();
        fs::rename(&draft, &self.setting).unwrap();
    }
}

/// `clock.c` as a library.
fn built(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/surface/clock.c");
    let library = folder.join("clock.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
    let built = compiler.arg(&library).arg(source).status();
    assert!(
        built
            .expect("a C compiler is there, as for the build")
            .success()
    );
    library
}

fn present() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Everything that bears a time bears the server's present.
fn is_of(callback: &Callback, offset: i64) {
    let now = present() + offset;
    let is_now = |name: &str, seconds: i64| {
        assert!(
            (seconds - now).abs() < SLACK,
            "{name} of {}: {seconds} at {now}",
            callback.name
        );
    };
    is_now(
        "webhook-timestamp",
        callback
            .header("webhook-timestamp")
            .unwrap()
            .parse()
            .unwrap(),
    );
    let token = callback.header("authorization").unwrap();
    let claims = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let (iat, exp) = (
        claims["iat"].as_i64().unwrap(),
        claims["exp"].as_i64().unwrap(),
    );
    assert!(
        iat <= now + SLACK && exp > now && exp <= now + 300 + SLACK,
        "{iat} {exp} at {now}"
    );
    is_now(
        "timestamp",
        callback.body["timestamp"].as_i64().unwrap() / 1_000,
    );
}

fn a_call_outlasts(offset: i64) {
    let clock = Clock::start(|callback: &Callback| match callback.name.as_str() {
        "newRemoteCall" => Answer::Json(200, json!({"answer": device_media()})),
        _ => Answer::ok(),
    });
    let caller = clock.world.caller("uac_hung_up", "1001");
    let answered = clock.world.hears("callAnswered");
    is_of(&answered, 0);
    clock.is_set(offset);
    clock.world.hangs_up(&answered.text("replyId"));
    clock.world.holds(caller);
    let ended = clock.world.ends_with("callHungup", "normal", "local");
    is_of(&ended, offset);
    let duration = ended.body["duration"].as_i64().unwrap();
    assert!((0..SLACK).contains(&duration), "it took {duration} s");
    clock
        .world
        .heard_one_whole_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

#[test]
fn a_call_outlasts_a_clock_that_is_set_forward() {
    a_call_outlasts(HOUR);
}

#[test]
fn a_call_outlasts_a_clock_that_is_set_back() {
    a_call_outlasts(-HOUR);
}

fn an_ask_outlasts(offset: i64) {
    let clock = Clock::start(|callback: &Callback| match callback.name.as_str() {
        "newRemoteCall" => Answer::Late(
            Duration::from_secs(2),
            200,
            json!({"answer": device_media()}),
        ),
        _ => Answer::ok(),
    });
    let caller = clock.world.caller("uac_call_and_bye", "1001");
    is_of(&clock.world.hears("newRemoteCall"), 0);
    clock.is_set(offset);
    is_of(&clock.world.hears("callAnswered"), offset);
    clock.world.holds(caller);
    let ended = clock.world.ends_with("callHungup", "normal", "remote");
    is_of(&ended, offset);
    clock
        .world
        .heard_one_whole_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

#[test]
fn an_ask_outlasts_a_clock_that_is_set_forward() {
    an_ask_outlasts(HOUR);
}

#[test]
fn an_ask_outlasts_a_clock_that_is_set_back() {
    an_ask_outlasts(-HOUR);
}
