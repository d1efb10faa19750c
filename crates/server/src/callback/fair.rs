//! Who is served next: the customers in turn, within a customer its origins in turn, within an origin the
//! oldest; each level with a limit of what runs at a time. So a slow application fills its own lane only.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// One customer's callbacks to one origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LaneKey {
    pub(super) domain: Arc<str>,
    pub(super) origin: Arc<str>,
}

/// How much runs and waits at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Tells tried at a time, per customer and origin.
    pub running_per_lane: usize,
    /// Tells tried at a time, per customer.
    pub running_per_customer: usize,
    /// Tells tried at a time.
    pub running: usize,
    /// Tells in memory, per customer and origin.
    pub kept_per_lane: usize,
    /// Tells in memory.
    pub kept: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            running_per_lane: 64,
            running_per_customer: 256,
            running: 4096,
            kept_per_lane: 4096,
            kept: 131_072,
        }
    }
}

/// The lanes and what is ready in them.
pub(super) struct Fair<T> {
    limits: Limits,
    customers: HashMap<Arc<str>, Customer<T>>,
    /// Customers that have something to start, in turn.
    turns: VecDeque<Arc<str>>,
    running: usize,
    kept: usize,
}

struct Customer<T> {
    lanes: HashMap<Arc<str>, Lane<T>>,
    /// Origins that have something to start, in turn.
    turns: VecDeque<Arc<str>>,
    running: usize,
    has_turn: bool,
}

struct Lane<T> {
    ready: VecDeque<T>,
    running: usize,
    kept: usize,
    has_turn: bool,
}

impl<T> Fair<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            customers: HashMap::new(),
            turns: VecDeque::new(),
            running: 0,
            kept: 0,
        }
    }

    /// Items admitted that have not left, and items taken that are not finished.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.kept, self.running)
    }

    /// Makes room for one more item in a lane, if there is any.
    pub(super) fn admit(&mut self, key: &LaneKey) -> bool {
        if self.kept >= self.limits.kept {
            return false;
        }
        let customer = self.customers.entry(Arc::clone(&key.domain)).or_default();
        let lane = customer.lanes.entry(Arc::clone(&key.origin)).or_default();
        if lane.kept >= self.limits.kept_per_lane {
            return false;
        }
        lane.kept += 1;
        self.kept += 1;
        true
    }

    /// Gives back the room of an admitted item.
    pub(super) fn leave(&mut self, key: &LaneKey) {
        let Some(customer) = self.customers.get_mut(&key.domain) else {
            return;
        };
        let Some(lane) = customer.lanes.get_mut(&key.origin) else {
            return;
        };
        lane.kept -= 1;
        self.kept -= 1;
        if lane.kept == 0 {
            customer.lanes.remove(&key.origin);
            if customer.lanes.is_empty() {
                self.customers.remove(&key.domain);
            }
        }
    }

    /// An admitted item may be taken now.
    pub(super) fn push(&mut self, key: &LaneKey, item: T) {
        let lane = self.customers.get_mut(&key.domain);
        let lane = lane.and_then(|customer| customer.lanes.get_mut(&key.origin));
        lane.expect("an admitted item keeps its lane")
            .ready
            .push_back(item);
        self.give_turn(key);
    }

    /// The next item to run, if one may.
    pub(super) fn take(&mut self) -> Option<T> {
        if self.running >= self.limits.running {
            return None;
        }
        let domain = self.turns.pop_front()?;
        let customer = self
            .customers
            .get_mut(&domain)
            .expect("a customer with a turn is kept");
        customer.has_turn = false;
        let origin = customer
            .turns
            .pop_front()
            .expect("a customer with a turn has a lane");
        let lane = customer
            .lanes
            .get_mut(&origin)
            .expect("a lane with a turn is kept");
        lane.has_turn = false;
        let item = lane
            .ready
            .pop_front()
            .expect("a lane with a turn has an item");
        lane.running += 1;
        customer.running += 1;
        self.running += 1;
        self.give_turn(&LaneKey { domain, origin });
        Some(item)
    }

    /// A taken item does not run any more; it stays admitted.
    pub(super) fn finish(&mut self, key: &LaneKey) {
        let customer = self.customers.get_mut(&key.domain);
        let customer = customer.expect("an admitted item keeps its customer");
        let lane = customer
            .lanes
            .get_mut(&key.origin)
            .expect("an admitted item keeps its lane");
        lane.running -= 1;
        customer.running -= 1;
        self.running -= 1;
        self.give_turn(key);
    }

    /// Puts a lane and its customer in line where they have something to start and may.
    fn give_turn(&mut self, key: &LaneKey) {
        let Some(customer) = self.customers.get_mut(&key.domain) else {
            return;
        };
        if let Some(lane) = customer.lanes.get_mut(&key.origin)
            && !lane.has_turn
            && !lane.ready.is_empty()
            && lane.running < self.limits.running_per_lane
        {
            lane.has_turn = true;
            customer.turns.push_back(Arc::clone(&key.origin));
        }
        if !customer.has_turn
            && !customer.turns.is_empty()
            && customer.running < self.limits.running_per_customer
        {
            customer.has_turn = true;
            self.turns.push_back(Arc::clone(&key.domain));
        }
    }
}

