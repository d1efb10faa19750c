//! `/provisioning/mediaservice/{domain}`: the service that plays, asks and records.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::cloudsipua::RestAuthentication;
use crate::destination::{self, CALLBACK_TIMEOUT, MAX_DESCRIPTION, MAX_ID, MAX_NAME, MAX_PATTERN};
use crate::error::FieldError;
use crate::fault::Faults;
use crate::lenient;
use crate::secret::Secret;
use crate::url::PlainHttp;

/// The longest key of a speech service.
const MAX_KEY: usize = 1_024;
/// The longest time, a day, in seconds.
const SECONDS: std::ops::RangeInclusive<u64> = 0..=86_400;

/// A codec a service may offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum OfferedCodec {
    /// RFC 6716.
    #[serde(rename = "opus")]
    Opus,
    /// G.711 A-law.
    #[serde(rename = "PCMA")]
    Pcma,
    /// G.711 µ-law.
    #[serde(rename = "PCMU")]
    Pcmu,
}

/// A media service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MediaService {
    /// Names it in later requests; made by the platform when absent. Overwriting keeps it.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "own-id", max_length = 128)]
    pub id: Option<String>,
    /// The user's label.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(format = "name", required, max_length = 200)]
    pub name: String,
    /// What it is for.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 1_024)]
    pub description: Option<String>,
    /// The regular expression that selects inbound calls by the called user: linear-time, unanchored;
    /// `/…/` and `/…/i` literals are understood.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(
        format = "regex",
        required,
        max_length = 1_024,
        example = "/^\\+46891/"
    )]
    pub destination_match: String,
    /// Where callbacks go; begins with `https://`.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(
        format = "callback-url",
        required,
        max_length = 2_048,
        example = "https://app.example.com/media"
    )]
    pub callback_base_url: String,
    /// How callbacks are signed: the first entry, and the next one each time the application answers 401 or
    /// 403; an empty list signs none. Absent where they are overwritten, the stored ones stay.
    #[serde(
        deserialize_with = "lenient::optional_objects",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Vec<RestAuthentication>, required, max_items = 16)]
    pub rest_authentication: Option<Vec<RestAuthentication>>,
    /// The whole budget of a callback with its tries, in milliseconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 300, maximum = 120_000)]
    pub callback_timeout: Option<u32>,
    /// The user's label of the callback.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 200)]
    pub callback_name: Option<String>,
    /// What the callback is for.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 1_024)]
    pub callback_description: Option<String>,
    /// Names the callback; made by the platform when absent.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "id", max_length = 128)]
    pub callback_id: Option<String>,
    /// The key of Google's text-to-speech service.
    #[serde(
        deserialize_with = "lenient::secret",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = "secret", max_length = 1_024)]
    pub google_apikey: Option<Secret>,
    /// The service account of Google's text-to-speech service, as Google hands it out.
    #[serde(
        deserialize_with = "destination::object",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Object>)]
    pub google_service_key: Option<Map<String, Value>>,
    /// Whether calls the service places carry an offer; by default the offer comes in the ACK.
    #[serde(
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub disable_late_offer: Option<bool>,
    /// Session-Expires where the service refreshes the session, in seconds.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 86_400)]
    pub ivr_refresher_expiration: Option<u32>,
    /// Session-Expires of calls the service places, in seconds; the peer refreshes.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 86_400)]
    pub reply_session_expiration: Option<u32>,
    /// Seconds of silence after which a participant is disconnected; 90 when absent.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0, maximum = 86_400)]
    pub rtp_timeout: Option<u32>,
    /// The codecs offered to an INVITE without SDP; all when absent.
    #[serde(
        deserialize_with = "lenient::list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 3)]
    pub offered_codecs: Vec<OfferedCodec>,
    /// The network the service is bound to.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "word", max_length = 128)]
    pub network_id: Option<String>,
}

impl MediaService {
    /// What is wrong with the service; whether the pattern compiles is not checked here.
    pub fn validate(&self, plain: PlainHttp) -> Vec<FieldError> {
        let mut faults = Faults::new();
        faults.id("/id", self.id.as_deref());
        faults.id("/callbackId", self.callback_id.as_deref());
        faults.required("/name", Some(&self.name), MAX_NAME);
        faults.length("/description", self.description.as_deref(), MAX_DESCRIPTION);
        faults.required(
            "/destinationMatch",
            Some(&self.destination_match),
            MAX_PATTERN,
        );
        if self.callback_base_url.is_empty() {
            faults.add("/callbackBaseUrl", "is required");
        } else {
            faults.callback_url("/callbackBaseUrl", Some(&self.callback_base_url), plain);
        }
        match &self.rest_authentication {
            Some(entries) => faults.authentications(entries),
            None => faults.add(
                "/restAuthentication",
                "is required; an empty list signs nothing",
            ),
        }
        let timeout = self.callback_timeout.map(u64::from);
        faults.range("/callbackTimeout", timeout, CALLBACK_TIMEOUT);
        faults.line("/callbackName", self.callback_name.as_deref(), MAX_NAME);
        let description = self.callback_description.as_deref();
        faults.length("/callbackDescription", description, MAX_DESCRIPTION);
        let key = self.google_apikey.as_ref().map(Secret::expose);
        faults.line("/googleApikey", key, MAX_KEY);
        faults.object("/googleServiceKey", self.google_service_key.as_ref());
        for (pointer, seconds) in [
            ("/ivrRefresherExpiration", self.ivr_refresher_expiration),
            ("/replySessionExpiration", self.reply_session_expiration),
            ("/rtpTimeout", self.rtp_timeout),
        ] {
            faults.range(pointer, seconds.map(u64::from), SECONDS);
        }
        if self.offered_codecs.len() > 3 {
            faults.add(
                "/offeredCodecs",
                "must name each of the 3 codecs once at most",
            );
        }
        faults.word("/networkId", self.network_id.as_deref(), MAX_ID);
        faults.into_vec()
    }
}
