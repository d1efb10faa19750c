use super::document::Document;
use super::{python, typescript};

const DOCUMENT: &str = r##"{
  "paths": {"/calls/{domain}/{callId}": {
    "get": {"operationId": "getCall", "summary": "Reads a call",
      "parameters": [
        {"name": "domain", "in": "path", "required": true, "schema": {"type": "string"}},
        {"name": "callId", "in": "path", "required": true, "schema": {"type": "string"}},
        {"name": "withEvents", "in": "query", "schema": {"type": ["boolean", "null"]}}],
      "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Call"}}}}}},
    "patch": {"operationId": "patchCall", "summary": "Changes a call",
      "requestBody": {"required": true, "content": {
        "application/json": {"schema": {}},
        "application/json-patch+json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Op"}}}}},
      "responses": {"204": {"description": "done"}}}
  }},
  "components": {"schemas": {
    "Call": {"allOf": [{"$ref": "#/components/schemas/Done"},
      {"type": "object", "required": ["state"], "properties": {
        "state": {"type": "string", "enum": ["ringing", "up"], "description": "How far it is."},
        "tags": {"type": "array", "items": {"type": ["string", "null"]}}}}]},
    "Done": {"type": "object", "description": "That it is done.", "properties": {"success": {"type": "boolean"}}},
    "Op": {"type": "object", "properties": {"from": {"type": "string"}, "value": {}}}
  }}
}"##;

fn has(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} is not in:\n{text}");
}

#[test]
fn typescript_has_an_interface_for_a_schema_and_a_method_for_an_operation() {
    let written = typescript::write(&Document::parse(DOCUMENT).unwrap());
    has(
        &written,
        "export type Call = Done & { state: \"ringing\" | \"up\"; tags?: (string | null)[] };",
    );
    has(
        &written,
        "/** That it is done. */\nexport interface Done {\n  success?: boolean;\n}",
    );
    has(
        &written,
        "async getCall(domain: string, callId: string, query: { withEvents?: boolean } = {}): Promise<Call> {\n    \
         const response = await this.send(\"GET\", `/calls/${encodeURIComponent(domain)}/${encodeURIComponent(callId)}`, \
         { query });",
    );
    has(
        &written,
        "async patchCall(domain: string, callId: string, body: Op[]): Promise<void> {\n    await this.send(\"PATCH\", \
         `/calls/${encodeURIComponent(domain)}/${encodeURIComponent(callId)}`, { body, mediaType: \
         \"application/json-patch+json\" });",
    );
}

#[test]
fn python_has_a_typed_dict_for_a_schema_and_a_method_for_an_operation() {
    let written = python::write(&Document::parse(DOCUMENT).unwrap());
    has(&written, "class Call(Done, total=False):");
    has(
        &written,
        "    state: Required[Literal[\"ringing\", \"up\"]]\n    \"\"\"How far it is.\"\"\"",
    );
    has(
        &written,
        "Op = TypedDict(\n    \"Op\",\n    {\n        \"from\": str,",
    );
    assert!(written.find("class Done").unwrap() < written.find("class Call").unwrap());
    has(
        &written,
        "    def get_call(\n        self,\n        domain: str,\n        call_id: str,\n        *,\n        with_events:",
    );
    has(&written, "query={\"withEvents\": with_events}");
    has(&written, "media_type=\"application/json-patch+json\"");
}

#[test]
fn a_schema_that_is_not_understood_is_named() {
    let odd = DOCUMENT.replace("\"type\": \"boolean\"", "\"type\": \"date\"");
    let error = Document::parse(&odd).err().unwrap();
    assert_eq!(
        format!("{error:#}"),
        "schema Done: property success: a schema of type date"
    );
}
