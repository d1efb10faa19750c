//! The one way of provisioning: documents of any kind, listed, read, written, patched and deleted. A kind
//! says what it is called, how it is checked and what follows a write; everything else is the same.

use std::sync::Arc;

use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use hookswitch_api::error::FieldError;
use hookswitch_api::lenient;
use hookswitch_api::page::{DraftQuery, ListQuery, next_token};
use hookswitch_api::patch::{self, Patch};
use hookswitch_store::documents::{self, Document, Expected, Key, Page};
use hookswitch_store::{Error, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::body::{Json, tolerate};
use super::error::ApiError;
use super::precondition::{Precondition, stale};
use super::{Rest, reply};
use crate::auth::Caller;
use crate::kind::{Absent, Kept, Kind, Members, Veil};

/// How often a write is tried again when another one came between reading and writing.
const TRIES: u32 = 8;
/// Bytes of JSON a patch may make of a document.
const MAX_PATCHED: usize = 1024 * 1024;

/// A type whose documents are provisioned.
pub(super) trait Provisioned: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What the kind is called, and its secrets.
    const KIND: &'static Kind;

    /// What is wrong with it.
    fn check(&self, rest: &Rest) -> Vec<FieldError>;

    /// Gives it its id and what the platform generates; `previous` is what it replaces. Says what it leaves unused,
    /// or which member is missing.
    fn complete(
        &mut self,
        target: &Target,
        previous: Option<&Self>,
        form: Form,
    ) -> Result<Vec<FieldError>, FieldError>;

    /// Puts what is kept of a secret in its place, once all is checked; it may take tens of milliseconds.
    fn protect(&mut self, _target: &Target) {}

    /// Adds what only the platform knows, takes out what nobody reads back.
    fn show(_rest: &Rest, _domain: &str, _id: &str, _members: &mut Members) {}

    /// What is written along with a document in force.
    fn write_along(_db: &Write<'_>, _domain: &str, _id: &str) -> Result<(), Error> {
        Ok(())
    }

    /// What is deleted along with a document in force.
    fn delete_along(db: &Write<'_>, domain: &str, id: &str) -> Result<(), Error> {
        Self::write_along(db, domain, id)
    }

    /// Lets the calls see a document that was written or deleted.
    fn publish(rest: &Rest, domain: &str, _id: &str) -> Result<(), Error> {
        rest.publisher.refresh_tenant(domain)
    }

    /// What is wrong with the change from `previous`.
    fn check_change(&self, _previous: &Self) -> Vec<FieldError> {
        Vec::new()
    }

    /// Members that are stored and mean nothing.
    fn remarks(&self) -> Vec<FieldError> {
        Vec::new()
    }

    /// A row of a list.
    fn row(_id: &str, members: Members) -> Value {
        Value::Object(members)
    }
}

/// How a document came to its new form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It was given whole: a secret that is not there is kept.
    Whole,
    /// It was patched: what is not there was taken away.
    Patched,
}

/// Which form of a document is meant, and what the caller believes of it.
pub(super) struct Target {
    pub(super) domain: Arc<str>,
    pub(super) id: String,
    pub(super) draft: bool,
    pub(super) expected: Precondition,
}

impl Target {
    /// What is in force, from the path and the conditional headers.
    pub(super) fn new(caller: &Caller, id: String, headers: &HeaderMap) -> Self {
        Self {
            domain: caller.domain.clone(),
            id,
            draft: false,
            expected: Precondition::of(headers),
        }
    }

    /// The same, or the draft of it where the query says so.
    pub(super) fn or_draft(self, query: &DraftQuery) -> Self {
        Self {
            draft: query.provisory.unwrap_or(false),
            ..self
        }
    }

    fn key<'a>(&'a self, kind: &'static Kind) -> Key<'a> {
        Key {
            domain: &self.domain,
            kind: kind.name,
            id: &self.id,
            draft: self.draft,
        }
    }
}

