use crate::Options;
use crate::fixture::{file_store, sqlite};

/// Where [`super::all`] looks.
const SEALED: [&str; 8] = [
    "api_keys.sealed_token",
    "bulk_rows.body",
    "documents.body",
    "domains.previous_webhook_secret",
    "domains.webhook_secret",
    "events.sealed",
    "settings.value",
    "snapshots.body",
];

/// Where nothing is sealed.
const PLAIN: &[&str] = &[
    "api_keys.description",
    "api_keys.domain",
    "api_keys.pem",
    "api_keys.scopes",
    "api_keys.sk",
    "api_keys.token_hash",
    "alarms.alarm",
    "alarms.domain",
    "alarms.service",
    "bulk_jobs.bulk",
    "bulk_jobs.domain",
    "bulk_jobs.errors",
    "bulk_jobs.node",
    "bulk_jobs.reason",
    "bulk_rows.id",
    "calls.class",
    "calls.destination_user",
    "calls.direction",
    "calls.domain",
    "calls.id",
    "calls.record",
    "calls.session_reference_id",
    "calls.sip_call_id",
    "calls.source_user",
    "calls.state",
    "documents.domain",
    "documents.id",
    "documents.kind",
    "domains.domain",
    "domains.settings",
    "events.body",
    "events.call",
    "events.callback_id",
    "events.domain",
    "events.last_error",
    "events.name",
    "events.service",
    "events.target",
    "events.webhook_id",
    "ladder.call",
    "ladder.domain",
    "ladder.rows",
    "networks.cidr",
    "networks.domain",
    "notified.domain",
    "replies.body",
    "replies.call",
    "replies.domain",
    "replies.fingerprint",
    "replies.key",
    "replies.node",
    "settings.name",
    "snapshots.call",
    "statistics.class",
    "statistics.domain",
    "statistics.subject",
    "tries.error",
    "ways.call",
    "ways.domain",
    "ways.way",
];

#[test]
fn of_every_column_it_is_known_whether_something_is_sealed_in_it() {
    let (_folder, store) = file_store(Options::default());
    let columns = "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND c.type IN ('TEXT', 'BLOB') ORDER BY 1";
    let found: Vec<String> = store
        .read(|db| {
            let mut statement = sqlite(db).prepare(columns)?;
            let names = statement.query_map([], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
        .unwrap();
    let mut known: Vec<&str> = SEALED.iter().chain(PLAIN).copied().collect();
    known.sort_unstable();
    assert_eq!(
        found, known,
        "what is sealed in a new column has to be sealed anew in reseal.rs; list it here"
    );
}
