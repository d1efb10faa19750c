use std::time::{Duration, Instant};

use hookswitch_call::directory::AuthType;
use hookswitch_sip::auth::Ha1;
use serde_json::json;

use super::*;

const JOB: &str = "/provisioning/device/acme.example.com/bulk/job-1";

async fn upload(world: &World, path: &str, file: impl Into<Body>) -> Answer {
    let request = world
        .request(Method::PUT, path)
        .header("content-type", "text/csv");
    world.send(request.body(file.into()).unwrap()).await
}

/// The status of a job that has come to its end.
async fn ended(world: &World) -> Value {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let status = world.get(JOB).await.ok()["status"].clone();
        if status["status"] != "STARTED" {
            return status;
        }
        assert!(Instant::now() < until, "{status}");
        tokio::task::yield_now().await;
    }
}

async fn sent(world: &World, file: &'static str) -> Value {
    let started = upload(world, JOB, file).await.ok();
    assert_eq!(started["status"]["bulkId"], "job-1", "{started}");
    ended(world).await
}

fn auth_type(world: &World, id: &str) -> Option<AuthType> {
    let directory = world.rest.publisher.current().directory.clone();
    let tenant = directory.tenant(ACME).unwrap();
    tenant.devices.find(id).map(|device| device.auth_type)
}

async fn count(world: &World) -> usize {
    let list = "/provisioning/device/acme.example.com";
    let found = world.get(list).await.ok();
    found["devices"].as_array().unwrap().len()
}

#[tokio::test]
async fn every_line_of_a_file_becomes_a_device_that_calls_know() {
    let world = World::new();
    let status = sent(
        &world,
        "deviceId,authType,description,serviceData.alarmBridge.heartbeatInterval\r\n\
         1001,deviceid,\"front door, left\",300000\r\n\
         1002,disabled,,\r\n",
    )
    .await;
    assert_eq!(status["status"], "COMPLETED", "{status}");
    assert_eq!(
        (&status["checked"], &status["written"]),
        (&json!(2), &json!(2))
    );
    assert!(status["startedAt"].as_u64() <= status["stoppedAt"].as_u64());
    let found = world
        .get("/provisioning/device/acme.example.com/1001")
        .await
        .ok();
    assert_eq!(
        found,
        json!({"success": true, "deviceId": "1001", "authType": "deviceid", "description": "front door, left",
            "serviceData": {"alarmBridge": {"heartbeatInterval": 300_000}}})
    );
    assert_eq!(auth_type(&world, "1002"), Some(AuthType::Disabled));
}

#[tokio::test]
async fn a_quote_that_is_never_closed_fails_the_whole_file_and_its_line_is_named() {
    let world = World::new();
    let file = "deviceId,authType,description\nx1,disabled,\"a\nx2q,disabled,b\nx3q,disabled,c\n";
    let status = sent(&world, file).await;
    assert_eq!(status["status"], "FAILED", "{status}");
    assert_eq!(
        status["errors"].as_array().map(Vec::len),
        Some(1),
        "{status}"
    );
    assert_eq!(status["errors"][0]["line"], 2);
    assert_eq!(count(&world).await, 0);
    let status = sent(
        &world,
        "deviceId,authType,description\nx1,disabled,a\"b\nx2,disabled,\n",
    )
    .await;
    assert_eq!(status["status"], "FAILED", "{status}");
    assert_eq!(status["errors"][0]["line"], 2);
    assert_eq!(count(&world).await, 0);
}

#[tokio::test]
async fn a_compressed_file_is_refused() {
    let world = World::new();
    let request = world
        .request(Method::PUT, JOB)
        .header("content-type", "text/csv")
        .header("content-encoding", "gzip");
    let refused = world
        .send(request.body(Body::from("deviceId,authType\n")).unwrap())
        .await;
    assert_eq!(refused.refusal().0, 415);
}

