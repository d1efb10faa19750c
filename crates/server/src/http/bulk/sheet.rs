//! The columns of a file and what a line of cells is as a device.

use csv::StringRecord;
use hookswitch_api::device::Device;
use hookswitch_api::error::FieldError;
use hookswitch_api::lenient;
use serde_json::{Map, Value};

/// The most columns.
const MAX_COLUMNS: usize = 256;
/// The deepest a column may lie below `serviceData`.
const MAX_DEPTH: usize = 16;
/// The members of a device, but for those below `serviceData`.
const MEMBERS: [&str; 11] = [
    "deviceId",
    "authType",
    "deviceType",
    "password",
    "ha1",
    "authorized.domain",
    "authorized.invite",
    "authorized.register",
    "deviceCLI",
    "macAddress",
    "description",
];
/// Members that replies have, which a file may bring back.
const READ_ONLY: [&str; 3] = ["lastConfigured", "heartbeatStatus", "heartbeatExpiration"];
/// Another one, which has to be the tenant that the file goes to.
const DOMAIN: &str = "domain";
const SERVICE_DATA: &str = "serviceData";

/// What the cells of a file mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns(Vec<Column>);

#[derive(Debug, PartialEq, Eq)]
struct Column {
    path: Vec<Box<str>>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Password,
    Json,
    Domain,
    Ignored,
}

impl Columns {
    /// From a header line.
    pub(super) fn of_line(line: &[u8]) -> Result<Self, Vec<FieldError>> {
        let whole = |why: String| vec![FieldError::new("", why)];
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(line);
        let mut record = StringRecord::new();
        match reader.read_record(&mut record) {
            Ok(true) => Self::new(&record),
            Ok(false) => Err(whole(
                "the file has no header line, which names the columns".to_owned(),
            )),
            Err(_) => Err(whole(
                "the header line is not UTF-8; save the file as CSV in UTF-8".to_owned(),
            )),
        }
    }

    /// From the cells of a header line.
    pub(super) fn new(header: &StringRecord) -> Result<Self, Vec<FieldError>> {
        if header.len() > MAX_COLUMNS {
            let why = format!("the file must have at most {MAX_COLUMNS} columns");
            return Err(vec![FieldError::new("", why)]);
        }
        let mut faults = Vec::new();
        let mut columns: Vec<Column> = Vec::with_capacity(header.len());
        for (place, name) in header.iter().enumerate() {
            let number = place + 1;
            match Column::named(name.trim()) {
                Ok(column) => {
                    let clash = columns.iter().any(|other| other.clashes_with(&column));
                    if clash {
                        let why = format!("column {number} says again what an earlier column says");
                        faults.push(FieldError::new(column.pointer(), why));
                    }
                    columns.push(column);
                }
                Err(why) => faults.push(FieldError::new("", format!("column {number} {why}"))),
            }
        }
        for needed in ["deviceId", "authType"] {
            let has =
                |column: &Column| matches!(column.path.as_slice(), [only] if **only == *needed);
            if !columns.iter().any(has) && faults.is_empty() {
                let why = format!("the header must name a column {needed}");
                faults.push(FieldError::new(format!("/{needed}"), why));
            }
        }
        if faults.is_empty() {
            Ok(Self(columns))
        } else {
            faults.truncate(32);
            Err(faults)
        }
    }

    /// The device of one line of a file for `domain`.
    pub(super) fn device(&self, cells: &StringRecord, domain: &str) -> Result<Device, FieldError> {
        let mut members = Map::new();
        for (column, cell) in self.0.iter().zip(cells) {
            if let Some(value) = column.value(cell, domain)? {
                put(&mut members, &column.path, value);
            }
        }
        lenient::parse_value(Value::Object(members)).map(|parsed| parsed.value)
    }
}

