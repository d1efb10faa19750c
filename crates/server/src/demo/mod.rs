//! The main job, by itself: a server, a device's application and a SIP phone on free loopback ports make one
//! inbound and one outbound call, and the ladder of both is drawn as it happens.

mod application;
mod phone;
mod rest;
mod screen;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use self::application::{Application, Heard};
use self::phone::{Phone, PhoneEvent};
use self::rest::Rest;
use self::screen::{Screen, put};
use crate::app::App;
use crate::cli::demo::DemoOptions;
use crate::config::{Config, Folder};
use crate::control::{NewDomain, Reply, Request};

const DOMAIN: &str = "demo.example.com";
const DEVICE: &str = "lift-17";
/// Nothing in the demo takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(8);

/// Runs the demo; everything it made is gone afterwards.
///
/// # Errors
/// What did not go as it should.
pub async fn run(options: &DemoOptions) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("hookswitch-demo-")
        .tempdir()?;
    let data = Folder {
        folder: folder.path().to_owned(),
        database: None,
        master_key_file: folder.path().join("master.key"),
    };
    let (tap, lines) = mpsc::unbounded_channel();
    let app = App::start(Config::for_loopback(data), Some(tap)).await?;
    let domain = match app.operator().perform(&Request::DomainAdd {
        domain: DOMAIN.to_owned(),
        open: Vec::new(),
    }) {
        Ok(Reply::DomainAdded(domain)) => domain,
        Ok(other) => bail!("the tenant was not made: {other:?}"),
        Err(refusal) => bail!("the tenant was not made: {refusal}"),
    };
    let (application, mut heard) = Application::start(domain.webhook_secret.expose()).await?;
    let sip = app
        .sip()
        .first()
        .copied()
        .context("the server has no SIP socket")?;
    let mut phone = Phone::start().await?;
    let rest = Rest::new(app.http(), domain.token.expose());

    let screen = Screen::start(lines, phone.address());
    screen.title(&format!(
        "hookswitch demo: REST on http://{}, SIP on udp:{sip}, a device application and a SIP phone",
        app.http()
    ));
    let service = provision(&rest, &application).await?;
    let began = std::time::Instant::now();
    screen.title(&format!("1. The phone calls sip:{DEVICE}@{DOMAIN}; the application rings, answers, and the phone hangs up"));
    inbound(&rest, &mut phone, &mut heard, sip).await?;
    timeout(PATIENCE, screen.finishes(1))
        .await
        .context("the first call was not drawn to its end")?;
    screen.title("2. The application calls the phone, which rings and answers, and hangs up");
    outbound(&rest, &mut phone, &mut heard).await?;
    timeout(PATIENCE, screen.finishes(2))
        .await
        .context("the second call was not drawn to its end")?;

    let totals = screen.totals();
    let verified = application.verified();
    put("");
    put(&format!(
        "2 calls in {:.1} s: {} SIP messages, {} REST commands, {verified} callbacks, every signature verified.",
        began.elapsed().as_secs_f64(),
        totals.sip,
        totals.rest,
    ));
    next_steps(&app, &domain, &service, &phone, options.stay);
    if options.stay {
        put("\nRunning until Ctrl-C.");
        tokio::signal::ctrl_c().await?;
    }
    phone.stop();
    app.stop(Duration::ZERO).await;
    Ok(())
}

/// What a user does once: a device, and the service whose callbacks steer its calls.
async fn provision(rest: &Rest, application: &Application) -> anyhow::Result<String> {
    let device = json!({
        "deviceId": DEVICE, "authType": "disabled", "deviceType": "alarmUnit", "description": "Lift phone, shaft 17",
    });
    rest.put(&format!("/provisioning/device/{DOMAIN}"), &device)
        .await?;
    let service = json!({
        "name": "lifts", "destinationMatch": "^lift-", "callbackBaseUrl": application.url(),
        "restAuthentication": [{"type": "HS256", "secret": application::BEARER_SECRET, "sub": "hookswitch-demo"}],
    });
    let made = rest
        .post(&format!("/provisioning/cloudsipua/{DOMAIN}"), &service)
        .await?;
    made["id"]
        .as_str()
        .map(str::to_owned)
        .context("the reply to the service has no id")
}

