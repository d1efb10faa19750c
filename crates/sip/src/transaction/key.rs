//! Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3).

use crate::hash::{Hex, KeyedHash};
use crate::message::{Message, Method, Via};

/// A transaction's key: a keyed hash (server) or the token inside our own branch (client).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TransactionKey(pub u128);

const COOKIE: &str = "z9hG4bK";

/// The key of a request's server transaction; ACK gets the key of its INVITE, CANCEL its own.
pub(crate) fn server_key(hash: &KeyedHash, message: &Message<'_>, via: &Via<'_>) -> TransactionKey {
    let method = message.method().map_or("", |m| m.as_str());
    keyed(
        hash,
        message,
        via,
        if method == "ACK" { "INVITE" } else { method },
    )
}

/// The key of the INVITE transaction a CANCEL aims at (RFC 3261 §9.2).
pub(crate) fn cancelled_key(
    hash: &KeyedHash,
    message: &Message<'_>,
    via: &Via<'_>,
) -> TransactionKey {
    keyed(hash, message, via, "INVITE")
}

fn keyed(hash: &KeyedHash, message: &Message<'_>, via: &Via<'_>, method: &str) -> TransactionKey {
    let port = via.port.unwrap_or(0).to_le_bytes();
    if let Some(branch) = via.branch()
        && branch.len() > COOKIE.len()
        && branch
            .get(..COOKIE.len())
            .is_some_and(|cookie| cookie.eq_ignore_ascii_case(COOKIE))
    {
        let host = via.host.to_ascii_lowercase();
        let branch = branch.to_ascii_lowercase();
        return TransactionKey(hash.of(&[
            branch.as_bytes(),
            host.as_bytes(),
            &port,
            method.as_bytes(),
        ]));
    }
    // RFC 2543 peers: what makes the request what it is, and stands in its responses too.
    let from_tag = message
        .from()
        .ok()
        .and_then(|from| from.tag())
        .unwrap_or("");
    let sequence = message.cseq().map_or(0, |cseq| cseq.number).to_le_bytes();
    TransactionKey(hash.of(&[
        b"2543",
        from_tag.as_bytes(),
        message.call_id().unwrap_or("").as_bytes(),
        &sequence,
        via.host.to_ascii_lowercase().as_bytes(),
        &port,
        via.branch().unwrap_or("").as_bytes(),
        method.as_bytes(),
    ]))
}

/// The key behind a branch of our own making; `None` for every other branch.
pub(crate) fn client_key(branch: &str, method: Method<'_>) -> Option<TransactionKey> {
    let token = branch.strip_prefix(COOKIE)?;
    let high = Hex::value(token.get(..16)?)?;
    let low = Hex::value(token.get(16..)?)?;
    let key = TransactionKey((u128::from(high) << 64) | u128::from(low));
    Some(if method == Method::Cancel {
        key.of_cancel()
    } else {
        key
    })
}

impl TransactionKey {
    /// The branch that carries this key.
    pub(crate) fn branch(self) -> String {
        format!("{COOKIE}{:032x}", self.0)
    }

    /// The key of the CANCEL that shares this INVITE's branch.
    pub(crate) const fn of_cancel(self) -> Self {
        Self(self.0 ^ (1 << 127))
    }
}
