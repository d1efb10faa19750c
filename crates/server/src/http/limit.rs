//! Requests under way, by domain: a customer's flood is refused with 429 before it takes the others' room, and what
//! steers running calls does not queue behind lists.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::error::ApiError;
use crate::brake::Brakes;

/// What a request is for; each lane has its own room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    /// Ringback, answer, hangup.
    Steer,
    /// Placing calls.
    Place,
    /// Everything else.
    Rest,
}

impl Lane {
    /// Requests of one domain at a time.
    const fn room(self) -> usize {
        match self {
            Self::Steer => 1_024,
            Self::Place => 256,
            Self::Rest => 32,
        }
    }

    fn of(path: &str) -> Self {
        match path.strip_prefix("/mediaservice/") {
            Some(rest) if rest.contains("/placeremotecall") => Self::Place,
            Some(_) => Self::Steer,
            None => Self::Rest,
        }
    }
}

/// How many requests of each domain are under way. Domains without any are not kept.
#[derive(Debug, Default)]
pub struct Room {
    taken: Mutex<HashMap<Arc<str>, [usize; 3]>>,
    brakes: Arc<Brakes>,
}

impl Room {
    /// Nobody is in; `brakes` counts who is refused.
    pub fn new(brakes: Arc<Brakes>) -> Self {
        Self {
            taken: Mutex::default(),
            brakes,
        }
    }

    /// What counts the limits of REST.
    pub(super) fn brakes(&self) -> &Brakes {
        &self.brakes
    }

    fn enter(self: &Arc<Self>, domain: &Arc<str>, lane: Lane) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = &mut taken.entry(Arc::clone(domain)).or_default()[lane as usize];
        if *count >= lane.room() {
            return None;
        }
        *count += 1;
        Some(Seat {
            room: Arc::clone(self),
            domain: Arc::clone(domain),
            lane,
        })
    }
}

/// A request under way.
#[derive(Debug)]
struct Seat {
    room: Arc<Room>,
    domain: Arc<str>,
    lane: Lane,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self
            .room
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = taken.get_mut(&self.domain) {
            counts[self.lane as usize] -= 1;
            if counts.iter().all(|count| *count == 0) {
                taken.remove(&self.domain);
            }
        }
    }
}

/// The place of a request's seat, which is taken once its caller is known.
type Ticket = Arc<OnceLock<Seat>>;

/// Middleware: what a request's caller takes is given back when the request is answered.
pub(super) async fn hold(
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let ticket = Ticket::default();
    request.extensions_mut().insert(Arc::clone(&ticket));
    next(request).await
}

/// Counts a request whose caller is known; it was counted before where it was asked twice.
pub(super) fn enter(parts: &Parts, room: &Arc<Room>, domain: &Arc<str>) -> Result<(), ApiError> {
    let Some(ticket) = parts.extensions.get::<Ticket>() else {
        return Ok(());
    };
    if ticket.get().is_some() {
        return Ok(());
    }
    match room.enter(domain, Lane::of(parts.uri.path())) {
        Some(seat) => {
            let _ = ticket.set(seat);
            Ok(())
        }
        None => {
            room.brakes.domain_requests.hit(Instant::now());
            let why = "the domain has too many requests under way; wait for some of them";
            Err(
                ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", why)
                    .retry_after(1),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_domain_has_its_own_room_in_each_lane() {
        let room = Arc::new(Room::default());
        let (acme, other): (Arc<str>, Arc<str>) = ("acme".into(), "other".into());
        let mut seats: Vec<Seat> = Vec::new();
        while let Some(seat) = room.enter(&acme, Lane::Rest) {
            seats.push(seat);
        }
        assert_eq!(seats.len(), Lane::Rest.room());
        assert!(
            room.enter(&acme, Lane::Steer).is_some(),
            "calls are steered meanwhile"
        );
        assert!(
            room.enter(&other, Lane::Rest).is_some(),
            "others are not held up"
        );
        seats.pop();
        assert!(room.enter(&acme, Lane::Rest).is_some());
    }

    #[test]
    fn domains_without_requests_are_forgotten() {
        let room = Arc::new(Room::default());
        let seat = room.enter(&"acme".into(), Lane::Place);
        assert_eq!(room.taken.lock().unwrap().len(), 1);
        drop(seat);
        assert!(room.taken.lock().unwrap().is_empty());
    }

    #[test]
    fn lanes_follow_the_paths() {
        for (path, lane) in [
            ("/mediaservice/acme/answerremotecalljwt", Lane::Steer),
            ("/mediaservice/acme/hangupcall", Lane::Steer),
            ("/mediaservice/acme/placeremotecalljwt", Lane::Place),
            ("/v1/acme/calls", Lane::Rest),
            ("/provisioning/cloudsipua/acme", Lane::Rest),
        ] {
            assert_eq!(Lane::of(path), lane, "{path}");
        }
    }
}
