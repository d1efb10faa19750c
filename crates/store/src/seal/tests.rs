use super::*;

const PLACE: Place<'static> = Place {
    domain: "example.com",
    kind: "apiKey/k1",
    field: "token",
};

#[test]
fn a_sealed_secret_opens_and_shows_nothing_of_itself() {
    let key = MasterKey::ephemeral();
    let sealed = key.seal(PLACE, b"hs_secret");
    assert!(sealed.as_str().starts_with("v1."));
    assert_eq!(key.open(PLACE, &sealed).unwrap(), b"hs_secret");
    assert_eq!(key.open_text(PLACE, &sealed).unwrap(), "hs_secret");
    assert_eq!(format!("{key:?}"), "MasterKey(…)");
}

#[test]
fn sealing_twice_gives_two_texts() {
    let key = MasterKey::ephemeral();
    assert_ne!(key.seal(PLACE, b"same"), key.seal(PLACE, b"same"));
}

#[test]
fn an_empty_secret_is_a_secret() {
    let key = MasterKey::ephemeral();
    let sealed = key.seal(PLACE, b"");
    assert_eq!(key.open(PLACE, &sealed).unwrap(), b"");
}

#[test]
fn a_sealed_secret_opens_under_its_own_key_only() {
    let sealed = MasterKey::ephemeral().seal(PLACE, b"hs_secret");
    let refused = MasterKey::ephemeral().open(PLACE, &sealed);
    assert!(matches!(refused, Err(Error::WrongKey)));
}

#[test]
fn a_sealed_secret_opens_in_its_own_place_only() {
    let key = MasterKey::ephemeral();
    let sealed = key.seal(PLACE, b"hs_secret");
    let others = [
        Place {
            domain: "example.org",
            ..PLACE
        },
        Place {
            kind: "apiKey/k2",
            ..PLACE
        },
        Place {
            field: "pem",
            ..PLACE
        },
        Place {
            domain: "example.comapiKey",
            kind: "/k1",
            ..PLACE
        },
    ];
    for place in others {
        assert!(
            matches!(key.open(place, &sealed), Err(Error::WrongKey)),
            "{place:?}"
        );
    }
}

#[test]
fn a_changed_text_does_not_open() {
    let key = MasterKey::ephemeral();
    let sealed = key.seal(PLACE, b"hs_secret");
    let body = sealed.as_str().strip_prefix(PREFIX).unwrap();
    let mut bytes = STANDARD.decode(body).unwrap();
    for index in 0..bytes.len() {
        bytes[index] ^= 1;
        let changed = SealedText(PREFIX.to_owned() + &STANDARD.encode(&bytes));
        assert!(
            matches!(key.open(PLACE, &changed), Err(Error::WrongKey)),
            "byte {index}"
        );
        bytes[index] ^= 1;
    }
}

#[test]
fn text_that_was_never_sealed_is_named_as_such() {
    let key = MasterKey::ephemeral();
    for text in ["", "v1.", "v1.AAAA", "v1.***", "v2.AAAA", "hs_secret"] {
        let refused = key.open(PLACE, &SealedText::from(text.to_owned()));
        assert!(
            matches!(refused, Err(Error::SealFormat)),
            "{text}: {refused:?}"
        );
    }
}

#[test]
fn the_key_file_is_created_once_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/master.key");
    let first = MasterKey::load_or_create(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let sealed = first.seal(PLACE, b"hs_secret");
    let second = MasterKey::load_or_create(&path).unwrap();
    assert_eq!(second.open(PLACE, &sealed).unwrap(), b"hs_secret");
}

#[test]
fn a_key_file_that_others_may_touch_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    MasterKey::load_or_create(&path).unwrap();
    for wide in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(wide)).unwrap();
        let refused = MasterKey::load_or_create(&path);
        assert!(matches!(refused, Err(Error::WidePermissions { mode, .. }) if mode == wide));
    }
}

#[test]
fn a_file_that_holds_no_key_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    for text in [
        "",
        "hello",
        "AAAA",
        &STANDARD.encode([0; 31]),
        &STANDARD.encode([0; 33]),
    ] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let refused = MasterKey::load_or_create(&path);
        assert!(matches!(refused, Err(Error::MasterKey(_))), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn the_hash_of_a_token_is_sha_256() {
    // FIPS 180-4's example "abc".
    let hash = TokenHash::of("abc").0;
    assert_eq!(hash[..4], [0xba, 0x78, 0x16, 0xbf]);
    assert_eq!(hash[28..], [0xf2, 0x00, 0x15, 0xad]);
}

#[test]
fn random_tokens_carry_their_prefix_and_differ() {
    let (one, two) = (random_token("hs_"), random_token("hs_"));
    assert_ne!(one, two);
    assert!(one.starts_with("hs_"));
    assert_eq!(one.len(), 3 + 43);
}
