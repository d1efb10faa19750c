//! `/v1/{domain}/provisory`: the drafts of a tenant compared with what is in force, promoted in one transaction, or
//! discarded.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hookswitch_api::alarmbridge::AlarmBridge;
use hookswitch_api::alarmeventmapper::AlarmEventMapper;
use hookswitch_api::cloudsipua::CloudSipUa;
use hookswitch_api::error::FieldError;
use hookswitch_api::mediaservice::MediaService;
use hookswitch_api::provisory::{
    DraftChange, DraftChanges, DraftName, Drafts, DraftsDone, Effect, Promotion,
};
use hookswitch_api::secret::MASK;
use hookswitch_store::documents::{self as stored, Document, Expected, Key, Page};
use hookswitch_store::{Error, Write};
use serde_json::Value;

use super::allowed::{Allowed, Change, Look};
use super::body::OptionalJson;
use super::documents::Provisioned;
use super::error::{ApiError, refuse_faults};
use super::{Rest, reply, work_off_the_loop};
use crate::kind::{Kind, Members};

/// The most drafts of one request.
const MAX_DRAFTS: usize = 1_000;
/// Drafts read at a time.
const BATCH: u32 = 100;
/// Stands for a secret of a draft that is not the one in force; no text of a document has NUL.
const OTHER: &str = "\0other";

/// A kind that has drafts.
struct Drafted {
    kind: &'static Kind,
    check: fn(&Rest, Members) -> Result<Vec<FieldError>, ApiError>,
    write_along: fn(&Write<'_>, &str, &str) -> Result<(), Error>,
}

fn drafted<K: Provisioned>() -> Drafted {
    Drafted {
        kind: K::KIND,
        check: |rest, members| {
            let value: K = serde_json::from_value(Value::Object(members))
                .map_err(|error| ApiError::internal(&error))?;
            Ok(value.check(rest))
        },
        write_along: K::write_along,
    }
}

fn all() -> [Drafted; 4] {
    [
        drafted::<AlarmBridge>(),
        drafted::<AlarmEventMapper>(),
        drafted::<CloudSipUa>(),
        drafted::<MediaService>(),
    ]
}

/// The kinds that have drafts, as paths name them.
pub(super) fn kinds() -> [&'static str; 4] {
    all().map(|drafted| drafted.kind.name)
}

/// A draft beside what is in force.
struct Pair {
    name: DraftName,
    draft: Document,
    live: Option<Document>,
}

/// Shows what promoting drafts would change
///
/// Of all drafts, or of those that are named. Secrets are masked; one that differs is shown as replaced by the mask.
#[utoipa::path(
    post, path = "/v1/{domain}/provisory/diff", tag = "Services", operation_id = "diffDrafts",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body(content = Option<Drafts>, example = json!({})),
    responses((status = 200, description = "Every draft with its changes", body = DraftChanges, example = json!({
        "success": true, "drafts": [{
            "kind": "cloudsipua", "id": "0192e4a0-7c3e-7000-8000-000000000001", "effect": "replace",
            "changes": [{"op": "replace", "path": "/callbackTimeout", "value": 5000}],
        }],
    }))),
)]
pub(super) async fn diff(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    OptionalJson(body): OptionalJson<Drafts>,
) -> Result<Response, ApiError> {
    let domain = caller.domain.clone();
    let drafts = work_off_the_loop(move || {
        let pairs = pairs(&rest, &domain, &body.value)?;
        pairs.iter().map(|pair| compared(&rest, pair)).collect()
    })
    .await?;
    reply(&DraftChanges {
        success: true,
        drafts,
    })
}

/// Puts drafts in force
///
/// All that are meant in one transaction, or none; the drafts are gone then, and calls see the new documents at once.
/// A draft whose document in force was changed after the draft was written is refused with 409, unless `overwrite` is
/// true.
#[utoipa::path(
    post, path = "/v1/{domain}/provisory/promote", tag = "Services", operation_id = "promoteDrafts",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body(content = Option<Promotion>, example = json!({"documents": [{"kind": "cloudsipua", "id": "0192e4a0-7c3e-7000-8000-000000000001"}]})),
    responses((status = 200, description = "They are in force", body = DraftsDone, example = json!({
        "success": true, "count": 1, "drafts": [{"kind": "cloudsipua", "id": "0192e4a0-7c3e-7000-8000-000000000001"}],
    }))),
)]
pub(super) async fn promote(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    OptionalJson(body): OptionalJson<Promotion>,
) -> Result<Response, ApiError> {
    let domain = caller.domain.clone();
    let names = work_off_the_loop(move || {
        let Promotion {
            documents,
            overwrite,
        } = body.value;
        let pairs = pairs(&rest, &domain, &Drafts { documents })?;
        if overwrite != Some(true) {
            refuse_outdated(&pairs)?;
        }
        refuse_faults(faults(&rest, &pairs)?)?;
        let names: Vec<DraftName> = pairs.iter().map(|pair| pair.name.clone()).collect();
        let written = rest.store.write(move |db| {
            for pair in &pairs {
                put_in_force(db, pair)?;
            }
            Ok(())
        });
        done(written)?;
        rest.publisher.refresh_tenant(&domain)?;
        Ok(names)
    })
    .await?;
    said(names)
}

