//! Provisioning documents, call records, outbox and keys on SQLite.