#[tokio::test]
async fn one_wrong_line_means_that_nothing_changes_and_each_is_named_once() {
    let world = World::new();
    let status = sent(
        &world,
        "deviceId,authType,description\n\
         good,disabled,\n\
         a b,disabled,\n\
         two,magic,\n\
         three,disabled\n\
         good,disabled,again\n\
         four,credentials,\n\
         five,userid,\n",
    )
    .await;
    assert_eq!(status["status"], "FAILED", "{status}");
    let errors = status["errors"].as_array().unwrap();
    let found: Vec<(u64, &str)> = errors
        .iter()
        .map(|error| {
            let line = error["line"].as_u64().unwrap();
            (line, error["pointer"].as_str().unwrap())
        })
        .collect();
    let expected = [
        (3, "/deviceId"),
        (4, "/authType"),
        (5, ""),
        (6, "/deviceId"),
        (7, "/ha1"),
        (8, "/authorized"),
    ];
    assert_eq!(found, expected);
    assert!(
        status["reason"]
            .as_str()
            .unwrap()
            .starts_with("line 3: deviceId must have only")
    );
    assert_eq!(count(&world).await, 0);
    assert_eq!(auth_type(&world, "good"), None);
}

#[tokio::test]
async fn secrets_come_by_file_and_stay_when_a_later_file_has_none() {
    let world = World::new();
    let hash = "0123456789abcdef0123456789abcdef";
    let status = sent(
        &world,
        "deviceId,authType,ha1,password,authorized.register\n\
         desk,credentials,0123456789ABCDEF0123456789abcdef,,\n\
         anna,userid,,correct horse,true\n",
    )
    .await;
    assert_eq!(status["status"], "COMPLETED", "{status}");
    let ha1 = |world: &World| {
        let directory = world.rest.publisher.current().directory.clone();
        let devices = &directory.tenant(ACME).unwrap().devices;
        devices.find("desk").unwrap().ha1.as_deref().copied()
    };
    assert_eq!(ha1(&world), Ha1::parse(hash));
    let again = sent(
        &world,
        "deviceId,authType,authorized.register\ndesk,credentials,\nanna,userid,false\n",
    )
    .await;
    assert_eq!(again["status"], "COMPLETED", "{again}");
    assert_eq!(ha1(&world), Ha1::parse(hash));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let world = World::new();
    let announced = world
        .request(Method::PUT, JOB)
        .header("content-type", "text/csv")
        .header("content-length", "10000000");
    let endless = Body::new(body::tests::Endless);
    let refused = world.send(announced.body(endless).unwrap()).await;
    assert_eq!(refused.refusal(), (413, "too_large".to_owned()));
    let mut long = b"deviceId,authType\n".to_vec();
    long.resize(10_000_000, b'1');
    assert_eq!(upload(&world, JOB, long).await.refusal().0, 413);
    assert_eq!(world.get(JOB).await.refusal().0, 404);
}

