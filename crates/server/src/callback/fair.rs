//! Who is served next: the customers in turn, within a customer its lanes in turn, within a lane the
//! oldest; each level with a limit of what runs at a time. So a slow application fills its own lane only.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// One service's callbacks to one origin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey {
    /// The tenant.
    pub domain: Arc<str>,
    /// The provisioned service.
    pub service: Arc<str>,
    /// Scheme, host and port.
    pub origin: Arc<str>,
}

/// How much runs at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    pub(super) per_lane: usize,
    pub(super) per_customer: usize,
    pub(super) in_all: usize,
}

/// The lanes and what is ready in them.
pub(super) struct Fair<T> {
    limits: Turns,
    customers: HashMap<Arc<str>, Customer<T>>,
    /// Customers that have something to start, in turn.
    turns: VecDeque<Arc<str>>,
    /// Lanes with a limit of their own.
    narrow: HashMap<LaneKey, usize>,
    running: usize,
}

struct Customer<T> {
    lanes: HashMap<LaneKey, Lane<T>>,
    /// Lanes that have something to start, in turn.
    turns: VecDeque<LaneKey>,
    running: usize,
    has_turn: bool,
}

struct Lane<T> {
    ready: VecDeque<T>,
    running: usize,
    has_turn: bool,
}

impl<T> Fair<T> {
    pub(super) fn new(limits: Turns) -> Self {
        Self {
            limits,
            customers: HashMap::new(),
            turns: VecDeque::new(),
            narrow: HashMap::new(),
            running: 0,
        }
    }

    /// Items taken that are not finished.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// How many may run in all from now on.
    pub(super) fn set_limit(&mut self, in_all: usize) {
        self.limits.in_all = in_all;
    }

    /// The item may be taken now.
    pub(super) fn push(&mut self, key: &LaneKey, item: T) {
        let customer = self.customers.entry(Arc::clone(&key.domain)).or_default();
        if !customer.lanes.contains_key(key) {
            customer.lanes.insert(key.clone(), Lane::default());
        }
        let lane = customer.lanes.get_mut(key);
        lane.expect("it was put there above").ready.push_back(item);
        self.give_turn(key);
    }

    /// The next item to run, if one may.
    pub(super) fn take(&mut self) -> Option<(LaneKey, T)> {
        while self.running < self.limits.in_all {
            let domain = self.turns.pop_front()?;
            let customer = self
                .customers
                .get_mut(&domain)
                .expect("a customer with a turn is kept");
            customer.has_turn = false;
            let key = customer
                .turns
                .pop_front()
                .expect("a customer with a turn has a lane");
            let lane = customer
                .lanes
                .get_mut(&key)
                .expect("a lane with a turn is kept");
            lane.has_turn = false;
            // A lane may have been narrowed since it was put in line.
            let allowed = allowed(&self.narrow, &key, self.limits.per_lane);
            let item = (lane.running < allowed)
                .then(|| lane.ready.pop_front())
                .flatten();
            if item.is_some() {
                lane.running += 1;
                customer.running += 1;
                self.running += 1;
            }
            self.give_turn(&key);
            if let Some(item) = item {
                return Some((key, item));
            }
        }
        None
    }

    /// A taken item does not run any more.
    pub(super) fn finish(&mut self, key: &LaneKey) {
        let customer = self.customers.get_mut(&key.domain);
        let customer = customer.expect("a customer is kept while something of it runs");
        let lane = customer
            .lanes
            .get_mut(key)
            .expect("a lane is kept while something of it runs");
        lane.running -= 1;
        customer.running -= 1;
        self.running -= 1;
        let is_idle = lane.running == 0 && lane.ready.is_empty();
        if is_idle && !lane.has_turn {
            customer.lanes.remove(key);
            if customer.lanes.is_empty() && !customer.has_turn {
                self.customers.remove(&key.domain);
                return;
            }
        }
        self.give_turn(key);
    }

    /// How many items of a lane may run from now on; `None`: as many as of any other.
    pub(super) fn narrow(&mut self, key: &LaneKey, most: Option<usize>) {
        match most {
            Some(most) => self.narrow.insert(key.clone(), most),
            None => self.narrow.remove(key),
        };
        self.give_turn(key);
    }

    /// Whether an item of the lane is ready or runs.
    pub(super) fn has(&self, key: &LaneKey) -> bool {
        self.customers
            .get(&key.domain)
            .is_some_and(|customer| customer.lanes.contains_key(key))
    }

    /// Puts a lane and its customer in line where they have something to start and may.
    fn give_turn(&mut self, key: &LaneKey) {
        let Some(customer) = self.customers.get_mut(&key.domain) else {
            return;
        };
        if let Some(lane) = customer.lanes.get_mut(key)
            && !lane.has_turn
            && !lane.ready.is_empty()
            && lane.running < allowed(&self.narrow, key, self.limits.per_lane)
        {
            lane.has_turn = true;
            customer.turns.push_back(key.clone());
        }
        if !customer.has_turn
            && !customer.turns.is_empty()
            && customer.running < self.limits.per_customer
        {
            customer.has_turn = true;
            self.turns.push_back(Arc::clone(&key.domain));
        }
    }
}

fn allowed(narrow: &HashMap<LaneKey, usize>, key: &LaneKey, per_lane: usize) -> usize {
    if narrow.is_empty() {
        return per_lane;
    }
    narrow.get(key).map_or(per_lane, |most| per_lane.min(*most))
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
            has_turn: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Turns = Turns {
        per_lane: 2,
        per_customer: 3,
        in_all: 5,
    };

    fn lane(domain: &str, origin: &str) -> LaneKey {
        LaneKey {
            domain: domain.into(),
            service: "app".into(),
            origin: origin.into(),
        }
    }

    fn filled(fair: &mut Fair<String>, key: &LaneKey, items: usize) {
        for n in 0..items {
            fair.push(key, format!("{}{}{n}", key.domain, key.origin));
        }
    }

    fn taken(fair: &mut Fair<String>) -> Vec<String> {
        std::iter::from_fn(|| fair.take().map(|(_, item)| item)).collect()
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
    fn a_narrowed_lane_runs_what_it_may_and_the_rest_once_it_is_wide_again() {
        let mut fair = Fair::new(LIMITS);
        let key = lane("a", "x");
        filled(&mut fair, &key, 3);
        fair.narrow(&key, Some(0));
        assert!(taken(&mut fair).is_empty());
        fair.narrow(&key, Some(1));
        assert_eq!(taken(&mut fair), ["ax0"]);
        fair.narrow(&key, None);
        assert_eq!(taken(&mut fair), ["ax1"]);
    }

    #[test]
    fn nothing_is_kept_of_a_lane_that_is_done() {
        let mut fair: Fair<String> = Fair::new(LIMITS);
        let key = lane("a", "x");
        filled(&mut fair, &key, 1);
        fair.take();
        assert!(fair.has(&key));
        fair.finish(&key);
        assert!(fair.customers.is_empty() && fair.turns.is_empty());
        assert_eq!(fair.running(), 0);
    }
}
