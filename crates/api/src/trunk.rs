//! `/provisioning/trunk/{domain}`: the ways to and from other networks.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::destination::{self, MAX_DESCRIPTION, MAX_ID, MAX_PATTERN};
use crate::error::FieldError;
use crate::fault::Faults;
use crate::form;
use crate::lenient;
use crate::secret::{MASK, Secret};
use crate::url;

/// The most source networks.
const MAX_NETWORKS: usize = 256;
/// The longest user name, realm or password.
const MAX_CREDENTIAL: usize = 256;
/// The longest list of URI parameters.
const MAX_PARAMETERS: usize = 512;

/// A codec of one side of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum TrunkCodec {
    /// GSM full rate.
    Gsm,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// What kind of service destination it is: always a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrunkType {
    /// The only value.
    #[default]
    Trunk,
}

/// A trunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Trunk {
    /// Its id: in lists and paths beside it, in the store with it.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(ignore)]
    pub trunk_id: Option<String>,
    /// Always `trunk`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<TrunkType>,
    /// What it is for.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_length = 1_024)]
    pub description: Option<String>,
    /// Where outbound calls go: a name or an address, with a port if it is not the usual one.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(
        format = "host-port",
        required,
        max_length = 255,
        example = "sip.carrier.example"
    )]
    pub destination_target: String,
    /// Over which transport: `udp`, `tcp` or `tls`.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(
        required,
        pattern = "^([uU][dD][pP]|[tT][cC][pP]|[tT][lL][sS])$",
        example = "udp"
    )]
    pub destination_transport: String,
    /// The regular expression of the users it takes: linear-time, unanchored; `/…/` and `/…/i` literals are
    /// understood.
    #[serde(deserialize_with = "lenient::required_text")]
    #[schema(format = "regex", required, max_length = 1_024, example = "/^\\+46/")]
    pub destination_match: String,
    /// How the user is rewritten before it is called: `/expression/replacement/` or `s/expression/replacement/`,
    /// with `$1` or `\1` for groups and the flags `i` and `g`; an expression alone keeps what its first group
    /// matches.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "rewrite", max_length = 1_024, example = "/^00/+/")]
    pub destination_rewrite: Option<String>,
    /// The regular expression of users it does not take.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "line", max_length = 1_024, example = "/^\\+46900/")]
    pub blacklist_pattern: Option<String>,
    /// The networks its inbound calls come from, as addresses or in CIDR notation. They count only where the
    /// operator granted them to the tenant.
    #[serde(
        deserialize_with = "destination::texts",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(value_type = Vec<form::AddressOrNetwork>, max_items = 256, example = json!(["192.0.2.0/28"]))]
    pub source_networks: Vec<String>,
    /// Names it in `X-Terminating-Trunk-Group-Id`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "word", max_length = 128)]
    pub trunk_group_id: Option<String>,
    /// The network it ends in, for the way of media.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "word", max_length = 128)]
    pub network_id: Option<String>,
    /// Parameters added to the Request-URI of outbound calls.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "uri-parameters", max_length = 512, example = "user=phone")]
    pub add_terminating_uri_parameters: Option<String>,
    /// The number in Diversion of outbound calls.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "user", max_length = 128)]
    pub diversion_header: Option<String>,
    /// The number that outbound calls come from instead of their own.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "user", max_length = 128)]
    pub rewrite_anumber: Option<String>,
    /// The codec on our side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_codec: Option<TrunkCodec>,
    /// The codec on the trunk's side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trunkside_codec: Option<TrunkCodec>,
    /// Whether media are transcoded.
    #[serde(
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub transcode: Option<bool>,
    /// Whether the private address is used.
    #[serde(
        rename = "usePrivateIP",
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub use_private_ip: Option<bool>,
    /// Whether media are relayed.
    #[serde(
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub force_rtp_relay: Option<bool>,
    /// Whether signalling is rewritten for a peer behind a NAT.
    #[serde(
        deserialize_with = "lenient::boolean",
        skip_serializing_if = "Option::is_none"
    )]
    pub force_nat_rewrites: Option<bool>,
    /// The user name of SIP digest authentication; changed together with `realm` and `password` only.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "name", max_length = 256)]
    pub user_name: Option<String>,
    /// The realm of the same.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "name", max_length = 256)]
    pub realm: Option<String>,
    /// The password of the same. Only its hashes are stored; the reply to the request that sets it carries it.
    #[serde(
        deserialize_with = "lenient::secret",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = "secret", min_length = 1, max_length = 256)]
    pub password: Option<Secret>,
    /// The hash of user name, realm and password in hexadecimal, MD5 or SHA-256; made from these three when
    /// they are given.
    #[serde(
        deserialize_with = "lenient::secret",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = "key")]
    pub ha1: Option<Secret>,
    /// The hashes of the password by every algorithm, as one text; the platform's own.
    #[serde(
        deserialize_with = "lenient::secret",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(ignore)]
    pub hashes: Option<Secret>,
    /// The password that was given with this very write.
    #[serde(skip)]
    #[schema(ignore)]
    pub new_password: Option<Secret>,
}

