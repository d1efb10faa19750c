//! Notifications wait in the outbox like callbacks; here stands how far the events of a domain were told as such.

use crate::events::{self, EventRow};
use crate::sql::values;
use crate::{Read, Result, Write};

/// How far each domain's events were told.
pub fn all(db: &Read<'_>) -> Result<Vec<(String, i64)>> {
    db.all("SELECT domain, cursor FROM notified", &[], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

/// Somebody wants the domain's events from now on, if nobody did before.
pub fn begin(db: &Write<'_>, domain: &str) -> Result<()> {
    db.execute(
        "INSERT INTO notified (domain, cursor) SELECT ?1, coalesce(max(cursor), 0) FROM events \
         WHERE true ON CONFLICT DO NOTHING",
        values![domain],
    )?;
    Ok(())
}

/// A domain's events were told up to `cursor`.
pub fn reach(db: &Write<'_>, domain: &str, cursor: i64) -> Result<()> {
    db.execute(
        "INSERT INTO notified (domain, cursor) VALUES (?1, ?2) \
         ON CONFLICT (domain) DO UPDATE SET cursor = excluded.cursor",
        values![domain, cursor],
    )?;
    Ok(())
}

/// Nobody wants the domain's events any more.
pub fn forget(db: &Write<'_>, domain: &str) -> Result<()> {
    db.execute("DELETE FROM notified WHERE domain = ?1", values![domain])?;
    Ok(())
}

/// Puts notifications into the outbox.
pub fn append(db: &Write<'_>, rows: &[EventRow]) -> Result<()> {
    rows.iter().try_for_each(|row| events::insert(db, row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{add_domain, event, store};
    use crate::{CallKey, domains};

    #[test]
    fn how_far_a_domain_was_told_is_remembered_until_nobody_wants_it() {
        let (_dir, store) = store();
        add_domain(&store, "a.test");
        for cursor in [7, 9] {
            store.write(move |db| reach(db, "a.test", cursor)).unwrap();
        }
        store.write(|db| reach(db, "example.com", 3)).unwrap();
        let found = store.read(all).unwrap();
        assert_eq!(
            found,
            [("a.test".to_owned(), 9), ("example.com".to_owned(), 3)]
        );
        store.write(|db| forget(db, "example.com")).unwrap();
        store.write(|db| domains::delete(db, "a.test")).unwrap();
        assert_eq!(store.read(all).unwrap(), []);
    }

    #[test]
    fn who_wants_events_gets_those_that_are_still_to_come() {
        let (_dir, store) = store();
        store
            .write(|db| append(db, &[event(1, 1), event(1, 2)]))
            .unwrap();
        store.write(|db| begin(db, "example.com")).unwrap();
        let newest = store.read(events::newest_cursor).unwrap();
        let begun = [("example.com".to_owned(), newest)];
        assert_eq!(store.read(all).unwrap(), begun);
        store.write(|db| append(db, &[event(1, 3)])).unwrap();
        store.write(|db| begin(db, "example.com")).unwrap();
        assert_eq!(store.read(all).unwrap(), begun, "it goes on where it was");
    }

    #[test]
    fn notifications_wait_in_the_outbox_or_none_does() {
        let (_dir, store) = store();
        store
            .write(|db| append(db, &[event(1, 1), event(1, 2)]))
            .unwrap();
        let twice = store.write(|db| append(db, &[event(1, 3), event(1, 2)]));
        assert!(twice.is_err(), "the second of them is there already");
        let waiting = store.read(|db| events::of_call(db, CallKey(1))).unwrap();
        assert_eq!(waiting.len(), 2);
    }
}
