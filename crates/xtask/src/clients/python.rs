//! The Python client: a `TypedDict` per schema, and one class that speaks through the standard library.

use std::fmt::Write as _;

use super::document::{Document, Field, Named, Operation, Reply, Shape};

const HEAD: &str = r#"# Written by `cargo xtask clients` from openapi.json. Do not edit.
"""Hookswitch's REST interface, typed. Needs Python 3.11 and nothing else."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Literal, Mapping, Required, TypedDict, Union, cast


class HookswitchError(Exception):
    """A refusal: the HTTP status, and the body that says why and what to do."""

    def __init__(self, status: int, body: ErrorBody) -> None:
        super().__init__(body.get("reason", ""))
        self.status = status
        self.body = body

"#;

const CLASS: &str = r#"
def _refusal(error: urllib.error.HTTPError) -> HookswitchError:
    text = error.read().decode("utf-8", "replace")
    try:
        body = cast("ErrorBody", json.loads(text))
    except ValueError:
        body = cast("ErrorBody", {"reason": text})
    return HookswitchError(error.code, body)


class Hookswitch:
    """The REST interface of one server, opened by one API key.

    `base_url` is where the server answers, such as `http://127.0.0.1:8080`; `token` an API token (`hs_…`) or a JWT
    signed with an uploaded key; `timeout` is in seconds.
    """

    def __init__(self, base_url: str, token: str, timeout: float = 30.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._timeout = timeout

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: object = None,
        media_type: str = "application/json",
    ) -> str:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        text = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}
        url = self._base_url + path + ("?" + urllib.parse.urlencode(text) if text else "")
        request = urllib.request.Request(url, method=method)
        request.add_header("Authorization", "Bearer " + self._token)
        for name, value in (headers or {}).items():
            if value is not None:
                request.add_header(name, value)
        if body is not None:
            request.add_header("Content-Type", media_type)
            request.data = (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                return cast(bytes, response.read()).decode()
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
"#;

/// Words that cannot name a member of a class.
const KEYWORDS: [&str; 12] = [
    "and", "as", "class", "def", "from", "global", "if", "import", "in", "is", "not", "or",
];

/// The whole file.
pub(super) fn write(document: &Document) -> String {
    let mut out = HEAD.to_owned();
    let mut types = Types::default();
    let mut written: Vec<&str> = Vec::new();
    let mut left: Vec<&Named> = document.types.iter().collect();
    // A class stands behind those it is made of.
    while !left.is_empty() {
        let before = left.len();
        left.retain(|named| {
            let is_ready = parents(&named.shape)
                .iter()
                .all(|parent| written.contains(&parent.as_str()));
            if is_ready {
                types.declare(&named.name, &named.about, &named.shape);
                written.push(&named.name);
            }
            !is_ready
        });
        assert!(left.len() < before, "no schema is made of itself");
    }
    out.push_str(&types.out);
    let mut class = CLASS.to_owned();
    for operation in &document.operations {
        method(&mut class, operation);
    }
    out.push_str(&class);
    out
}

fn parents(shape: &Shape) -> Vec<String> {
    match shape {
        Shape::AllOf(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Shape::Named(name) => Some(name.clone()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[derive(Default)]
struct Types {
    out: String,
}

impl Types {
    fn declare(&mut self, name: &str, about: &str, shape: &Shape) {
        match shape {
            Shape::Object(fields) => self.class(name, about, &[], fields),
            Shape::AllOf(parts) => {
                let own = parts.iter().filter_map(|part| match part {
                    Shape::Object(fields) => Some(fields.clone()),
                    _ => None,
                });
                let own: Vec<Field> = own.flatten().collect();
                self.class(name, about, &parents(shape), &own);
            }
            shape => {
                let kind = self.kind(name, shape);
                let _ = writeln!(self.out, "\n{name} = {}", alias(&kind));
                if !about.is_empty() {
                    let _ = writeln!(self.out, "{}", docstring("", about));
                }
                self.out.push('\n');
            }
        }
    }

    fn class(&mut self, name: &str, about: &str, parents: &[String], fields: &[Field]) {
        let kinds: Vec<String> = fields
            .iter()
            .map(|field| {
                let kind = self.kind(&format!("{name}{}", capitalised(&field.name)), &field.shape);
                if field.required {
                    format!("Required[{kind}]")
                } else {
                    kind
                }
            })
            .collect();
        if fields.iter().any(|field| !is_identifier(&field.name)) {
            let _ = writeln!(self.out, "\n{name} = TypedDict(\n    \"{name}\",\n    {{");
            for (field, kind) in fields.iter().zip(&kinds) {
                let _ = writeln!(self.out, "        \"{}\": {},", field.name, alias(kind));
            }
            self.out.push_str("    },\n    total=False,\n)\n");
            if !about.is_empty() {
                let _ = writeln!(self.out, "{}", docstring("", about));
            }
            self.out.push('\n');
            return;
        }
        let bases = if parents.is_empty() {
            "TypedDict".to_owned()
        } else {
            parents.join(", ")
        };
        let _ = writeln!(self.out, "\nclass {name}({bases}, total=False):");
        let _ = writeln!(self.out, "{}", docstring("    ", &format!("{about}\n")));
        for (field, kind) in fields.iter().zip(&kinds) {
            let _ = writeln!(self.out, "\n    {}: {kind}", field.name);
            if !field.about.is_empty() {
                let _ = writeln!(self.out, "{}", docstring("    ", &field.about));
            }
        }
        self.out.push('\n');
    }

    /// How a shape is written; one that has no name is declared under `name`.
    fn kind(&mut self, name: &str, shape: &Shape) -> String {
        match shape {
            Shape::Object(fields) => {
                self.class(name, "", &[], fields);
                name.to_owned()
            }
            Shape::AllOf(_) => {
                self.declare(name, "", shape);
                name.to_owned()
            }
            Shape::List(item) => format!("list[{}]", self.kind(&format!("{name}Item"), item)),
            Shape::Map(value) => {
                format!("dict[str, {}]", self.kind(&format!("{name}Value"), value))
            }
            Shape::OneOf(choices) => {
                let kinds: Vec<String> = choices
                    .iter()
                    .enumerate()
                    .map(|(place, choice)| {
                        let name = if place == 0 {
                            name.to_owned()
                        } else {
                            format!("{name}{}", place + 1)
                        };
                        self.kind(&name, choice)
                    })
                    .collect();
                format!("Union[{}]", kinds.join(", "))
            }
            shape => plain(shape),
        }
    }
}

/// A shape that needs no declaration.
fn plain(shape: &Shape) -> String {
    match shape {
        Shape::Named(name) => name.clone(),
        Shape::Text => "str".to_owned(),
        Shape::Number => "float".to_owned(),
        Shape::Integer => "int".to_owned(),
        Shape::Boolean => "bool".to_owned(),
        Shape::Null => "None".to_owned(),
        Shape::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            format!("Literal[{}]", words.join(", "))
        }
        Shape::List(item) => format!("list[{}]", plain(item)),
        Shape::Map(value) => format!("dict[str, {}]", plain(value)),
        Shape::OneOf(choices) => {
            let kinds: Vec<String> = choices.iter().map(plain).collect();
            format!("Union[{}]", kinds.join(", "))
        }
        Shape::Anything | Shape::Object(_) | Shape::AllOf(_) => "Any".to_owned(),
    }
}

/// A kind where Python evaluates it at once, while what it names may come later.
fn alias(kind: &str) -> String {
    if kind.starts_with("Literal") || ["str", "int", "float", "bool", "Any"].contains(&kind) {
        return kind.to_owned();
    }
    if kind.contains("Literal") || !kind.contains('[') {
        return kind.to_owned();
    }
    let (outer, inner) = kind.split_once('[').expect("it was looked for");
    let inner = inner.strip_suffix(']').unwrap_or(inner);
    let parts: Vec<String> = inner
        .split(", ")
        .map(|part| format!("\"{part}\""))
        .collect();
    format!("{outer}[{}]", parts.join(", "))
}

fn method(out: &mut String, operation: &Operation) {
    let mut parameters = vec!["self".to_owned()];
    parameters.extend(
        operation
            .path_parameters
            .iter()
            .map(|name| format!("{}: str", snake(name))),
    );
    let mut passed = vec![format!("\"{}\"", operation.method), path(operation)];
    let body = operation.body.as_ref();
    if let Some(body) = body {
        let kind = plain(&body.shape);
        parameters.push(if body.required {
            format!("body: {kind}")
        } else {
            format!("body: {kind} | None = None")
        });
    }
    let optional = operation.query.iter().chain(&operation.headers);
    let optional: Vec<String> = optional
        .map(|field| {
            let kind = plain(&field.shape);
            format!("{}: {kind} | None = None", snake(&field.name))
        })
        .collect();
    if !optional.is_empty() {
        parameters.push("*".to_owned());
        parameters.extend(optional);
    }
    for (what, fields) in [("query", &operation.query), ("headers", &operation.headers)] {
        if !fields.is_empty() {
            let members = fields
                .iter()
                .map(|field| format!("\"{}\": {}", field.name, snake(&field.name)));
            let members: Vec<String> = members.collect();
            passed.push(format!("{what}={{{}}}", members.join(", ")));
        }
    }
    if let Some(body) = body {
        passed.push("body=body".to_owned());
        if body.media_type != "application/json" {
            passed.push(format!("media_type=\"{}\"", body.media_type));
        }
    }
    let send = format!("self._send({})", passed.join(", "));
    let (returned, last) = match &operation.reply {
        Reply::Json(shape) => {
            let kind = plain(shape);
            let last = format!("return cast(\"{kind}\", json.loads({send}))");
            (kind, last)
        }
        Reply::Text => ("str".to_owned(), format!("return {send}")),
        Reply::Nothing => ("None".to_owned(), send),
    };
    let _ = writeln!(
        out,
        "\n    def {}(\n        {},\n    ) -> {returned}:",
        snake(&operation.id),
        parameters.join(",\n        ")
    );
    let _ = writeln!(out, "{}", docstring("        ", &operation.about));
    let _ = writeln!(out, "        {last}");
}

fn path(operation: &Operation) -> String {
    let mut path = operation.path.clone();
    for name in &operation.path_parameters {
        let value = format!("{{urllib.parse.quote({}, safe='')}}", snake(name));
        path = path.replace(&format!("{{{name}}}"), &value);
    }
    let mark = if operation.path_parameters.is_empty() {
        ""
    } else {
        "f"
    };
    format!("{mark}\"{path}\"")
}

fn docstring(indent: &str, about: &str) -> String {
    let about = about.trim().replace('\\', "\\\\").replace("\"\"\"", "'''");
    let about = if about.ends_with('"') {
        format!("{about} ")
    } else {
        about
    };
    let lines: Vec<&str> = about.lines().collect();
    match lines.as_slice() {
        [] => format!("{indent}\"\"\"As the server sends it.\"\"\""),
        [line] => format!("{indent}\"\"\"{line}\"\"\""),
        lines => {
            let lines = lines
                .iter()
                .map(|line| format!("{indent}{line}").trim_end().to_owned());
            let lines: Vec<String> = lines.collect();
            format!(
                "{indent}\"\"\"{}\n{indent}\"\"\"",
                lines.join("\n").trim_start()
            )
        }
    }
}

fn is_identifier(name: &str) -> bool {
    name.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && !KEYWORDS.contains(&name)
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

/// `cloudSipUAId` becomes `cloud_sip_ua_id`, `Idempotency-Key` `idempotency_key`.
fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (place, letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            out.push('_');
            continue;
        }
        let after_lower = place > 0 && letters[place - 1].is_ascii_lowercase();
        let before_lower = letters.get(place + 1).is_some_and(char::is_ascii_lowercase);
        let inside_capitals = place > 0 && letters[place - 1].is_ascii_uppercase();
        if letter.is_ascii_uppercase() && (after_lower || (inside_capitals && before_lower)) {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    if KEYWORDS.contains(&out.as_str()) {
        out.push('_');
    }
    out
}