impl Trunk {
    /// What is wrong with the trunk; whether its expressions compile is not checked here.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        faults.id("/trunkId", self.trunk_id.as_deref());
        faults.length("/description", self.description.as_deref(), MAX_DESCRIPTION);
        if self.destination_target.is_empty() {
            faults.add("/destinationTarget", "is required");
        } else {
            faults.check(
                "/destinationTarget",
                url::check_authority(&self.destination_target),
            );
        }
        let transport = self.destination_transport.to_ascii_lowercase();
        if transport.is_empty() {
            faults.add("/destinationTransport", "is required");
        } else if !matches!(transport.as_str(), "udp" | "tcp" | "tls") {
            faults.add("/destinationTransport", "must be udp, tcp or tls");
        }
        faults.required(
            "/destinationMatch",
            Some(&self.destination_match),
            MAX_PATTERN,
        );
        faults.line(
            "/destinationRewrite",
            self.destination_rewrite.as_deref(),
            MAX_PATTERN,
        );
        faults.line(
            "/blacklistPattern",
            self.blacklist_pattern.as_deref(),
            MAX_PATTERN,
        );
        if self.source_networks.len() > MAX_NETWORKS {
            let detail = format!("must have at most {MAX_NETWORKS} networks");
            faults.add("/sourceNetworks", detail);
        } else {
            for (index, network) in self.source_networks.iter().enumerate() {
                let pointer = format!("/sourceNetworks/{index}");
                faults.check(&pointer, check_network(network));
            }
        }
        faults.word("/trunkGroupId", self.trunk_group_id.as_deref(), MAX_ID);
        faults.word("/networkId", self.network_id.as_deref(), MAX_ID);
        if let Some(parameters) = &self.add_terminating_uri_parameters {
            faults.check("/addTerminatingUriParameters", check_parameters(parameters));
        }
        faults.user("/diversionHeader", self.diversion_header.as_deref());
        faults.user("/rewriteAnumber", self.rewrite_anumber.as_deref());
        self.validate_credentials(&mut faults);
        faults.into_vec()
    }

    /// The password in a request, where one is given; the mask stands for the one whose hashes are stored.
    pub fn given_password(&self) -> Option<&str> {
        let password = self.password.as_ref().map(Secret::expose);
        password.filter(|password| *password != MASK)
    }

    fn validate_credentials(&self, faults: &mut Faults) {
        faults.line("/userName", self.user_name.as_deref(), MAX_CREDENTIAL);
        faults.line("/realm", self.realm.as_deref(), MAX_CREDENTIAL);
        for (pointer, text) in [("/userName", &self.user_name), ("/realm", &self.realm)] {
            if text.as_deref() == Some("") {
                faults.add(pointer, "must not be empty; null takes it away");
            }
        }
        let Some(password) = self.given_password() else {
            if let Some(ha1) = &self.ha1 {
                faults.check("/ha1", check_ha1(ha1.expose()));
            }
            return;
        };
        faults.required("/password", Some(password), MAX_CREDENTIAL);
        for (pointer, text) in [("/userName", &self.user_name), ("/realm", &self.realm)] {
            if text.is_none() {
                faults.add(pointer, "is required with password");
            }
        }
    }

    /// What is wrong with the change from `previous`: a hash is of one user name and one realm.
    pub fn validate_change(&self, previous: &Self) -> Vec<FieldError> {
        let mut faults = Faults::new();
        let same = (&self.user_name, &self.realm) == (&previous.user_name, &previous.realm);
        let is_kept =
            self.given_password().is_none() && self.ha1.is_some() && self.ha1 == previous.ha1;
        if is_kept && !same {
            let detail = "is required: the stored hash is of the old userName and realm, so send userName, realm and password together, or password null to take the credentials away";
            faults.add("/password", detail);
        }
        faults.into_vec()
    }

    /// Fields that are stored and have no effect.
    pub fn remarks(&self) -> Vec<FieldError> {
        let mut remarks = Vec::new();
        let media = "is stored and has no effect yet: the media of calls do not pass this node";
        for (pointer, is_on) in [
            ("/transcode", self.transcode),
            ("/forceRtpRelay", self.force_rtp_relay),
            ("/forceNatRewrites", self.force_nat_rewrites),
            ("/usePrivateIP", self.use_private_ip),
        ] {
            if is_on == Some(true) {
                remarks.push(FieldError::new(pointer, media));
            }
        }
        if self.ha1.is_some() && (self.user_name.is_none() || self.realm.is_none()) {
            let detail = "authenticates nobody without userName and realm";
            remarks.push(FieldError::new("/ha1", detail));
        }
        remarks
    }
}

