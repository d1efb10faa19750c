//! The first of many patterns that matches, without asking them all.
//!
//! One pass over the text finds the literals that patterns begin with; only the patterns whose literal is there are
//! asked, and those that begin with none. What is left out could not have matched.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::Pattern;

/// Below so many patterns it is as fast to ask them all.
const WORTH_IT: usize = 16;

/// Patterns in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct PatternIndex {
    literals: Option<Literals>,
}

#[derive(Clone, Debug)]
struct Literals {
    automaton: AhoCorasick,
    /// The pattern of each literal, and whether it stands at the beginning of the text.
    owners: Vec<(usize, bool)>,
    /// Patterns without a literal.
    others: Vec<usize>,
}

impl PatternIndex {
    /// An index over patterns, which are named by their places from here on.
    pub fn new<'p>(patterns: impl ExactSizeIterator<Item = &'p Pattern>) -> Self {
        if patterns.len() < WORTH_IT {
            return Self::default();
        }
        let (mut texts, mut owners, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (place, pattern) in patterns.enumerate() {
            let (literal, is_anchored) = pattern.literal();
            // Letters fold in ways that ASCII does not know.
            if literal.is_empty() || !literal.is_ascii() {
                others.push(place);
            } else {
                texts.push(literal);
                owners.push((place, is_anchored));
            }
        }
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&texts);
        // Too much text for an automaton: all are asked.
        let literals = built.ok().map(|automaton| Literals {
            automaton,
            owners,
            others,
        });
        Self { literals }
    }

    /// The first place, of `count`, whose pattern matches `text`, as `is_match` finds out.
    pub fn first_match(
        &self,
        text: &str,
        count: usize,
        is_match: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        self.candidates(text, count).find(|place| is_match(*place))
    }

    /// The places, of `count`, whose pattern may match `text`, in order; the others cannot.
    pub fn candidates(&self, text: &str, count: usize) -> impl Iterator<Item = usize> + use<> {
        let Some(literals) = self.literals.as_ref().filter(|_| text.is_ascii()) else {
            return (0..count).chain(Vec::new());
        };
        let mut candidates = literals.others.clone();
        for found in literals.automaton.find_overlapping_iter(text) {
            let (place, is_anchored) = literals.owners[found.pattern().as_usize()];
            if !is_anchored || found.start() == 0 {
                candidates.push(place);
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        (0..0).chain(candidates)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compiled(sources: &[String]) -> Vec<Pattern> {
        let compiled = sources.iter().map(|source| Pattern::compile(source));
        compiled.collect::<Result<_, _>>().unwrap()
    }

    proptest! {
        #[test]
        fn the_index_finds_what_asking_all_of_them_finds(
            sources in prop::collection::vec(
                "(\\^|)(4|46|468|a|é|k|\\\\\\+46)(\\*|\\?|\\+|)(8|\\[0-9\\]|\\\\d\\{2\\}|\\||)(|\\$)|/(ab|K|4)[0-9]?/i",
                0..60,
            ),
            text in "(\\+|)(4|46|468|a|AB|é|É|k|K|\u{212A})?[0-9a]{0,4}",
        ) {
            let patterns = compiled(&sources);
            let index = PatternIndex::new(patterns.iter());
            let is_match = |place: usize| patterns[place].is_match(&text);
            let all = (0..patterns.len()).find(|place| is_match(*place));
            prop_assert_eq!(index.first_match(&text, patterns.len(), is_match), all);
        }
    }

    #[test]
    fn patterns_whose_literal_is_not_there_are_not_asked() {
        let sources: Vec<String> = (0..100).map(|number| format!("^46{number:02}")).collect();
        let patterns = compiled(&sources);
        let index = PatternIndex::new(patterns.iter());
        let asked = std::cell::RefCell::new(Vec::new());
        let found = index.first_match("4671", patterns.len(), |place| {
            asked.borrow_mut().push(place);
            patterns[place].is_match("4671")
        });
        assert_eq!((found, asked.into_inner()), (Some(71), vec![71]));
        assert_eq!(
            index.first_match("xx4671", 100, |_| true),
            None,
            "not at the beginning"
        );
    }
}
