//! Messages as text, written by hand.

use hookswitch_sip::message::{HeaderName, Message};

use super::SDP;

/// Text with plain line ends becomes a message; the blank line is added where it is missing.
pub(crate) fn sip(text: &str) -> Vec<u8> {
    let mut out = text
        .trim_start()
        .replace("\r\n", "\n")
        .replace('\n', "\r\n");
    if !out.contains("\r\n\r\n") {
        while out.ends_with("\r\n") {
            out.truncate(out.len() - 2);
        }
        out.push_str("\r\n\r\n");
    }
    out.into_bytes()
}

/// The value of a header field.
pub(crate) fn header(text: &str, name: HeaderName) -> Option<String> {
    let message = Message::parse(text.as_bytes()).unwrap();
    message.header(name).map(str::to_owned)
}

/// A request of a stranger, changed piece by piece.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) via: String,
    pub(crate) branch: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) contact: Option<String>,
    pub(crate) max_forwards: u32,
    pub(crate) more: Vec<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) body_type: &'static str,
}

impl Draft {
    /// A request to `phone` from the stranger at `via`.
    pub(crate) fn new(method: &str, stranger: &super::Stranger, phone: &super::Phone) -> Self {
        let makes_dialog = matches!(method, "INVITE" | "UPDATE");
        Self {
            method: method.to_owned(),
            uri: phone.uri(),
            via: stranger.address().to_string(),
            branch: "z9hG4bKstranger1".to_owned(),
            from: "<sip:stranger@example.org>;tag=strange".to_owned(),
            to: format!("<{}>", phone.uri()),
            call_id: "call@stranger".to_owned(),
            cseq: 1,
            contact: makes_dialog.then(|| format!("<{}>", stranger.uri())),
            max_forwards: 70,
            more: Vec::new(),
            body: if method == "INVITE" {
                SDP.to_vec()
            } else {
                Vec::new()
            },
            body_type: "application/sdp",
        }
    }

    /// The same with one more header line.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.more.push(line.to_owned());
        self
    }

    pub(crate) fn without_body(mut self) -> Self {
        self.body.clear();
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub(crate) fn branch(mut self, branch: &str) -> Self {
        self.branch = format!("z9hG4bK{branch}");
        self
    }

    pub(crate) fn cseq(mut self, cseq: u32) -> Self {
        self.cseq = cseq;
        self
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    /// Inside the dialog that `response` made.
    pub(crate) fn within(mut self, response: &str) -> Self {
        self.to = header(response, HeaderName::To).unwrap();
        self.from = header(response, HeaderName::From).unwrap();
        self.call_id = header(response, HeaderName::CallId).unwrap();
        self
    }

    /// Inside the dialog that `request` of the phone makes, with our tag.
    pub(crate) fn reversed(mut self, request: &str, tag: &str) -> Self {
        self.to = header(request, HeaderName::From).unwrap();
        self.from = tagged(&header(request, HeaderName::To).unwrap(), tag);
        self.call_id = header(request, HeaderName::CallId).unwrap();
        self
    }
}

fn tagged(value: &str, tag: &str) -> String {
    match value.contains(";tag=") {
        true => value.to_owned(),
        false => format!("{value};tag={tag}"),
    }
}

impl Draft {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = format!(
            "{} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={};rport\r\nMax-Forwards: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {}\r\n",
            self.method,
            self.uri,
            self.via,
            self.branch,
            self.max_forwards,
            self.from,
            self.to,
            self.call_id,
            self.cseq,
            self.method
        );
        if let Some(contact) = &self.contact {
            out.push_str(&format!("Contact: {contact}\r\n"));
        }
        for line in &self.more {
            out.push_str(&format!("{line}\r\n"));
        }
        if !self.body.is_empty() {
            out.push_str(&format!("Content-Type: {}\r\n", self.body_type));
        }
        out.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = out.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// A response to a request as it was received; `more` are further header lines, To gets the tag `tag` of the first
/// of them if it reads `tag: …`.
pub(crate) fn response(request: &str, status: u16, more: &str, body: &[u8]) -> Vec<u8> {
    let message = Message::parse(request.as_bytes()).unwrap();
    let (tag, more) = match more.trim_start().strip_prefix("tag: ") {
        Some(rest) => rest.split_once('\n').unwrap_or((rest, "")),
        None => ("far", more),
    };
    let mut out = format!("SIP/2.0 {status} Said\r\n");
    for via in message.all(HeaderName::Via) {
        out.push_str(&format!("Via: {via}\r\n"));
    }
    let value = |name| message.header(name).unwrap();
    let to = match status {
        100 => value(HeaderName::To).to_owned(),
        _ => tagged(value(HeaderName::To), tag.trim()),
    };
    out.push_str(&format!(
        "From: {}\r\nTo: {to}\r\n",
        value(HeaderName::From)
    ));
    out.push_str(&format!("Call-ID: {}\r\n", value(HeaderName::CallId)));
    out.push_str(&format!("CSeq: {}\r\n", value(HeaderName::CSeq)));
    for line in more.lines().map(str::trim).filter(|line| !line.is_empty()) {
        out.push_str(&format!("{line}\r\n"));
    }
    if !body.is_empty() {
        out.push_str("Content-Type: application/sdp\r\n");
    }
    out.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut bytes = out.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