/// What [`Trunk::validate`] says of members that depend on each other; a hash beside a password is not looked at.
pub(crate) fn conditions() -> Value {
    let given = json!({"type": "string", "not": {"const": MASK}});
    let text = json!({"type": "string"});
    json!({
        "if": {"properties": {"password": given}, "required": ["password"]},
        "then": {"required": ["userName", "realm"], "properties": {"userName": text, "realm": text}},
        "else": {"properties": {"ha1": form::text("ha1")}},
    })
}

/// An address or a network in CIDR notation, without bits set beyond its length.
fn check_network(text: &str) -> Result<(), &'static str> {
    const WRONG: &str = "must be an IP address or a network in CIDR notation, such as 192.0.2.0/28";
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| WRONG)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let Some(length) = length else { return Ok(()) };
    let is_number = length.len() <= 3 && length.bytes().all(|byte| byte.is_ascii_digit());
    match length.parse::<u8>() {
        Ok(length) if is_number && length <= most => Ok(()),
        _ => Err(WRONG),
    }
}

/// `name[=value]` with semicolons between, perhaps one in front (RFC 3261 §25.1, `uri-parameters`).
fn check_parameters(text: &str) -> Result<(), &'static str> {
    const WRONG: &str =
        "must be URI parameters, such as user=phone;tgrp=1, with other characters percent-encoded";
    let in_parameter =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/:&+$%".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(in_parameter);
    let list = text.strip_prefix(';').unwrap_or(text);
    let fits = list
        .split(';')
        .all(|parameter| match parameter.split_once('=') {
            Some((name, value)) => is_part(name) && is_part(value),
            None => is_part(parameter),
        });
    if fits && text.len() <= MAX_PARAMETERS {
        Ok(())
    } else {
        Err(WRONG)
    }
}

fn check_ha1(ha1: &str) -> Result<(), &'static str> {
    let is_hash = matches!(ha1.len(), 32 | 64) && ha1.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash
        .then_some(())
        .ok_or("must have 32 hexadecimal digits (MD5) or 64 (SHA-256)")
}

/// A trunk with its id, as lists show it and `PUT /provisioning/trunk/{domain}` takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NamedTrunk {
    /// The trunk's id; made by the platform when absent.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(format = "own-id", max_length = 128)]
    pub trunk_id: Option<String>,
    /// The trunk.
    #[schema(required)]
    pub service_destination: Trunk,
}

#[cfg(test)]
mod tests;
