//! What schemas say of texts and of members that depend on each other.
//!
//! A field names its form where a schema has `format`: `#[schema(format = "id")]`. [`write_out`] puts the form's pattern
//! and lengths in its place, so that the description of a form stands once, beside no other words than its own. The
//! checks are in `fault`, `destination` and `url`; Schemathesis holds both against each other in the gate.

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayItems, Object, ObjectBuilder, SchemaFormat, Type,
};
use utoipa::openapi::{OpenApi, RefOr, Schema};

use crate::{alarmbridge, command, delivery, device, patch, trunk};

/// The longest time in milliseconds: what a double holds exactly.
pub const MAX_TIME: u64 = 9_007_199_254_740_991;

/// A form of text.
struct Form {
    /// As fields name it.
    name: &'static str,
    /// The `format` that tools may know, or that description and tests speak of.
    format: Option<&'static str>,
    /// ECMA 262; empty where any text will do.
    pattern: &'static str,
    /// Characters at least, where no field says another number.
    least: Option<usize>,
    /// Characters at most, where no field says another number.
    most: Option<usize>,
}

const fn form(name: &'static str, pattern: &'static str) -> Form {
    Form {
        name,
        format: None,
        pattern,
        least: None,
        most: None,
    }
}

/// No control characters (Unicode category Cc).
const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

const FORMS: [Form; 25] = [
    form("line", LINE),
    Form {
        least: Some(1),
        ..form("name", LINE)
    },
    Form {
        format: Some("password"),
        ..form("secret", LINE)
    },
    Form {
        format: Some("password"),
        ..form("key", "")
    },
    // No path step: neither . nor ..
    Form {
        least: Some(1),
        most: Some(128),
        ..form("id", r"^(\.{0,2}[A-Za-z0-9_~:+-]|\.{3})[A-Za-z0-9._~:+-]*$")
    },
    // Empty means that the platform makes one.
    Form {
        most: Some(128),
        ..form(
            "own-id",
            r"^((\.{0,2}[A-Za-z0-9_~:+-]|\.{3})[A-Za-z0-9._~:+-]*)?$",
        )
    },
    Form {
        least: Some(1),
        most: Some(128),
        ..form("word", "^[A-Za-z0-9_.-]+$")
    },
    Form {
        least: Some(1),
        most: Some(128),
        ..form("user", "^[A-Za-z0-9+_.!~*'()#&=$-]+$")
    },
    Form {
        least: Some(1),
        most: Some(256),
        ..form("source-user", r#"^[^\u0000- "<>@\u007f-\u009f]+$"#)
    },
    // Visible ASCII without < > " \ and comma.
    Form {
        least: Some(1),
        most: Some(1_024),
        ..form("address", r"^[!#-+\x2d-;=?-\x5b\x5d-~]+$")
    },
    Form {
        format: Some("sip-uri"),
        most: Some(1_024),
        ..form(
            "sip-uri",
            r#"^([sS][iI][pP][sS]?|[tT][eE][lL]):[^\u0000- "<>\u007f-\u009f]+$"#,
        )
    },
    Form {
        format: Some("uri"),
        most: Some(2_048),
        ..form(
            "callback-url",
            r"^[hH][tT][tT][pP][sS]?://([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(:0*[1-9][0-9]{0,4})?(/[!$-;=A-\x5b\x5d-_a-~]*)?$",
        )
    },
    Form {
        format: Some("host-port"),
        most: Some(255),
        ..form(
            "host-port",
            r"^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(:0*[1-9][0-9]{0,4})?$",
        )
    },
    Form {
        // `regex` would promise ECMA 262, which is another language.
        format: Some("linear-regex"),
        least: Some(1),
        most: Some(1_024),
        ..form("regex", LINE)
    },
    Form {
        format: Some("rewrite"),
        most: Some(1_024),
        ..form("rewrite", LINE)
    },
    Form {
        format: Some("ip-address"),
        most: Some(47),
        ..form("ip-address", r"^([0-9A-Fa-f:.]+|\[[0-9A-Fa-f:.]+\])$")
    },
    Form {
        format: Some("ip-network"),
        most: Some(49),
        ..form("ip-network", "^[0-9A-Fa-f:.]+/[0-9]{1,3}$")
    },
    Form {
        format: Some("ip-network"),
        most: Some(49),
        ..form("ip-network-or-address", "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$")
    },
    form(
        "codec",
        "^([pP][cC][mM][uU]|[pP][cC][mM][aA]|[gG][sS][mM])$",
    ),
    Form {
        most: Some(64),
        ..form("crypto-suite", "^[A-Za-z0-9_]+$")
    },
    Form {
        most: Some(1_024),
        ..form("crypto-config", "^inline:[ -~]+$")
    },
    // The mask stands for what is stored.
    form("ha1", r"^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{64}|\*{8})$"),
    Form {
        most: Some(17),
        ..form("mac", "^([:.-]*([0-9A-Fa-f][:.-]*){12})?$")
    },
    Form {
        most: Some(512),
        ..form(
            "uri-parameters",
            r"^;?[A-Za-z0-9_.!~*'()\x5b\x5d/:&+$%-]+(=[A-Za-z0-9_.!~*'()\x5b\x5d/:&+$%-]+)?(;[A-Za-z0-9_.!~*'()\x5b\x5d/:&+$%-]+(=[A-Za-z0-9_.!~*'()\x5b\x5d/:&+$%-]+)?)*$",
        )
    },
    Form {
        most: Some(512),
        ..form(
            "sns-topic",
            r"^arn:aws[A-Za-z0-9_-]{0,29}:sns:[A-Za-z0-9_-]{1,32}:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$",
        )
    },
];

/// An address or a network in CIDR notation, such as `192.0.2.0/28`.
#[derive(ToSchema)]
#[schema(value_type = String, format = "ip-network-or-address", example = "192.0.2.0/28")]
pub struct AddressOrNetwork(pub String);

/// A network in CIDR notation, such as `192.0.2.0/24`.
#[derive(ToSchema)]
#[schema(value_type = String, format = "ip-network", example = "192.0.2.0/24")]
pub struct Network(pub String);

/// What the members of a schema have to do with each other, as keywords of JSON Schema.
fn conditions(schema: &str) -> Value {
    match schema {
        "AlarmBridge" => alarmbridge::conditions(),
        "Device" => device::conditions(),
        "HangupCall" | "HangupInReply" => command::hangup_conditions(),
        "PatchOperation" => patch::conditions(),
        "ReplayRange" => delivery::conditions(),
        "SendRemoteCallRingback" | "RingbackInReply" => command::ringback_conditions(),
        "Trunk" => trunk::conditions(),
        _ => json!({}),
    }
}

/// Puts patterns and lengths in the place of the names of forms, and adds what members have to do with each other.
pub fn write_out(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    for (name, schema) in &mut components.schemas {
        within(schema);
        add(schema, conditions(name));
    }
}

/// Adds keywords of JSON Schema to the schema of an object.
pub fn add(schema: &mut RefOr<Schema>, keywords: Value) {
    if let (RefOr::T(Schema::Object(object)), Value::Object(keywords)) = (schema, keywords)
        && !keywords.is_empty()
    {
        let extensions = object.extensions.get_or_insert_default();
        extensions.merge(keywords.into_iter().collect());
    }
}

/// The schema of a text of that form.
pub fn text(name: &str) -> RefOr<Schema> {
    let format = SchemaFormat::Custom(name.to_owned());
    let text = ObjectBuilder::new().schema_type(Type::String);
    let mut schema = RefOr::T(Schema::Object(text.format(Some(format)).build()));
    within(&mut schema);
    schema
}

/// The same, as JSON, where the empty text and null mean absence.
pub fn text_or_nothing(name: &str) -> Value {
    json!({"anyOf": [text(name), {"enum": ["", null]}]})
}

fn within(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => within_object(object),
        Schema::Array(array) => {
            array.default = None;
            if let ArrayItems::RefOrSchema(item) = &mut array.items {
                within(item);
            }
        }
        Schema::OneOf(choices) => {
            choices.default = None;
            choices.items.iter_mut().for_each(within);
        }
        Schema::AllOf(parts) => parts.items.iter_mut().for_each(within),
        Schema::AnyOf(choices) => choices.items.iter_mut().for_each(within),
        _ => {}
    }
}

