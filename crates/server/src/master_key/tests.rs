use std::sync::Arc;

use hookswitch_store::documents::{self, Expected, Key};
use hookswitch_store::{UnixMicros, domains};
use serde_json::json;

use super::*;
use crate::database::home::{self, Home};

const ACME: &str = "acme.example.com";

struct World {
    store: Store,
    file: PathBuf,
    _home: Home,
}

impl World {
    fn new() -> Self {
        let (home, store) = home::store();
        let world = Self {
            file: home.path().join("master.key"),
            store,
            _home: home,
        };
        let key = load(&world.file, &world.store).unwrap();
        let secret = key.seal(secrets::webhook_place(ACME), b"whsec_1");
        let members = json!({"restAuthentication": [{"secret": "s3cret"}]});
        let body = kind::CLOUD_SIP_UA.seal(&key, ACME, "1", members.as_object().unwrap());
        let put = move |db: &hookswitch_store::Write<'_>| {
            domains::add(db, ACME, "{}", &secret, UnixMicros(1))?;
            documents::put(db, SERVICE, &body, Expected::Any)
        };
        world.store.write(put).unwrap();
        let _: [u8; 32] = secrets::of_node(&world.store, &key, "reply-id").unwrap();
        world
    }

    /// Everything sealed, opened.
    fn opens(&self) -> (String, String, [u8; 32]) {
        let key = load(&self.file, &self.store).unwrap();
        let row = self
            .store
            .read(|db| domains::find(db, ACME))
            .unwrap()
            .unwrap();
        let service = self
            .store
            .read(|db| documents::find(db, SERVICE))
            .unwrap()
            .unwrap();
        let members = kind::CLOUD_SIP_UA.open(&key, &service).unwrap();
        (
            secrets::webhook_secrets(&key, &row).unwrap().0,
            members["restAuthentication"][0]["secret"]
                .as_str()
                .unwrap()
                .to_owned(),
            secrets::of_node(&self.store, &key, "reply-id").unwrap(),
        )
    }

    fn key(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }
}

const SERVICE: Key<'static> = Key {
    domain: ACME,
    kind: "cloudsipua",
    id: "1",
    draft: false,
};

#[test]
fn another_key_opens_all_that_the_one_before_sealed() {
    let world = World::new();
    let (before, key) = (world.opens(), world.key());
    change(&world.file, &world.store).unwrap();
    assert_ne!(world.key(), key);
    assert_eq!(world.opens(), before);
    fs::write(&world.file, key).unwrap();
    let refused = load(&world.file, &world.store).unwrap_err().to_string();
    assert!(refused.contains("rekey"), "{refused}");
}

#[test]
fn a_change_that_ended_before_its_commit_left_the_old_key() {
    let world = World::new();
    let (before, key) = (world.opens(), world.key());
    MasterKey::load_or_create(&waiting(&world.file)).unwrap();
    assert_eq!(world.opens(), before);
    assert_eq!(world.key(), key);
    assert!(!waiting(&world.file).exists());
}

#[test]
fn a_change_that_ended_behind_its_commit_is_finished_by_the_next_start() {
    let world = World::new();
    let (before, key) = (world.opens(), world.key());
    change(&world.file, &world.store).unwrap();
    // As if the last step had not been made.
    fs::copy(&world.file, waiting(&world.file)).unwrap();
    fs::write(&world.file, &key).unwrap();
    assert_eq!(world.opens(), before);
    assert!(!waiting(&world.file).exists());
    let old = fs::read_to_string(beside(&world.file, ".old")).unwrap();
    assert_eq!(old, key);
    assert!(!beside(&world.file, ".old.2").exists());
}

#[test]
fn what_does_not_open_leaves_everything_as_it_was() {
    let world = World::new();
    let before = world.opens();
    let foreign = Arc::new(MasterKey::ephemeral());
    let secret = foreign.seal(secrets::webhook_place("other.test"), b"whsec_2");
    let add = move |db: &hookswitch_store::Write<'_>| {
        domains::add(db, "other.test", "{}", &secret, UnixMicros(1))
    };
    world.store.write(add).unwrap();
    change(&world.file, &world.store).unwrap_err();
    assert_eq!(world.opens(), before);
}

#[test]
fn a_missing_key_of_a_sealed_database_is_named_and_none_is_made() {
    let world = World::new();
    let missing = world.file.with_file_name("other.key");
    let refused = |store: &Store| load(&missing, store).map(|_| ()).unwrap_err().to_string();
    let is_told = |refused: &str| {
        refused.contains("--master-key-file")
            && refused.contains("other.key does not exist")
            && refused.contains("copy")
    };
    let said = refused(&world.store);
    assert!(is_told(&said) && !missing.exists(), "{said}");
    // Written by a release that did not note which key it is.
    let forget = |db: &hookswitch_store::Write<'_>| settings::delete(db, NOTE);
    world.store.write(forget).unwrap();
    let said = refused(&world.store);
    assert!(is_told(&said) && !missing.exists(), "{said}");
    // What is left is the node's own.
    world.store.write(|db| domains::delete(db, ACME)).unwrap();
    let said = refused(&world.store);
    assert!(is_told(&said) && !missing.exists(), "{said}");
    load(&world.file, &world.store).unwrap();
}

#[test]
fn another_key_is_refused_by_its_file_and_left_alone() {
    let world = World::new();
    let other = world.file.with_file_name("other.key");
    let key = MasterKey::load_or_create(&other).unwrap();
    for forgets in [false, true] {
        if forgets {
            let forget = |db: &hookswitch_store::Write<'_>| settings::delete(db, NOTE);
            world.store.write(forget).unwrap();
        }
        let refused = load(&other, &world.store)
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("other.key is not the master key"),
            "{refused}"
        );
        let left = MasterKey::load(&other).unwrap();
        assert_eq!(left.fingerprint(), key.fingerprint());
    }
}

#[test]
fn every_key_that_was_changed_is_kept_for_its_owner_alone() {
    let world = World::new();
    let mut before = Vec::new();
    for suffix in [".old", ".old.2", ".old.3"] {
        before.push((beside(&world.file, suffix), world.key()));
        let old = change(&world.file, &world.store).unwrap();
        assert_eq!(old, before.last().unwrap().0);
    }
    for (file, key) in before {
        assert_eq!(fs::read_to_string(&file).unwrap(), key);
        // Refuses a file that others may read.
        MasterKey::load(&file).unwrap();
    }
}
