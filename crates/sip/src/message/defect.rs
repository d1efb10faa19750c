//! The first thing wrong with a message that could still be split into header fields.

use crate::message::{HeaderError, HeaderName, Message, Method, NameAddr, Scheme, Uri, scan};

/// Why a request is refused before anybody looks at what it wants, or why a response is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// 400 or 505.
    pub status: u16,
    /// The reason phrase; names the header field where one is at fault.
    pub reason: &'static str,
}

impl Defect {
    pub(crate) const fn bad_request(reason: &'static str) -> Self {
        Self {
            status: 400,
            reason,
        }
    }
}

impl From<HeaderError> for Defect {
    fn from(error: HeaderError) -> Self {
        Self::bad_request(error.reason_phrase())
    }
}

/// Two of these contradict each other. Content-Length is counted by the parser, which needs its value.
const SINGLE: u128 = HeaderName::From.bit()
    | HeaderName::To.bit()
    | HeaderName::CallId.bit()
    | HeaderName::CSeq.bit()
    | HeaderName::MaxForwards.bit()
    | HeaderName::ContentType.bit()
    | HeaderName::Expires.bit()
    | HeaderName::SessionExpires.bit()
    | HeaderName::MinSe.bit()
    | HeaderName::RSeq.bit()
    | HeaderName::RAck.bit()
    | HeaderName::Event.bit()
    | HeaderName::ReferTo.bit()
    | HeaderName::ReferredBy.bit()
    | HeaderName::Replaces.bit();

pub(crate) fn find(message: &Message<'_>) -> Option<Defect> {
    message.defect.or_else(|| check(message).err())
}

fn check(message: &Message<'_>) -> Result<(), Defect> {
    if scan::has_bare_line_end(message.head.as_bytes()) {
        return Err(Defect::bad_request("Bare CR or LF"));
    }
    let mut seen = 0;
    for header in message.headers() {
        let bit = header.name.bit() & SINGLE;
        if seen & bit != 0 {
            return Err(Defect::bad_request(header.name.doubled()));
        }
        seen |= bit;
    }
    message.via()?;
    message.from()?;
    message.to()?;
    message.call_id()?;
    let cseq = message.cseq()?;
    if let Some(method) = message.method() {
        check_request_uri(message.request_uri().unwrap_or(""))?;
        if cseq.method != method {
            return Err(Defect::bad_request("Method Mismatch"));
        }
        message.max_forwards().transpose()?;
        check_contact(message, method)?;
    }
    Ok(())
}

fn check_request_uri(uri: &str) -> Result<(), Defect> {
    const BAD: Defect = Defect::bad_request("Bad Request-URI");
    let uri = Uri::parse(uri).map_err(|_| BAD)?;
    // Header fields have no place here (RFC 3261 §19.1.1, RFC 4475 §3.1.2.11).
    match uri.is_sip() && uri.headers.is_some() {
        true => Err(BAD),
        false => Ok(()),
    }
}

/// Contact where a dialog or a binding is made of it.
fn check_contact(message: &Message<'_>, method: Method<'_>) -> Result<(), Defect> {
    match method {
        Method::Register if message.all(HeaderName::Contact).any(|value| value == "*") => {
            return Ok(());
        }
        Method::Invite
        | Method::Update
        | Method::Subscribe
        | Method::Refer
        | Method::Notify
        | Method::Register => {}
        _ => return Ok(()),
    }
    let bad = Defect::bad_request(HeaderName::Contact.bad());
    for address in message.addresses(HeaderName::Contact) {
        let address: NameAddr<'_> = address?;
        let uri = Uri::parse(address.uri);
        let is_foreign = uri.is_ok_and(|uri| matches!(uri.scheme, Scheme::Other(_)));
        if uri.is_err() && !is_foreign {
            return Err(bad);
        }
    }
    Ok(())
}
