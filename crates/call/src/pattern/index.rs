//! Which of many patterns may match a text, without asking them all.
//!
//! Each pattern has a window: a few characters that a text must show for it to match. The windows of 64 patterns at a
//! time are laid side by side, a bit for each, and held against the text at once; only patterns whose window fits are
//! asked. What an index costs grows with its patterns and their windows, never with the texts it has seen.

use std::borrow::Cow;
use std::sync::Arc;

use super::Pattern;
use super::window::{BEYOND, END, Window, bits, symbol};

/// Below so many patterns it is as fast to ask them all.
const WORTH_IT: usize = 16;
/// Patterns side by side.
const ABREAST: usize = 64;

/// Patterns in the order in which they are asked, named by their places. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct PatternIndex {
    /// So many are asked in any case.
    few: usize,
    groups: Arc<[Group]>,
}

impl PatternIndex {
    /// An index over patterns.
    pub fn new<'p>(patterns: impl ExactSizeIterator<Item = &'p Pattern>) -> Self {
        if patterns.len() < WORTH_IT {
            return Self {
                few: patterns.len(),
                groups: Arc::default(),
            };
        }
        let windows: Vec<&Window> = patterns.map(|pattern| &pattern.window).collect();
        Self {
            few: 0,
            groups: windows.chunks(ABREAST).map(Group::new).collect(),
        }
    }

    /// The places whose pattern may match `text`, in order; the others cannot.
    pub fn candidates(&self, text: &str) -> impl Iterator<Item = usize> {
        let symbols: Cow<'_, [u8]> = if text.is_ascii() {
            text.as_bytes().into()
        } else {
            text.chars().map(symbol).collect()
        };
        let groups = self
            .groups
            .iter()
            .zip(0..)
            .flat_map(move |(group, number)| {
                bits(group.candidates(&symbols)).map(move |place| number * ABREAST + place)
            });
        (0..self.few).chain(groups)
    }
}

/// Up to 64 patterns, as bits.
#[derive(Clone, Debug)]
struct Group {
    all: u64,
    /// Those whose window may be anywhere in a text.
    floating: u64,
    /// For each place of a window, for each symbol: whose window has it there, or is shorter.
    places: Vec<[u64; 1 + BEYOND as usize]>,
}

impl Group {
    fn new(windows: &[&Window]) -> Self {
        let mut group = Self {
            all: u64::MAX >> (ABREAST - windows.len()),
            floating: 0,
            places: Vec::new(),
        };
        let longest = windows.iter().map(|window| window.places.len()).max();
        for place in 0..longest.unwrap_or_default() {
            let mut any = 0;
            let mut with = [0; 1 + BEYOND as usize];
            for (window, number) in windows.iter().zip(0..) {
                match window.places.get(place) {
                    Some(set) => bits(*set).for_each(|symbol| with[symbol] |= 1_u64 << number),
                    None => any |= 1 << number,
                }
            }
            group.places.push(with.map(|those| those | any));
        }
        for (window, number) in windows.iter().zip(0..) {
            group.floating |= u64::from(!window.is_anchored) << number;
        }
        group
    }

    fn candidates(&self, text: &[u8]) -> u64 {
        let fitting = |start: usize, possible: u64| {
            let symbols = text[start..].iter().chain([&END]);
            let mut places = self.places.iter().zip(symbols);
            places.try_fold(possible, |left, (place, symbol)| {
                (left != 0).then(|| left & place[usize::from(*symbol)])
            })
        };
        let mut found = fitting(0, self.all).unwrap_or_default();
        for start in 1..=text.len() {
            let possible = self.floating & !found;
            if possible == 0 {
                break;
            }
            found |= fitting(start, possible).unwrap_or_default();
        }
        found
    }
}

#[cfg(test)]
mod tests;