/// A page of documents.
pub(super) async fn list<K: Provisioned>(
    rest: &Arc<Rest>,
    caller: &Caller,
    query: &ListQuery,
    drafts: &DraftQuery,
) -> Result<Response, ApiError> {
    let page = query
        .page()
        .map_err(|error| ApiError::fields(vec![error]))?;
    let filter = query.filter.clone();
    let draft = drafts.provisory.unwrap_or(false);
    let (reader, domain) = (rest.clone(), caller.domain.clone());
    let body = work_off_the_loop(move || {
        // One more than asked for shows whether there is a next page.
        let wanted = Page {
            limit: page.limit + 1,
            after: page.after.as_deref(),
            prefix: filter.as_deref(),
        };
        let found = reader
            .store
            .read(|db| documents::list(db, &domain, K::KIND.name, draft, wanted))?;
        let limit = page.limit as usize;
        let on_page = &found[..found.len().min(limit)];
        let rows: Vec<Value> = on_page
            .iter()
            .map(|document| Ok(K::row(&document.id, shown::<K>(&reader, document)?)))
            .collect::<Result<_, ApiError>>()?;
        let mut body = json!({ "success": true, K::KIND.list: rows });
        if let (true, Some(last)) = (found.len() > limit, on_page.last()) {
            body["nextToken"] = next_token(&last.id).into();
        }
        Ok(body)
    })
    .await?;
    reply(&body)
}

/// One document.
pub(super) async fn find<K: Provisioned>(
    rest: &Arc<Rest>,
    target: Target,
) -> Result<Response, ApiError> {
    let reader = rest.clone();
    let (version, members) = work_off_the_loop(move || {
        let found = reader
            .store
            .read(|db| documents::find(db, target.key(K::KIND)))?;
        let document = found.ok_or_else(|| missing(K::KIND, &target))?;
        Ok((document.version, shown::<K>(&reader, &document)?))
    })
    .await?;
    let mut body = Map::new();
    match K::KIND.single {
        Some(name) => {
            body.insert(name.to_owned(), Value::Object(members));
        }
        None => body = members,
    }
    body.insert("success".to_owned(), true.into());
    Ok(tagged(reply(&body)?, version))
}

/// What a write left behind.
pub(super) struct Written<K> {
    /// The document as stored.
    pub(super) value: K,
    /// Its new version.
    pub(super) version: u64,
    /// Members of the request that meant nothing.
    pub(super) warnings: Vec<FieldError>,
}

/// Whether a write may make a document where there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It may.
    Create,
    /// Only when the other form, published or draft, is there.
    NeedsOtherForm,
}

/// Writes a whole document.
pub(super) async fn put<K: Provisioned + Clone>(
    rest: &Arc<Rest>,
    target: Target,
    body: Json<K>,
    strict: bool,
    missing_is: Missing,
) -> Result<Written<K>, ApiError> {
    let (value, warnings) = body.known(strict)?;
    refuse_faults(value.check(rest))?;
    let work = rest.clone();
    work_off_the_loop(move || {
        change(&work, &target, missing_is, |previous| {
            let (mut value, mut warnings) = (value.clone(), warnings.clone());
            finish(
                &mut value,
                &work,
                &target,
                previous,
                (Form::Whole, &[]),
                &mut warnings,
            )?;
            Ok((value, warnings))
        })
    })
    .await
}

/// Writes a whole document, whose secrets may be masked or left out where they stay as they are.
pub(super) async fn put_whole<K: Provisioned>(
    rest: &Arc<Rest>,
    target: Target,
    body: Value,
    strict: bool,
    missing_is: Missing,
) -> Result<Written<K>, ApiError> {
    let work = rest.clone();
    work_off_the_loop(move || {
        change(&work, &target, missing_is, |previous: Option<&K>| {
            let mut body = body.clone();
            let mut kept = Vec::new();
            if let Value::Object(given) = &mut body {
                let stored = previous.map(members).transpose()?;
                let keeping = K::KIND.keep(given, stored.as_ref(), Absent::Kept);
                kept = keeping.map_err(ApiError::fields)?;
            }
            let parsed =
                lenient::parse_value::<K>(body).map_err(|error| ApiError::fields(vec![error]))?;
            tolerate(&parsed.unknown, strict)?;
            let (mut value, mut warnings) = (parsed.value, parsed.unknown);
            finish(
                &mut value,
                &work,
                &target,
                previous,
                (Form::Whole, &kept),
                &mut warnings,
            )?;
            Ok((value, warnings))
        })
    })
    .await
}

