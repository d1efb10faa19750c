//! `/provisioning/trunk/{domain}`: the ways to and from other networks.

mod described;

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use hookswitch_api::done::Done;
use hookswitch_api::error::FieldError;
use hookswitch_api::lenient::unknown_member;
use hookswitch_api::page::{DocumentQuery, DraftQuery, ListQuery};
use hookswitch_api::patch::Patch;
use hookswitch_api::secret::{MASK, Secret};
use hookswitch_api::trunk::{Trunk, TrunkType};
use hookswitch_call::rewrite::Rewrite;
use hookswitch_sip::auth::{Algorithm, Ha1};
use serde_json::{Map, Value, json};
use utoipa_axum::router::UtoipaMethodRouter;

use super::allowed::{Allowed, Change, Look};
use super::body::{Json, tolerate};
use super::cloudsipua::check_pattern;
use super::destinations::id_of;
use super::documents::{self, Form, Missing, Named, Provisioned, Target, Written, tagged};
use super::error::ApiError;
use super::idempotency::CarriesSecret;
use super::query::Query;
use super::{Rest, reply};
use crate::kind::{Kind, Members, TRUNK};
use crate::random::uuid;

impl Provisioned for Trunk {
    const KIND: &'static Kind = &TRUNK;
    const OWN: &'static [&'static str] = &["hashes"];

    fn check(&self, _: &Rest) -> Vec<FieldError> {
        let mut faults = self.validate();
        check_pattern("/destinationMatch", &self.destination_match, &mut faults);
        let blacklist = self.blacklist_pattern.as_deref().unwrap_or_default();
        check_pattern("/blacklistPattern", blacklist, &mut faults);
        let rewrite = self.destination_rewrite.as_deref().map(Rewrite::compile);
        if let Some(Err(why)) = rewrite {
            faults.push(FieldError::new("/destinationRewrite", why.to_string()));
        }
        faults
    }

    /// The hashes go with the HA1 they were made with.
    fn complete(
        &mut self,
        target: &Target,
        previous: Option<&Self>,
        _: Form,
    ) -> Result<Vec<FieldError>, FieldError> {
        self.trunk_id = Some(target.id.clone());
        self.kind = Some(TrunkType::Trunk);
        let is_given = previous.is_none() && self.hashes.is_some();
        let warnings = Vec::from_iter(is_given.then(|| unknown_member("/hashes".to_owned())));
        let same = previous.filter(|previous| self.ha1.is_some() && previous.ha1 == self.ha1);
        self.hashes = same.and_then(|previous| previous.hashes.clone());
        if self.given_password().is_none() && self.hashes.is_none() {
            self.password = None;
        }
        Ok(warnings)
    }

    fn protect(&mut self, _: &Target) {
        if let Some(ha1) = &self.ha1 {
            self.ha1 = Some(Secret::from(ha1.expose().to_ascii_lowercase()));
        }
        let password = self.given_password().map(Secret::from);
        let (Some(password), Some(user_name), Some(realm)) =
            (password, &self.user_name, &self.realm)
        else {
            return;
        };
        let hashes = Ha1::of(user_name, realm, password.expose());
        self.ha1 = hashes.hex(Algorithm::Md5).map(Secret::from);
        self.hashes = Some(Secret::from(hashes.write()));
        self.password = Some(Secret::from(MASK));
        self.new_password = Some(password);
    }

    fn check_change(&self, previous: &Self) -> Vec<FieldError> {
        self.validate_change(previous)
    }

    fn remarks(&self) -> Vec<FieldError> {
        self.remarks()
    }

    /// Its id stands beside it.
    fn show(_: &Rest, _: &str, _: &str, members: &mut Members) {
        members.remove(TRUNK.id);
    }

    fn row(id: &str, members: Members) -> Value {
        json!({ "trunkId": id, "serviceDestination": members })
    }
}

/// The paths, with their handlers and descriptions.
pub(super) fn routes() -> [UtoipaMethodRouter<Arc<Rest>>; 2] {
    let handlers = get(list).put(put).post(post);
    let of_item = get(find).put(overwrite).delete(delete).patch(patch);
    let (list, item) = (described::list(), described::item());
    [(list.0, list.1, handlers), (item.0, item.1, of_item)]
}

async fn list(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    documents::list::<Trunk>(&rest, &caller, &query, &DraftQuery::default()).await
}

