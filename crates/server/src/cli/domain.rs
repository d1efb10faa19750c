//! `hookswitch domain …`: through the control socket while a server runs on the installation that is meant, else on the
//! database.

use std::io::Write as _;
use std::time::{Duration, Instant};

use hookswitch_api::secret::Secret;
use ipnet::IpNet;

use super::{DomainAction, DomainCommand, NetworkAction, environment, print};
use crate::config::{Folder, FolderOptions};
use crate::control::{
    self, DomainRow, FolderLock, OTHER_DATABASE, Operator, Reply, Request, Taken, Traces,
    is_installed,
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
        Reply::Database { .. } | Reply::Restored { .. } | Reply::Imported(_) => {
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

/// The reply, and whether an installation was made for it, which only what brings a tenant does, and only when it is done.
fn perform_or_make(folder: &Folder, request: &Request) -> anyhow::Result<(Reply, bool)> {
    let makes = matches!(
        request,
        Request::DomainAdd { .. }
            | Request::Import { dry_run: false, .. }
            | Request::Restore { .. }
    );
    let rehearses = matches!(request, Request::Import { dry_run: true, .. });
    // Taking the lock writes to the folder; a mistyped one is left as it is.
    if !makes && !folder.lock().exists() && !is_installed(folder) {
        if rehearses {
            return Ok((rehearse(folder, request)?, false));
        }
        check_installed(folder)?;
    }
    let traces = Traces::before(folder);
    match way(folder, request)? {
        Way::Alone(_lock) if rehearses && !is_installed(folder) => {
            Ok((rehearse(folder, request)?, false))
        }
        Way::Alone(_lock) => perform_alone(folder, request, makes, traces),
        // The folder is another installation's, and nodes that share a database need no lock.
        Way::Answered(Reply::Refused(refusal)) if refusal.code == OTHER_DATABASE => {
            let operator = Operator::open(folder)?;
            let reply = operator.perform(request).unwrap_or_else(Reply::Refused);
            Ok((reply, false))
        }
        Way::Answered(reply) => Ok((reply, false)),
    }
}

/// The same by a command that holds the folder's lock: one that fails or is refused leaves nothing of what it made.
fn perform_alone(
    folder: &Folder,
    request: &Request,
    makes: bool,
    traces: Traces,
) -> anyhow::Result<(Reply, bool)> {
    if !makes {
        check_installed(folder)?;
    }
    let made = !is_installed(folder);
    let operator = match Operator::open(folder) {
        Ok(operator) => operator,
        Err(error) => {
            traces.wipe();
            return Err(error);
        }
    };
    match operator.perform(request) {
        Ok(reply) => Ok((reply, made)),
        Err(refusal) => {
            if makes && operator.forget().unwrap_or(false) {
                traces.wipe_all();
            }
            Ok((Reply::Refused(refusal), false))
        }
    }
}

/// How a command gets at what it is about.
enum Way {
    /// By itself: nobody else is at work on the folder.
    Alone(FolderLock),
    /// The server that runs on it has answered.
    Answered(Reply),
}

fn way(folder: &Folder, request: &Request) -> anyhow::Result<Way> {
    let since = Instant::now();
    loop {
        match FolderLock::take(folder)? {
            Taken::ByUs(lock) => return Ok(Way::Alone(lock)),
            Taken::ByAnother => match control::ask(folder, request) {
                Ok(reply) => return Ok(Way::Answered(reply)),
                // The other one may be a command like this one, or a server about to listen.
                Err(error) if !is_unreachable(&error) || since.elapsed() > START_PATIENCE => {
                    return Err(error);
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            },
        }
    }
}

/// The folder with the database of the server that runs on it, when none was named.
pub(super) fn followed(folder: Folder) -> anyhow::Result<Folder> {
    if folder.database.is_none() && folder.lock().exists() {
        match way(&folder, &Request::Database)? {
            Way::Alone(_lock) => {}
            Way::Answered(Reply::Database { url }) => {
                let url = url.as_ref().map(Secret::expose);
                return folder.with_database(url).map_err(anyhow::Error::msg);
            }
            Way::Answered(Reply::Refused(refusal)) => return Err(refusal.into()),
            Way::Answered(_) => anyhow::bail!("the server's answer is not understood"),
        }
    }
    Ok(folder)
}

/// The reply of a new installation, of which nothing is left.
fn rehearse(folder: &Folder, request: &Request) -> anyhow::Result<Reply> {
    // Nobody listening to this is no error.
    let _ = writeln!(
        std::io::stderr().lock(),
        "there is no installation in {} yet: checked against a new one",
        folder.folder.display()
    );
    let place = tempfile::tempdir()?;
    let flags = FolderOptions {
        data: Some(place.path().display().to_string()),
        ..FolderOptions::default()
    };
    let operator = Operator::open(&Folder::read(&flags, &|_| None)?)?;
    Ok(operator.perform(request).unwrap_or_else(Reply::Refused))
}

pub(super) fn check_installed(folder: &Folder) -> anyhow::Result<()> {
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
mod tests;
