//! The TypeScript client: interfaces, and one class that speaks through `fetch`.

use std::fmt::Write as _;

use super::document::{Document, Field, Operation, Reply, Shape};

const HEAD: &str = r#"// Written by `cargo xtask clients` from openapi.json. Do not edit.

/** A refusal: the HTTP status, and the body that says why and what to do. */
export class HookswitchError extends Error {
  constructor(
    readonly status: number,
    readonly body: ErrorBody,
  ) {
    super(body.reason);
    this.name = "HookswitchError";
  }
}

type Query = Record<string, string | number | boolean | undefined>;

interface Request {
  query?: object;
  headers?: Record<string, string | undefined>;
  body?: unknown;
  mediaType?: string;
}

async function refusal(response: Response): Promise<HookswitchError> {
  const text = await response.text();
  try {
    return new HookswitchError(response.status, JSON.parse(text) as ErrorBody);
  } catch {
    return new HookswitchError(response.status, { reason: text } as ErrorBody);
  }
}

"#;

const CLASS: &str = r#"/** The REST interface of one server, opened by one API key. */
export class Hookswitch {
  /**
   * @param baseUrl where the server answers, such as `http://127.0.0.1:8080`
   * @param token an API token (`hs_…`) or a JWT signed with an uploaded key
   */
  constructor(
    private readonly baseUrl: string,
    private readonly token: string,
  ) {}

  private async send(method: string, path: string, request: Request): Promise<Response> {
    const url = new URL(this.baseUrl.replace(/\/$/, "") + path);
    for (const [name, value] of Object.entries((request.query ?? {}) as Query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = { authorization: `Bearer ${this.token}` };
    for (const [name, value] of Object.entries(request.headers ?? {})) {
      if (value !== undefined) headers[name] = value;
    }
    let body: string | undefined;
    if (request.body !== undefined) {
      headers["content-type"] = request.mediaType ?? "application/json";
      body = typeof request.body === "string" ? request.body : JSON.stringify(request.body);
    }
    const response = await fetch(url, body === undefined ? { method, headers } : { method, headers, body });
    if (!response.ok) throw await refusal(response);
    return response;
  }
"#;

/// The whole file.
pub(super) fn write(document: &Document) -> String {
    let mut out = HEAD.to_owned();
    for named in &document.types {
        comment(&mut out, "", &named.about);
        match &named.shape {
            Shape::Object(fields) => {
                let _ = writeln!(out, "export interface {} {{", named.name);
                members(&mut out, "  ", fields);
                out.push_str("}\n\n");
            }
            shape => {
                let _ = writeln!(out, "export type {} = {};\n", named.name, kind(shape));
            }
        }
    }
    out.push_str(CLASS);
    for operation in &document.operations {
        method(&mut out, operation);
    }
    out.push_str("}\n");
    out
}

fn method(out: &mut String, operation: &Operation) {
    let mut parameters: Vec<String> = operation
        .path_parameters
        .iter()
        .map(|name| format!("{name}: string"))
        .collect();
    let body = operation.body.as_ref();
    if let Some(body) = body {
        let mark = if body.required { "" } else { "?" };
        parameters.push(format!("body{mark}: {}", kind(&body.shape)));
    }
    let mut passed = Vec::new();
    if let Some(body) = body {
        passed.push("body".to_owned());
        if body.media_type != "application/json" {
            passed.push(format!("mediaType: \"{}\"", body.media_type));
        }
    }
    for (what, fields) in [("query", &operation.query), ("headers", &operation.headers)] {
        if fields.is_empty() {
            continue;
        }
        let members = fields.iter().map(|field| {
            let shape = strip_null(&field.shape);
            format!("{}?: {}", quoted(&field.name), kind(&shape))
        });
        let members: Vec<String> = members.collect();
        parameters.push(format!("{what}: {{ {} }} = {{}}", members.join("; ")));
        passed.push(what.to_owned());
    }
    let passed = match passed.join(", ") {
        empty if empty.is_empty() => "{}".to_owned(),
        members => format!("{{ {members} }}"),
    };
    let path = operation
        .path
        .replace('{', "${encodeURIComponent(")
        .replace('}', ")}");
    let (returned, last) = match &operation.reply {
        Reply::Json(shape) => {
            let kind = kind(shape);
            (
                kind.clone(),
                format!("return (await response.json()) as {kind};"),
            )
        }
        Reply::Text => ("string".to_owned(), "return response.text();".to_owned()),
        Reply::Nothing => ("void".to_owned(), String::new()),
    };
    out.push('\n');
    comment(out, "  ", &operation.about);
    let _ = writeln!(
        out,
        "  async {}({}): Promise<{returned}> {{",
        operation.id,
        parameters.join(", ")
    );
    let send = format!(
        "await this.send(\"{}\", `{path}`, {passed});",
        operation.method
    );
    if last.is_empty() {
        let _ = writeln!(out, "    {send}");
    } else {
        let _ = writeln!(out, "    const response = {send}\n    {last}");
    }
    out.push_str("  }\n");
}

fn members(out: &mut String, indent: &str, fields: &[Field]) {
    for field in fields {
        comment(out, indent, &field.about);
        let mark = if field.required { "" } else { "?" };
        let _ = writeln!(
            out,
            "{indent}{}{mark}: {};",
            quoted(&field.name),
            kind(&field.shape)
        );
    }
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Named(name) => name.clone(),
        Shape::Text => "string".to_owned(),
        Shape::Number | Shape::Integer => "number".to_owned(),
        Shape::Boolean => "boolean".to_owned(),
        Shape::Null => "null".to_owned(),
        Shape::Anything => "unknown".to_owned(),
        Shape::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            words.join(" | ")
        }
        Shape::List(item) => match kind(item) {
            item if item.contains(' ') => format!("({item})[]"),
            item => format!("{item}[]"),
        },
        Shape::Map(value) => format!("Record<string, {}>", kind(value)),
        Shape::Object(fields) => {
            let members = fields.iter().map(|field| {
                let mark = if field.required { "" } else { "?" };
                format!("{}{mark}: {}", quoted(&field.name), kind(&field.shape))
            });
            let members: Vec<String> = members.collect();
            format!("{{ {} }}", members.join("; "))
        }
        Shape::OneOf(choices) => joined(choices, " | "),
        Shape::AllOf(parts) => joined(parts, " & "),
    }
}

fn joined(shapes: &[Shape], with: &str) -> String {
    let kinds: Vec<String> = shapes.iter().map(kind).collect();
    kinds.join(with)
}

/// Absence says what `null` would.
fn strip_null(shape: &Shape) -> Shape {
    match shape {
        Shape::OneOf(choices) => {
            let rest = choices.iter().filter(|choice| **choice != Shape::Null);
            let mut rest: Vec<Shape> = rest.cloned().collect();
            match rest.len() {
                1 => rest.remove(0),
                _ => Shape::OneOf(rest),
            }
        }
        shape => shape.clone(),
    }
}

fn quoted(name: &str) -> String {
    if name
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    {
        return name.to_owned();
    }
    format!("\"{name}\"")
}

fn comment(out: &mut String, indent: &str, about: &str) {
    let about = about.replace("*/", "* /");
    match about.lines().collect::<Vec<_>>().as_slice() {
        [] => {}
        [line] => {
            let _ = writeln!(out, "{indent}/** {line} */");
        }
        lines => {
            let _ = writeln!(out, "{indent}/**");
            for line in lines {
                let _ = writeln!(out, "{}", format!("{indent} * {line}").trim_end());
            }
            let _ = writeln!(out, "{indent} */");
        }
    }
}
