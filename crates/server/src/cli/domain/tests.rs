use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser as _;
use hookswitch_rig::postgres;
use hookswitch_store::backup::{Source, save};

use super::super::{Cli, Command, backup, rekey};
use super::*;
use crate::config::FolderOptions;

fn folder(path: &std::path::Path) -> Folder {
    let flags = FolderOptions {
        data: Some(path.to_str().unwrap().to_owned()),
        ..FolderOptions::default()
    };
    Folder::read(&flags, &|_| None).unwrap()
}

fn of_acme() -> [Request; 4] {
    let domain = || "acme.example.com".to_owned();
    let network = "192.0.2.0/24".parse().unwrap();
    [
        Request::DomainList,
        Request::NetworkAdd {
            domain: domain(),
            network,
        },
        Request::NetworkRemove {
            domain: domain(),
            network,
        },
        Request::DomainRemove { domain: domain() },
    ]
}

#[test]
fn only_adding_a_tenant_makes_an_installation_and_tells_it() {
    let parent = tempfile::tempdir().unwrap();
    let (missing, empty) = (parent.path().join("typo"), parent.path().join("empty"));
    std::fs::create_dir(&empty).unwrap();
    for path in [&missing, &empty] {
        for request in of_acme() {
            let refused = perform_or_make(&folder(path), &request)
                .unwrap_err()
                .to_string();
            assert!(refused.contains("holds no database; give the"), "{refused}");
        }
    }
    assert!(!missing.exists());
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0);

    let add = |domain: &str| Request::DomainAdd {
        domain: domain.to_owned(),
        open: Vec::new(),
    };
    let (reply, made) = perform_or_make(&folder(&missing), &add("acme.example.com")).unwrap();
    assert!(matches!(reply, Reply::DomainAdded(_)) && made);
    let (_, made) = perform_or_make(&folder(&missing), &add("other.example.com")).unwrap();
    assert!(!made);
    for request in of_acme() {
        let (reply, made) = perform_or_make(&folder(&missing), &request).unwrap();
        assert!(!matches!(reply, Reply::Refused(_)) && !made, "{reply:?}");
    }
}

