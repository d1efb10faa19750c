use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

fn empty(_: &str) -> Option<String> {
    None
}

fn read(flags: &ServeOptions) -> Config {
    Config::read(flags, &empty).unwrap()
}

fn refusal(flags: &ServeOptions) -> String {
    Config::read(flags, &empty).unwrap_err().to_string()
}

#[test]
fn without_any_option_everything_listens_on_loopback() {
    let config = read(&ServeOptions::default());
    assert_eq!(config.http, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(
        config.sip,
        [Transport::Udp, Transport::Tcp].map(|transport| SipListen {
            transport,
            address: "127.0.0.1:5060".parse().unwrap()
        })
    );
    assert_eq!(config.data.folder, Path::new("./hookswitch-data"));
    assert_eq!(
        config.data.master_key_file,
        Path::new("./hookswitch-data/master.key")
    );
    assert!(!config.dev && config.callback_allow.is_empty() && config.sip_allow.is_empty());
    assert_eq!(config.drain_timeout, Duration::from_secs(60));
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("serve.toml");
    std::fs::write(
        &file,
        "http = '127.0.0.1:1'\nmax-calls = 10\nnode = 'from-file'\n",
    )
    .unwrap();
    let environment = |name: &str| match name {
        "HOOKSWITCH_CONFIG" => Some(file.to_str().unwrap().to_owned()),
        "HOOKSWITCH_HTTP" => Some("127.0.0.1:2".to_owned()),
        "HOOKSWITCH_MAX_CALLS" => Some("20".to_owned()),
        _ => None,
    };
    let flags = ServeOptions {
        http: Some("127.0.0.1:3".to_owned()),
        ..ServeOptions::default()
    };
    let config = Config::read(&flags, &environment).unwrap();
    assert_eq!(config.http.port(), 3);
    assert_eq!(config.max_calls, Some(20));
    assert_eq!(config.node, "from-file");
    assert!(config.node_named);
}

#[test]
fn repeatable_options_are_a_list_in_the_file_and_separated_by_commas_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("serve.toml");
    std::fs::write(
        &file,
        "sip = ['udp:0.0.0.0:5060', 'tcp:[::1]:0']\ndev = true\n",
    )
    .unwrap();
    let environment =
        |name: &str| (name == "HOOKSWITCH_SIP_ALLOW").then(|| "10.0.0.0/8, 192.0.2.7".to_owned());
    let flags = ServeOptions {
        data: FolderOptions {
            config: Some(file.to_str().unwrap().to_owned()),
            ..FolderOptions::default()
        },
        ..ServeOptions::default()
    };
    let config = Config::read(&flags, &environment).unwrap();
    assert_eq!(config.sip.len(), 2);
    assert_eq!(config.sip[1].address, "[::1]:0".parse().unwrap());
    let allowed: Vec<String> = config.sip_allow.iter().map(ToString::to_string).collect();
    assert_eq!(
        allowed,
        ["10.0.0.0/8", "192.0.2.7/32", "127.0.0.0/8", "::1/128"]
    );
}

#[test]
fn an_error_names_the_option_and_where_it_was_set() {
    let environment = |name: &str| (name == "HOOKSWITCH_HTTPS").then(|| "everywhere".to_owned());
    let error = Config::read(&ServeOptions::default(), &environment)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "--https (from HOOKSWITCH_HTTPS): `everywhere` is not an address with a port, such as \
         127.0.0.1:8080 or [::1]:8080"
    );
    let error = refusal(&ServeOptions {
        sip: vec!["sctp:127.0.0.1:5060".to_owned()],
        ..ServeOptions::default()
    });
    assert!(
        error.starts_with("--sip: `sctp:127.0.0.1:5060` is not KIND:ADDRESS:PORT"),
        "{error}"
    );
}

#[test]
fn a_key_the_file_may_not_have_is_named_with_the_ones_it_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("serve.toml");
    std::fs::write(&file, "htttp = '127.0.0.1:1'\n").unwrap();
    let error = Sources::open(file.to_str(), &empty)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("there is no option `htttp`; the options are data, "),
        "{error}"
    );
    let missing = Sources::open(Some("/nowhere/serve.toml"), &empty)
        .err()
        .unwrap()
        .to_string();
    assert!(
        missing.starts_with("--config /nowhere/serve.toml: "),
        "{missing}"
    );
}

