//! Header fields: their names and the typed reading of their values.

mod cseq;
mod media_type;
mod name;
mod name_addr;
mod params;
mod reason;
mod session_expires;
mod via;

pub use cseq::{CSeq, RAck};
pub use media_type::MediaType;
pub use name::HeaderName;
pub use name_addr::{NameAddr, NotAnAddress};
pub use params::{Params, ParamsIter};
pub use reason::Reason;
pub use session_expires::{Refresher, SessionExpires};
pub use via::Via;

pub(crate) use name_addr::is_scheme;
pub(crate) use session_expires::delta_seconds;
pub(crate) use via::parse_v6;

/// What is wrong with a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is not there.
    #[error("missing {0}")]
    Missing(HeaderName),
    /// It does not follow its grammar.
    #[error("malformed {0}")]
    Malformed(HeaderName),
}

impl HeaderError {
    /// The reason phrase of the 400 that answers it.
    pub const fn reason_phrase(self) -> &'static str {
        match self {
            Self::Missing(name) => name.missing(),
            Self::Malformed(name) => name.bad(),
        }
    }
}
