//! The service destinations `cloudsipua`, `mediaservice`, `alarmbridge` and `alarmeventmapper`: the same verbs, drafts
//! and replies for each.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use hookswitch_api::done::Done;
use hookswitch_api::page::{DocumentQuery, DraftQuery, ListQuery};
use hookswitch_api::patch::{Patch, PatchOperation};
use serde_json::{Value, json};
use utoipa::openapi::HttpMethod;
use utoipa::openapi::path::{Parameter, ParameterIn, Paths};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::allowed::{Allowed, Change, Look};
use super::body::Json;
use super::describe::{self, CHANGING, LOOKING, PATCHING, Said, Schemas};
use super::documents::{self, Missing, Named, Provisioned, Target, Written, tagged};
use super::error::ApiError;
use super::query::Query;
use super::{Rest, reply};
use crate::random::uuid;

/// A kind of service destinations.
pub(super) trait Destination: Provisioned + ToSchema {
    /// How it is spoken of.
    const WORDS: Words;
}

/// How a kind is spoken of.
pub(super) struct Words {
    /// The path of the list.
    pub(super) list: &'static str,
    /// The path of one.
    pub(super) item: &'static str,
    /// The parameter that names one.
    pub(super) parameter: &'static str,
    /// What operation ids end with.
    pub(super) operation: &'static str,
    /// One of them, with its article.
    pub(super) one: &'static str,
    /// All of them, with the article.
    pub(super) many: &'static str,
    /// What they are for.
    pub(super) what: &'static str,
    /// One of them, in JSON.
    pub(super) example: &'static str,
}

/// The paths of a kind, with their handlers and descriptions.
pub(super) fn routes<K: Destination>() -> [UtoipaMethodRouter<Arc<Rest>>; 2] {
    let handlers = get(list::<K>).post(create::<K>);
    let of_item = get(find::<K>)
        .put(overwrite::<K>)
        .delete(delete::<K>)
        .patch(patch::<K>);
    let (list, item) = (describe_list::<K>(), describe_item::<K>());
    [(list.0, list.1, handlers), (item.0, item.1, of_item)]
}

async fn list<K: Destination>(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Look>,
    Query(query): Query<ListQuery>,
    Query(drafts): Query<DraftQuery>,
) -> Result<Response, ApiError> {
    documents::list::<K>(&rest, &caller, &query, &drafts).await
}

async fn create<K: Destination>(
    State(rest): State<Arc<Rest>>,
    caller: Allowed<Change>,
    Query(query): Query<DocumentQuery>,
    Query(drafts): Query<DraftQuery>,
    headers: HeaderMap,
    body: Json<Value>,
) -> Result<Response, ApiError> {
    let id = id_of(&body.value, K::KIND.id).unwrap_or_else(uuid);
    let target = Target::new(&caller, id, &headers).or_draft(&drafts);
    write::<K>(&rest, target, body.value, &query, Missing::Create).await
}

