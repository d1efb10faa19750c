use std::sync::Arc;

use super::*;
use crate::config::{Folder, FolderOptions};

fn folder(parent: &tempfile::TempDir) -> Folder {
    let flags = FolderOptions {
        data: Some(parent.path().join("node").to_str().unwrap().to_owned()),
        ..FolderOptions::default()
    };
    Folder::read(&flags, &|_| None).unwrap()
}

fn add(domain: &str) -> Request {
    Request::DomainAdd {
        domain: domain.to_owned(),
        open: Vec::new(),
    }
}

fn refused(operator: &Operator, request: &Request) -> String {
    operator.perform(request).unwrap_err().code
}

fn listed(operator: &Operator) -> Vec<DomainRow> {
    match operator.perform(&Request::DomainList).unwrap() {
        Reply::Domains(rows) => rows,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_domain_is_added_once_listed_and_removed() {
    let parent = tempfile::tempdir().unwrap();
    let operator = Operator::open(&folder(&parent)).unwrap();
    let open = vec!["192.0.2.0/24".parse().unwrap()];
    let request = Request::DomainAdd {
        domain: "Acme.Example.com".to_owned(),
        open: open.clone(),
    };
    let Reply::DomainAdded(new) = operator.perform(&request).unwrap() else {
        panic!()
    };
    assert_eq!(new.domain, "acme.example.com");
    assert!(
        new.to_json().contains("\"token\":\"hs_"),
        "{}",
        new.to_json()
    );
    assert!(new.to_json().contains("\"webhookSecret\":\"whsec_"));
    assert_eq!(refused(&operator, &request), "domain_exists");

    let network = "198.51.100.7/24".parse().unwrap();
    let grant = Request::NetworkAdd {
        domain: "acme.example.com".to_owned(),
        network,
    };
    assert_eq!(operator.perform(&grant), Ok(Reply::Done));
    let granted: Vec<IpNet> = vec!["198.51.100.0/24".parse().unwrap()];
    let row = DomainRow {
        domain: "acme.example.com".to_owned(),
        open,
        networks: granted,
    };
    assert_eq!(listed(&operator), [row]);

    let revoke = Request::NetworkRemove {
        domain: "acme.example.com".to_owned(),
        network,
    };
    assert_eq!(operator.perform(&revoke), Ok(Reply::Done));
    assert_eq!(refused(&operator, &revoke), "not_found");

    let remove = Request::DomainRemove {
        domain: "acme.example.com".to_owned(),
    };
    assert_eq!(operator.perform(&remove), Ok(Reply::Done));
    assert_eq!(refused(&operator, &remove), "no_such_domain");
    assert!(listed(&operator).is_empty());
}

#[test]
fn a_folder_is_an_installation_once_it_was_opened() {
    let parent = tempfile::tempdir().unwrap();
    let folder = folder(&parent);
    assert!(!is_installed(&folder));
    Operator::open(&folder).unwrap();
    assert!(is_installed(&folder));
}

#[test]
fn what_is_no_domain_name_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let operator = Operator::open(&folder(&parent)).unwrap();
    for wrong in [
        "",
        "acme example",
        "-acme.com",
        "192.0.2.1",
        "sip:acme.com",
        &"a.".repeat(200),
    ] {
        assert_eq!(refused(&operator, &add(wrong)), "invalid_domain", "{wrong}");
    }
    let stray = Request::NetworkAdd {
        domain: "nobody.example.com".to_owned(),
        network: "192.0.2.0/24".parse().unwrap(),
    };
    assert_eq!(refused(&operator, &stray), "no_such_domain");
}

#[test]
fn a_folder_has_one_owner_at_a_time() {
    let parent = tempfile::tempdir().unwrap();
    let folder = folder(&parent);
    let Taken::ByUs(lock) = FolderLock::take(&folder).unwrap() else {
        panic!()
    };
    assert!(matches!(
        FolderLock::take(&folder).unwrap(),
        Taken::ByAnother
    ));
    drop(lock);
    assert!(matches!(FolderLock::take(&folder).unwrap(), Taken::ByUs(_)));
    let mode = std::fs::metadata(&folder.folder)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_server_waits_a_little_for_who_is_about_to_leave_the_folder() {
    let parent = tempfile::tempdir().unwrap();
    let folder = folder(&parent);
    let command = FolderLock::take(&folder).unwrap();
    let (server, ()) = tokio::join!(
        biased;
        FolderLock::take_patiently(&folder),
        async { drop(command) }
    );
    let server = server.unwrap();
    assert!(matches!(server, Taken::ByUs(_)));
    let second = FolderLock::take_patiently(&folder).await.unwrap();
    assert!(matches!(second, Taken::ByAnother), "a server stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_reach_a_running_server_through_its_socket_however_long_the_path() {
    let parent = tempfile::tempdir().unwrap();
    let deep = parent.path().join("x".repeat(60)).join("y".repeat(60));
    std::fs::create_dir_all(&deep).unwrap();
    for folder_of_socket in [parent.path().to_owned(), deep] {
        let operator = Arc::new(Operator::open(&folder(&parent)).unwrap());
        let place = Folder {
            folder: folder_of_socket.clone(),
            master_key_file: Folder::usual_key_file(&folder_of_socket),
            database: None,
        };
        let socket = place.control_socket();
        // A socket that a killed server left behind is no obstacle.
        drop(listen(&socket).unwrap());
        let listener = listen(&socket).unwrap();
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let server = tokio::spawn(serve(listener, operator, place.clone()));
        let asked = tokio::task::spawn_blocking(move || {
            let added = ask(&place, &add("acme.example.com")).unwrap();
            let again = ask(&place, &add("acme.example.com")).unwrap();
            let removed = ask(
                &place,
                &Request::DomainRemove {
                    domain: "acme.example.com".to_owned(),
                },
            );
            (added, again, removed.unwrap())
        });
        let (added, again, removed) = asked.await.unwrap();
        assert!(matches!(added, Reply::DomainAdded(_)));
        assert!(matches!(again, Reply::Refused(refusal) if refusal.code == "domain_exists"));
        assert_eq!(removed, Reply::Done);
        server.abort();
    }
}

#[test]
fn nobody_listening_is_said_so() {
    let parent = tempfile::tempdir().unwrap();
    let error = ask(&folder(&parent), &Request::DomainList).unwrap_err();
    assert!(
        error.to_string().starts_with("nobody answers at "),
        "{error}"
    );
}

/// Options of a command beside those of the server's folder.
fn naming(server: &Folder, database: Option<&str>, key: Option<&Path>) -> Folder {
    let flags = FolderOptions {
        data: Some(server.folder.display().to_string()),
        database: database.map(str::to_owned),
        master_key_file: key.map(|key| key.display().to_string()),
        ..FolderOptions::default()
    };
    Folder::read(&flags, &|_| None).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_nothing_for_a_command_that_means_another_installation() {
    let parent = tempfile::tempdir().unwrap();
    let server = folder(&parent);
    let operator = Arc::new(Operator::open(&server).unwrap());
    let listener = listen(&server.control_socket()).unwrap();
    let serving = tokio::spawn(serve(listener, operator, server.clone()));
    let other_key = parent.path().join("other.key");
    std::fs::write(&other_key, "").unwrap();
    let code = move |folder: Folder| match ask(&folder, &Request::DomainList).unwrap() {
        Reply::Domains(_) => "done".to_owned(),
        Reply::Refused(refusal) => refusal.code,
        other => panic!("{other:?}"),
    };
    let asked = tokio::task::spawn_blocking(move || {
        let postgres = Some("postgres://127.0.0.1:1/none");
        let own_key = server.folder.join("../node/master.key");
        let missing = naming(&server, None, Some(Path::new("/nonexistent")));
        let error = ask(&missing, &Request::DomainList).unwrap_err().to_string();
        assert!(
            error.starts_with("--master-key-file /nonexistent: "),
            "{error}"
        );
        [
            code(naming(&server, None, None)),
            code(naming(&server, postgres, None)),
            code(naming(&server, None, Some(&own_key))),
            code(naming(&server, None, Some(&other_key))),
        ]
    });
    let codes = asked.await.unwrap();
    assert_eq!(codes, ["done", OTHER_DATABASE, "done", "other_master_key"]);
    serving.abort();
}