fn within_object(object: &mut Object) {
    // What Rust would put in the place of an absent member is no value that a client could send.
    if matches!(&object.default, Some(Value::Null)) || object.default == Some(json!("")) {
        object.default = None;
    }
    object.properties.values_mut().for_each(within);
    if let Some(AdditionalProperties::RefOr(member)) = object.additional_properties.as_deref_mut() {
        within(member);
    }
    let Some(SchemaFormat::Custom(name)) = &object.format else {
        return;
    };
    let Some(form) = FORMS.iter().find(|form| form.name == name) else {
        return;
    };
    object.format = form
        .format
        .map(|name| SchemaFormat::Custom(name.to_owned()));
    if object.pattern.is_none() && !form.pattern.is_empty() {
        object.pattern = Some(form.pattern.to_owned());
    }
    object.min_length = object.min_length.or(form.least);
    object.max_length = object.max_length.or(form.most);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(ToSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Sample {
        #[schema(format = "id")]
        id: Option<String>,
        #[schema(format = "line", max_length = 5)]
        label: String,
        networks: Vec<Network>,
    }

    fn described() -> Value {
        let mut document = OpenApi::default();
        let schemas = &mut document.components.get_or_insert_default().schemas;
        let mut referred = Vec::new();
        Sample::schemas(&mut referred);
        schemas.extend(referred);
        schemas.insert(
            "Sample".to_owned(),
            <Sample as utoipa::PartialSchema>::schema(),
        );
        write_out(&mut document);
        serde_json::to_value(document).unwrap()["components"]["schemas"].clone()
    }

    #[test]
    fn a_form_becomes_its_pattern_and_its_lengths() {
        let schemas = described();
        let id = &schemas["Sample"]["properties"]["id"];
        assert_eq!(id["minLength"], 1);
        assert_eq!(id["maxLength"], 128);
        assert!(id["pattern"].is_string() && id["format"].is_null(), "{id}");
        assert_eq!(schemas["Network"]["format"], "ip-network");
        assert!(schemas["Network"]["pattern"].is_string());
    }

    #[test]
    fn the_length_of_the_field_goes_before_that_of_its_form() {
        let label = &described()["Sample"]["properties"]["label"];
        assert_eq!(
            (&label["maxLength"], &label["pattern"]),
            (&json!(5), &json!(LINE))
        );
    }
}
