//! When API keys were used last goes into the database once a minute and at the end, never with the requests themselves.

use std::sync::Arc;
use std::time::Duration;

use hookswitch_store::{Result, Store, api_keys};

use crate::auth::Keys;
use crate::database;

const EVERY: Duration = Duration::from_secs(60);

/// Notes uses until the runtime stops.
pub(super) async fn run(store: Store, keys: Arc<Keys>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let (store, keys) = (store.clone(), Arc::clone(&keys));
        match tokio::task::spawn_blocking(move || note(&store, &keys)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                database::tells(&error, "the last use of API keys could not be noted");
            }
            Err(_) => return,
        }
    }
}

/// Notes what was used since it was done last, in one write; blocks.
pub(super) fn note(store: &Store, keys: &Keys) -> Result<()> {
    let uses = keys.take_uses();
    if uses.is_empty() {
        return Ok(());
    }
    store.write(move |db| {
        for used in &uses {
            api_keys::note_use(db, &used.domain, &used.sk, used.at)?;
        }
        Ok(())
    })
}