#[test]
fn tls_sockets_need_a_certificate_and_a_certificate_its_key() {
    let tls = ServeOptions {
        sip: vec!["tls:127.0.0.1:0".to_owned()],
        ..ServeOptions::default()
    };
    assert!(refusal(&tls).starts_with("--sip: TLS needs a certificate"));
    let half = ServeOptions {
        tls_cert: Some("cert.pem".to_owned()),
        ..ServeOptions::default()
    };
    assert!(refusal(&half).contains("give --tls-key"));
    let whole = ServeOptions {
        tls_key: Some("key.pem".to_owned()),
        ..half
    };
    assert_eq!(
        read(&whole).tls,
        Some(TlsFiles {
            certificate: PathBuf::from("cert.pem"),
            key: PathBuf::from("key.pem")
        })
    );
}

#[test]
fn the_same_fixed_socket_twice_is_refused_and_two_free_ports_are_not() {
    let twice = |text: &str| ServeOptions {
        sip: vec![text.to_owned(), text.to_owned()],
        ..ServeOptions::default()
    };
    assert!(refusal(&twice("udp:127.0.0.1:5060")).contains("listed twice"));
    assert_eq!(read(&twice("udp:127.0.0.1:0")).sip.len(), 2);
}

#[test]
fn the_advertised_address_may_stand_alone_and_must_be_reachable() {
    assert_eq!(
        value::advertise("192.0.2.1:5070"),
        Ok(Advertise {
            ip: "192.0.2.1".parse().unwrap(),
            port: Some(5070)
        })
    );
    for text in ["2001:db8::1", "[2001:db8::1]"] {
        assert_eq!(
            value::advertise(text),
            Ok(Advertise {
                ip: "2001:db8::1".parse().unwrap(),
                port: None
            })
        );
    }
    assert!(value::advertise("0.0.0.0:5060").is_err());
    assert!(value::advertise("sip.example.com").is_err());
}

#[test]
fn durations_carry_their_unit_and_counts_start_at_one() {
    assert_eq!(value::duration("90s"), Ok(Duration::from_secs(90)));
    assert_eq!(value::duration("5m"), Ok(Duration::from_secs(300)));
    assert_eq!(value::duration("2"), Ok(Duration::from_secs(2)));
    assert!(value::duration("5 days").is_err() && value::duration("").is_err());
    assert!(value::count("0").is_err() && value::count("many").is_err());
}

#[test]
fn every_flag_of_serve_can_also_be_set_in_the_file_and_the_environment_where_secrets_are_alone() {
    use clap::Args;
    let command = ServeOptions::augment_args(clap::Command::new("serve"));
    let mut flags: Vec<&str> = command
        .get_arguments()
        .filter_map(|a| a.get_long())
        .chain(options::UNSEEN)
        .collect();
    let mut names: Vec<&str> = options::NAMES.into_iter().chain(["config"]).collect();
    flags.sort_unstable();
    names.sort_unstable();
    assert_eq!(flags, names);
}

#[test]
fn amazon_sns_needs_region_id_and_secret_together() {
    let read = |table: &[(&str, &str)]| {
        let environment = |name: &str| {
            let found = table.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::read(&ServeOptions::default(), &environment)
    };
    assert_eq!(read(&[]).unwrap().sns, None);
    let all = [
        ("HOOKSWITCH_SNS_REGION", "eu-north-1"),
        ("HOOKSWITCH_SNS_ACCESS_KEY_ID", "AKID"),
        ("HOOKSWITCH_SNS_SECRET_ACCESS_KEY", "secret"),
    ];
    let sns = read(&all).unwrap().sns.unwrap();
    assert_eq!(&*sns.endpoint, "https://sns.eu-north-1.amazonaws.com");
    assert_eq!((&*sns.access_key_id, sns.session_token), ("AKID", None));
    for missing in 0..all.len() {
        let mut some = all.to_vec();
        some.remove(missing);
        let why = read(&some).unwrap_err().to_string();
        assert!(
            why.starts_with("--sns-region: Amazon SNS needs all of"),
            "{why}"
        );
    }
}
