//! The command line: what it is called, what it takes, and help that teaches.

mod backup;
pub mod demo;
mod domain;
mod exchange;
mod rekey;

use std::io::Write as _;
use std::net::IpAddr;

use clap::{Parser, Subcommand};
use ipnet::IpNet;

use crate::config::{FolderOptions, ServeOptions};

/// SIP calls for programs: REST in, signed webhooks out.
#[derive(Parser, Debug)]
#[command(name = "hookswitch", version, arg_required_else_help = true, after_help = TOUR)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const TOUR: &str = "\
To see it work:            hookswitch demo
To run it:                 hookswitch serve
To make the first tenant:  hookswitch domain add acme.example.com
To read about the calls:   http://127.0.0.1:8080/docs while `serve` runs";

const SERVE_HELP: &str = "\
Every option is also an environment variable (--max-calls is HOOKSWITCH_MAX_CALLS; lists are
separated by commas) and a key of the TOML file of --config. A flag wins over the environment, and
the environment over the file.

Once everything listens, one line of JSON with the real ports appears on stdout:
  {\"ready\":true,\"http\":\"http://127.0.0.1:8080\",\"sip\":[\"udp:127.0.0.1:5060\"],\"node\":\"node-1\"}

SIGTERM drains: new calls get 503, running ones are kept for --drain-timeout. A second SIGTERM
stops at once. Calls that still run then, or when the program is killed, are taken up by the next
start on the same --data: to upgrade, stop the old program and start the new one. Calls that were
answered go on; those that still rang are released, and their applications hear of their end.

What an application misses is told again for 24 hours; every try, and all that happened, can be
looked up and told again:
  GET  /v1/DOMAIN/deliveries?state=failed     POST /v1/DOMAIN/deliveries/replay
  GET  /v1/DOMAIN/events?after=CURSOR         the same with Accept: text/event-stream as it happens
  PUT  /v1/DOMAIN/settings {\"retention\":{\"calls\":30,\"events\":30,\"ladder\":7}}  days; unset: 7, 7, 14

With more calls than the processors or the disk can take, new ones get 503 with Retry-After and
running ones go on. What each limit held back stands in /metrics:
  hookswitch_limit_hits_total{limit=\"late\"}     and so on; docs/operations.md says what to do

Examples:
  hookswitch serve --dev
  hookswitch serve --data /var/lib/hookswitch --http 0.0.0.0:8080 \\
    --sip udp:0.0.0.0:5060 --sip tcp:0.0.0.0:5060 --advertise 192.0.2.10";

/// What the program can do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the server: REST, callbacks and SIP
    #[command(after_help = SERVE_HELP)]
    Serve(Box<ServeOptions>),
    /// Watch one inbound and one outbound call, made on this machine in a few seconds
    #[command(after_help = demo::HELP)]
    Demo(demo::DemoOptions),
    /// Make, list and remove tenants; works while `serve` runs
    Domain(DomainCommand),
    /// Write all tables into one file; works while `serve` runs
    #[command(after_help = backup::BACKUP_HELP)]
    Backup(backup::BackupOptions),
    /// Bring back what is configured, or everything, from such a file
    #[command(after_help = backup::RESTORE_HELP)]
    Restore(backup::RestoreOptions),
    /// Write one tenant into a file of JSON, for another installation; works while `serve` runs
    #[command(after_help = exchange::EXPORT_HELP)]
    Export(exchange::ExportOptions),
    /// Store the tenant of such a file; works while `serve` runs
    #[command(after_help = exchange::IMPORT_HELP)]
    Import(exchange::ImportOptions),
    /// Change the master key, and seal every secret anew
    #[command(after_help = rekey::HELP)]
    Rekey(rekey::RekeyOptions),
    /// Print the OpenAPI 3.1 document of the REST interface and its callbacks
    Openapi,
}

/// What can be done with tenants.
#[derive(Parser, Debug)]
pub struct DomainCommand {
    /// What to do.
    #[command(subcommand)]
    pub action: DomainAction,
    /// Where the data lives.
    #[command(flatten)]
    pub folder: FolderOptions,
}

const ADD_HELP: &str = "\
Prints one line of JSON with everything the tenant's programs need; the token is shown only here:
  {\"domain\":\"acme.example.com\",\"keyId\":\"…\",\"token\":\"hs_…\",\"webhookSecret\":\"whsec_…\"}

Then, for example:
  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8080/provisioning/cloudsipua/acme.example.com";

/// One operation on tenants.
#[derive(Subcommand, Debug)]
pub enum DomainAction {
    /// Make a tenant and print its first API token and its webhook secret
    #[command(after_help = ADD_HELP)]
    Add {
        /// Its SIP domain, such as acme.example.com
        domain: String,
        /// Network whose callers reach the tenant's services without authentication; repeatable
        #[arg(long, value_name = "CIDR", value_parser = network)]
        open: Vec<IpNet>,
    },
    /// List the tenants, one line of JSON each
    List,
    /// Remove a tenant with its devices, services and keys; records of its calls stay until their time is up
    Remove {
        /// Its SIP domain
        domain: String,
        /// Really remove it: nothing brings it back
        #[arg(long)]
        yes: bool,
    },
    /// Say which source networks belong to a tenant
    #[command(subcommand)]
    Network(NetworkAction),
}

/// One operation on a tenant's source networks.
#[derive(Subcommand, Debug)]
pub enum NetworkAction {
    /// Grant a source network to a tenant: calls from it to our own address are the tenant's
    Add {
        /// The tenant's SIP domain
        domain: String,
        /// The network, such as 192.0.2.0/24
        #[arg(value_name = "CIDR", value_parser = network)]
        network: IpNet,
    },
    /// List the granted networks, one line of JSON each
    List {
        /// The tenant's SIP domain; all tenants without it
        domain: Option<String>,
    },
    /// Take a source network back
    Remove {
        /// The tenant's SIP domain
        domain: String,
        /// The network
        #[arg(value_name = "CIDR", value_parser = network)]
        network: IpNet,
    },
}

/// Runs a command on tenants.
pub fn domain(command: &DomainCommand) -> anyhow::Result<()> {
    domain::run(command)
}

/// Backs up.
pub fn backup(options: &backup::BackupOptions) -> anyhow::Result<()> {
    backup::backup(options)
}

/// Restores.
pub fn restore(options: &backup::RestoreOptions) -> anyhow::Result<()> {
    backup::restore(options)
}

/// Exports a tenant.
pub fn export(options: &exchange::ExportOptions) -> anyhow::Result<()> {
    exchange::export(options)
}

/// Imports a tenant.
pub fn import(options: &exchange::ImportOptions) -> anyhow::Result<()> {
    exchange::import(options)
}

/// Changes the master key.
pub fn rekey(options: &rekey::RekeyOptions) -> anyhow::Result<()> {
    rekey::run(options)
}

/// Prints the OpenAPI document.
pub fn openapi() -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(&crate::http::written())?)
}

/// An environment variable's text.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// One line on stdout; a reader that went away is no error.
fn print(line: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map(|network| network.trunc())
        .map_err(|_| "not a network such as 192.0.2.0/24 or 2001:db8::/32".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_says_what_it_is_for() {
        fn check(command: &clap::Command) {
            assert!(
                command.get_about().is_some(),
                "{} has no help",
                command.get_name()
            );
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} of {}",
                    argument,
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn a_network_may_be_one_address() {
        assert_eq!(network("192.0.2.7"), Ok("192.0.2.7/32".parse().unwrap()));
        assert_eq!(network("192.0.2.7/24"), Ok("192.0.2.0/24".parse().unwrap()));
        assert!(network("example.com").is_err());
    }
}
