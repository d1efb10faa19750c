//! A few characters that stand in every text a pattern matches: at each place of the window, which ones are possible.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// Most places of a window, and most characters of a match that are looked at: bits of a `u64`.
const LONGEST: usize = u64::BITS as usize;
/// Bits by which a window at the beginning of the text says more than one anywhere, of which a text has many.
const ANCHORED: u32 = 3;
const DIGITS: Symbols = 0x3FF << b'0';

/// Characters of ASCII. [`END`] is in it too, and [`BEYOND`] is the character that ASCII does not have; those two share
/// their place with a control character, so a set may hold one character too many, never one too few.
pub(super) type Symbols = u128;
/// The end of the text.
pub(super) const END: u8 = 0;
/// Any character beyond ASCII.
pub(super) const BEYOND: u8 = 0x7F;

/// What a text must show somewhere, or at its beginning, for the pattern to match it.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Whether it is at the beginning of the text.
    pub(super) is_anchored: bool,
    /// What is possible at each place.
    pub(super) places: Box<[Symbols]>,
}

impl Window {
    /// The window that says most about an expression; one without places says nothing.
    pub(super) fn of(expression: &str, ignores_case: bool) -> Self {
        let nothing = Self {
            is_anchored: false,
            places: Box::default(),
        };
        let mut parser = ParserBuilder::new().case_insensitive(ignores_case).build();
        let Ok(whole) = parser.parse(expression) else {
            return nothing;
        };
        let is_anchored = whole.properties().look_set_prefix().contains(Look::Start);
        let is_ended = whole.properties().look_set_suffix().contains(Look::End);
        let parts = parts(&whole);
        let mut rest = Shape::empty();
        let (mut best, mut most) = (nothing, 0);
        // From behind, each part with what follows it; of two that say as much the one in front.
        for (place, part) in parts.iter().enumerate().rev() {
            rest = Shape::of(part).then(&rest);
            let window = Self {
                is_anchored: is_anchored && place == 0,
                places: rest.places(is_ended),
            };
            // What stands behind the shortest match is not always looked at.
            let sure = rest.shortest() + usize::from(is_ended);
            let says = window.says(sure);
            if says >= most {
                (best, most) = (window, says);
            }
        }
        best
    }

    /// How much its first places say, in bits.
    fn says(&self, first: usize) -> u32 {
        let anchored = if self.is_anchored { ANCHORED } else { 0 };
        self.places.iter().take(first).map(says).sum::<u32>() + anchored
    }
}

/// How much a place says, in bits, for texts in which digits are six times as frequent as other characters.
fn says(place: &Symbols) -> u32 {
    let weight = |set: Symbols| set.count_ones() + 5 * (set & DIGITS).count_ones();
    weight(Symbols::MAX).ilog2() - weight(*place).max(1).ilog2()
}

/// The parts of an expression that follow one another.
fn parts(whole: &Hir) -> &[Hir] {
    match whole.kind() {
        HirKind::Capture(group) => parts(&group.sub),
        HirKind::Concat(parts) => parts,
        _ => std::slice::from_ref(whole),
    }
}

/// The numbers of the bits that are set.
pub(super) fn bits(set: impl Into<u128>) -> impl Iterator<Item = usize> {
    let mut set = set.into();
    std::iter::from_fn(move || {
        let lowest = set.trailing_zeros();
        set &= set.wrapping_sub(1);
        (lowest < u128::BITS).then_some(lowest as usize)
    })
}

/// How the matches of an expression look, each character taken by itself. Assertions inside are taken as fulfilled.
struct Shape {
    /// What is possible at each place of those matches that are so long.
    places: Vec<Symbols>,
    /// The lengths there are, as bits; those from [`LONGEST`] on have none.
    lengths: u64,
}

impl Shape {
    /// The empty text.
    const fn empty() -> Self {
        Self {
            places: Vec::new(),
            lengths: 1,
        }
    }

    /// One character.
    fn one(set: Symbols) -> Self {
        Self {
            places: vec![set],
            lengths: 1 << 1,
        }
    }

