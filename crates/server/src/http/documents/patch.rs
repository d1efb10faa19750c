//! Documents patched (RFC 6902): all operations or none.

use std::sync::Arc;

use axum::http::StatusCode;
use hookswitch_api::error::FieldError;
use hookswitch_api::patch::{Patch, validate};
use serde_json::Value;

use super::super::body::Json;
use super::super::error::{ApiError, refuse_faults};
use super::super::{Rest, work_off_the_loop};
use super::write::{Coming, Missing, Written, change};
use super::{Form, Provisioned, Target, members, missing};
use crate::kind::{Absent, Veil};

/// Bytes of JSON a patch may make of a document.
const MAX_PATCHED: usize = 1024 * 1024;

/// Applies a patch: all of it or nothing.
pub(in super::super) async fn patch<K: Provisioned>(
    rest: &Arc<Rest>,
    target: Target,
    body: Json<Patch>,
    strict: bool,
) -> Result<Written<K>, ApiError> {
    let operations = body.value;
    refuse_faults(validate(&operations))?;
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
            let coming = Coming::read(document, Vec::new(), strict, Form::Patched, kept)?;
            coming.finish(&work, &target, Some(previous))
        })
    })
    .await
}

/// Applies one operation after the other, so that no chain of copies grows without bound.
fn apply(
    document: &mut Value,
    operations: &json_patch::Patch,
    veil: &Veil,
) -> Result<(), ApiError> {
    for (index, operation) in operations.iter().enumerate() {
        if let json_patch::PatchOperation::Test(test) = operation {
            let path = test.path.as_str();
            let found = document.pointer(path).filter(|_| !veil.hides(path));
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