/// `{trunkId?, serviceDestination}`: adds or modifies.
async fn put(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<Value>,
) -> Result<Response, ApiError> {
    let Value::Object(mut members) = body.value else {
        return Err(ApiError::field(
            "",
            "must be an object with serviceDestination",
        ));
    };
    let id = match members.remove("trunkId") {
        None | Some(Value::Null) => uuid(),
        Some(Value::String(empty)) if empty.is_empty() => uuid(),
        Some(given) => id_of(&json!({ "id": given }), "id")
            .ok_or_else(|| ApiError::field("/trunkId", "must be text"))?,
    };
    let trunk = members
        .remove("serviceDestination")
        .ok_or_else(|| ApiError::field("/serviceDestination", "is required"))?;
    let unknown =
        |name: String| FieldError::new(format!("/{name}"), "is not known and was ignored");
    let unknown: Vec<FieldError> = names(members).map(unknown).collect();
    let strict = query.strict.unwrap_or(false);
    tolerate(&unknown, strict)?;
    let target = Target::new(&caller, id, &headers);
    let written = write(&rest, target, trunk, strict).await;
    written
        .map_err(|error| below("/serviceDestination", error))
        .and_then(|(id, mut written)| {
            let lower = |fault: FieldError| {
                FieldError::new(
                    format!("/serviceDestination{}", fault.pointer),
                    fault.detail,
                )
            };
            let told = std::mem::take(&mut written.warnings).into_iter().map(lower);
            written.warnings = unknown.into_iter().chain(told).collect();
            answer(Some(id), written)
        })
}

fn names(members: Map<String, Value>) -> impl Iterator<Item = String> {
    const READ_ONLY: [&str; 2] = ["success", "reason"];
    members
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !READ_ONLY.contains(&name.as_str()))
        .take(32)
}

/// A flat trunk: creates.
async fn post(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Query(query): Query<DocumentQuery>,
    headers: HeaderMap,
    body: Json<Value>,
) -> Result<Response, ApiError> {
    let id = id_of(&body.value, TRUNK.id).unwrap_or_else(uuid);
    let target = Target::new(&caller, id, &headers);
    let strict = query.strict.unwrap_or(false);
    let (id, written) = write(&rest, target, body.value, strict).await?;
    answer(Some(id), written)
}

async fn find(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Look>,
) -> Result<Response, ApiError> {
    documents::find::<Trunk>(&rest, target).await
}

async fn overwrite(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Change>,
    Query(query): Query<DocumentQuery>,
    body: Json<Value>,
) -> Result<Response, ApiError> {
    let strict = query.strict.unwrap_or(false);
    let (id, written) = write(&rest, target, body.value, strict).await?;
    answer(Some(id), written)
}

async fn delete(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Change>,
) -> Result<Response, ApiError> {
    documents::delete::<Trunk>(&rest, target).await?;
    reply(&Done::new())
}

async fn patch(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Change>,
    Query(query): Query<DocumentQuery>,
    body: Json<Patch>,
) -> Result<Response, ApiError> {
    let strict = query.strict.unwrap_or(false);
    let written = documents::patch::<Trunk>(&rest, target, body, strict).await?;
    answer(None, written)
}

async fn write(
    rest: &Arc<Rest>,
    target: Target,
    mut trunk: Value,
    strict: bool,
) -> Result<(String, Written<Trunk>), ApiError> {
    let id = target.id.clone();
    // The hash is all that is kept of a password: who takes the one away means the other.
    if let Value::Object(members) = &mut trunk
        && members.get("password").is_some_and(Value::is_null)
    {
        members.entry("ha1").or_insert(Value::Null);
    }
    let written = documents::put_whole(rest, target, trunk, strict, Missing::Create).await?;
    Ok((id, written))
}

/// The reply to a write; a password that was given is in no other.
fn answer(id: Option<String>, written: Written<Trunk>) -> Result<Response, ApiError> {
    let mut body = json!({ "success": true });
    if let Some(id) = id {
        body["id"] = id.into();
    }
    let password = written.value.new_password;
    if let Some(password) = &password {
        body["password"] = password.expose().into();
    }
    if !written.warnings.is_empty() {
        body["warnings"] = json!(written.warnings);
    }
    let mut response = tagged(reply(&body)?, written.version);
    if password.is_some() {
        response.extensions_mut().insert(CarriesSecret);
    }
    Ok(response)
}

/// The same refusal of a body one level up; ids stand above.
fn below(prefix: &str, mut error: ApiError) -> ApiError {
    if error.errors.is_empty() {
        return error;
    }
    for fault in &mut error.errors {
        if fault.pointer != "/trunkId" {
            fault.pointer.insert_str(0, prefix);
        }
    }
    ApiError::fields(error.errors)
}