/// Applies a patch: all of it or nothing.
pub(super) async fn patch<K: Provisioned>(
    rest: &Arc<Rest>,
    target: Target,
    body: Json<Patch>,
    strict: bool,
) -> Result<Written<K>, ApiError> {
    let operations = body.value;
    refuse_faults(patch::validate(&operations))?;
    let operations =
        serde_json::to_value(&operations).map_err(|error| ApiError::internal(&error))?;
    let operations: json_patch::Patch = serde_json::from_value(operations)
        .map_err(|error| ApiError::field("", error.to_string()))?;
    let work = rest.clone();
    work_off_the_loop(move || {
        change(&work, &target, Missing::NeedsOtherForm, |previous| {
            let previous: &K = previous.ok_or_else(|| missing(K::KIND, &target))?;
            let stored = members(previous)?;
            let (mut document, veil) = Veil::over(K::KIND, stored.clone());
            apply(&mut document, &operations, &veil)?;
            let mut kept = veil.lift(&mut document).map_err(ApiError::fields)?;
            if let Value::Object(members) = &mut document {
                let masked = K::KIND.keep(members, Some(&stored), Absent::Removed);
                kept.extend(masked.map_err(ApiError::fields)?);
            }
            if document[K::KIND.id].as_str() != Some(&target.id) {
                let detail = format!("names the {} and cannot change", K::KIND.noun);
                return Err(ApiError::field(format!("/{}", K::KIND.id), detail));
            }
            let parsed = lenient::parse_value::<K>(document)
                .map_err(|error| ApiError::fields(vec![error]))?;
            tolerate(&parsed.unknown, strict)?;
            let (mut value, mut warnings) = (parsed.value, parsed.unknown);
            finish(
                &mut value,
                &work,
                &target,
                Some(previous),
                (Form::Patched, &kept),
                &mut warnings,
            )?;
            Ok((value, warnings))
        })
    })
    .await
}

/// Makes a document what is stored of it; `kept` are the secrets that stayed as they were.
fn finish<K: Provisioned>(
    value: &mut K,
    rest: &Rest,
    target: &Target,
    previous: Option<&K>,
    (form, kept): (Form, &[Kept]),
    warnings: &mut Vec<FieldError>,
) -> Result<(), ApiError> {
    let unused = value.complete(target, previous, form);
    warnings.extend(unused.map_err(|fault| ApiError::fields(vec![fault]))?);
    refuse_faults(value.check(rest))?;
    if let Some(previous) = previous {
        refuse_faults(value.check_change(previous))?;
        if !kept.is_empty() {
            let (before, after) = (members(previous)?, members(value)?);
            let (before, after) = (Value::Object(before), Value::Object(after));
            refuse_faults(K::KIND.astray(&before, &after, kept))?;
        }
    }
    warnings.extend(value.remarks());
    value.protect(target);
    Ok(())
}

/// Applies one operation after the other, so that no chain of copies grows without bound.
fn apply(
    document: &mut Value,
    operations: &json_patch::Patch,
    veil: &Veil,
) -> Result<(), ApiError> {
    for (index, operation) in operations.iter().enumerate() {
        if let json_patch::PatchOperation::Test(test) = operation {
            let found = document.pointer(test.path.as_str());
            if !found.is_some_and(|found| veil.is_equal(found, &test.value)) {
                return Err(test_failed(index, test.path.as_str()));
            }
            continue;
        }
        json_patch::patch(document, std::slice::from_ref(operation))
            .map_err(|error| patch_failed(index, operation, &error))?;
        let is_copy = matches!(operation, json_patch::PatchOperation::Copy(_));
        if is_copy && document.to_string().len() > MAX_PATCHED {
            return Err(ApiError::field(
                format!("/{index}"),
                "makes the document too large",
            ));
        }
    }
    Ok(())
}

