//! What a key must be allowed, by operation: one table, which callers are held against and `openapi.json` shows.

use axum::http::Method;

use super::allowed::{Change, Look, Need as _, Steer};
use crate::auth::Scope;

/// Who may use an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody, or whoever has what the operation itself asks for.
    Open,
    /// Keys with any of these scopes.
    AnyOf(&'static [Scope]),
}

const STEER: Access = Access::AnyOf(Steer::ANY_OF);
const CHANGE: Access = Access::AnyOf(Change::ANY_OF);
const LOOK: Access = Access::AnyOf(Look::ANY_OF);
const BE_KNOWN: Access = Access::AnyOf(&[Scope::Calls, Scope::Read, Scope::Provisioning]);

/// The method, or any; how the path begins, as routes write it; who may. The first row that fits holds.
const TABLE: &[(Option<Method>, &str, Access)] = &[
    (None, "/healthz", Access::Open),
    (None, "/readyz", Access::Open),
    (None, "/metrics", Access::Open),
    (None, "/openapi.json", Access::Open),
    (None, "/docs", Access::Open),
    // They ask for a password or a key of their own.
    (None, "/provisioning/authorize", Access::Open),
    (None, "/provisioning/grandstream/", Access::Open),
    (None, "/provisioning/currentuser/", BE_KNOWN),
    // Questions that need a body.
    (Some(Method::POST), "/provisioning/logs/", LOOK),
    (Some(Method::POST), "/v1/{domain}/explain", LOOK),
    (Some(Method::POST), "/v1/{domain}/provisory/diff", LOOK),
    (Some(Method::GET), "/provisioning/", LOOK),
    (Some(Method::GET), "/v1/", LOOK),
    (None, "/provisioning/", CHANGE),
    (None, "/v1/", CHANGE),
    (None, "/mediaservice/", STEER),
];

/// Who may use the operation at a route; nothing when the table does not know it, and then nobody may.
pub(super) fn needed(method: &Method, route: &str) -> Option<Access> {
    let method = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    TABLE
        .iter()
        .find(|(of, begin, _)| {
            of.as_ref().is_none_or(|of| of == method) && route.starts_with(begin)
        })
        .map(|(_, _, access)| *access)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_changing_need_different_scopes() {
        for (method, route, access) in [
            (Method::GET, "/provisioning/device/{domain}", LOOK),
            (Method::HEAD, "/provisioning/device/{domain}", LOOK),
            (Method::PUT, "/provisioning/device/{domain}", CHANGE),
            (Method::PATCH, "/v1/{domain}/settings", CHANGE),
            (Method::POST, "/v1/{domain}/explain", LOOK),
            (Method::POST, "/mediaservice/{domain}/hangupcall", STEER),
            (Method::GET, "/metrics", Access::Open),
        ] {
            assert_eq!(needed(&method, route), Some(access), "{method} {route}");
        }
        assert_eq!(needed(&Method::GET, "/elsewhere"), None);
    }
}