    fn of(expression: &Hir) -> Self {
        match expression.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::empty(),
            HirKind::Literal(literal) => {
                let text = String::from_utf8_lossy(&literal.0);
                let each = text.chars().map(|character| Self::one(symbols(character)));
                each.fold(Self::empty(), |before, next| before.then(&next))
            }
            HirKind::Class(class) => Self::one(members(class)),
            HirKind::Capture(group) => Self::of(&group.sub),
            HirKind::Concat(parts) => parts
                .iter()
                .map(Self::of)
                .fold(Self::empty(), |before, next| before.then(&next)),
            HirKind::Alternation(choices) => {
                let mut all = Self {
                    places: Vec::new(),
                    lengths: 0,
                };
                for choice in choices.iter().map(Self::of) {
                    all.put(1, &choice.places);
                    all.lengths |= choice.lengths;
                }
                all
            }
            HirKind::Repetition(repetition) => {
                Self::of(&repetition.sub).repeated(repetition.min, repetition.max)
            }
        }
    }

    /// This, and the other behind it.
    fn then(mut self, next: &Self) -> Self {
        self.put(self.lengths, &next.places);
        self.lengths = sums(self.lengths, next.lengths);
        self
    }

    fn repeated(&self, least: u32, most: Option<u32>) -> Self {
        let (mut starts, mut lengths, mut so_far) = (0, 0, 1);
        // After so many rounds there are no further lengths.
        for round in 0..=u64::BITS {
            if round >= least.min(u64::BITS) {
                lengths |= so_far;
            }
            if most.is_some_and(|most| round >= most) {
                break;
            }
            starts |= so_far;
            so_far = sums(so_far, self.lengths);
        }
        let mut all = Self {
            places: Vec::new(),
            lengths,
        };
        all.put(starts, &self.places);
        all
    }

    /// What is possible behind each of these starts.
    fn put(&mut self, starts: u64, places: &[Symbols]) {
        for start in bits(starts) {
            let end = (start + places.len()).min(LONGEST);
            if self.places.len() < end {
                self.places.resize(end, 0);
            }
            for (mine, other) in self.places[start..end].iter_mut().zip(places) {
                *mine |= other;
            }
        }
    }

    /// The length of the shortest match, as far as it is looked at.
    const fn shortest(&self) -> usize {
        self.lengths.trailing_zeros() as usize
    }

    /// What is possible at each place of a text from the beginning of a match on, and, where a match `is_ended` by the
    /// end of the text, at that end.
    fn places(&self, is_ended: bool) -> Box<[Symbols]> {
        let ends = |place: usize| Symbols::from((self.lengths >> place) & 1) << END;
        let length = if is_ended {
            (self.places.len() + 1).min(LONGEST)
        } else {
            self.shortest().min(self.places.len())
        };
        let place = |place| {
            let set = self.places.get(place).copied().unwrap_or_default();
            if is_ended { set | ends(place) } else { set }
        };
        let mut places: Vec<Symbols> = (0..length).map(place).collect();
        while places.pop_if(|last| says(last) == 0).is_some() {}
        places.into()
    }
}

/// Every sum of a length of the one and a length of the other.
fn sums(one: u64, other: u64) -> u64 {
    bits(one).fold(0, |sums, length| sums | (other << length))
}

/// The place of a character in a set.
pub(super) fn symbol(character: char) -> u8 {
    u8::try_from(character).map_or(BEYOND, |octet| octet.min(BEYOND))
}

fn symbols(character: char) -> Symbols {
    1 << symbol(character)
}

fn members(class: &Class) -> Symbols {
    let range = |first: u8, last: u8| (Symbols::MAX >> (BEYOND - last)) & (Symbols::MAX << first);
    match class {
        Class::Unicode(class) => class.ranges().iter().fold(0, |set, part| {
            set | range(symbol(part.start()), symbol(part.end()))
        }),
        Class::Bytes(class) => class.ranges().iter().fold(0, |set, part| {
            set | range(part.start().min(BEYOND), part.end().min(BEYOND))
        }),
    }
}
