use super::*;

fn mode(url: &str) -> SslMode {
    parse(url).unwrap().0.get_ssl_mode()
}

fn refusal(url: &str) -> String {
    parse(url).err().unwrap().to_string()
}

#[test]
fn to_another_machine_tls_is_used_unless_the_address_says_otherwise() {
    for near in ["localhost", "127.0.0.1", "%2Frun%2Fpostgresql"] {
        assert_eq!(
            mode(&format!("postgres://u@{near}/d")),
            SslMode::Disable,
            "{near}"
        );
    }
    assert_eq!(mode("postgres://u@db.example.com/d"), SslMode::Require);
    assert_eq!(
        mode("postgres://u@localhost,db.example.com/d"),
        SslMode::Require
    );
    assert_eq!(
        mode("postgres://u@db.example.com/d?sslmode=disable"),
        SslMode::Disable
    );
    assert_eq!(
        mode("postgres://u@localhost/d?sslmode=verify-full"),
        SslMode::Require
    );
}

#[test]
fn an_address_that_cannot_be_used_says_why_and_not_the_password() {
    let cases = [
        ("mysql://u:hunter2@h/d", "must begin with postgres://"),
        ("postgres://u:hunter2@h:x/d", "port"),
        ("postgres://u:hunter2@h/d?colour=red", "colour"),
    ];
    for (url, why) in cases {
        let refusal = refusal(url);
        assert!(refusal.contains(why), "{url}: {refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
    let missing = parse("postgres://u@h/d?sslrootcert=/nowhere/ca.pem")
        .err()
        .unwrap();
    assert!(matches!(missing, Error::Io { .. }), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(
        &file,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let refusal = refusal(&format!("postgres://u@h/d?sslrootcert={}", file.display()));
    assert!(refusal.contains("no certificates"), "{refusal}");
}

#[test]
fn a_node_whose_name_would_need_quoting_is_refused() {
    let options = Options {
        node: "a b".to_owned(),
        ..Options::default()
    };
    Cluster::new("postgres://u@h/d", &options).unwrap_err();
}
