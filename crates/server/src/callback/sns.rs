//! Amazon SNS: a callback's body published to a topic over the HTTP API (action `Publish`), signed with Signature V4.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{Method, Request};
use http_body_util::Full;

use super::attempt::TryError;
use super::{BaseUrl, Delivery};
use crate::sigv4::{self, Credentials};

/// How this node speaks to Amazon SNS.
#[derive(Clone, PartialEq, Eq)]
pub struct Sns {
    /// Where the API is.
    pub endpoint: Box<str>,
    /// The region it is in, and all topics are.
    pub region: Box<str>,
    /// Names the secret.
    pub access_key_id: Box<str>,
    /// What requests are signed with.
    pub secret_access_key: Box<str>,
    /// Sent with temporary credentials.
    pub session_token: Option<Box<str>>,
}

impl fmt::Debug for Sns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sns")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// A topic, with what its messages are published by.
#[derive(Clone, Debug)]
pub struct Topic {
    /// `arn:aws:sns:REGION:ACCOUNT:NAME`.
    pub arn: Arc<str>,
    /// How to speak to Amazon SNS.
    pub sns: Arc<Sns>,
}

impl Topic {
    /// The request that publishes a delivery at a Unix time in seconds.
    pub(super) fn request(
        &self,
        endpoint: &BaseUrl,
        domain: &str,
        delivery: &Delivery,
        unix: u64,
        http2: bool,
    ) -> Result<Request<Full<Bytes>>, TryError> {
        const FORM: HeaderValue =
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        const AGENT: HeaderValue =
            HeaderValue::from_static(concat!("hookswitch/", env!("CARGO_PKG_VERSION")));
        let body = self.form(domain, delivery);
        let uri = endpoint.request_target("", http2);
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.map_err(|error| TryError::Request(error.to_string()))?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, FORM);
        headers.insert(USER_AGENT, AGENT);
        if !http2 {
            headers.insert(HOST, endpoint.origin().host_header().clone());
        }
        let (mut parts, ()) = request.into_parts();
        let credentials = Credentials {
            access_key_id: &self.sns.access_key_id,
            secret: &self.sns.secret_access_key,
            session_token: self.sns.session_token.as_deref(),
        };
        let target = sigv4::Target {
            region: &self.sns.region,
            service: "sns",
        };
        sigv4::sign(&mut parts, &body, credentials, target, unix)
            .map_err(|error| TryError::Request(error.to_string()))?;
        Ok(Request::from_parts(parts, Full::new(body)))
    }

    fn form(&self, domain: &str, delivery: &Delivery) -> Bytes {
        let message = String::from_utf8_lossy(&delivery.body);
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(1_024));
        form.append_pair("Action", "Publish")
            .append_pair("Version", "2010-03-31")
            .append_pair("TopicArn", &self.arn)
            .append_pair("Message", &message);
        if self.arn.ends_with(".fifo") {
            form.append_pair("MessageGroupId", domain)
                .append_pair("MessageDeduplicationId", &delivery.webhook_id);
        }
        form.finish().into()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::callback::{CallKey, TraceId};
    use crate::sigv4::Authorization;

    fn topic(arn: &str) -> Topic {
        let sns = Sns {
            endpoint: "https://sns.eu-north-1.amazonaws.com".into(),
            region: "eu-north-1".into(),
            access_key_id: "AKID".into(),
            secret_access_key: "TOPSECRET".into(),
            session_token: None,
        };
        Topic {
            arn: arn.into(),
            sns: Arc::new(sns),
        }
    }

    fn delivery() -> Delivery {
        Delivery {
            webhook_id: "note-1".into(),
            name: "serviceAlarm",
            body: Bytes::from_static(br#"{"event":"SERVICEALARM","body":["&="]}"#),
            call: CallKey(1),
            sequence: 1,
            trace: TraceId(1),
        }
    }

    /// The request as its receiver sees it, and the members of its form.
    async fn published(topic: &Topic) -> (http::request::Parts, Vec<(String, String)>, bool) {
        let endpoint = BaseUrl::parse_whole(&topic.sns.endpoint).unwrap();
        let request = topic
            .request(&endpoint, "acme.test", &delivery(), 1_763_731_200, false)
            .unwrap();
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let form = form_urlencoded::parse(&body).into_owned().collect();
        let is_signed = Authorization::of(&parts).unwrap().is_made_with(
            "TOPSECRET",
            &parts,
            &sigv4::hash(&body),
        );
        (parts, form, is_signed)
    }

    #[tokio::test]
    async fn a_notification_is_published_as_the_text_of_a_signed_message() {
        let arn = "arn:aws:sns:eu-north-1:123456789012:alarms";
        let (parts, form, is_signed) = published(&topic(arn)).await;
        assert!(is_signed);
        assert_eq!(parts.uri, "/");
        assert_eq!(parts.headers["host"], "sns.eu-north-1.amazonaws.com");
        let expected = [
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            ("TopicArn", arn),
            ("Message", r#"{"event":"SERVICEALARM","body":["&="]}"#),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(form, expected);
    }

    #[tokio::test]
    async fn a_topic_that_keeps_order_is_told_the_group_and_the_id() {
        let (_, form, _) = published(&topic("arn:aws:sns:eu-north-1:123456789012:a.fifo")).await;
        let more = [
            ("MessageGroupId", "acme.test"),
            ("MessageDeduplicationId", "note-1"),
        ];
        let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(form[4..], more);
    }

    #[test]
    fn what_is_debugged_shows_no_secret() {
        let shown = format!("{:?}", topic("arn"));
        assert!(!shown.contains("TOPSECRET"), "{shown}");
    }
}