/// The id a body gives itself; whether it can be one is checked with the rest.
pub(super) fn id_of(body: &Value, member: &str) -> Option<String> {
    match &body[member] {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

async fn find<K: Destination>(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Look>,
) -> Result<Response, ApiError> {
    documents::find::<K>(&rest, target).await
}

async fn overwrite<K: Destination>(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Change>,
    Query(query): Query<DocumentQuery>,
    body: Json<Value>,
) -> Result<Response, ApiError> {
    write::<K>(&rest, target, body.value, &query, Missing::NeedsOtherForm).await
}

async fn delete<K: Destination>(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Change>,
) -> Result<Response, ApiError> {
    documents::delete::<K>(&rest, target).await?;
    reply(&Done::new())
}

async fn patch<K: Destination>(
    State(rest): State<Arc<Rest>>,
    Named { target, .. }: Named<Change>,
    Query(query): Query<DocumentQuery>,
    body: Json<Patch>,
) -> Result<Response, ApiError> {
    let strict = query.strict.unwrap_or(false);
    let written = documents::patch::<K>(&rest, target, body, strict).await?;
    let body = Done::new().warning(written.warnings);
    Ok(tagged(reply(&body)?, written.version))
}

async fn write<K: Destination>(
    rest: &Arc<Rest>,
    target: Target,
    body: Value,
    query: &DocumentQuery,
    missing_is: Missing,
) -> Result<Response, ApiError> {
    let id = target.id.clone();
    let strict = query.strict.unwrap_or(false);
    let written: Written<K> = documents::put_whole(rest, target, body, strict, missing_is).await?;
    let mut body = json!({ "success": true, "id": id });
    if !written.warnings.is_empty() {
        body["warnings"] = json!(written.warnings);
    }
    Ok(tagged(reply(&body)?, written.version))
}

fn in_query() -> Option<ParameterIn> {
    Some(ParameterIn::Query)
}

fn drafts() -> Vec<Parameter> {
    DraftQuery::into_params(in_query)
}

fn describe_list<K: Destination>() -> (Schemas, Paths) {
    let (words, mut schemas) = (K::WORDS, Schemas::new());
    let one = describe::schema::<K>(&mut schemas);
    let query = |params: Vec<Parameter>| {
        let mut all = vec![describe::domain()];
        all.extend(params);
        all
    };
    let example = describe::example(words.example);
    let listed = describe::success(vec![
        (K::KIND.list, describe::list_of(one.clone()), true),
        ("nextToken", describe::text(), false),
    ]);
    let id = "0192e4a0-7c3e-7000-8000-000000000001";
    let mut shown = masked::<K>(&example);
    shown["id"] = id.into();
    let list = Said {
        id: format!("list{}s", words.operation),
        tag: "Services",
        summary: format!("Lists {}", words.many),
        description: format!(
            "{} Pages follow each other by `nextToken`, which stays good whatever is written meanwhile. Secrets are masked.",
            words.what
        ),
        parameters: query([drafts(), ListQuery::into_params(in_query)].concat()),
        request: None,
        reply: (listed, json!({"success": true, K::KIND.list: [shown]})),
        is_tagged: false,
        refusals: LOOKING,
    };
    let written = describe::success(vec![
        ("id", describe::text(), true),
        describe::warnings(&mut schemas),
    ]);
    let create = Said {
        id: format!("create{}", words.operation),
        tag: "Services",
        summary: format!("Creates {}", words.one),
        description: format!(
            "{} Without `id` and `callbackId` both are made; an `id` that exists is overwritten. `provisory=true` writes a draft, which calls never see.",
            words.what
        ),
        parameters: query([drafts(), DocumentQuery::into_params(in_query)].concat()),
        request: Some((one, example)),
        reply: (written, json!({"success": true, "id": id})),
        is_tagged: true,
        refusals: CHANGING,
    };
    let mut paths = Paths::new();
    paths.add_path_operation(words.list, vec![HttpMethod::Get], describe::operation(list));
    paths.add_path_operation(
        words.list,
        vec![HttpMethod::Post],
        describe::operation(create),
    );
    (schemas, paths)
}

fn describe_item<K: Destination>() -> (Schemas, Paths) {
    let (words, mut schemas) = (K::WORDS, Schemas::new());
    let one = describe::schema::<K>(&mut schemas);
    let operations = describe::list_of(describe::schema::<PatchOperation>(&mut schemas));
    let parameters = |verb: &str| {
        let mut all = vec![
            describe::domain(),
            describe::id_in_path(words.parameter, "Its id"),
        ];
        all.extend(drafts());
        if matches!(verb, "put" | "patch") {
            all.extend(DocumentQuery::into_params(in_query));
        }
        all.extend((verb != "get").then(describe::if_match));
        all
    };
    let example = describe::example(words.example);
    let single = K::KIND.single.unwrap_or("");
    let said = |verb: &str, summary: &str, description: &str| Said {
        id: format!("{verb}{}", words.operation),
        tag: "Services",
        summary: format!("{summary} {}", words.one),
        description: description.to_owned(),
        parameters: parameters(verb),
        request: None,
        reply: (describe::success(vec![]), json!({"success": true})),
        is_tagged: verb != "delete",
        refusals: CHANGING,
    };
    let done = describe::success(vec![
        ("reason", describe::text(), false),
        describe::warnings(&mut schemas),
    ]);
    let id = "0192e4a0-7c3e-7000-8000-000000000001";
    let find = Said {
        reply: (
            describe::success(vec![(single, one.clone(), true)]),
            json!({"success": true, single: masked::<K>(&example)}),
        ),
        refusals: LOOKING,
        ..said(
            "get",
            "Shows",
            "Secrets are masked. With `provisory=true` the draft, without it what is in force.",
        )
    };
    let overwrite = Said {
        request: Some((one, example)),
        reply: (
            describe::success(vec![
                ("id", describe::text(), true),
                describe::warnings(&mut schemas),
            ]),
            json!({"success": true, "id": id}),
        ),
        ..said(
            "put",
            "Overwrites",
            "Its id stays, and its `callbackId` unless another one is given. A secret that is masked or left out stays as it is; null takes it away. Where an address names another host, the secrets that are sent there are refused unless they are given anew. With `provisory=true` the draft is written, which calls never see.",
        )
    };
    let patch = Said {
        request: Some((operations, describe::patch_example())),
        reply: (done.clone(), json!({"success": true})),
        refusals: PATCHING,
        ..said(
            "patch",
            "Patches",
            "RFC 6902: all operations or none, and the result is checked as a whole. `application/json` is taken beside `application/json-patch+json`. A secret equals its mask and nothing else, and can be moved and copied to places of its own kind only. Where an address names another host, the secrets that are sent there are refused unless they are given anew.",
        )
    };
    let delete = Said {
        reply: (done, json!({"success": true})),
        ..said(
            "delete",
            "Deletes",
            "With `provisory=true` the draft only, without it what is in force.",
        )
    };
    let mut paths = Paths::new();
    for (method, said) in [
        (HttpMethod::Get, find),
        (HttpMethod::Put, overwrite),
        (HttpMethod::Delete, delete),
        (HttpMethod::Patch, patch),
    ] {
        paths.add_path_operation(words.item, vec![method], describe::operation(said));
    }
    (schemas, paths)
}

/// An example as a reply shows it.
fn masked<K: Provisioned>(example: &Value) -> Value {
    let mut members = example.as_object().cloned().unwrap_or_default();
    K::KIND.mask(&mut members);
    Value::Object(members)
}
