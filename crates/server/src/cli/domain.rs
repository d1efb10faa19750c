//! `hookswitch domain …`: through the control socket while a server runs on the installation that is meant, else on the
//! database.

use std::io::Write as _;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::{DomainAction, DomainCommand, NetworkAction, environment, print};
use crate::config::{Folder, FolderOptions};
use crate::control::{
    self, DomainRow, FolderLock, OTHER_DATABASE, Operator, Reply, Request, Taken, is_installed,
};

/// A server that is just starting holds the lock before it listens.
const START_PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(command: &DomainCommand) -> anyhow::Result<()> {
    let folder = Folder::read(&command.folder, &environment)?;
    let request = match &command.action {
        DomainAction::Add { domain, open } => Request::DomainAdd {
            domain: domain.clone(),
            open: open.clone(),
        },
        DomainAction::List => Request::DomainList,
        DomainAction::Remove { domain, yes } => {
            anyhow::ensure!(
                *yes,
                "this removes {domain} with its devices, services and keys for good; \
                 say so with --yes"
            );
            Request::DomainRemove {
                domain: domain.clone(),
            }
        }
        DomainAction::Network(NetworkAction::Add { domain, network }) => Request::NetworkAdd {
            domain: domain.clone(),
            network: *network,
        },
        DomainAction::Network(NetworkAction::Remove { domain, network }) => {
            Request::NetworkRemove {
                domain: domain.clone(),
                network: *network,
            }
        }
        DomainAction::Network(NetworkAction::List { .. }) => Request::DomainList,
    };
    match perform(&folder, &request)? {
        Reply::DomainAdded(domain) => print(&domain.to_json()),
        Reply::Domains(rows) => match &command.action {
            DomainAction::Network(NetworkAction::List { domain }) => {
                print_networks(&rows, domain.as_deref())
            }
            _ => rows
                .iter()
                .try_for_each(|row| print(&serde_json::to_string(row)?)),
        },
        Reply::Done => match &command.action {
            DomainAction::Network(NetworkAction::Add { domain, network }) => {
                print_network(domain, *network)
            }
            _ => Ok(()),
        },
        Reply::Refused(refusal) => Err(refusal.into()),
        Reply::Restored { .. } | Reply::Imported(_) => {
            anyhow::bail!("the server's answer is not understood")
        }
    }
}

fn print_networks(rows: &[DomainRow], domain: Option<&str>) -> anyhow::Result<()> {
    let wanted = domain.map(control::domain_name).transpose()?;
    let is_wanted = |row: &&DomainRow| wanted.as_ref().is_none_or(|name| *name == row.domain);
    let mut meant = rows.iter().filter(is_wanted).peekable();
    if let (Some(name), None) = (&wanted, meant.peek()) {
        anyhow::bail!("there is no domain {name}");
    }
    meant.try_for_each(|row| {
        let mut networks = row.networks.iter();
        networks.try_for_each(|network| print_network(&row.domain, *network))
    })
}

fn print_network(domain: &str, network: IpNet) -> anyhow::Result<()> {
    print(&serde_json::json!({ "domain": domain, "network": network }).to_string())
}

/// The reply; an installation that was made for it is told.
pub(super) fn perform(folder: &Folder, request: &Request) -> anyhow::Result<Reply> {
    let (reply, made) = perform_or_make(folder, request)?;
    if made {
        // Nobody listening to this is no error.
        let _ = writeln!(
            std::io::stderr().lock(),
            "made a new installation in {}",
            folder.folder.display()
        );
    }
    Ok(reply)
}

/// The reply, and whether an installation was made for it, which only what brings a tenant does.
fn perform_or_make(folder: &Folder, request: &Request) -> anyhow::Result<(Reply, bool)> {
    let since = Instant::now();
    let makes = matches!(
        request,
        Request::DomainAdd { .. }
            | Request::Import { dry_run: false, .. }
            | Request::Restore { .. }
    );
    if matches!(request, Request::Import { dry_run: true, .. }) && !is_installed(folder) {
        // Nobody listening to this is no error.
        let _ = writeln!(
            std::io::stderr().lock(),
            "there is no installation in {} yet: checked against a new one",
            folder.folder.display()
        );
        return Ok((rehearse(request)?, false));
    }
    // Taking the lock writes to the folder; a mistyped one is left as it is.
    if !makes && !folder.lock().exists() {
        check_installed(folder)?;
    }
    loop {
        match FolderLock::take(folder)? {
            Taken::ByUs(_lock) => {
                if !makes {
                    check_installed(folder)?;
                }
                let made = !is_installed(folder);
                let operator = Operator::open(folder)?;
                let reply = operator.perform(request).unwrap_or_else(Reply::Refused);
                return Ok((reply, made));
            }
            Taken::ByAnother => match control::ask(folder, request) {
                // The folder is another installation's, and nodes that share a database need no lock.
                Ok(Reply::Refused(refusal)) if refusal.code == OTHER_DATABASE => {
                    let operator = Operator::open(folder)?;
                    let reply = operator.perform(request).unwrap_or_else(Reply::Refused);
                    return Ok((reply, false));
                }
                Ok(reply) => return Ok((reply, false)),
                // The other one may be a command like this one, or a server about to listen.
                Err(error) if !is_unreachable(&error) || since.elapsed() > START_PATIENCE => {
                    return Err(error);
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            },
        }
    }
}

/// The reply of a new installation, of which nothing is left.
fn rehearse(request: &Request) -> anyhow::Result<Reply> {
    let place = tempfile::tempdir()?;
    let flags = FolderOptions {
        data: Some(place.path().display().to_string()),
        ..FolderOptions::default()
    };
    let operator = Operator::open(&Folder::read(&flags, &|_| None)?)?;
    Ok(operator.perform(request).unwrap_or_else(Reply::Refused))
}

fn check_installed(folder: &Folder) -> anyhow::Result<()> {
    anyhow::ensure!(
        is_installed(folder),
        "--data {} holds no database; give the folder the server runs with, \
         or make a new installation with `hookswitch domain add`",
        folder.folder.display()
    );
    Ok(())
}

/// Whether nothing was asked yet, so that asking again cannot do a thing twice.
fn is_unreachable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
}
