//! `hookswitch export` and `hookswitch import`: one tenant from one installation to another.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use hookswitch_api::secret::Secret;

use super::{domain, environment, print};
use crate::config::{Folder, FolderOptions};
use crate::control::{Reply, Request};

/// The variable that may hold the passphrase.
const VARIABLE: &str = "HOOKSWITCH_PASSPHRASE";
/// Bytes of a passphrase's file that are read.
const MAX_PASSPHRASE: u64 = 4_096;

pub(super) const EXPORT_HELP: &str = "\
Writes everything that is configured of one tenant into a file of JSON: settings, services, devices
and all other documents with their drafts, API keys, the webhook secret, granted networks. Calls,
events and logs are not part of it. Works while `serve` runs.

Secrets in the file are sealed with a passphrase of 12 bytes or more, for the other installation has
another master key; passwords of devices stand there as the hashes they are kept as. A file that
exists is left alone.

Examples:
  hookswitch export acme.example.com acme.json --passphrase-file secret.txt
  HOOKSWITCH_PASSPHRASE=… hookswitch export acme.example.com acme.json --database postgres://…";

pub(super) const IMPORT_HELP: &str = "\
Stores the tenant of such a file, whichever database it came from or goes to: all of it or nothing.
Everything in it is checked first, and each fault is named by its place in the file. Works while
`serve` runs; routing and keys follow at once. API tokens and the webhook secret stay what they were.

A tenant of that name, or an id that exists, is a refusal. With --replace the file takes the tenant's
place, and what is not in the file is removed; calls, events and logs stay.

Examples:
  hookswitch import acme.json --dry-run --passphrase-file secret.txt
  hookswitch import acme.json --replace --passphrase-file secret.txt";

/// What `export` takes.
#[derive(Args, Debug)]
pub struct ExportOptions {
    /// The tenant's SIP domain
    domain: String,
    /// The file to write
    file: PathBuf,
    /// What seals the secrets.
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Where the data lives.
    #[command(flatten)]
    folder: FolderOptions,
}

/// What `import` takes.
#[derive(Args, Debug)]
pub struct ImportOptions {
    /// The file that `export` wrote
    file: PathBuf,
    /// Take the place of the tenant of that name
    #[arg(long)]
    replace: bool,
    /// Check everything, change nothing
    #[arg(long)]
    dry_run: bool,
    /// What seals the secrets.
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Where the data lives.
    #[command(flatten)]
    folder: FolderOptions,
}

/// What seals the secrets of a file.
#[derive(Args, Debug)]
struct PassphraseOptions {
    /// File whose text is the passphrase, `-` for standard input [default: the variable
    /// HOOKSWITCH_PASSPHRASE]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseOptions {
    fn read(&self) -> anyhow::Result<Secret> {
        let mut text = String::new();
        match &self.passphrase_file {
            None => {
                text = environment(VARIABLE).with_context(|| {
                    format!("give a passphrase: --passphrase-file FILE, or {VARIABLE}")
                })?;
            }
            Some(file) if file.as_os_str() == "-" => {
                let input = std::io::stdin().lock().take(MAX_PASSPHRASE);
                { input }.read_to_string(&mut text)?;
            }
            Some(file) => {
                let open = std::fs::File::open(file);
                let read =
                    open.and_then(|open| open.take(MAX_PASSPHRASE).read_to_string(&mut text));
                read.with_context(|| format!("--passphrase-file {}", file.display()))?;
            }
        }
        Ok(Secret::from(text))
    }
}

pub(super) fn export(options: &ExportOptions) -> anyhow::Result<()> {
    let folder = Folder::read(&options.folder, &environment)?;
    let request = Request::Export {
        domain: options.domain.clone(),
        file: std::path::absolute(&options.file)?,
        passphrase: options.passphrase.read()?,
    };
    match domain::perform(&folder, &request)? {
        Reply::Done => print(&serde_json::json!({ "file": options.file }).to_string()),
        Reply::Refused(refusal) => Err(refusal.into()),
        _ => anyhow::bail!("the server's answer is not understood"),
    }
}

pub(super) fn import(options: &ImportOptions) -> anyhow::Result<()> {
    let folder = Folder::read(&options.folder, &environment)?;
    let request = Request::Import {
        file: std::path::absolute(&options.file)?,
        passphrase: options.passphrase.read()?,
        replace: options.replace,
        dry_run: options.dry_run,
    };
    match domain::perform(&folder, &request)? {
        Reply::Imported(imported) => {
            let mut line = serde_json::to_value(&imported)?;
            line["dryRun"] = options.dry_run.into();
            print(&line.to_string())
        }
        Reply::Refused(refusal) => Err(refusal.into()),
        _ => anyhow::bail!("the server's answer is not understood"),
    }
}