#[tokio::test]
async fn a_hostile_file_is_refused_and_changes_nothing() {
    let world = World::new();
    let many = "x,".repeat(100_000);
    let utf16: Vec<u8> = "deviceId,authType\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for file in [
        ",,,,\n,,,,\n".as_bytes(),
        b"\n\n\n\n",
        b"",
        &b"x".repeat(1_000_000),
        many.as_bytes(),
        &utf16,
        b"deviceId;authType\n1;disabled\n",
    ] {
        let refused = upload(&world, JOB, file.to_vec()).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
    for (file, why) in [
        ("deviceId,authType\n,,\n", "line 2: has 3 cells"),
        ("deviceId,authType\n,\n", "line 2: authType"),
        (
            "deviceId,authType,description\n1,disabled,=cmd()\n",
            "formula",
        ),
        (
            "deviceId,authType,description\n1,disabled,\"no end\n",
            "line 2: ",
        ),
    ] {
        let status = sent(&world, file).await;
        let unended = file.contains("no end");
        assert!(status["status"] == "FAILED" || unended, "{status}");
        let reason = status["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(why) || unended, "{reason}");
    }
    let mut latin = b"deviceId,authType,description\n1,disabled,f\xF6nster\n".to_vec();
    upload(&world, JOB, latin.clone()).await.ok();
    let status = ended(&world).await;
    assert!(
        status["reason"]
            .as_str()
            .unwrap()
            .contains("line 2: column 3 is not UTF-8")
    );
    latin[0] = 0xFF;
    assert_eq!(upload(&world, JOB, latin).await.status, 400);
}

#[tokio::test]
#[expect(
    clippy::await_holding_lock,
    reason = "nobody else in this task takes it"
)]
async fn a_running_id_is_taken_and_a_domain_has_two_jobs_at_most() {
    let world = World::new();
    let held = world.rest.clone();
    let turn = held.bulk.hold();
    let path = |id: u32| format!("/provisioning/device/acme.example.com/bulk/job-{id}");
    let file = "deviceId,authType\n1,disabled\n";
    upload(&world, &path(1), file).await.ok();
    assert_eq!(
        upload(&world, &path(1), file).await.refusal(),
        (409, "bulk_running".to_owned())
    );
    upload(&world, &path(2), file).await.ok();
    assert_eq!(
        upload(&world, &path(3), file).await.refusal(),
        (429, "too_many_bulk_jobs".to_owned())
    );
    drop(turn);
    assert_eq!(ended(&world).await["status"], "COMPLETED");
    assert_eq!(
        sent(&world, file).await["status"],
        "COMPLETED",
        "the id is free again"
    );
}

#[tokio::test]
async fn a_job_that_was_decided_is_finished_by_the_next_start_and_another_one_failed() {
    let world = World::new();
    let (store, node) = (world.rest.store.clone(), "node-1");
    let begin = |bulk: &'static str| {
        let new = hookswitch_store::bulk::NewJob {
            domain: ACME,
            bulk,
            node,
            lines: 2,
            now: hookswitch_store::UnixMicros::now(),
        };
        let rows: Vec<hookswitch_store::bulk::Waiting> = (0..600)
            .map(|number| hookswitch_store::bulk::Waiting {
                id: format!("{bulk}-{number}"),
                body: format!(r#"{{"deviceId":"{bulk}-{number}","authType":"disabled"}}"#),
            })
            .collect();
        store
            .write(move |db| {
                let job = hookswitch_store::bulk::begin(db, new)?.unwrap();
                hookswitch_store::bulk::stage(db, job, 0, &rows)?;
                Ok(job)
            })
            .unwrap()
    };
    let decided = begin("job-1");
    begin("job-2");
    store
        .write(move |db| hookswitch_store::bulk::decide(db, decided))
        .unwrap();
    resume_bulk(&store, node).unwrap();
    world.rest.publisher.refresh_devices(ACME).unwrap();
    assert_eq!(ended(&world).await["written"], 600);
    assert_eq!(auth_type(&world, "job-1-599"), Some(AuthType::Disabled));
    assert_eq!(auth_type(&world, "job-2-0"), None);
    let failed = world
        .get("/provisioning/device/acme.example.com/bulk/job-2")
        .await
        .ok();
    assert_eq!(failed["status"]["status"], "FAILED");
    assert!(
        failed["status"]["reason"]
            .as_str()
            .unwrap()
            .contains("send the file again")
    );
}

#[tokio::test]
async fn only_csv_in_utf_8_is_taken() {
    let world = World::new();
    for (media, status) in [
        ("application/json", 415),
        ("text/csv; charset=iso-8859-1", 415),
        ("text/csv; charset=UTF-8", 200),
    ] {
        let request = world
            .request(Method::PUT, JOB)
            .header("content-type", media);
        let file = Body::from("\u{FEFF}deviceId,authType\n1,disabled\n");
        assert_eq!(world.send(request.body(file).unwrap()).await.status, status);
    }
    assert_eq!(ended(&world).await["status"], "COMPLETED");
}
