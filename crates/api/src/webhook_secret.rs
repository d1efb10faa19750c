//! `POST /v1/{domain}/webhook-secret/rotate`: what callbacks are signed with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::secret::Secret;

/// Reply with the new secret; the only one that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSecretReply {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// The new secret: `whsec_` and base64.
    pub webhook_secret: Secret,
    /// Until when callbacks are also signed with the one before, in milliseconds since 1970.
    pub previous_valid_until: u64,
}
