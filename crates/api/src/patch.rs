//! Changing a document by RFC 6902 operations.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::error::FieldError;
use crate::fault::Faults;

/// The most operations of a patch.
const MAX_OPERATIONS: usize = 256;
/// The longest pointer.
const MAX_POINTER: usize = 1_024;

/// The body of a PATCH: operations in order, all or none.
pub type Patch = Vec<PatchOperation>;

/// One operation (RFC 6902 section 4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PatchOperation {
    /// What is done.
    pub op: PatchOp,
    /// Where, as a JSON pointer.
    #[schema(
        pattern = "^(/([^~/\\u0000-\\u001f\\u007f-\\u009f]|~[01])*)*$",
        max_length = 1_024,
        example = "/description"
    )]
    pub path: String,
    /// Where from, for `copy` and `move`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The value, for `add`, `replace` and `test`; null is a value.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Value>)]
    pub value: Option<Value>,
}

/// The six operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PatchOp {
    /// Adds or replaces a member, inserts into a list.
    Add,
    /// Removes what is there.
    Remove,
    /// Replaces what is there.
    Replace,
    /// Copies from another place.
    Copy,
    /// Moves from another place.
    Move,
    /// Refuses the whole patch unless the value is this one.
    Test,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// What [`validate`] says of members that depend on each other.
pub(crate) fn conditions() -> Value {
    let is_one_of =
        |names: &[&str]| json!({"properties": {"op": {"enum": names}}, "required": ["op"]});
    let from = json!({
        "type": "string", "pattern": r"^(/([^~/\u0000-\u001f\u007f-\u009f]|~[01])*)*$", "maxLength": MAX_POINTER,
    });
    json!({
        "if": is_one_of(&["copy", "move"]),
        "then": {"required": ["from"], "properties": {"from": from}},
        "else": {"if": is_one_of(&["add", "replace", "test"]), "then": {"required": ["value"]}},
    })
}

/// What is wrong with a patch, whatever it is applied to.
pub fn validate(patch: &[PatchOperation]) -> Vec<FieldError> {
    let mut faults = Faults::new();
    if patch.len() > MAX_OPERATIONS {
        faults.add("", format!("must have at most {MAX_OPERATIONS} operations"));
        return faults.into_vec();
    }
    for (index, operation) in patch.iter().enumerate() {
        let at = |member: &str| format!("/{index}/{member}");
        check_pointer(&at("path"), &operation.path, &mut faults);
        match operation.op {
            PatchOp::Copy | PatchOp::Move => match &operation.from {
                Some(from) => check_pointer(&at("from"), from, &mut faults),
                None => faults.add(at("from"), "is required"),
            },
            PatchOp::Add | PatchOp::Replace | PatchOp::Test if operation.value.is_none() => {
                faults.add(at("value"), "is required");
            }
            _ => {}
        }
    }
    faults.into_vec()
}

fn check_pointer(at: &str, pointer: &str, faults: &mut Faults) {
    faults.line(at, Some(pointer), MAX_POINTER);
    if !pointer.is_empty() && !pointer.starts_with('/') {
        faults.add(at, "must begin with a slash");
    }
    // RFC 6901 §3.
    let mut tildes = pointer.split('~').skip(1);
    if tildes.any(|after| !after.starts_with(['0', '1'])) {
        faults.add(at, "must write ~ as ~0 and a slash in a name as ~1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient;

    fn parse(body: &[u8]) -> Result<Patch, FieldError> {
        lenient::parse(body).map(|parsed| parsed.value)
    }

    fn pointers(body: &str) -> Vec<String> {
        let patch = parse(body.as_bytes()).unwrap();
        let faults = validate(&patch);
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn the_documented_operations_are_read() {
        let body = r#"[
            {"op":"add","path":"/serviceData/alarmBridge/sipUri","value":"sip:x@y"},
            {"op":"replace","path":"/callbackTimeout","value":5000},
            {"op":"test","path":"/description","value":null},
            {"op":"remove","path":"/description"},
            {"op":"copy","from":"/name","path":"/callbackName"},
            {"op":"move","from":"/a","path":"/b"}
        ]"#;
        assert_eq!(pointers(body), [""; 0]);
    }

    #[test]
    fn null_is_a_value_and_absence_is_not() {
        let patch = parse(br#"[{"op":"test","path":"/a","value":null}]"#).unwrap();
        assert_eq!(patch[0].value, Some(Value::Null));
        assert_eq!(
            serde_json::to_string(&patch).unwrap(),
            r#"[{"op":"test","path":"/a","value":null}]"#
        );
    }

    #[test]
    fn what_an_operation_lacks_is_named() {
        let body = r#"[{"op":"add","path":"a"},{"op":"move","path":"/a"},{"op":"copy","path":"/a","from":"b"}]"#;
        assert_eq!(
            pointers(body),
            ["/0/path", "/0/value", "/1/from", "/2/from"]
        );
        let tilde = r#"[{"op":"remove","path":"/~2"},{"op":"move","path":"/a~1b","from":"/a~"}]"#;
        assert_eq!(pointers(tilde), ["/0/path", "/1/from"]);
        let unknown = parse(br#"[{"op":"merge","path":"/a"}]"#).unwrap_err();
        assert_eq!(unknown.pointer, "/0/op");
        let missing = parse(br#"[{"op":"remove"}]"#).unwrap_err();
        assert_eq!(missing, FieldError::new("/0/path", "is required"));
    }
}
