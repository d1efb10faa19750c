//! The id under which one request is found in the log, after W3C Trace Context.

use std::fmt;

use axum::extract::Request;
use axum::response::Response;

/// A trace id: 16 bytes, not all zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct TraceId(pub(super) u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl TraceId {
    /// A new one.
    fn random() -> Self {
        let mut bytes = [0; 16];
        crate::random::fill(&mut bytes);
        Self(u128::from_be_bytes(bytes) | 1)
    }

    /// The trace id of a `traceparent` header.
    fn from_traceparent(value: &str) -> Option<Self> {
        let mut parts = value.split('-');
        let version = parts.next()?;
        let trace = parts.next()?;
        let well_formed = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        if version.len() != 2 || version == "ff" || trace.len() != 32 || !well_formed(trace) {
            return None;
        }
        u128::from_str_radix(trace, 16)
            .ok()
            .filter(|id| *id != 0)
            .map(Self)
    }
}

/// Middleware: every request has a trace id, the caller's own where it brings one.
pub(super) async fn assign(
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let given = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    let id = given
        .and_then(TraceId::from_traceparent)
        .unwrap_or_else(TraceId::random);
    request.extensions_mut().insert(id);
    next(request).await
}

#[cfg(test)]
mod tests {
    use super::TraceId;

    #[test]
    fn the_callers_trace_is_taken_up_when_it_is_one() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let header = format!("00-{id}-b7ad6b7169203331-01");
        assert_eq!(TraceId::from_traceparent(&header).unwrap().to_string(), id);
        for wrong in [
            "",
            "00",
            "00-xyz-1-1",
            &format!("ff-{id}-b7ad6b7169203331-01"),
            &format!("00-{}-1-01", "0".repeat(32)),
        ] {
            assert_eq!(TraceId::from_traceparent(wrong), None, "{wrong}");
        }
    }
}
