//! The one way of provisioning: documents of any kind, listed, read, written, patched and deleted. A kind
//! says what it is called, how it is checked and what follows a write; everything else is the same.

mod patch;
mod write;

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::ETAG;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use hookswitch_api::error::FieldError;
use hookswitch_api::page::{DraftQuery, ListQuery, next_token};
use hookswitch_store::documents::{self, Document, Key, Page};
use hookswitch_store::{Error, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

pub(super) use self::patch::patch;
pub(super) use self::write::{Missing, Written, delete, put, put_whole};
use super::allowed::{Allowed, Need};
use super::error::ApiError;
use super::precondition::Precondition;
use super::query::{Id, Query};
use super::{Rest, reply, work_off_the_loop};
use crate::auth::Caller;
use crate::kind::{Kind, Members};

/// A type whose documents are provisioned.
pub(super) trait Provisioned: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What the kind is called, and its secrets.
    const KIND: &'static Kind;

    /// Members of the stored document that no request may give.
    const OWN: &'static [&'static str] = &[];

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

/// The one document that the path names, for a caller who may do `N` with it: the draft where the query asks for it,
/// which [`Allowed`] refuses where there are none.
pub(super) struct Named<N> {
    pub(super) target: Target,
    need: PhantomData<fn() -> N>,
}

impl<N: Need> FromRequestParts<Arc<Rest>> for Named<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, ApiError> {
        let caller = Allowed::<N>::from_request_parts(parts, rest).await?;
        let Id(id) = Id::from_request_parts(parts, rest).await?;
        let Query(drafts) = Query::<DraftQuery>::from_request_parts(parts, rest).await?;
        Ok(Self {
            target: Target::new(&caller, id, &parts.headers).or_draft(&drafts),
            need: PhantomData,
        })
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

/// The reply with the document's version as its entity tag.
pub(super) fn tagged(mut response: Response, version: u64) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{version}\"")).expect("digits are a header value");
    response.headers_mut().insert(ETAG, tag);
    response
}

fn missing(kind: &Kind, target: &Target) -> ApiError {
    let draft = if target.draft { "provisory " } else { "" };
    ApiError::not_found(format!("there is no {draft}{} {}", kind.noun, target.id))
}
