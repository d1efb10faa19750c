//! What the clients need of an OpenAPI 3.1 document: its types and its operations.

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

/// The part of a document that clients are made of.
pub(super) struct Document {
    pub(super) types: Vec<Named>,
    pub(super) operations: Vec<Operation>,
}

/// A schema under its name.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) shape: Shape,
}

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Named(String),
    Text,
    Number,
    Integer,
    Boolean,
    Null,
    Anything,
    Words(Vec<String>),
    List(Box<Shape>),
    Map(Box<Shape>),
    Object(Vec<Field>),
    OneOf(Vec<Shape>),
    AllOf(Vec<Shape>),
}

/// A member of an object, or a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) shape: Shape,
    pub(super) required: bool,
}

/// A method of the client.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) about: String,
    /// In the order of the path.
    pub(super) path_parameters: Vec<String>,
    pub(super) query: Vec<Field>,
    pub(super) headers: Vec<Field>,
    pub(super) body: Option<Body>,
    pub(super) reply: Reply,
}

/// What is sent.
pub(super) struct Body {
    pub(super) media_type: String,
    pub(super) shape: Shape,
    pub(super) required: bool,
}

/// What comes back when all is well.
pub(super) enum Reply {
    Json(Shape),
    Text,
    Nothing,
}

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let document: Value = serde_json::from_str(text)?;
        let mut types = Vec::new();
        for (name, schema) in members(&document["components"]["schemas"]) {
            types.push(Named {
                name: name.clone(),
                about: text_of(&schema["description"]),
                shape: shape(schema).with_context(|| format!("schema {name}"))?,
            });
        }
        let mut operations = Vec::new();
        for (path, item) in members(&document["paths"]) {
            for method in METHODS {
                if let Some(operation) = item.get(method) {
                    let found = self::operation(method, path, operation);
                    operations.push(found.with_context(|| format!("{method} {path}"))?);
                }
            }
        }
        Ok(Self { types, operations })
    }
}

fn operation(method: &str, path: &str, operation: &Value) -> Result<Operation> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let (mut query, mut headers) = (Vec::new(), Vec::new());
    for parameter in parameters {
        let field = Field {
            name: text_of(&parameter["name"]),
            about: text_of(&parameter["description"]),
            shape: shape(&parameter["schema"])?,
            required: parameter["required"] == true,
        };
        match parameter["in"].as_str() {
            Some("query") => query.push(field),
            Some("header") => headers.push(field),
            _ => {}
        }
    }
    let mut path_parameters = Vec::new();
    for part in path.split('{').skip(1) {
        let (name, _) = part.split_once('}').context("a path parameter ends")?;
        path_parameters.push(name.to_owned());
    }
    Ok(Operation {
        id: text_of(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        about: text_of(&operation["summary"]),
        path_parameters,
        query,
        headers,
        body: body(&operation["requestBody"])?,
        reply: reply(&operation["responses"])?,
    })
}

fn body(body: &Value) -> Result<Option<Body>> {
    let content = &body["content"];
    // A patch may be sent as either; its own media type says what it is.
    let wanted = ["application/json-patch+json", "application/json"];
    let found = wanted
        .iter()
        .find_map(|wanted| members(content).find(|(name, _)| name == wanted))
        .or_else(|| members(content).next());
    let Some((media_type, content)) = found else {
        return Ok(None);
    };
    Ok(Some(Body {
        media_type: media_type.clone(),
        shape: if media_type.contains("json") {
            shape(&content["schema"])?
        } else {
            Shape::Text
        },
        required: body["required"] == true,
    }))
}

fn reply(responses: &Value) -> Result<Reply> {
    let well = members(responses).find(|(status, _)| status.starts_with('2'));
    let Some((_, response)) = well else {
        return Ok(Reply::Nothing);
    };
    let content = &response["content"];
    Ok(match content.get("application/json") {
        Some(json) => Reply::Json(shape(&json["schema"])?),
        None if content.is_object() => Reply::Text,
        None => Reply::Nothing,
    })
}

/// What a schema allows.
fn shape(schema: &Value) -> Result<Shape> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        return Ok(Shape::Named(name.to_owned()));
    }
    for (keyword, make) in [
        ("oneOf", Shape::OneOf as fn(Vec<Shape>) -> Shape),
        ("anyOf", Shape::OneOf),
        ("allOf", Shape::AllOf),
    ] {
        if let Some(choices) = schema[keyword].as_array() {
            return Ok(make(choices.iter().map(shape).collect::<Result<_>>()?));
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return Ok(Shape::Words(words.iter().map(text_of).collect()));
    }
    if let Some(word) = schema["const"].as_str() {
        return Ok(Shape::Words(vec![word.to_owned()]));
    }
    match &schema["type"] {
        Value::Null => Ok(Shape::Anything),
        Value::String(name) => of_type(name, schema),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str);
            let choices: Vec<Shape> = names
                .map(|name| of_type(name, schema))
                .collect::<Result<_>>()?;
            Ok(Shape::OneOf(choices))
        }
        other => bail!("a schema of type {other}"),
    }
}

fn of_type(name: &str, schema: &Value) -> Result<Shape> {
    Ok(match name {
        "string" => Shape::Text,
        "number" => Shape::Number,
        "integer" => Shape::Integer,
        "boolean" => Shape::Boolean,
        "null" => Shape::Null,
        "array" => Shape::List(Box::new(shape(&schema["items"])?)),
        "object" if schema["properties"].is_object() => Shape::Object(fields(schema)?),
        "object" if schema["additionalProperties"].is_object() => {
            Shape::Map(Box::new(shape(&schema["additionalProperties"])?))
        }
        "object" => Shape::Map(Box::new(Shape::Anything)),
        other => bail!("a schema of type {other}"),
    })
}

fn fields(schema: &Value) -> Result<Vec<Field>> {
    let required = schema["required"].as_array();
    let is_required = |name: &str| {
        let mut names = required.into_iter().flatten();
        names.any(|required| required == name)
    };
    members(&schema["properties"])
        .map(|(name, property)| {
            Ok(Field {
                name: name.clone(),
                about: text_of(&property["description"]),
                shape: shape(property).with_context(|| format!("property {name}"))?,
                required: is_required(name),
            })
        })
        .collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