impl Column {
    fn named(name: &str) -> Result<Self, String> {
        let name = if name == "deviceid" { "deviceId" } else { name };
        let path: Vec<Box<str>> = name.split('.').map(Into::into).collect();
        let kind = if name.is_empty() {
            return Err("has no name".to_owned());
        } else if &*path[0] == SERVICE_DATA {
            Kind::Json
        } else if name == DOMAIN {
            Kind::Domain
        } else if READ_ONLY.contains(&name) {
            Kind::Ignored
        } else if name == "password" {
            Kind::Password
        } else if MEMBERS.contains(&name) {
            Kind::Text
        } else if name.contains(';') {
            return Err("is several: commas separate columns, not semicolons".to_owned());
        } else {
            let shown: String = name.chars().take(64).collect();
            return Err(format!("{shown:?} is no member of a device"));
        };
        if path.len() > MAX_DEPTH || path.iter().any(|part| part.is_empty()) {
            return Err(format!(
                "must name at most {MAX_DEPTH} members, with one dot between two of them"
            ));
        }
        Ok(Self { path, kind })
    }

    /// Whether one of the two lies inside the other.
    fn clashes_with(&self, other: &Self) -> bool {
        self.path
            .iter()
            .zip(&other.path)
            .all(|(one, two)| one == two)
    }

    fn pointer(&self) -> String {
        let escaped = |part: &str| part.replace('~', "~0").replace('/', "~1");
        let parts = self.path.iter().map(|part| format!("/{}", escaped(part)));
        parts.collect()
    }

    /// What a cell holds; nothing when it is empty.
    fn value(&self, cell: &str, domain: &str) -> Result<Option<Value>, FieldError> {
        if cell.trim().is_empty() {
            return Ok(None);
        }
        let fault = |why: &str| Err(FieldError::new(self.pointer(), why));
        if cell.contains('\0') {
            return fault("must not have NUL");
        }
        match self.kind {
            Kind::Domain if !cell.trim().eq_ignore_ascii_case(domain) => fault(
                "is not the domain that the file is sent to: send each domain its own file, or leave the column out",
            ),
            Kind::Domain | Kind::Ignored => Ok(None),
            Kind::Password => Ok(Some(cell.into())),
            // Below the device itself there are as many objects as the column has names but one.
            Kind::Json => match lenient::value_within(cell, self.path.len()) {
                Ok(value) => Ok(Some(value)),
                Err(error) if !error.detail.starts_with("the body is not JSON") => {
                    let pointer = format!("{}{}", self.pointer(), error.pointer);
                    Err(FieldError::new(pointer, error.detail))
                }
                Err(_) => fault(
                    r#"must be JSON; text stands in quotes of its own, which a CSV file writes as """text""""#,
                ),
            },
            // What a spreadsheet would take for a formula is never meant.
            Kind::Text if cell.starts_with(['=', '@', '\t', '\r']) => {
                fault("begins like a formula of a spreadsheet")
            }
            Kind::Text => Ok(Some(cell.trim().into())),
        }
    }
}

