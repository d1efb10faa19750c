//! The signing test suite that AWS publishes (`aws-signing-test-suite/v4`, which the SDKs share), in both directions.

use http::Request;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z.
const THEN: u64 = 1_440_938_160;
const SUITE: Target<'_> = Target {
    region: "us-east-1",
    service: "service",
};
const SUITE_KEY: Credentials<'_> = Credentials {
    access_key_id: "AKIDEXAMPLE",
    secret: SECRET,
    session_token: None,
};

/// A case of the suite: its name, the request, and the signature.
struct Vector {
    name: &'static str,
    method: &'static str,
    uri: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signature: &'static str,
}

impl Vector {
    const fn get(name: &'static str, uri: &'static str, signature: &'static str) -> Self {
        Self {
            name,
            method: "GET",
            uri,
            headers: &[],
            body: "",
            signature,
        }
    }

    const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }

    const fn posting(self, body: &'static str) -> Self {
        Self {
            method: "POST",
            body,
            ..self
        }
    }

    fn request(&self) -> Parts {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.uri)
            .header("host", "example.amazonaws.com");
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }
}

const VECTORS: [Vector; 14] = [
    Vector::get(
        "get-vanilla",
        "/",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    Vector::get(
        "get-vanilla-query-order-key-case",
        "/?Param2=value2&Param1=value1",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    Vector::get(
        "get-vanilla-query-order-encoded",
        "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    ),
    Vector::get(
        "get-vanilla-utf8-query",
        "/?ሴ=bar",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    Vector::get(
        "get-vanilla-empty-query-key",
        "/?Param1=value1",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    Vector::get(
        "get-vanilla-query-unreserved",
        "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    Vector::get(
        "get-unreserved",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    Vector::get(
        "get-utf8",
        "/ሴ",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    Vector::get(
        "get-header-key-duplicate",
        "/",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    )
    .with(&[
        ("my-header1", "value2"),
        ("my-header1", "value2"),
        ("my-header1", "value1"),
    ]),
    Vector::get(
        "get-header-value-trim",
        "/",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    )
    .with(&[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")]),
    Vector::get(
        "get-header-value-order",
        "/",
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    )
    .with(&[
        ("my-header1", "value4"),
        ("my-header1", "value1"),
        ("my-header1", "value3"),
        ("my-header1", "value2"),
    ]),
    Vector::get(
        "get-vanilla-with-session-token",
        "/",
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
    )
    .with(&[(
        "x-amz-security-token",
        "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
    )]),
    Vector::get(
        "post-header-key-sort",
        "/",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    )
    .with(&[("my-header1", "value1")])
    .posting(""),
    Vector::get(
        "post-x-www-form-urlencoded",
        "/",
        "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
    )
    .with(&[
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", "13"),
        (
            "x-amz-content-sha256",
            "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
        ),
    ])
    .posting("Param1=value1"),
];

fn signed(request: &mut Parts, payload: &str) -> String {
    sign(request, payload.as_bytes(), SUITE_KEY, SUITE, THEN).unwrap();
    request.headers[AUTHORIZATION].to_str().unwrap().to_owned()
}

#[test]
fn what_we_sign_has_the_signatures_of_the_published_suite() {
    for vector in VECTORS {
        let mut request = vector.request();
        let authorization = signed(&mut request, vector.body);
        let (_, signature) = authorization.split_once("Signature=").unwrap();
        assert_eq!(signature, vector.signature, "{}", vector.name);
    }
}

#[test]
fn the_whole_header_is_written_as_the_suite_has_it() {
    let mut request = VECTORS[0].request();
    assert_eq!(
        signed(&mut request, ""),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
    assert_eq!(request.headers["x-amz-date"], "20150830T123600Z");
    assert!(request.headers[AUTHORIZATION].is_sensitive());
}

#[test]
fn a_session_token_is_sent_and_signed() {
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    let temporary = Credentials {
        session_token: Some(token),
        ..SUITE_KEY
    };
    let mut request = VECTORS[0].request();
    sign(&mut request, b"", temporary, SUITE, THEN).unwrap();
    assert_eq!(request.headers["x-amz-security-token"], token);
    let authorization = request.headers[AUTHORIZATION].to_str().unwrap();
    assert!(
        authorization.ends_with("07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8")
    );
}

#[test]
fn what_the_suite_signed_is_recognised_and_nothing_else_is() {
    for vector in VECTORS {
        let mut request = vector.request();
        signed(&mut request, vector.body);
        let authorization = Authorization::of(&request).unwrap();
        assert_eq!(authorization.access_key_id, "AKIDEXAMPLE");
        assert_eq!(authorization.target, SUITE);
        assert_eq!(authorization.signed_at, THEN);
        let payload = hash(vector.body.as_bytes());
        assert!(
            authorization.is_made_with(SECRET, &request, &payload),
            "{}",
            vector.name
        );
        assert!(!authorization.is_made_with("another", &request, &payload));
        assert!(!authorization.is_made_with(SECRET, &request, &hash(b"another")));
        let mut other = request.clone();
        other.method = http::Method::DELETE;
        assert!(!authorization.is_made_with(SECRET, &other, &payload));
        let mut other = request.clone();
        other.uri = "/elsewhere".parse().unwrap();
        assert!(!authorization.is_made_with(SECRET, &other, &payload));
        let mut other = request.clone();
        other
            .headers
            .insert(HOST, "elsewhere.example".parse().unwrap());
        assert!(!authorization.is_made_with(SECRET, &other, &payload));
        let mut other = request.clone();
        other.headers.remove(HOST);
        assert!(!authorization.is_made_with(SECRET, &other, &payload));
    }
}

#[test]
fn the_host_of_the_uri_stands_in_for_the_header() {
    let mut request = Request::post("https://sns.eu-north-1.amazonaws.com/")
        .body(())
        .unwrap()
        .into_parts()
        .0;
    let target = Target {
        region: "eu-north-1",
        service: "sns",
    };
    sign(&mut request, b"Action=Publish", SUITE_KEY, target, THEN).unwrap();
    let mut received = request.clone();
    received.uri = "/".parse().unwrap();
    received
        .headers
        .insert(HOST, "sns.eu-north-1.amazonaws.com".parse().unwrap());
    let authorization = Authorization::of(&received).unwrap();
    assert!(authorization.is_made_with(SECRET, &received, &hash(b"Action=Publish")));
    let mut nowhere = Request::get("/").body(()).unwrap().into_parts().0;
    assert_eq!(
        sign(&mut nowhere, b"", SUITE_KEY, target, THEN),
        Err(SignError::NoHost)
    );
}

#[test]
fn a_path_is_encoded_once_more_than_on_the_wire() {
    let mut text = Vec::new();
    let request = Request::get("/a%20b/c?x=%7e&y=a+b")
        .body(())
        .unwrap()
        .into_parts()
        .0;
    text.extend(canonical_request(&request, &[], "").unwrap());
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "GET\n/a%2520b/c\nx=~&y=a%2Bb\n\n\n"
    );
}

#[test]
fn a_header_that_is_no_signature_says_what_it_lacks() {
    const SIGNATURE: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let good = format!(
        "AWS4-HMAC-SHA256 Credential=K/20150830/r/s/aws4_request,SignedHeaders=host;x-amz-date,Signature={SIGNATURE}"
    );
    let why = |authorization: &str, date: &str| {
        let request = Request::get("/")
            .header("authorization", authorization)
            .header("x-amz-date", date)
            .body(())
            .unwrap()
            .into_parts()
            .0;
        Authorization::of(&request).map(|_| ()).map_err(|why| why.0)
    };
    let now = "20150830T123600Z";
    assert_eq!(why(&good, now), Ok(()));
    for (from, to, expected) in [
        ("HMAC-SHA256", "ECDSA-P256-SHA256", "AWS4-HMAC-SHA256"),
        ("Credential=", "Cred=", "needs Credential"),
        (SIGNATURE, "5fa0", "needs Credential"),
        (SIGNATURE, &"g".repeat(64), "needs Credential"),
        ("/r/s/", "/s/", "KEYID/DATE"),
        ("K/", "/", "KEYID/DATE"),
        ("aws4_request", "request", "KEYID/DATE"),
        ("host;", "", "must be signed"),
        (";x-amz-date", "", "must be signed"),
        ("20150830", "20150831", "of the day"),
        ("host;", &"host;".repeat(64), "64 headers"),
    ] {
        let refused = why(&good.replacen(from, to, 1), now).unwrap_err();
        assert!(refused.contains(expected), "{from} → {to}: {refused}");
    }
    for date in [
        "",
        "20150830T123600",
        "20151330T123600Z",
        "20150832T123600Z",
        "20150830T126000Z",
        "00000000T000000Z",
        "2015-08-30T12:36",
    ] {
        assert!(why(&good, date).unwrap_err().contains("UTC"), "{date}");
    }
}
