//! Where callbacks go: the base URL, its origin, and the request URL made from both.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

/// A checked callback base URL: absolute, http or https, without user part and fragment.
#[derive(Clone, Debug)]
pub struct BaseUrl {
    origin: Arc<Origin>,
    /// Path without its trailing slash.
    path: Box<str>,
    /// Query with its question mark, or empty.
    query: Box<str>,
    /// No callback's name is added to it.
    is_whole: bool,
}

/// Scheme, host and port: what connections are pooled by and what a token's audience is.
#[derive(Debug)]
pub struct Origin {
    text: Arc<str>,
    secure: bool,
    host: Box<str>,
    port: u16,
    authority: Authority,
    host_header: HeaderValue,
}

/// Why a text is no callback base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not an absolute URI in RFC 3986 syntax.
    #[error("it is not an absolute URL")]
    Syntax,
    /// Another scheme than http or https.
    #[error("its scheme is neither https nor http")]
    Scheme,
    /// It carries credentials, which would end up in logs.
    #[error("it has a user part")]
    UserPart,
    /// It has a fragment, which no request can carry.
    #[error("it has a fragment")]
    Fragment,
}

impl BaseUrl {
    /// Parses an absolute http(s) URL; a query is kept behind the callback's name.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.contains('#') {
            return Err(UrlError::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Syntax)?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(_) => return Err(UrlError::Scheme),
            None => return Err(UrlError::Syntax),
        };
        let given = uri.authority().ok_or(UrlError::Syntax)?;
        if given.as_str().contains('@') {
            return Err(UrlError::UserPart);
        }
        let default_port = if secure { 443 } else { 80 };
        // `Authority::port` is silent about a port that is no number of 16 bits.
        let port = match &given.as_str()[given.host().len()..] {
            "" | ":" => default_port,
            text => text[1..].parse().map_err(|_| UrlError::Syntax)?,
        };
        let host = given.host().to_ascii_lowercase();
        if host.is_empty() || port == 0 {
            return Err(UrlError::Syntax);
        }
        let named = if port == default_port {
            host.clone()
        } else {
            format!("{host}:{port}")
        };
        let authority: Authority = named.parse().map_err(|_| UrlError::Syntax)?;
        let origin = Origin {
            text: format!("{}://{named}", if secure { "https" } else { "http" }).into(),
            secure,
            host: host.trim_start_matches('[').trim_end_matches(']').into(),
            port,
            host_header: HeaderValue::from_str(&named).map_err(|_| UrlError::Syntax)?,
            authority,
        };
        Ok(Self {
            origin: Arc::new(origin),
            path: uri.path().trim_end_matches('/').into(),
            query: uri
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default()
                .into(),
            is_whole: false,
        })
    }

    /// Parses an absolute http(s) URL to which everything is sent as it stands.
    pub fn parse_whole(text: &str) -> Result<Self, UrlError> {
        let mut base = Self::parse(text)?;
        let uri: Uri = text.parse().map_err(|_| UrlError::Syntax)?;
        base.path = uri.path().into();
        base.is_whole = true;
        Ok(base)
    }

    /// Scheme, host and port of the URL.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// The origin's text, shared.
    pub(super) fn origin_text(&self) -> &Arc<str> {
        &self.origin.text
    }

    /// The URL a callback of this name is sent to.
    pub fn at(&self, name: &str) -> String {
        format!("{}{}", self.origin.text, self.path_of(name))
    }

    /// The request target: origin-form for HTTP/1.1, absolute for HTTP/2 (RFC 9113 §8.3.1).
    pub(super) fn request_target(&self, name: &str, absolute: bool) -> Result<Uri, http::Error> {
        let path = PathAndQuery::from_maybe_shared(Bytes::from(self.path_of(name)))?;
        if absolute {
            let scheme = if self.origin.secure {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            };
            Uri::builder()
                .scheme(scheme)
                .authority(self.origin.authority.clone())
                .path_and_query(path)
                .build()
        } else {
            Ok(Uri::from(path))
        }
    }

    fn path_of(&self, name: &str) -> String {
        let mut path = String::with_capacity(self.path.len() + 1 + name.len() + self.query.len());
        path.push_str(&self.path);
        if !self.is_whole {
            path.push('/');
            path.push_str(name);
        }
        path.push_str(&self.query);
        path
    }
}

impl Origin {
    /// The origin as RFC 6454 writes it: lower case, no default port, no path.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is https.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host without brackets: a name or an address literal.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn host_header(&self) -> &HeaderValue {
        &self.host_header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_put_behind_the_path_and_before_the_query() {
        for (base, url) in [
            (
                "https://App.Example.com",
                "https://app.example.com/callAnswered",
            ),
            (
                "https://app.example.com:443/",
                "https://app.example.com/callAnswered",
            ),
            (
                "https://app.example.com:8443/hooks/",
                "https://app.example.com:8443/hooks/callAnswered",
            ),
            (
                "http://[::1]:81/a?code=x",
                "http://[::1]:81/a/callAnswered?code=x",
            ),
        ] {
            assert_eq!(BaseUrl::parse(base).unwrap().at("callAnswered"), url);
        }
    }

    #[test]
    fn nothing_is_added_to_a_whole_url() {
        for (text, url) in [
            ("https://app.example.com", "https://app.example.com/"),
            ("https://app.example.com/a/", "https://app.example.com/a/"),
            (
                "https://app.example.com/a?b=c",
                "https://app.example.com/a?b=c",
            ),
        ] {
            assert_eq!(BaseUrl::parse_whole(text).unwrap().at("serviceAlarm"), url);
        }
    }

    #[test]
    fn the_origin_is_lower_case_and_drops_the_default_port() {
        let base = BaseUrl::parse("HTTPS://App.Example.com:443/Path").unwrap();
        assert_eq!(base.origin().as_str(), "https://app.example.com");
        assert_eq!(
            (base.origin().host(), base.origin().port()),
            ("app.example.com", 443)
        );
        let literal = BaseUrl::parse("http://[::1]:8080").unwrap();
        assert_eq!(literal.origin().host(), "::1");
    }

    #[test]
    fn what_is_no_callback_url_is_refused() {
        for (text, error) in [
            ("app.example.com/x", UrlError::Syntax),
            ("/hooks", UrlError::Syntax),
            ("ftp://app.example.com", UrlError::Scheme),
            ("https://user:pw@app.example.com", UrlError::UserPart),
            ("https://app.example.com/#top", UrlError::Fragment),
            ("https://app.example.com:99999/", UrlError::Syntax),
            ("https://app.example.com:0/", UrlError::Syntax),
            ("https://:80/", UrlError::Syntax),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn the_request_target_is_a_path_or_the_whole_url() {
        let base = BaseUrl::parse("https://app.example.com/hooks").unwrap();
        assert_eq!(
            base.request_target("callHungup", false).unwrap(),
            "/hooks/callHungup"
        );
        assert_eq!(
            base.request_target("callHungup", true).unwrap(),
            "https://app.example.com/hooks/callHungup"
        );
    }
}
