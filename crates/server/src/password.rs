//! Passwords of end users: kept as argon2id (RFC 9106), hashed and verified in a bounded pool, for each hash takes
//! 19 MiB and tens of milliseconds of a processor. What machines sign in with (HA1, API tokens) is not here.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hashes that may wait for their turn: at 30 ms each, two at a time, the last of them waits for a second.
const WAITING: usize = 64;
/// How long one waits for its turn at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// What every stored hash begins with.
const SCHEME: &str = "$argon2id$";

/// The text to keep of a password, with a salt of its own: `$argon2id$…`. Takes tens of milliseconds.
pub fn hash_password(password: &str) -> String {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.expect("the default parameters are sound and the system has randomness")
        .to_string()
}

/// Whether `given` is the password `stored` was made of; `stored` is a text of [`hash_password`], anything else
/// fits nothing. Takes tens of milliseconds; from async code go through [`Hashing`].
pub fn verify_password(stored: &str, given: &str) -> bool {
    let verified = Argon2::default().verify_password(given.as_bytes(), stored);
    verified.is_ok()
}

/// Whether the text is one of [`hash_password`]'s.
pub fn is_hash(text: &str) -> bool {
    text.starts_with(SCHEME)
}

/// The pool of hashing: as many at a time as there are processors but one, and a bounded queue before it.
#[derive(Clone, Debug)]
pub struct Hashing {
    turns: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

/// Leave to hash.
#[derive(Debug)]
pub struct Turn {
    _places: [OwnedSemaphorePermit; 2],
}

/// The queue before the pool is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed; try again in a few seconds")]
pub struct Busy;

impl Default for Hashing {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let at_a_time = processors.saturating_sub(1).max(1);
        Self {
            turns: Arc::new(Semaphore::new(at_a_time)),
            room: Arc::new(Semaphore::new(at_a_time + WAITING)),
        }
    }
}

impl Hashing {
    /// [`hash_password`] in the pool.
    pub async fn hash(&self, password: String) -> Result<String, Busy> {
        self.run(move || hash_password(&password)).await
    }

    /// [`verify_password`] in the pool.
    pub async fn verify(&self, stored: String, given: String) -> Result<bool, Busy> {
        self.run(move || verify_password(&stored, &given)).await
    }

    /// A turn for [`hash_password`], for who hashes on a thread of its own; it is given back when dropped.
    pub async fn turn(&self) -> Result<Turn, Busy> {
        let room = self.room.clone().try_acquire_owned().map_err(|_| Busy)?;
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Busy)?.map_err(|_| Busy)?;
        Ok(Turn {
            _places: [room, turn],
        })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let turn = self.turn().await?;
        // The work keeps its turn when nobody waits for it any more.
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        working.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_only_and_no_two_hashes_are_alike() {
        let stored = hash_password("Circle of Life");
        assert!(is_hash(&stored) && !stored.contains("Circle"));
        assert!(verify_password(&stored, "Circle of Life"));
        assert!(!verify_password(&stored, "circle of life"));
        assert_ne!(stored, hash_password("Circle of Life"));
    }

    #[test]
    fn a_text_that_is_no_hash_fits_nothing() {
        for stored in [
            "",
            "Circle of Life",
            "$argon2id$",
            "$argon2id$v=19$m=1,t=1,p=1$$",
        ] {
            assert!(!verify_password(stored, stored), "{stored}");
        }
    }

    #[tokio::test]
    async fn the_pool_refuses_when_its_queue_is_full_and_serves_again_after() {
        let pool = Hashing {
            turns: Arc::new(Semaphore::new(1)),
            room: Arc::new(Semaphore::new(1)),
        };
        let held = pool.room.clone().acquire_owned().await.unwrap();
        assert_eq!(pool.hash("a".to_owned()).await, Err(Busy));
        drop(held);
        let stored = pool.hash("a".to_owned()).await.unwrap();
        assert_eq!(pool.verify(stored, "a".to_owned()).await, Ok(true));
    }
}