impl<T> Default for Customer<T> {
    fn default() -> Self {
        Self {
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            running: 0,
            has_turn: false,
        }
    }
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self {
            ready: VecDeque::new(),
            running: 0,
            kept: 0,
            has_turn: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        running_per_lane: 2,
        running_per_customer: 3,
        running: 5,
        kept_per_lane: 4,
        kept: 10,
    };

    fn lane(domain: &str, origin: &str) -> LaneKey {
        LaneKey {
            domain: domain.into(),
            origin: origin.into(),
        }
    }

    fn filled(fair: &mut Fair<String>, key: &LaneKey, items: usize) {
        for n in 0..items {
            assert!(fair.admit(key));
            fair.push(key, format!("{}{}{n}", key.domain, key.origin));
        }
    }

    fn taken(fair: &mut Fair<String>) -> Vec<String> {
        std::iter::from_fn(|| fair.take()).collect()
    }

    #[test]
    fn customers_take_turns_and_so_do_their_origins() {
        let mut fair = Fair::new(LIMITS);
        filled(&mut fair, &lane("a", "x"), 3);
        filled(&mut fair, &lane("a", "y"), 1);
        filled(&mut fair, &lane("b", "x"), 1);
        assert_eq!(taken(&mut fair), ["ax0", "bx0", "ay0", "ax1"]);
    }

    #[test]
    fn a_full_lane_holds_up_nobody_else_and_goes_on_when_one_is_finished() {
        let mut fair = Fair::new(LIMITS);
        let slow = lane("a", "slow");
        filled(&mut fair, &slow, 4);
        assert_eq!(taken(&mut fair), ["aslow0", "aslow1"]);
        filled(&mut fair, &lane("a", "quick"), 1);
        filled(&mut fair, &lane("b", "quick"), 1);
        assert_eq!(taken(&mut fair), ["aquick0", "bquick0"]);
        fair.finish(&slow);
        assert_eq!(taken(&mut fair), ["aslow2"]);
    }

    #[test]
    fn a_customer_and_the_whole_node_have_a_limit() {
        let mut fair = Fair::new(LIMITS);
        for origin in ["x", "y"] {
            filled(&mut fair, &lane("a", origin), 2);
        }
        assert_eq!(taken(&mut fair).len(), 3);
        filled(&mut fair, &lane("b", "x"), 2);
        filled(&mut fair, &lane("c", "x"), 2);
        assert_eq!(taken(&mut fair).len(), 2);
        fair.finish(&lane("a", "x"));
        assert_eq!(
            taken(&mut fair),
            ["bx1"],
            "the one just served is last in line"
        );
    }

    #[test]
    fn room_is_limited_and_comes_back() {
        let mut fair: Fair<String> = Fair::new(LIMITS);
        let key = lane("a", "x");
        filled(&mut fair, &key, 4);
        assert!(!fair.admit(&key));
        assert!(fair.admit(&lane("b", "x")));
        fair.take();
        fair.finish(&key);
        fair.leave(&key);
        assert!(fair.admit(&key));
        assert_eq!(fair.load(), (5, 0));
    }

    #[test]
    fn nothing_is_kept_of_a_lane_that_is_done() {
        let mut fair: Fair<String> = Fair::new(LIMITS);
        let key = lane("a", "x");
        filled(&mut fair, &key, 1);
        fair.take();
        fair.finish(&key);
        fair.leave(&key);
        assert!(fair.customers.is_empty() && fair.turns.is_empty());
        assert_eq!(fair.load(), (0, 0));
    }
}
