//! The examples of RFC 3261 §19.1.3 and §19.1.4, and what RFC 4475 and 5118 found.

use super::*;

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_examples_of_the_standard_fall_into_their_parts() {
    let full =
        uri("sips:alice:secretword@atlanta.com;transport=tcp?subject=project%20x&priority=urgent");
    assert_eq!(
        (full.scheme, full.user, full.password),
        (Scheme::Sips, Some("alice"), Some("secretword"))
    );
    assert_eq!(
        (full.host, full.port, full.transport()),
        (Host::Name("atlanta.com"), None, Some("tcp"))
    );
    assert_eq!(full.headers, Some("subject=project%20x&priority=urgent"));

    let phone = uri("sip:+1-212-555-1212:1234@gateway.com;user=phone");
    assert_eq!(
        (phone.user, phone.params.value("user")),
        (Some("+1-212-555-1212"), Some("phone"))
    );

    let address = uri("SIP:alice@192.0.2.4:5062;LR");
    assert_eq!(
        (address.host, address.port),
        (Host::V4(Ipv4Addr::new(192, 0, 2, 4)), Some(5062))
    );
    assert!(address.has_lr() && address.is_sip());

    let bare = uri("sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com");
    assert_eq!((bare.user, bare.host), (None, Host::Name("atlanta.com")));

    let odd = uri("sip:alice;day=tuesday@atlanta.com");
    assert_eq!(
        (odd.user, odd.params.as_str()),
        (Some("alice;day=tuesday"), "")
    );

    let six = uri("sip:[2001:db8::1]:5060;maddr=[::1]");
    assert_eq!(
        (six.host.to_string().as_str(), six.port),
        ("[2001:db8::1]", Some(5060))
    );
}

#[test]
fn tel_numbers_are_users_and_other_schemes_stay_text() {
    let tel = uri("tel:+358-555-1234567;postd=pp22");
    assert_eq!(
        (tel.scheme, tel.user, tel.host),
        (Scheme::Tel, Some("+358-555-1234567"), Host::Name(""))
    );
    assert_eq!(tel.params.value("postd"), Some("pp22"));
    let other = uri("soap.beep://192.0.2.103:3002");
    assert_eq!(
        (other.scheme, other.as_str()),
        (Scheme::Other("soap.beep"), "soap.beep://192.0.2.103:3002")
    );
    assert!(!other.is_sip());
}

#[test]
fn malformed_uris_are_refused_with_the_part_at_fault() {
    let cases = [
        ("", UriError::NotAUri),
        ("sip:", UriError::NotAUri),
        ("<sip:a@b>", UriError::NotAUri),
        ("sip:a@b; lr", UriError::NotAUri),
        ("1sip:a@b", UriError::NotAUri),
        ("alice@atlanta.com", UriError::NotAUri),
        ("sip:@b", UriError::User),
        ("sip::pw@b", UriError::User),
        ("tel:;x", UriError::User),
        ("sip:a@", UriError::Host),
        ("sip:a@b@c", UriError::Host),
        ("sip:a@[::1", UriError::Host),
        ("sip:a@[1.2.3.4]", UriError::Host),
        ("sip:a@b/c", UriError::Host),
        ("sip:2001:db8::10", UriError::Port),
        ("sip:a@b:", UriError::Port),
        ("sip:a@b:65536", UriError::Port),
        ("sip:a@b:-1", UriError::Port),
        ("sip:a@[::1]5060", UriError::Port),
        ("sip:a@b;;lr", UriError::Params),
        ("sip:a@b;=x", UriError::Params),
    ];
    for (text, error) in cases {
        assert_eq!(Uri::parse(text), Err(error), "{text}");
    }
}

#[test]
fn escapes_in_the_user_are_resolved_once() {
    let decoded = |text| uri(text).user_decoded().map(Cow::into_owned);
    assert_eq!(decoded("sip:%61lice%2541@b").as_deref(), Some("alice%41"));
    assert_eq!(decoded("sip:%zz%4@b").as_deref(), Some("%zz%4"));
    assert_eq!(
        decoded("sip:%ff%61@b").as_deref(),
        Some("%ff%61"),
        "not UTF-8, so it stays"
    );
    assert_eq!(decoded("sip:b"), None);
}

#[test]
fn equivalent_uris_are_those_of_the_standard() {
    let pairs = [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtlanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;newparam=5",
        ),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:[2001:db8::1]", "sip:[2001:DB8:0::1]"),
        ("ISBN:123", "isbn:123"),
    ];
    for (one, two) in pairs {
        assert!(
            uri(one).is_equivalent(&uri(two)) && uri(two).is_equivalent(&uri(one)),
            "{one} = {two}"
        );
    }
}

#[test]
fn different_uris_are_those_of_the_standard() {
    let pairs = [
        (
            "SIP:ALICE@AtlanTa.CoM;Transport=udp",
            "sip:alice@AtlanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com:6000;transport=tcp",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:biloxi.com"),
        ("sip:bob:a@biloxi.com", "sip:bob:b@biloxi.com"),
        ("sip:bob@biloxi.com;maddr=192.0.2.1", "sip:bob@biloxi.com"),
        ("isbn:123", "isbn:124"),
    ];
    for (one, two) in pairs {
        assert!(
            !uri(one).is_equivalent(&uri(two)) && !uri(two).is_equivalent(&uri(one)),
            "{one} ≠ {two}"
        );
    }
}

#[test]
fn uris_with_too_many_parameters_are_never_equivalent() {
    let many = format!("sip:a@b{}", ";x=1".repeat(20_000));
    let reordered = format!("{many};y");
    assert!(!uri(&many).is_equivalent(&uri(&reordered)));
    let headers = format!("sip:a@b?{}", "x=1&".repeat(20_000));
    assert!(!uri(&headers).is_equivalent(&uri(&format!("{headers}y"))));
}

#[test]
fn a_password_does_not_show_in_debug_output() {
    assert!(!format!("{:?}", uri("sip:alice:secretword@atlanta.com")).contains("secretword"));
}