/// Deletes a document.
pub(super) async fn delete<K: Provisioned>(
    rest: &Arc<Rest>,
    target: Target,
) -> Result<(), ApiError> {
    let work = rest.clone();
    work_off_the_loop(move || {
        for _ in 0..TRIES {
            let found = work
                .store
                .read(|db| documents::find(db, target.key(K::KIND)))?;
            let version = found
                .ok_or_else(|| missing(K::KIND, &target))
                .map(|document| document.version)?;
            if !target.expected.allows(Some(version)) {
                return Err(stale());
            }
            let (domain, id, draft) = (target.domain.clone(), target.id.clone(), target.draft);
            let deleted = work.store.write(move |db| {
                let key = Key {
                    domain: &domain,
                    kind: K::KIND.name,
                    id: &id,
                    draft,
                };
                if !draft {
                    K::delete_along(db, &domain, &id)?;
                }
                documents::delete(db, key, Expected::Version(version))
            });
            match deleted {
                Ok(_) if target.draft => return Ok(()),
                Ok(_) => return Ok(K::publish(&work, &target.domain, &target.id)?),
                Err(Error::Version(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    })
    .await
}

fn busy() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "busy",
        "others keep changing the same document; send the request again",
    )
}

/// Reads, computes value and warnings, and writes, again when another write came between. Blocks.
fn change<K: Provisioned>(
    rest: &Rest,
    target: &Target,
    missing_is: Missing,
    compute: impl Fn(Option<&K>) -> Result<(K, Vec<FieldError>), ApiError>,
) -> Result<Written<K>, ApiError> {
    let key = target.key(K::KIND);
    let other = Key {
        draft: !target.draft,
        ..key
    };
    for _ in 0..TRIES {
        let (found, elsewhere) = rest
            .store
            .read(|db| Ok((documents::find(db, key)?, documents::find(db, other)?)))?;
        let version = found.as_ref().map(|document| document.version);
        if !target.expected.allows(version) {
            return Err(stale());
        }
        if found.is_none() && elsewhere.is_none() && missing_is == Missing::NeedsOtherForm {
            return Err(missing(K::KIND, target));
        }
        let previous = match found.as_ref().or(elsewhere.as_ref()) {
            Some(document) => Some(opened::<K>(rest, document)?),
            None => None,
        };
        let (value, warnings) = compute(previous.as_ref())?;
        let body = K::KIND.seal(
            &rest.master_key,
            &target.domain,
            &target.id,
            &members(&value)?,
        );
        let (domain, id, draft) = (target.domain.clone(), target.id.clone(), target.draft);
        let expected = version.map_or(Expected::Absent, Expected::Version);
        let written = rest.store.write(move |db| {
            if !draft {
                K::write_along(db, &domain, &id)?;
            }
            let key = Key {
                domain: &domain,
                kind: K::KIND.name,
                id: &id,
                draft,
            };
            documents::put(db, key, &body, expected)
        });
        match written {
            Ok(written) => {
                if !target.draft {
                    K::publish(rest, &target.domain, &target.id)?;
                }
                return Ok(Written {
                    value,
                    version: written.version,
                    warnings,
                });
            }
            Err(Error::Version(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

/// A document as its readers see it.
fn shown<K: Provisioned>(rest: &Rest, document: &Document) -> Result<Members, ApiError> {
    let mut members = K::KIND.open(&rest.master_key, document)?;
    K::KIND.mask(&mut members);
    K::show(rest, &document.domain, &document.id, &mut members);
    Ok(members)
}

fn opened<K: Provisioned>(rest: &Rest, document: &Document) -> Result<K, ApiError> {
    let members = K::KIND.open(&rest.master_key, document)?;
    serde_json::from_value(Value::Object(members)).map_err(|error| ApiError::internal(&error))
}

fn members<K: Provisioned>(value: &K) -> Result<Members, ApiError> {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ApiError::internal(&"a document is no object")),
        Err(error) => Err(ApiError::internal(&error)),
    }
}

/// Runs work that blocks and may refuse.
pub(super) async fn work_off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => Err(ApiError::internal(&panic)),
    }
}

/// The reply with the document's version as its entity tag.
pub(super) fn tagged(mut response: Response, version: u64) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{version}\"")).expect("digits are a header value");
    response.headers_mut().insert(ETAG, tag);
    response
}

pub(super) fn refuse_faults(faults: Vec<FieldError>) -> Result<(), ApiError> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(ApiError::fields(faults))
    }
}

fn missing(kind: &Kind, target: &Target) -> ApiError {
    let draft = if target.draft { "provisory " } else { "" };
    ApiError::not_found(format!("there is no {draft}{} {}", kind.noun, target.id))
}

fn patch_failed(
    index: usize,
    operation: &json_patch::PatchOperation,
    error: &json_patch::PatchError,
) -> ApiError {
    use json_patch::PatchOperation as Op;
    let (name, from) = match operation {
        Op::Add(_) => ("add", None),
        Op::Remove(_) => ("remove", None),
        Op::Replace(_) => ("replace", None),
        Op::Move(op) => ("move", Some(op.from.as_str())),
        Op::Copy(op) => ("copy", Some(op.from.as_str())),
        Op::Test(_) => ("test", None),
    };
    let from = from.map_or_else(String::new, |from| format!(" from {from:?}"));
    let (path, kind) = (operation.path().as_str(), &error.kind);
    let detail = format!("operation {index}, {name}{from} at {path:?}, failed: {kind}");
    let reason = format!("{detail}; nothing was changed");
    ApiError {
        errors: vec![FieldError::new(format!("/{index}"), detail)],
        ..ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "patch_failed", reason)
    }
}

fn test_failed(index: usize, at: &str) -> ApiError {
    let detail = format!("operation {index}, test at {at:?}, failed");
    let reason = format!("{detail}; nothing was changed");
    ApiError {
        errors: vec![FieldError::new(format!("/{index}"), detail)],
        ..ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "patch_test_failed",
            reason,
        )
    }
}