async fn inbound(
    rest: &Rest,
    phone: &mut Phone,
    heard: &mut mpsc::UnboundedReceiver<Heard>,
    sip: SocketAddr,
) -> anyhow::Result<()> {
    phone.call(&format!("sip:{DEVICE}@{DOMAIN}"), sip);
    let offered = expect(heard, "newRemoteCall").await?;
    let reply_id = text(&offered, "replyId")?;
    sleep(Duration::from_millis(150)).await;
    rest.command(
        "sendremotecallringbackjwt",
        DOMAIN,
        &json!({"replyId": reply_id}),
    )
    .await?;
    phone.expect(PhoneEvent::Ringing, PATIENCE).await?;
    sleep(Duration::from_millis(400)).await;
    let answer = json!({
        "replyId": reply_id, "codec": text(&offered, "codec")?, "receiveIp": "127.0.0.1", "receivePort": 40_000,
        "telephoneEventPayloadType": 101, "sessionReferenceId": "shaft-17",
    });
    rest.command("answerremotecalljwt", DOMAIN, &answer).await?;
    phone.expect(PhoneEvent::Answered, PATIENCE).await?;
    let answered = expect(heard, "callAnswered").await?;
    check(&answered, "sessionReferenceId", "shaft-17")?;
    sleep(Duration::from_millis(600)).await;
    phone.hang_up();
    let ended = expect(heard, "callHungup").await?;
    check(&ended, "endedBy", "remote")
}

async fn outbound(
    rest: &Rest,
    phone: &mut Phone,
    heard: &mut mpsc::UnboundedReceiver<Heard>,
) -> anyhow::Result<()> {
    let place = json!({
        "destinationUri": format!("sip:control-room@{}", phone.address()), "sourceUser": DEVICE, "codec": "PCMA",
        "receiveIp": "127.0.0.1", "receivePort": 40_002, "telephoneEventPayloadType": 101,
        "sessionReferenceId": "alarm-4711",
    });
    rest.command("placeremotecalljwt", DOMAIN, &place).await?;
    phone.expect(PhoneEvent::Called, PATIENCE).await?;
    let ringing = expect(heard, "callNotify").await?;
    check(&ringing, "event", "ringing")?;
    sleep(Duration::from_millis(400)).await;
    phone.answer();
    let answered = expect(heard, "callAnswered").await?;
    let reply_id = text(&answered, "replyId")?;
    sleep(Duration::from_millis(600)).await;
    rest.command("hangupcalljwt", DOMAIN, &json!({"replyId": reply_id}))
        .await?;
    phone.expect(PhoneEvent::Ended, PATIENCE).await?;
    let ended = expect(heard, "callHungup").await?;
    check(&ended, "endedBy", "local")
}

async fn expect(heard: &mut mpsc::UnboundedReceiver<Heard>, name: &str) -> anyhow::Result<Value> {
    let next = timeout(PATIENCE, heard.recv()).await;
    let heard = next.with_context(|| format!("the callback {name} did not come"))?;
    let heard = heard.context("the application stopped")?;
    if let Err(why) = heard.verified {
        bail!("the signature of {} does not verify: {why}", heard.name);
    }
    if heard.name != name {
        bail!(
            "{name} was expected, and {} came: {}",
            heard.name,
            heard.body
        );
    }
    Ok(heard.body)
}

fn text(body: &Value, member: &str) -> anyhow::Result<String> {
    body[member]
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("no {member} in {body}"))
}

fn check(body: &Value, member: &str, expected: &str) -> anyhow::Result<()> {
    let found = text(body, member)?;
    if found != expected {
        bail!("{member} is {found}, not {expected}");
    }
    Ok(())
}

fn next_steps(app: &App, domain: &NewDomain, service: &str, phone: &Phone, stays: bool) {
    let (http, token) = (app.http(), domain.token.expose());
    put(&format!(
        "\nWhat to try next{}:",
        if stays {
            ""
        } else {
            " (start with `hookswitch demo --stay` and use the values it prints)"
        }
    ));
    put(&format!("  TOKEN={token}"));
    put("  # every call, newest first, and the ladder of one");
    put(&format!(
        "  curl -s -H \"Authorization: Bearer $TOKEN\" 'http://{http}/v1/{DOMAIN}/calls'"
    ));
    put(&format!(
        "  curl -s -H \"Authorization: Bearer $TOKEN\" -H 'Accept: text/plain' 'http://{http}/v1/{DOMAIN}/calls/ID/ladder'"
    ));
    put("  # call the phone again");
    put("  curl -s -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\");
    put(&format!(
        "    'http://{http}/mediaservice/{DOMAIN}/placeremotecalljwt' \\"
    ));
    put(&format!(
        "    -d '{{\"destinationUri\":\"sip:control-room@{}\",\"sourceUser\":\"{DEVICE}\",\"codec\":\"PCMA\",\"receiveIp\":\"127.0.0.1\",\"receivePort\":40002}}'",
        phone.address()
    ));
    put("  # the service whose callbacks you just saw");
    put(&format!(
        "  curl -s -H \"Authorization: Bearer $TOKEN\" 'http://{http}/provisioning/cloudsipua/{DOMAIN}/{service}'"
    ));
    put(&format!("  # the whole interface: http://{http}/docs"));
}

/// The application's view of one secret, shared with its server.
type SharedSecret = Arc<str>;
