//! How commands of the operator reach a running server: `DIR/control.sock`, one JSON object a line,
//! one answer a line. The socket lies in a folder only its owner may enter; that is its
//! authentication. Without a running server the same operations work on the database directly, under
//! `DIR/lock`.

mod exchange;
mod installation;
mod lock;
mod operator;
mod restore;
mod traces;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hookswitch_api::secret::Secret;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};

use crate::config::Folder;
use crate::exchange::Imported;

pub use installation::{Installation, OTHER_DATABASE};
pub use lock::{FolderLock, Taken};
pub(crate) use operator::domain_name;
pub use operator::{Operator, is_installed};
pub use traces::Traces;

/// The longest line either side reads.
const MAX_LINE: u64 = 1024 * 1024;
/// An operator's command takes no longer than a few commits.
const PATIENCE: Duration = Duration::from_secs(30);
/// A restore writes every row anew.
const LONG_PATIENCE: Duration = Duration::from_secs(3_600);

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    /// Makes a tenant.
    DomainAdd {
        /// Its SIP domain.
        domain: String,
        /// Networks whose callers need no authentication to reach its services.
        #[serde(default)]
        open: Vec<IpNet>,
    },
    /// Lists the tenants with their networks.
    DomainList,
    /// Removes a tenant with everything it owns.
    DomainRemove {
        /// Its SIP domain.
        domain: String,
    },
    /// Grants a source network to a tenant.
    NetworkAdd {
        /// The tenant.
        domain: String,
        /// The network.
        network: IpNet,
    },
    /// Takes a source network back from a tenant.
    NetworkRemove {
        /// The tenant.
        domain: String,
        /// The network.
        network: IpNet,
    },
    /// Which database it is.
    Database,
    /// Writes a tenant into a file.
    Export {
        /// The tenant.
        domain: String,
        /// The file, absolute; there must be none of that name.
        file: PathBuf,
        /// Seals the secrets in it.
        passphrase: Secret,
    },
    /// Stores the tenant of such a file.
    Import {
        /// The file, absolute.
        file: PathBuf,
        /// The one it was exported with.
        passphrase: Secret,
        /// Take the place of a tenant of that name.
        replace: bool,
        /// Check everything, change nothing.
        dry_run: bool,
    },
    /// Brings a backup back.
    Restore {
        /// The file, absolute.
        file: PathBuf,
        /// The file of the key it was sealed with, absolute, when that is not the installation's.
        #[serde(default)]
        key: Option<PathBuf>,
        /// Not only what is configured.
        everything: bool,
    },
}

impl Request {
    /// How long the answer may take.
    const fn patience(&self) -> Duration {
        match self {
            Self::Export { .. } | Self::Import { .. } | Self::Restore { .. } => LONG_PATIENCE,
            _ => PATIENCE,
        }
    }
}

/// A line of the control socket.
#[derive(Serialize, Deserialize)]
struct Addressed {
    /// Whose.
    installation: Installation,
    /// What.
    request: Request,
}

/// What the operator gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The tenant and the only sight of its first key.
    DomainAdded(NewDomain),
    /// The tenants.
    Domains(Vec<DomainRow>),
    /// This database.
    Database {
        /// The address of the PostgreSQL one, when it is not the one in the folder.
        url: Option<Secret>,
    },
    /// So much was brought back.
    Restored {
        /// Rows.
        rows: u64,
    },
    /// A tenant was stored.
    Imported(Imported),
    /// Done, nothing more to say.
    Done,
    /// Not done.
    Refused(Refusal),
}

/// A tenant just made; printed once and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewDomain {
    /// Its SIP domain.
    pub domain: String,
    /// The `sk` of its first key.
    pub key_id: String,
    /// The token of that key.
    pub token: Secret,
    /// What callbacks are signed with.
    pub webhook_secret: Secret,
}

impl NewDomain {
    /// The one line that shows the secrets.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts always serialise")
    }
}

/// A tenant in the operator's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainRow {
    /// Its SIP domain.
    pub domain: String,
    /// Networks whose callers need no authentication to reach its services.
    pub open: Vec<IpNet>,
    /// Source networks the operator granted to it.
    pub networks: Vec<IpNet>,
}

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Snake-case and stable.
    pub code: String,
    /// One sentence.
    pub reason: String,
}

impl Refusal {
    fn new(code: &str, reason: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            reason: reason.into(),
        }
    }
}

/// Opens the control socket; a stale one of a killed server is replaced. The caller holds the lock.
pub fn listen(path: &Path) -> std::io::Result<tokio::net::UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let short = ShortPath::of(path)?;
    let listener = tokio::net::UnixListener::bind(&short.path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers operators until dropped, as the server that was started with these options.
pub async fn serve(listener: tokio::net::UnixListener, operator: Arc<Operator>, folder: Folder) {
    let folder = Arc::new(folder);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (operator, folder) = (operator.clone(), folder.clone());
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, operator, folder).await {
                        tracing::debug!(%error, "an operator's connection broke");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(
    stream: tokio::net::UnixStream,
    operator: Arc<Operator>,
    folder: Arc<Folder>,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = tokio::io::BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        (&mut reader)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .await?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let reply = match serde_json::from_slice::<Addressed>(&line) {
            Ok(addressed) => {
                let (operator, folder) = (operator.clone(), folder.clone());
                let perform = move || match addressed.installation.refused_by(&folder) {
                    Some(refusal) => Err(refusal),
                    None => operator.perform(&addressed.request),
                };
                tokio::task::spawn_blocking(perform)
                    .await
                    .unwrap_or_else(|error| Err(Refusal::new("internal", error.to_string())))
                    .unwrap_or_else(Reply::Refused)
            }
            Err(error) => Reply::Refused(Refusal::new("bad_request", error.to_string())),
        };
        let mut line = serde_json::to_vec(&reply)?;
        line.push(b'\n');
        writer.write_all(&line).await?;
    }
}

/// Asks a running server for what is to be done to the installation that these options name.
pub fn ask(folder: &Folder, request: &Request) -> anyhow::Result<Reply> {
    let socket = &folder.control_socket();
    let addressed = Addressed {
        installation: Installation::of(folder)?,
        request: request.clone(),
    };
    let short = ShortPath::of(socket)?;
    let stream = std::os::unix::net::UnixStream::connect(&short.path)
        .with_context(|| format!("nobody answers at {}", socket.display()))?;
    stream.set_read_timeout(Some(request.patience()))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(&addressed)?;
    line.push(b'\n');
    (&stream).write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(std::io::Read::take(&stream, MAX_LINE))
        .read_line(&mut answer)
        .context("the server did not answer in time")?;
    serde_json::from_str(&answer).context("the server's answer is not understood")
}

/// A socket's path holds 107 bytes at most; longer ones are reached through their open folder.
struct ShortPath {
    path: PathBuf,
    _folder: Option<std::fs::File>,
}

impl ShortPath {
    fn of(path: &Path) -> std::io::Result<Self> {
        use std::os::fd::AsRawFd as _;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput));
        };
        if path.as_os_str().len() < 100 {
            return Ok(Self {
                path: path.to_owned(),
                _folder: None,
            });
        }
        let folder = std::fs::File::open(parent)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
        Ok(Self {
            path,
            _folder: Some(folder),
        })
    }
}

#[cfg(test)]
mod tests;
