use std::sync::Arc;

use hookswitch_call::directory::AuthType;
use hookswitch_store::documents::{Expected, Key};
use hookswitch_store::{domains, networks};
use serde_json::json;

use super::*;
use crate::kind::{CLOUD_SIP_UA, DEVICE, Kind};
use crate::secrets;

const ACME: &str = "acme.example.com";

struct World {
    store: Store,
    master_key: Arc<MasterKey>,
    home: crate::database::home::Home,
}

impl World {
    fn new() -> Self {
        let (folder, store) = crate::database::home::store();
        let world = Self {
            store,
            master_key: Arc::new(MasterKey::ephemeral()),
            home: folder,
        };
        world.add(ACME);
        world
    }

    fn add(&self, domain: &'static str) {
        let sealed = self
            .master_key
            .seal(secrets::webhook_place(domain), b"whsec_AAAA");
        let now = UnixMicros(1);
        self.store
            .write(move |db| domains::add(db, domain, "{}", &sealed, now))
            .unwrap();
    }

    fn put(&self, kind: &'static Kind, id: &'static str, draft: bool, body: &serde_json::Value) {
        let members = body.as_object().unwrap().clone();
        let body = kind.seal(&self.master_key, ACME, id, &members);
        let key = Key {
            domain: ACME,
            kind: kind.name,
            id,
            draft,
        };
        self.store
            .write(move |db| documents::put(db, key, &body, Expected::Any))
            .unwrap();
    }

    fn put_service(&self, id: &'static str, draft: bool, pattern: &str) {
        let body = json!({
            "id": id, "name": id, "destinationMatch": pattern, "callbackBaseUrl": "https://app.example.com/hooks/",
            "callbackTimeout": 9000,
            "restAuthentication": [{"type": "HS256", "secret": "the shared secret"}],
        });
        self.put(&CLOUD_SIP_UA, id, draft, &body);
    }

    fn publisher(&self) -> Publisher {
        Publisher::load(self.store.clone(), self.master_key.clone(), ["192.0.2.1"]).unwrap()
    }
}

fn service_for(published: &Published, user: &str) -> Option<String> {
    let tenant = published.directory.tenant(ACME)?;
    tenant
        .service_for(user)
        .map(|service| service.id.to_string())
}

#[test]
fn what_is_stored_is_published_and_drafts_are_not() {
    let world = World::new();
    world.put_service("s1", false, "^1");
    world.put_service("s2", true, "^2");
    world.put(
        &DEVICE,
        "1001",
        false,
        &json!({"deviceId": "1001", "authType": "disabled"}),
    );
    let published = world.publisher().current();
    assert_eq!(service_for(&published, "1001").as_deref(), Some("s1"));
    assert_eq!(service_for(&published, "2001"), None);
    let callback = published.callback(ACME, "s1").unwrap();
    assert_eq!(&*callback.base_url, "https://app.example.com/hooks");
    assert_eq!(callback.timeout, Duration::from_secs(9));
    let secret = callback.authentication[0].secret.as_ref().unwrap();
    assert_eq!(secret.expose(), "the shared secret");
    assert_eq!(
        published.callbacks(ACME).unwrap().secret.expose(),
        "whsec_AAAA"
    );
    assert!(published.directory.is_own("192.0.2.1"));
}

#[test]
fn a_write_is_announced_and_older_versions_stay_as_they_were() {
    let world = World::new();
    let publisher = world.publisher();
    let before = publisher.current();
    let mut announced = publisher.subscribe();
    world.put_service("s1", false, "^1");
    publisher.refresh_tenant(ACME).unwrap();
    assert!(announced.has_changed().unwrap());
    assert_eq!(
        service_for(&announced.borrow_and_update(), "1").as_deref(),
        Some("s1")
    );
    assert_eq!(
        service_for(&publisher.current(), "1").as_deref(),
        Some("s1")
    );
    assert_eq!(service_for(&before, "1"), None);
}

#[test]
fn a_service_is_made_again_when_its_document_changed_and_only_then() {
    let world = World::new();
    world.put_service("s1", false, "^1");
    world.put_service("s2", false, "^2");
    let publisher = world.publisher();
    let service = |id: &str| {
        let directory = publisher.current().directory.clone();
        directory.tenant(ACME).unwrap().service(id).cloned()
    };
    let (first, second) = (service("s1").unwrap(), service("s2").unwrap());
    world.put_service("s2", false, "^3");
    publisher.refresh_tenant(ACME).unwrap();
    assert!(Arc::ptr_eq(&service("s1").unwrap(), &first));
    assert!(!Arc::ptr_eq(&service("s2").unwrap(), &second));
    assert_eq!(
        service_for(&publisher.current(), "3").as_deref(),
        Some("s2")
    );
    assert_eq!(service_for(&publisher.current(), "2"), None);

    publisher.switch_callback(ACME, "s1", false).unwrap();
    assert!(service("s1").unwrap().disabled);
    assert!(publisher.current().callback(ACME, "s1").unwrap().disabled);
    publisher.switch_callback(ACME, "s1", true).unwrap();
    assert!(!service("s1").unwrap().disabled);

    let delete_all = |db: &Write<'_>| documents::delete_all(db, ACME, CLOUD_SIP_UA.name, false);
    world.store.write(delete_all).unwrap();
    publisher.refresh_tenant(ACME).unwrap();
    assert!(service("s1").is_none());
}

