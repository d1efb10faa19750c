//! Trunks in `openapi.json`.

use hookswitch_api::page::{DocumentQuery, ListQuery};
use hookswitch_api::patch::PatchOperation;
use hookswitch_api::trunk::{NamedTrunk, Trunk};
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn, Paths};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{HttpMethod, RefOr};

use super::super::describe::{self, CHANGING, LOOKING, PATCHING, Said, Schemas};
use crate::kind::TRUNK;

const LIST: &str = "/provisioning/trunk/{domain}";
const ITEM: &str = "/provisioning/trunk/{domain}/{trunkId}";
const ID: &str = "0192e4a0-7c3e-7000-8000-000000000002";
const HASHED: &str = "`userName`, `realm` and `password` together make `ha1`; the reply carries the password once, and only its hashes are stored. A secret that is masked or left out stays as it is; null takes it away, and `password` null takes `ha1` along unless that is given. Where `destinationTarget` names another host, credentials that are kept are refused: they are to be given anew.";

fn example() -> Value {
    describe::example(include_str!("../examples/trunk.json"))
}

fn shown() -> Value {
    let mut members = example().as_object().cloned().unwrap_or_default();
    TRUNK.mask(&mut members);
    Value::Object(members)
}

fn written(schemas: &mut Schemas) -> (RefOr<Schema>, Value) {
    let schema = describe::success(vec![
        ("id", describe::text(), false),
        ("password", describe::text(), false),
        describe::warnings(schemas),
    ]);
    let example = json!({"success": true, "id": ID, "password": example()["password"]});
    (schema, example)
}

fn said(id: &str, summary: &str, description: String, parameters: Vec<Parameter>) -> Said {
    Said {
        id: id.to_owned(),
        tag: "Trunks",
        summary: summary.to_owned(),
        description,
        parameters,
        request: None,
        reply: (describe::success(vec![]), json!({"success": true})),
        is_tagged: true,
        refusals: CHANGING,
    }
}

pub(super) fn list() -> (Schemas, Paths) {
    let mut schemas = Schemas::new();
    let one = describe::schema::<Trunk>(&mut schemas);
    let named = describe::schema::<NamedTrunk>(&mut schemas);
    let parameters = |more: Vec<Parameter>| {
        let mut all = vec![describe::domain()];
        all.extend(more);
        all
    };
    let changes = || parameters(DocumentQuery::into_params(|| Some(ParameterIn::Query)));
    let row = |shown: Value| json!({"trunkId": ID, "serviceDestination": shown});
    let list = Said {
        reply: (
            describe::success(vec![
                ("trunks", describe::list_of(named.clone()), true),
                ("nextToken", describe::text(), false),
            ]),
            json!({"success": true, "trunks": [row(shown())]}),
        ),
        is_tagged: false,
        refusals: LOOKING,
        ..said(
            "listTrunks",
            "Lists the trunks",
            "Pages follow each other by `nextToken`, which stays good whatever is written meanwhile. Secrets are masked.".to_owned(),
            parameters(ListQuery::into_params(|| Some(ParameterIn::Query))),
        )
    };
    let put = Said {
        request: Some((named, row(example()))),
        reply: written(&mut schemas),
        ..said(
            "putNamedTrunk",
            "Adds or modifies a trunk",
            format!(
                "The trunk stands in `serviceDestination`; without `trunkId` a new one is added. {HASHED}"
            ),
            changes(),
        )
    };
    let post = Said {
        request: Some((one, example())),
        reply: written(&mut schemas),
        ..said(
            "createTrunk",
            "Creates a trunk",
            HASHED.to_owned(),
            changes(),
        )
    };
    let mut paths = Paths::new();
    for (method, said) in [
        (HttpMethod::Get, list),
        (HttpMethod::Put, put),
        (HttpMethod::Post, post),
    ] {
        paths.add_path_operation(LIST, vec![method], describe::operation(said));
    }
    (schemas, paths)
}

pub(super) fn item() -> (Schemas, Paths) {
    let mut schemas = Schemas::new();
    let one = describe::schema::<Trunk>(&mut schemas);
    let operations = describe::list_of(describe::schema::<PatchOperation>(&mut schemas));
    let parameters = |changes: bool| {
        let mut all = vec![
            describe::domain(),
            describe::id_in_path("trunkId", "Its id"),
        ];
        if changes {
            all.extend(DocumentQuery::into_params(|| Some(ParameterIn::Query)));
            all.push(describe::if_match());
        }
        all
    };
    let find = Said {
        reply: (
            describe::success(vec![("trunk", one.clone(), true)]),
            json!({"success": true, "trunk": shown()}),
        ),
        refusals: LOOKING,
        ..said(
            "getTrunk",
            "Shows a trunk",
            "Secrets are masked.".to_owned(),
            parameters(false),
        )
    };
    let put = Said {
        request: Some((one, example())),
        reply: written(&mut schemas),
        ..said(
            "putTrunk",
            "Adds or overwrites a trunk",
            HASHED.to_owned(),
            parameters(true),
        )
    };
    let delete = Said {
        is_tagged: false,
        ..said(
            "deleteTrunk",
            "Deletes a trunk",
            "Calls under way go on.".to_owned(),
            vec![
                describe::domain(),
                describe::id_in_path("trunkId", "Its id"),
                describe::if_match(),
            ],
        )
    };
    let mut patched = written(&mut schemas);
    patched.1 = json!({"success": true});
    let patch = Said {
        request: Some((operations, describe::patch_example())),
        reply: patched,
        refusals: PATCHING,
        ..said(
            "patchTrunk",
            "Patches a trunk",
            "RFC 6902: all operations or none, and the result is checked as a whole. A password that is set comes back once.".to_owned(),
            parameters(true),
        )
    };
    let mut paths = Paths::new();
    for (method, said) in [
        (HttpMethod::Get, find),
        (HttpMethod::Put, put),
        (HttpMethod::Delete, delete),
        (HttpMethod::Patch, patch),
    ] {
        paths.add_path_operation(ITEM, vec![method], describe::operation(said));
    }
    (schemas, paths)
}
