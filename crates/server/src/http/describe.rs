//! Operations as `openapi.json` shows them, for resources whose verbs are alike: written once, with an example each way
//! and every status.

use hookswitch_api::error::FieldError;
use hookswitch_api::form;
use serde_json::{Value, json};
use utoipa::openapi::path::{
    Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

/// Schemas that operations refer to, by name.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// A look refuses as all looks do.
pub(super) const LOOKING: &[&str] = &[];
/// Every change honours `If-Match` and `If-None-Match`, beside what all changes refuse with.
pub(super) const CHANGING: &[&str] = &["412"];
/// So does a patch.
pub(super) const PATCHING: &[&str] = CHANGING;

/// What there is to say of an operation.
pub(super) struct Said {
    /// Unique in the document.
    pub(super) id: String,
    /// The chapter it stands in.
    pub(super) tag: &'static str,
    /// A line.
    pub(super) summary: String,
    /// A paragraph.
    pub(super) description: String,
    /// Of path and query.
    pub(super) parameters: Vec<Parameter>,
    /// The body, where it has one, and an example.
    pub(super) request: Option<(RefOr<Schema>, Value)>,
    /// The body of its success, and an example.
    pub(super) reply: (RefOr<Schema>, Value),
    /// Whether the reply carries an ETag.
    pub(super) is_tagged: bool,
    /// The statuses of refusals that not all operations of its method have.
    pub(super) refusals: &'static [&'static str],
}

/// The operation.
pub(super) fn operation(said: Said) -> Operation {
    let (schema, example) = said.reply;
    let content = ContentBuilder::new()
        .schema(Some(schema))
        .example(Some(example))
        .build();
    let mut response = ResponseBuilder::new()
        .description("It is done")
        .content("application/json", content);
    if said.is_tagged {
        let tag = HeaderBuilder::new()
            .schema(Some(text()))
            .description(Some("The version, for `If-Match`"))
            .build();
        response = response.header("ETag", tag);
    }
    let mut operation = OperationBuilder::new()
        .operation_id(Some(said.id))
        .tag(said.tag)
        .summary(Some(said.summary))
        .description(Some(said.description))
        .parameters(Some(said.parameters))
        .response("200", response.build());
    for status in said.refusals {
        operation = operation.response(*status, Ref::from_response_name("PreconditionFailed"));
    }
    if let Some((schema, example)) = said.request {
        let content = ContentBuilder::new()
            .schema(Some(schema))
            .example(Some(example))
            .build();
        let body = RequestBodyBuilder::new()
            .content("application/json", content)
            .required(Some(Required::True))
            .build();
        operation = operation.request_body(Some(body));
    }
    operation.build()
}

/// A parameter of the path.
pub(super) fn in_path(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(text()))
        .build()
}

/// The parameter of the path that ends in the id of a document.
pub(super) fn id_in_path(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(form::text("id")))
        .build()
}

/// The tenant's parameter of the path.
pub(super) fn domain() -> Parameter {
    in_path("domain", "The tenant's SIP domain")
}

/// `If-Match`, which every write honours.
pub(super) fn if_match() -> Parameter {
    ParameterBuilder::new()
        .name("If-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "The ETag of the version to change; another one is refused with 412",
        ))
        .schema(Some(text()))
        .build()
}

/// A reference to the schema of `T`, which is put among `schemas` with all it refers to.
pub(super) fn schema<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let name = T::name().into_owned();
    schemas.push((name.clone(), T::schema()));
    T::schemas(schemas);
    RefOr::Ref(Ref::from_schema_name(name))
}

/// A list of what is referred to.
pub(super) fn list_of(item: RefOr<Schema>) -> RefOr<Schema> {
    RefOr::T(Schema::Array(ArrayBuilder::new().items(item).build()))
}

/// A success with these members, of which the first of each pair is required when the last is true.
pub(super) fn success(members: Vec<(&str, RefOr<Schema>, bool)>) -> RefOr<Schema> {
    let mut object = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .property("success", bool::schema())
        .required("success");
    for (name, schema, is_required) in members {
        object = object.property(name, schema);
        if is_required {
            object = object.required(name);
        }
    }
    RefOr::T(Schema::Object(object.build()))
}

/// `warnings`, as a member of a success.
pub(super) fn warnings(schemas: &mut Schemas) -> (&'static str, RefOr<Schema>, bool) {
    ("warnings", list_of(schema::<FieldError>(schemas)), false)
}

/// A text.
pub(super) fn text() -> RefOr<Schema> {
    String::schema()
}

/// Reads an example that is part of the program.
pub(super) fn example(text: &str) -> Value {
    serde_json::from_str(text).expect("the examples are JSON")
}

/// An example of a patch.
pub(super) fn patch_example() -> Value {
    json!([
        {"op": "test", "path": "/description", "value": "old"},
        {"op": "replace", "path": "/description", "value": "new"},
    ])
}