/// Throws drafts away
///
/// What is in force stays as it is.
#[utoipa::path(
    post, path = "/v1/{domain}/provisory/discard", tag = "Services", operation_id = "discardDrafts",
    params(("domain" = String, Path, description = "The tenant's SIP domain")),
    request_body(content = Option<Drafts>, example = json!({"documents": [{"kind": "cloudsipua", "id": "0192e4a0-7c3e-7000-8000-000000000001"}]})),
    responses((status = 200, description = "They are gone", body = DraftsDone, example = json!({
        "success": true, "count": 1, "drafts": [{"kind": "cloudsipua", "id": "0192e4a0-7c3e-7000-8000-000000000001"}],
    }))),
)]
pub(super) async fn discard(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    OptionalJson(body): OptionalJson<Drafts>,
) -> Result<Response, ApiError> {
    let domain = caller.domain.clone();
    let names = work_off_the_loop(move || {
        let pairs = pairs(&rest, &domain, &body.value)?;
        let names: Vec<DraftName> = pairs.iter().map(|pair| pair.name.clone()).collect();
        let written = rest.store.write(move |db| {
            for pair in &pairs {
                let version = Expected::Version(pair.draft.version);
                stored::delete(db, key(&pair.draft, true), version)?;
            }
            Ok(())
        });
        done(written)?;
        Ok(names)
    })
    .await?;
    said(names)
}

fn said(drafts: Vec<DraftName>) -> Result<Response, ApiError> {
    reply(&DraftsDone {
        success: true,
        count: drafts.len(),
        drafts,
    })
}

/// Somebody else changed one of the documents since it was read.
fn done(written: Result<(), Error>) -> Result<(), ApiError> {
    match written {
        Err(Error::Version(_)) => Err(ApiError::new(
            StatusCode::CONFLICT,
            "draft_changed",
            "a draft or what it replaces was changed meanwhile; nothing was done, send the request again",
        )),
        other => Ok(other?),
    }
}

fn key(document: &Document, draft: bool) -> Key<'_> {
    Key {
        domain: &document.domain,
        kind: &document.kind,
        id: &document.id,
        draft,
    }
}

/// The drafts that are meant, each beside what is in force, by kind and id.
fn pairs(rest: &Rest, domain: &str, wanted: &Drafts) -> Result<Vec<Pair>, ApiError> {
    let kinds = all();
    let too_many = || {
        let detail = format!("may be {MAX_DRAFTS} at most; name those that are meant");
        ApiError::field("/documents", detail)
    };
    if wanted.documents.len() > MAX_DRAFTS {
        return Err(too_many());
    }
    let found = rest.store.read(|db| {
        let mut found = BTreeMap::new();
        if wanted.documents.is_empty() {
            for drafted in &kinds {
                let mut after: Option<String> = None;
                while found.len() <= MAX_DRAFTS {
                    let page = Page {
                        limit: BATCH,
                        after: after.as_deref(),
                        prefix: None,
                    };
                    let drafts = stored::list(db, domain, drafted.kind.name, true, page)?;
                    let Some(last) = drafts.last() else { break };
                    after = Some(last.id.clone());
                    for draft in drafts {
                        let live = stored::find(db, key(&draft, false))?;
                        found.insert((draft.kind.clone(), draft.id.clone()), (draft, live));
                    }
                }
            }
        }
        for name in &wanted.documents {
            let wanted = |draft| Key {
                domain,
                kind: &name.kind,
                id: &name.id,
                draft,
            };
            let is_drafted = kinds.iter().any(|drafted| drafted.kind.name == name.kind);
            if is_drafted && let Some(draft) = stored::find(db, wanted(true))? {
                let live = stored::find(db, wanted(false))?;
                found.insert((name.kind.clone(), name.id.clone()), (draft, live));
            }
        }
        Ok(found)
    })?;
    for (index, name) in wanted.documents.iter().enumerate() {
        if !found.contains_key(&(name.kind.clone(), name.id.clone())) {
            let why = format!(
                "there is no draft of kind {} with the id {}",
                name.kind, name.id
            );
            return Err(ApiError {
                errors: vec![FieldError::new(format!("/documents/{index}"), why.clone())],
                ..ApiError::not_found(why)
            });
        }
    }
    if found.len() > MAX_DRAFTS {
        return Err(too_many());
    }
    let pair = |((kind, id), (draft, live))| Pair {
        name: DraftName { kind, id },
        draft,
        live,
    };
    Ok(found.into_iter().map(pair).collect())
}

