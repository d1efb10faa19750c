use serde_json::json;

use super::*;

const LIST: &str = "/provisioning/device/acme.example.com";
const PATH: &str = "/provisioning/grandstream/acme.example.com";

/// A world with a gateway of the MAC address 00:0b:82:aa:bb:cc.
async fn world() -> World {
    let world = World::new();
    let device =
        json!({"deviceId": "site-1:gw", "authType": "deviceid", "macAddress": "00:0B:82:aa:bb:cc"});
    world.put(LIST, device).await.ok();
    world
}

/// What a gateway gets that has only its URL.
async fn fetched(world: &World, path: &str, key: &str) -> Answer {
    let peer: SocketAddr = "192.0.2.99:4000".parse().unwrap();
    let request = Request::builder()
        .uri(format!("{PATH}/{path}?k={key}"))
        .extension(ConnectInfo(peer));
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_gateway_gets_account_server_transport_and_codecs_and_no_password() {
    let world = world().await;
    for name in ["000b82aabbcc", "00-0B-82-AA-BB-CC", "cfg000b82aabbcc.xml"] {
        let found = fetched(&world, name, &world.token).await;
        assert_eq!(found.status, 200, "{}", found.text);
        assert_eq!(found.header("content-type"), "application/xml");
        assert_eq!(found.header("cache-control"), "no-store");
        for part in [
            "<gs_provision version=\"1\">",
            "<mac>000b82aabbcc</mac>",
            "<P271>1</P271>",
            "<P47>acme.example.com</P47>",
            "<P48>192.0.2.1:5060</P48>",
            "<P35>site-1:gw</P35>",
            "<P130>0</P130>",
            "<P57>8</P57>",
            "<P58>0</P58>",
        ] {
            assert!(found.text.contains(part), "{part}: {}", found.text);
        }
        assert!(!found.text.contains("<P34>"));
    }
}

#[tokio::test]
async fn the_download_is_remembered_and_does_not_change_the_version() {
    let world = world().await;
    let path = format!("{LIST}/site-1:gw");
    let before = world.get(&path).await;
    assert!(!before.text.contains("lastConfigured"));
    let tag = before.header("etag").to_owned();
    fetched(&world, "000b82aabbcc", &world.token).await;
    let after = world.get(&path).await;
    assert_eq!(after.header("etag"), tag);
    assert!(after.ok()["lastConfigured"].as_u64().unwrap() > 1_700_000_000_000);
    world.delete(&path).await.ok();
    let device =
        json!({"deviceId": "site-1:gw", "authType": "deviceid", "macAddress": "000b82aabbcc"});
    world.put(LIST, device).await.ok();
    assert!(!world.get(&path).await.text.contains("lastConfigured"));
}

#[tokio::test]
async fn without_the_right_key_nobody_learns_which_gateways_there_are() {
    let world = world().await;
    let other = world.add_domain("other.example.com");
    let mut answers = Vec::new();
    for mac in ["000b82aabbcc", "000b82000000", "nonsense"] {
        let refused = fetched(&world, mac, "hs_wrong").await;
        assert_eq!(refused.refusal(), (401, "unauthorized".to_owned()));
        answers.push(refused.json()["reason"].clone());
        assert_eq!(fetched(&world, mac, "").await.refusal().0, 401);
        assert_eq!(fetched(&world, mac, &other).await.refusal().0, 403);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    for mac in ["000b82000000", "nonsense"] {
        let unknown = fetched(&world, mac, &world.token).await;
        assert_eq!(unknown.refusal(), (404, "not_found".to_owned()));
    }
}