fn put(members: &mut Map<String, Value>, path: &[Box<str>], value: Value) {
    match path {
        [] => {}
        [last] => {
            members.insert(last.to_string(), value);
        }
        [first, rest @ ..] => {
            let inner = members
                .entry(first.to_string())
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn columns(line: &str) -> Result<Columns, String> {
        let texts = |faults: Vec<FieldError>| {
            let texts = faults.into_iter().map(|fault| fault.detail);
            texts.collect::<Vec<_>>().join("|")
        };
        Columns::of_line(line.as_bytes()).map_err(texts)
    }

    fn device(header: &str, cells: &[&str]) -> Result<Value, FieldError> {
        let columns = columns(header).unwrap();
        let device = columns.device(&StringRecord::from(cells.to_vec()), "acme.example.com")?;
        Ok(serde_json::to_value(device).unwrap())
    }

    #[test]
    fn the_documented_examples_are_read() {
        assert_eq!(
            device("deviceId,authType", &["1234", "deviceid"]).unwrap(),
            json!({"deviceId": "1234", "authType": "deviceid"})
        );
        let header =
            "deviceId,authType,authorized.domain,authorized.invite,authorized.register,password";
        let cells = [
            "1234",
            "userid",
            "acme.example.com",
            ".*",
            "true",
            "supersecret",
        ];
        assert_eq!(
            device(header, &cells).unwrap(),
            json!({"deviceId": "1234", "authType": "userid", "password": "supersecret",
                "authorized": {"domain": "acme.example.com", "invite": ".*", "register": true}})
        );
        let cells = ["1234", "deviceid", "\"example text\""];
        assert_eq!(
            device("deviceId,authType,serviceData.foo.bar", &cells).unwrap(),
            json!({"deviceId": "1234", "authType": "deviceid", "serviceData": {"foo": {"bar": "example text"}}})
        );
    }

    #[test]
    fn an_empty_cell_is_a_member_that_is_not_there() {
        let header = "deviceId,authType,description,serviceData.a,lastConfigured";
        let cells = ["1", "disabled", "", " ", "17"];
        assert_eq!(
            device(header, &cells).unwrap(),
            json!({"deviceId": "1", "authType": "disabled"})
        );
    }

    #[test]
    fn a_domain_in_a_line_must_be_the_one_the_file_goes_to() {
        let header = "deviceId,authType,domain";
        for same in ["acme.example.com", " Acme.Example.com", ""] {
            let read = device(header, &["1", "disabled", same]).unwrap();
            assert_eq!(read, json!({"deviceId": "1", "authType": "disabled"}));
        }
        let other = device(header, &["1", "disabled", "other.example.com"]).unwrap_err();
        assert_eq!(other.pointer, "/domain");
        assert!(other.detail.contains("leave the column out"), "{other:?}");
    }

    #[test]
    fn a_cell_that_is_wrong_is_named() {
        let header = "deviceId,authType,description,serviceData.a";
        for (cells, pointer) in [
            (["1", "disabled", "=cmd|'/C calc'!A0", ""], "/description"),
            (["=1+1", "disabled", "", ""], "/deviceId"),
            (["1", "@SUM(A1)", "", ""], "/authType"),
            (["1", "magic", "", ""], "/authType"),
            (["1", "", "", ""], "/authType"),
            (["1", "disabled", "", "text"], "/serviceData/a"),
        ] {
            assert_eq!(device(header, &cells).unwrap_err().pointer, pointer);
        }
    }

    #[test]
    fn json_in_a_cell_obeys_the_rules_of_a_body() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for (cell, pointer, part) in [
            (r#"{"a":1,"a":2}"#, "/serviceData/x/a", "once"),
            (r#"["a\u0000b"]"#, "/serviceData/x/0", "NUL"),
            ("12345678901234567890.5", "/serviceData/x", "too large"),
            ("1e999", "/serviceData/x", "too large"),
            ("text", "/serviceData/x", "must be JSON"),
        ] {
            let error = device("deviceId,authType,serviceData.x", &["1", "disabled", cell]);
            let error = error.unwrap_err();
            assert_eq!(error.pointer, pointer, "{cell}");
            assert!(error.detail.contains(part), "{cell}: {}", error.detail);
        }
        let read = |cell: &str| {
            let device = device("deviceId,authType,serviceData.x", &["1", "disabled", cell])?;
            lenient::parse::<Device>(device.to_string().as_bytes()).map(|_| ())
        };
        assert_eq!(read(&deep(30)), Ok(()));
        assert!(read(&deep(31)).unwrap_err().detail.contains("too deeply"));
        let error = device("deviceId,authType,description", &["1", "disabled", "a\0b"]);
        assert_eq!(error.unwrap_err().pointer, "/description");
    }

    #[test]
    fn a_header_that_is_wrong_says_which_column() {
        for (header, part) in [
            ("deviceId", "must name a column authType"),
            ("authType", "must name a column deviceId"),
            ("deviceId;authType", "not semicolons"),
            ("deviceId,authType,", "column 3 has no name"),
            ("deviceId,authType,colour", "column 3 \"colour\""),
            ("deviceId,authType,authorized", "column 3 \"authorized\""),
            ("deviceId,authType,serviceData..a", "one dot"),
            ("deviceId,authType,deviceid", "column 3 says again"),
            (
                "deviceId,authType,serviceData.a,serviceData.a.b",
                "column 4 says again",
            ),
        ] {
            let why = columns(header).unwrap_err();
            assert!(why.contains(part), "{header}: {why}");
        }
        let many = "x,".repeat(100_000);
        assert!(columns(&many).unwrap_err().contains("at most 256 columns"));
    }
}