#[test]
fn a_rehearsed_import_makes_no_installation() {
    let parent = tempfile::tempdir().unwrap();
    let missing = parent.path().join("there");
    let file = parent.path().join("acme.json");
    std::fs::write(&file, "{}").unwrap();
    let import = Request::Import {
        file,
        passphrase: "a passphrase long enough".to_owned().into(),
        replace: false,
        dry_run: true,
    };
    let (reply, made) = perform_or_make(&folder(&missing), &import).unwrap();
    let Reply::Refused(refusal) = reply else {
        panic!("an empty file is no tenant: {reply:?}");
    };
    assert_eq!(refusal.code, "invalid_file");
    assert!(!made && !missing.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_named_is_the_one_that_is_worked_on() {
    let parent = tempfile::tempdir().unwrap();
    let server = folder(&parent.path().join("node"));
    let Taken::ByUs(_lock) = FolderLock::take(&server).unwrap() else {
        panic!("nobody else is here");
    };
    let operator = Arc::new(Operator::open(&server).unwrap());
    let listener = control::listen(&server.control_socket()).unwrap();
    let serving = tokio::spawn(control::serve(listener, operator, server.clone()));
    let asked = tokio::task::spawn_blocking(move || {
        let flags = FolderOptions {
            data: Some(server.folder.display().to_string()),
            database: Some("postgres://nobody@127.0.0.1:1/none".to_owned()),
            ..FolderOptions::default()
        };
        let named = Folder::read(&flags, &|_| None).unwrap();
        let mut all = of_acme().to_vec();
        all.push(Request::DomainAdd {
            domain: "acme.example.com".to_owned(),
            open: Vec::new(),
        });
        for request in all {
            let refused = perform_or_make(&named, &request).unwrap_err();
            let refused = format!("{refused:#}");
            assert!(refused.contains("--database cannot be opened"), "{refused}");
        }
        let (reply, _) = perform_or_make(&server, &Request::DomainList).unwrap();
        assert_eq!(reply, Reply::Domains(Vec::new()));
    });
    asked.await.unwrap();
    serving.abort();
}

#[test]
fn a_lock_that_was_left_behind_is_no_database() {
    let parent = tempfile::tempdir().unwrap();
    let folder = folder(parent.path());
    std::fs::write(folder.lock(), "").unwrap();
    assert!(perform_or_make(&folder, &Request::DomainList).is_err());
    assert!(!is_installed(&folder));
}

fn on_postgres(path: &Path, url: &str) -> Folder {
    folder(path).with_database(Some(url)).unwrap()
}

fn add(domain: &str) -> Request {
    Request::DomainAdd {
        domain: domain.to_owned(),
        open: Vec::new(),
    }
}

fn rehearsal(file: &Path, replace: bool) -> Request {
    Request::Import {
        file: file.to_owned(),
        passphrase: "a passphrase long enough".to_owned().into(),
        replace,
        dry_run: true,
    }
}

fn restoring(file: &Path) -> Request {
    Request::Restore {
        file: file.to_owned(),
        key: None,
        everything: true,
    }
}

/// What a command line does.
fn run_line(line: &[&str]) -> anyhow::Result<()> {
    match Cli::try_parse_from(line)?.command {
        Command::Backup(options) => backup::backup(&options),
        Command::Rekey(options) => rekey::run(&options),
        other => panic!("{other:?}"),
    }
}

/// An installation with a tenant, and a backup of it.
fn backed_up(parent: &Path) -> (Folder, PathBuf) {
    let from = folder(&parent.join("from"));
    perform_or_make(&from, &add("acme.example.com")).unwrap();
    let file = parent.join("backup");
    save(Source::Folder(&from.folder), &file).unwrap();
    (from, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_name_no_database_mean_that_of_the_server_on_the_folder() {
    let postgres = postgres::Server::start().unwrap();
    let database = postgres.database().unwrap();
    let parent = tempfile::tempdir().unwrap();
    let server = on_postgres(&parent.path().join("node"), database.url());
    let Taken::ByUs(_lock) = FolderLock::take(&server).unwrap() else {
        panic!("nobody else is here");
    };
    let operator = Arc::new(Operator::open(&server).unwrap());
    operator.perform(&add("acme.example.com")).unwrap();
    let listener = control::listen(&server.control_socket()).unwrap();
    let serving = tokio::spawn(control::serve(listener, operator, server.clone()));
    let asked = tokio::task::spawn_blocking(move || {
        let unnamed = folder(&server.folder);
        let file = parent.path().join("acme.json");
        let export = Request::Export {
            domain: "acme.example.com".to_owned(),
            file: file.clone(),
            passphrase: "a passphrase long enough".to_owned().into(),
        };
        assert_eq!(perform_or_make(&unnamed, &export).unwrap().0, Reply::Done);
        let (reply, _) = perform_or_make(&unnamed, &rehearsal(&file, false)).unwrap();
        let Reply::Refused(refusal) = reply else {
            panic!("the tenant exists: {reply:?}");
        };
        let said = "/domain: acme.example.com exists here";
        assert!(refusal.reason.contains(said), "{refusal}");
        let (reply, _) = perform_or_make(&unnamed, &rehearsal(&file, true)).unwrap();
        assert!(matches!(reply, Reply::Imported(imported) if imported.replaced));

        let data = unnamed.folder.to_str().unwrap();
        let copy = parent.path().join("copy");
        run_line(&[
            "hookswitch",
            "backup",
            copy.to_str().unwrap(),
            "--data",
            data,
        ])
        .unwrap();
        let refused = run_line(&["hookswitch", "rekey", "--data", data]).unwrap_err();
        assert!(refused.to_string().contains("a server runs"), "{refused}");

        let moved = folder(&parent.path().join("moved"));
        std::fs::create_dir(&moved.folder).unwrap();
        std::fs::copy(&server.master_key_file, &moved.master_key_file).unwrap();
        let (reply, _) = perform_or_make(&moved, &restoring(&copy)).unwrap();
        assert!(matches!(reply, Reply::Restored { .. }), "{reply:?}");
        let (reply, _) = perform_or_make(&moved, &Request::DomainList).unwrap();
        assert!(matches!(reply, Reply::Domains(rows) if rows[0].domain == "acme.example.com"));
    });
    asked.await.unwrap();
    serving.abort();
}

#[test]
fn a_restore_that_is_refused_leaves_nothing_so_that_the_key_can_be_copied_first() {
    let postgres = postgres::Server::start().unwrap();
    let database = postgres.database().unwrap();
    let parent = tempfile::tempdir().unwrap();
    let (from, file) = backed_up(parent.path());
    let above = parent.path().join("above");
    let missing = above.join("moved");
    let empty = parent.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    for place in [
        folder(&missing),
        folder(&empty),
        on_postgres(&parent.path().join("node"), database.url()),
    ] {
        let was_there = place.folder.exists();
        let (reply, made) = perform_or_make(&place, &restoring(&file)).unwrap();
        let Reply::Refused(refusal) = reply else {
            panic!("the key is another one: {reply:?}");
        };
        assert_eq!((refusal.code.as_str(), made), ("wrong_master_key", false));
        assert_eq!(place.folder.exists(), was_there);
        assert!(!above.exists());
        if was_there {
            assert_eq!(std::fs::read_dir(&place.folder).unwrap().count(), 0);
        }
        std::fs::create_dir_all(&place.folder).unwrap();
        std::fs::copy(&from.master_key_file, &place.master_key_file).unwrap();
        let (reply, _) = perform_or_make(&place, &restoring(&file)).unwrap();
        assert!(matches!(reply, Reply::Restored { .. }), "{reply:?}");
        // Now that it is an installation, a refusal takes nothing from it.
        let (again, _) = perform_or_make(&place, &add("acme.example.com")).unwrap();
        assert!(matches!(again, Reply::Refused(_)), "{again:?}");
        let (reply, _) = perform_or_make(&place, &Request::DomainList).unwrap();
        assert!(matches!(reply, Reply::Domains(rows) if rows.len() == 1));
        if above.exists() {
            std::fs::remove_dir_all(&above).unwrap();
        }
    }
}

#[test]
fn a_command_that_cannot_open_the_database_it_names_leaves_no_folder() {
    let parent = tempfile::tempdir().unwrap();
    let missing = parent.path().join("nothere");
    let nowhere = "postgres://nobody@127.0.0.1:1/none";
    let named = on_postgres(&missing, nowhere);
    for request in [Request::DomainList, add("acme.example.com")] {
        perform_or_make(&named, &request).unwrap_err();
        assert!(!missing.exists());
    }
    let data = missing.to_str().unwrap();
    run_line(&["hookswitch", "rekey", "--data", data, "--database", nowhere]).unwrap_err();
    assert!(!missing.exists());
}