#[test]
fn devices_come_and_go_one_by_one_and_stay_when_their_tenant_changes() {
    let world = World::new();
    let publisher = world.publisher();
    let is_known = |id: &str| {
        let directory = publisher.current().directory.clone();
        directory.tenant(ACME).unwrap().devices.find(id).is_some()
    };
    world.put(&DEVICE, "1001", false, &json!({"authType": "disabled"}));
    publisher.refresh_device(ACME, "1001").unwrap();
    assert!(is_known("1001"));
    publisher.refresh_tenant(ACME).unwrap();
    assert!(is_known("1001"));
    let delete_all = |db: &Write<'_>| documents::delete_all(db, ACME, DEVICE.name, false);
    world.store.write(delete_all).unwrap();
    publisher.refresh_device(ACME, "1001").unwrap();
    assert!(!is_known("1001"));
}

#[test]
fn a_callback_that_was_switched_off_stays_off_over_a_restart() {
    let world = World::new();
    world.put_service("s1", false, "^1");
    world
        .publisher()
        .switch_callback(ACME, "s1", false)
        .unwrap();
    let publisher = world.publisher();
    assert!(publisher.current().callback(ACME, "s1").unwrap().disabled);
    assert!(
        publisher
            .current()
            .directory
            .tenant(ACME)
            .unwrap()
            .service("s1")
            .unwrap()
            .disabled
    );
    publisher.switch_callback(ACME, "s1", true).unwrap();
    assert!(!publisher.current().callback(ACME, "s1").unwrap().disabled);
}

#[test]
fn granted_networks_and_removed_tenants_are_followed() {
    let world = World::new();
    let publisher = world.publisher();
    world
        .store
        .write(|db| networks::grant(db, "203.0.113.0/24", ACME))
        .unwrap();
    publisher.refresh_networks().unwrap();
    let source = "203.0.113.9".parse().unwrap();
    assert!(publisher.current().directory.is_granted(source, ACME));
    world.store.write(|db| domains::delete(db, ACME)).unwrap();
    publisher.refresh_tenant(ACME).unwrap();
    assert!(publisher.current().directory.tenant(ACME).is_none());
    assert!(publisher.current().callbacks(ACME).is_none());
    assert_eq!(publisher.current().domains().count(), 0);
}

#[test]
fn a_damaged_service_is_left_out_and_the_rest_of_the_tenant_works() {
    let world = World::new();
    world.put_service("s1", false, "^1");
    world.put_service("s2", false, "(");
    let published = world.publisher().current();
    assert_eq!(
        published.directory.tenant(ACME).unwrap().services().len(),
        1
    );
}

#[test]
fn devices_that_another_node_wrote_or_deleted_are_taken_up_and_others_are_not_read_again() {
    let world = World::new();
    let put = |id, auth_type: &str| {
        let body = json!({"deviceId": id, "authType": auth_type});
        world.put(&DEVICE, id, false, &body);
    };
    put("1001", "disabled");
    put("1002", "disabled");
    let publisher = world.publisher();
    publisher.refresh_newer_devices(ACME).unwrap();
    let mut announced = publisher.subscribe();
    publisher.refresh_newer_devices(ACME).unwrap();
    assert!(!announced.has_changed().unwrap(), "nothing is new");

    put("1002", "deviceid");
    put("1003", "disabled");
    // Behind its version nobody looks at it again.
    let unseen = "UPDATE documents SET body = '{\"authType\":\"userid\"}' WHERE id = '1001'";
    world.home.execute(unseen);
    publisher.refresh_newer_devices(ACME).unwrap();
    let kinds = |published: &Published| {
        let devices = &published.directory.tenant(ACME).unwrap().devices;
        let of = |id| devices.find(id).map(|device| device.auth_type);
        ["1001", "1002", "1003"].map(of)
    };
    let [disabled, by_id, userid] = [AuthType::Disabled, AuthType::DeviceId, AuthType::UserId];
    let expected = [Some(disabled), Some(by_id), Some(disabled)];
    assert_eq!(kinds(&announced.borrow_and_update()), expected);

    world
        .home
        .execute("DELETE FROM documents WHERE id = '1003'");
    publisher.refresh_newer_devices(ACME).unwrap();
    let expected = [Some(userid), Some(by_id), None];
    assert_eq!(
        kinds(&announced.borrow_and_update()),
        expected,
        "read whole"
    );
}