/// Versions rise with every write of the store, so what is in force is newer than its draft where it was written later.
fn refuse_outdated(pairs: &[Pair]) -> Result<(), ApiError> {
    let outdated = |pair: &&Pair| {
        let live = pair.live.as_ref();
        live.is_some_and(|live| live.version > pair.draft.version)
    };
    let errors: Vec<FieldError> = pairs
        .iter()
        .filter(outdated)
        .map(|pair| {
            let pointer = format!("/{}/{}", pair.name.kind, pair.name.id);
            FieldError::new(pointer, "was changed in force after its draft was written")
        })
        .collect();
    let Some(first) = errors.first() else {
        return Ok(());
    };
    let more = match errors.len() {
        1 => String::new(),
        count => format!(" (and {} more; see errors)", count - 1),
    };
    let why = format!(
        "{} {}{more}; nothing was done: write the draft anew, or send overwrite true",
        first.pointer, first.detail
    );
    Err(ApiError {
        errors,
        ..ApiError::new(StatusCode::CONFLICT, "draft_outdated", why)
    })
}

fn drafted_of(kind: &str) -> Result<Drafted, ApiError> {
    all()
        .into_iter()
        .find(|drafted| drafted.kind.name == kind)
        .ok_or_else(|| ApiError::internal(&"a draft of a kind that has none"))
}

/// What is wrong with the drafts by now: what the node allows may have changed since they were written.
fn faults(rest: &Rest, pairs: &[Pair]) -> Result<Vec<FieldError>, ApiError> {
    let mut faults = Vec::new();
    for pair in pairs {
        let drafted = drafted_of(&pair.name.kind)?;
        let members = drafted.kind.open(&rest.master_key, &pair.draft)?;
        for fault in (drafted.check)(rest, members)? {
            let pointer = format!("/{}/{}{}", pair.name.kind, pair.name.id, fault.pointer);
            faults.push(FieldError::new(pointer, fault.detail));
        }
    }
    Ok(faults)
}

/// Moves a draft to where calls see it. Its seals are those of its kind and id, so its text stays as it is.
fn put_in_force(db: &Write<'_>, pair: &Pair) -> Result<(), Error> {
    let (draft, name) = (&pair.draft, &pair.name);
    let drafted = all().into_iter().find(|it| it.kind.name == name.kind);
    if let Some(drafted) = drafted {
        (drafted.write_along)(db, &draft.domain, &draft.id)?;
    }
    let version = pair.live.as_ref().map(|live| live.version);
    let expected = version.map_or(Expected::Absent, Expected::Version);
    stored::put(db, key(draft, false), &draft.body, expected)?;
    stored::delete(db, key(draft, true), Expected::Version(draft.version))?;
    Ok(())
}

fn compared(rest: &Rest, pair: &Pair) -> Result<DraftChange, ApiError> {
    let kind = drafted_of(&pair.name.kind)?.kind;
    let draft = kind.open(&rest.master_key, &pair.draft)?;
    let live = match &pair.live {
        Some(live) => Some(kind.open(&rest.master_key, live)?),
        None => None,
    };
    let mut after = draft.clone();
    kind.mask(&mut after);
    let mut before = live.clone().unwrap_or_default();
    kind.mask(&mut before);
    let (mut after, before) = (Value::Object(after), Value::Object(before));
    if let Some(live) = live {
        let (draft, live) = (Value::Object(draft), Value::Object(live));
        mark_others(&mut after, &draft, &live);
    }
    let operations = serde_json::to_string(&json_patch::diff(&before, &after))
        .map_err(|error| ApiError::internal(&error))?;
    let operations = operations.replace("\\u0000other", MASK);
    let changes: Vec<_> =
        serde_json::from_str(&operations).map_err(|error| ApiError::internal(&error))?;
    let effect = match (&pair.live, changes.is_empty()) {
        (None, _) => Effect::Create,
        (Some(_), true) => Effect::Nothing,
        (Some(_), false) => Effect::Replace,
    };
    Ok(DraftChange {
        draft: pair.name.clone(),
        effect,
        changes,
    })
}

/// Tells the masked secrets of a draft from those that are in force, in their places.
fn mark_others(masked: &mut Value, draft: &Value, live: &Value) {
    match masked {
        Value::String(text) if text == MASK && draft != live => OTHER.clone_into(text),
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                mark_others(item, &draft[index], live.get(index).unwrap_or(&Value::Null));
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let before = live.get(name).unwrap_or(&Value::Null);
                mark_others(member, &draft[name.as_str()], before);
            }
        }
        _ => {}
    }
}
