//! An example for every body: put together from the schema and from one value per member name, so that an operation
//! that is added has its examples too. Where members depend on each other, the request is written down as a whole.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, RefOr};

use super::operations;

static WRITTEN: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("examples.json")).expect("the file is valid JSON")
});

/// How deep bodies are followed; schemas may contain themselves.
const DEPTH: u8 = 12;

/// Adds the examples that operations and webhooks do not bring themselves.
pub(super) fn add(document: &mut OpenApi) {
    let schemas = serde_json::to_value(&document.components).unwrap_or_default();
    let schemas = Schemas(&schemas["schemas"]);
    let webhooks = document
        .webhooks
        .iter_mut()
        .flat_map(|hooks| hooks.paths.values_mut());
    for item in document.paths.paths.values_mut().chain(webhooks) {
        for (_, operation) in operations(item) {
            schemas.describe(operation);
        }
    }
}

struct Schemas<'a>(&'a Value);

impl Schemas<'_> {
    fn describe(&self, operation: &mut Operation) {
        let id = operation.operation_id.as_deref().unwrap_or_default();
        // The paths without suffix take what those with it take.
        let written = &WRITTEN["requests"][id.trim_end_matches("Plain")];
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            for content in body.content.values_mut() {
                self.give(content, Some(written).filter(|written| !written.is_null()));
            }
        }
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                for content in response.content.values_mut() {
                    self.give(content, None);
                }
            }
        }
    }

    fn give(&self, content: &mut RefOr<Content>, written: Option<&Value>) {
        let RefOr::T(content) = content else {
            return;
        };
        if content.example.is_some() || !content.examples.is_empty() {
            return;
        }
        let schema = serde_json::to_value(&content.schema).unwrap_or_default();
        content.example = match written {
            Some(written) => Some(written.clone()),
            None => self.example(&schema, "", DEPTH),
        };
    }

    /// A value that fits the schema of the member `name`.
    fn example(&self, schema: &Value, name: &str, depth: u8) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        if let Some(reference) = schema["$ref"].as_str() {
            let named = reference.rsplit('/').next()?;
            return self.example(&self.0[named], name, depth);
        }
        for own in [
            &schema["example"],
            &schema["examples"][0],
            &schema["const"],
            &schema["enum"][0],
        ] {
            if !own.is_null() {
                return Some(own.clone());
            }
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[choice].as_array() {
                let mut found = choices.iter().filter(|one| one["type"] != "null");
                return found.find_map(|one| self.example(one, name, depth));
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in parts {
                if let Some(Value::Object(members)) = self.example(part, name, depth) {
                    whole.extend(members);
                }
            }
            return Some(Value::Object(whole));
        }
        match kind(schema) {
            "object" => Some(self.object(schema, depth)),
            "array" => {
                let item = self.example(&schema["items"], singular(name), depth);
                Some(known(name, "array").unwrap_or_else(|| json!(item.as_slice())))
            }
            "string" => Some(known(name, "string").unwrap_or_else(|| text(schema))),
            "boolean" => Some(known(name, "boolean").unwrap_or(Value::Bool(true))),
            "integer" | "number" => Some(known(name, "integer").unwrap_or_else(|| number(schema))),
            _ => Some(json!({})),
        }
    }

    /// What is required, and what has a value of its own.
    fn object(&self, schema: &Value, depth: u8) -> Value {
        let required = schema["required"].as_array();
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|one| one == name));
        let members = schema["properties"].as_object();
        let example = members.into_iter().flatten().filter_map(|(name, member)| {
            let is_known = !WRITTEN["values"][name].is_null()
                || !kind(member).is_empty() && kind(member) != "string";
            let is_wanted =
                is_required(name) || is_known && name != "warnings" && name != "nextToken";
            let value = is_wanted.then(|| self.example(member, name, depth))?;
            Some((name.clone(), value?))
        });
        Value::Object(example.collect())
    }
}

/// The type of a schema, null left aside.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            kinds.find(|kind| *kind != "null").unwrap_or_default()
        }
        _ if schema["properties"].is_object() => "object",
        _ => "",
    }
}

/// The value written down for a member of that name, when it has the type.
fn known(name: &str, kind: &str) -> Option<Value> {
    let value = &WRITTEN["values"][name];
    let fits = match kind {
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        _ => value.is_number(),
    };
    fits.then(|| value.clone())
}

fn singular(name: &str) -> &str {
    name.strip_suffix('s').unwrap_or(name)
}

fn text(schema: &Value) -> Value {
    match schema["format"].as_str() {
        Some("uri") => "https://app.example.com".into(),
        Some("uuid") => "7c9e6679-7425-40de-944b-e07fc1f90ae7".into(),
        Some("date-time") => "2026-01-01T00:00:00Z".into(),
        _ => "text".into(),
    }
}

fn number(schema: &Value) -> Value {
    let least = schema["minimum"].as_u64().unwrap_or_default();
    least.max(1).into()
}
