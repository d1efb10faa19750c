//! A bulk file and the end of the program: whenever it dies, all of the file counts or nothing.

use std::fmt::Write as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use hookswitch_rig::server::{Server, Tenant};
use serde_json::Value;

use crate::world::{DOMAIN, hookswitch};

const DEVICES: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(120);

fn path() -> String {
    format!("/provisioning/device/{DOMAIN}/bulk/job")
}

/// Sends the file with curl, as a customer does.
fn send(server: &Server, tenant: &Tenant) {
    let mut text = "deviceId,authType,description\n".to_owned();
    for number in 0..DEVICES {
        writeln!(text, "device-{number:05},deviceid,floor {}", number % 30).unwrap();
    }
    let file = server.folder().join("devices.csv");
    std::fs::write(&file, text).unwrap();
    let output = Command::new("curl")
        .args([
            "-sS",
            "--fail-with-body",
            "-X",
            "PUT",
            "-H",
            "Content-Type: text/csv",
        ])
        .args(["-H", &format!("Authorization: Bearer {}", tenant.token)])
        .arg("--data-binary")
        .arg(format!("@{}", file.display()))
        .arg(format!("http://{}{}", server.http, path()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("\"STARTED\""),
        "{said}"
    );
}

fn status(tenant: &Tenant) -> Value {
    tenant.request("GET", &path(), None).unwrap().body["status"].clone()
}

/// Whether the last device of the file is there.
fn has_last(tenant: &Tenant) -> bool {
    let last = format!("/provisioning/device/{DOMAIN}/device-{:05}", DEVICES - 1);
    tenant.request("GET", &last, None).unwrap().status == 200
}

fn has_first(tenant: &Tenant) -> bool {
    let first = format!("/provisioning/device/{DOMAIN}/device-00000");
    tenant.request("GET", &first, None).unwrap().status == 200
}

/// Waits until the job is as far as `wanted` says.
fn when(tenant: &Tenant, wanted: impl Fn(&Value) -> bool) {
    let until = Instant::now() + PATIENCE;
    while !wanted(&status(tenant)) {
        assert!(Instant::now() < until, "{}", status(tenant));
        thread::yield_now();
    }
}

#[test]
fn a_job_that_is_killed_while_it_checks_its_file_failed_and_left_nothing() {
    let mut server = Server::start(hookswitch(), &[]).unwrap();
    let tenant = server.add_tenant(DOMAIN).unwrap();
    send(&server, &tenant);
    when(&tenant, |status| status["checked"].as_u64() > Some(0));
    server.kill().unwrap();
    server.start_again().unwrap();
    let after = status(&tenant);
    assert_eq!(after["status"], "FAILED", "{after}");
    assert!(
        after["reason"]
            .as_str()
            .unwrap()
            .contains("send the file again"),
        "{after}"
    );
    assert!(!has_first(&tenant));
    send(&server, &tenant);
    when(&tenant, |status| status["status"] == "COMPLETED");
    assert!(has_first(&tenant) && has_last(&tenant));
}

#[test]
fn a_job_that_is_killed_while_it_writes_is_finished_by_the_next_start() {
    let mut server = Server::start(hookswitch(), &[]).unwrap();
    let tenant = server.add_tenant(DOMAIN).unwrap();
    send(&server, &tenant);
    when(&tenant, |status| status["written"].as_u64() > Some(0));
    server.kill().unwrap();
    server.start_again().unwrap();
    let after = status(&tenant);
    assert_eq!(after["status"], "COMPLETED", "{after}");
    assert_eq!(after["written"], DEVICES, "{after}");
    assert!(has_first(&tenant) && has_last(&tenant));
}
