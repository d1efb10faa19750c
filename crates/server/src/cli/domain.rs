//! `hookswitch domain …`: through the control socket while a server runs, else on the database.

use std::time::{Duration, Instant};

use super::{DomainAction, DomainCommand, NetworkAction, environment, print};
use crate::config::Folder;
use crate::control::{self, FolderLock, Operator, Reply, Request, Taken};

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
    };
    match perform(&folder, &request)? {
        Reply::DomainAdded(domain) => print(&domain.to_json()),
        Reply::Domains(rows) => rows
            .iter()
            .try_for_each(|row| print(&serde_json::to_string(row)?)),
        Reply::Done => Ok(()),
        Reply::Refused(refusal) => Err(refusal.into()),
    }
}

fn perform(folder: &Folder, request: &Request) -> anyhow::Result<Reply> {
    let since = Instant::now();
    loop {
        match FolderLock::take(folder)? {
            Taken::ByUs(_lock) => {
                let operator = Operator::open(folder)?;
                return Ok(operator.perform(request).unwrap_or_else(Reply::Refused));
            }
            Taken::ByAnother => match control::ask(&folder.control_socket(), request) {
                Ok(reply) => return Ok(reply),
                // The other one may be a command like this one, or a server about to listen.
                Err(error) if !is_unreachable(&error) || since.elapsed() > START_PATIENCE => {
                    return Err(error);
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            },
        }
    }
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
