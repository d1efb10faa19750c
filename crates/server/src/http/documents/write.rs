//! Documents written whole and deleted: read, checked and stored, again when another write came between.

use std::sync::Arc;

use axum::http::StatusCode;
use hookswitch_api::destination::id_fault;
use hookswitch_api::error::FieldError;
use hookswitch_api::lenient;
use hookswitch_store::Error;
use hookswitch_store::documents::{self, Expected, Key};
use serde_json::Value;

use super::super::body::{Json, tolerate};
use super::super::destinations::id_of;
use super::super::error::{ApiError, refuse_faults};
use super::super::precondition::stale;
use super::super::{Rest, work_off_the_loop};
use super::{Form, Provisioned, Target, members, missing, opened};
use crate::kind::{Absent, Kept};

/// How often a write is tried again when another one came between reading and writing.
const TRIES: u32 = 8;

/// What a write left behind.
pub(in super::super) struct Written<K> {
    /// The document as stored.
    pub(in super::super) value: K,
    /// Its new version.
    pub(in super::super) version: u64,
    /// Members of the request that meant nothing.
    pub(in super::super) warnings: Vec<FieldError>,
}

/// Whether a write may make a document where there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Missing {
    /// It may.
    Create,
    /// Only when the other form, published or draft, is there.
    NeedsOtherForm,
}

/// Writes a whole document.
pub(in super::super) async fn put<K: Provisioned + Clone>(
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
            let coming = Coming {
                value: value.clone(),
                warnings: warnings.clone(),
                form: Form::Whole,
                kept: Vec::new(),
            };
            coming.finish(&work, &target, previous)
        })
    })
    .await
}

/// Writes a whole document, whose secrets may be masked or left out where they stay as they are.
pub(in super::super) async fn put_whole<K: Provisioned>(
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
            let foreign = named_otherwise::<K>(&body, &target)?;
            let coming = Coming::read(body, foreign, strict, Form::Whole, kept)?;
            coming.finish(&work, &target, previous)
        })
    })
    .await
}

/// What is to be said of an id in the body, where it is not the one that the request names.
fn named_otherwise<K: Provisioned>(
    body: &Value,
    target: &Target,
) -> Result<Vec<FieldError>, ApiError> {
    let own =
        id_of(body, K::KIND.id).filter(|own| *own != target.id && !K::OWN.contains(&K::KIND.id));
    let Some(own) = own else {
        return Ok(Vec::new());
    };
    let pointer = format!("/{}", K::KIND.id);
    if let Some(fault) = id_fault(&own) {
        return Err(ApiError::field(pointer, fault));
    }
    let id = &target.id;
    let detail = format!("is not {id} as in the request and was ignored");
    Ok(vec![FieldError::new(pointer, detail)])
}

/// Deletes a document.
pub(in super::super) async fn delete<K: Provisioned>(
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

/// A new form of a document, before it is what is stored of it.
pub(super) struct Coming<K> {
    value: K,
    /// Members that mean nothing.
    warnings: Vec<FieldError>,
    form: Form,
    /// Secrets that stay as they were.
    kept: Vec<Kept>,
}

impl<K: Provisioned> Coming<K> {
    /// From JSON.
    ///
    /// `foreign`: members that are known to mean nothing.
    pub(super) fn read(
        mut body: Value,
        mut foreign: Vec<FieldError>,
        strict: bool,
        form: Form,
        kept: Vec<Kept>,
    ) -> Result<Self, ApiError> {
        for name in K::OWN {
            let pointer = format!("/{name}");
            let is_kept = kept.iter().any(|kept| kept.pointer() == pointer);
            let given = body.as_object_mut().filter(|_| !is_kept);
            if given.and_then(|members| members.remove(*name)).is_some() {
                foreign.push(lenient::unknown_member(pointer));
            }
        }
        let mut parsed =
            lenient::parse_value::<K>(body).map_err(|error| ApiError::fields(vec![error]))?;
        parsed.unknown.append(&mut foreign);
        tolerate(&parsed.unknown, strict)?;
        Ok(Self {
            value: parsed.value,
            warnings: parsed.unknown,
            form,
            kept,
        })
    }

    /// Completes and checks it; what is stored, with all that means nothing.
    pub(super) fn finish(
        self,
        rest: &Rest,
        target: &Target,
        previous: Option<&K>,
    ) -> Result<(K, Vec<FieldError>), ApiError> {
        let (mut value, mut warnings) = (self.value, self.warnings);
        let unused = value.complete(target, previous, self.form);
        warnings.extend(unused.map_err(|fault| ApiError::fields(vec![fault]))?);
        refuse_faults(value.check(rest))?;
        if let Some(previous) = previous {
            refuse_faults(value.check_change(previous))?;
            if !self.kept.is_empty() {
                let (before, after) = (members(previous)?, members(&value)?);
                let (before, after) = (Value::Object(before), Value::Object(after));
                refuse_faults(K::KIND.astray(&before, &after, &self.kept))?;
            }
        }
        warnings.extend(value.remarks());
        value.protect(target);
        Ok((value, warnings))
    }
}

/// Reads, computes value and warnings, and writes, again when another write came between. Blocks.
pub(super) fn change<K: Provisioned>(
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

fn busy() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "busy",
        "others keep changing the same document; send the request again",
    )
}
