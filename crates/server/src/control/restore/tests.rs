use std::path::PathBuf;

use hookswitch_store::backup::{Source, save};

use super::super::{NewDomain, Operator, Reply, Request};
use super::*;
use crate::config::{Folder, FolderOptions};
use crate::database;

/// An installation in a folder of its own.
struct Place {
    folder: Folder,
    parent: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let flags = FolderOptions {
            data: Some(parent.path().join("node").to_str().unwrap().to_owned()),
            ..FolderOptions::default()
        };
        let folder = Folder::read(&flags, &|_| None).unwrap();
        Self { folder, parent }
    }

    fn perform(&self, request: &Request) -> Result<Reply, Refusal> {
        Operator::open(&self.folder).unwrap().perform(request)
    }

    fn adds(&self, domain: &str) -> NewDomain {
        let request = Request::DomainAdd {
            domain: domain.to_owned(),
            open: Vec::new(),
        };
        match self.perform(&request) {
            Ok(Reply::DomainAdded(new)) => new,
            other => panic!("{other:?}"),
        }
    }

    fn backup(&self) -> PathBuf {
        let file = self.parent.path().join("backup");
        save(Source::Folder(&self.folder.folder), &file).unwrap();
        file
    }

    fn restores(
        &self,
        file: &Path,
        key: Option<&Path>,
        everything: bool,
    ) -> Result<Reply, Refusal> {
        self.perform(&Request::Restore {
            file: file.to_owned(),
            key: key.map(Path::to_owned),
            everything,
        })
    }

    /// The webhook secret of a tenant, opened with the present master key.
    fn secret(&self, domain: &str) -> Option<String> {
        let store = database::open(&self.folder, hookswitch_store::Options::default()).unwrap();
        let key = master_key::load(&self.folder.master_key_file, &store).unwrap();
        let row = store.read(|db| domains::find(db, domain)).unwrap();
        row.map(|row| secrets::webhook_secrets(&key, &row).unwrap().0)
    }
}

#[test]
fn a_backup_of_another_master_key_needs_that_key_and_is_sealed_anew() {
    for everything in [false, true] {
        let (from, to) = (Place::new(), Place::new());
        let made = from.adds("acme.example.com");
        to.adds("other.example.com");
        let file = from.backup();
        let refused = to.restores(&file, None, everything).unwrap_err();
        assert_eq!(refused.code, "wrong_master_key");
        assert!(to.secret("other.example.com").is_some(), "nothing changed");
        let key = from.folder.master_key_file.as_path();
        to.restores(&file, Some(key), everything).unwrap();
        let secret = to.secret("acme.example.com");
        assert_eq!(secret.as_deref(), Some(made.webhook_secret.expose()));
        assert_eq!(to.secret("other.example.com"), None);
    }
}

#[test]
fn a_backup_from_before_a_rekey_comes_back_with_the_old_key() {
    let place = Place::new();
    let made = place.adds("acme.example.com");
    let file = place.backup();
    let old = place.parent.path().join("old.key");
    std::fs::copy(&place.folder.master_key_file, &old).unwrap();
    let store = database::open(&place.folder, hookswitch_store::Options::default()).unwrap();
    master_key::change(&place.folder.master_key_file, &store).unwrap();
    drop(store);
    place.restores(&file, None, true).unwrap_err();
    place.restores(&file, Some(&old), true).unwrap();
    let secret = place.secret("acme.example.com");
    assert_eq!(secret.as_deref(), Some(made.webhook_secret.expose()));
}
