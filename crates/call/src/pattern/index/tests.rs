use proptest::prelude::*;

use super::*;

fn compiled(sources: &[String]) -> Vec<Pattern> {
    let compiled = sources.iter().map(|source| Pattern::compile(source));
    compiled.collect::<Result<_, _>>().unwrap()
}

/// An expression of a few parts: literals, classes, repetitions, choices, assertions.
fn expression() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        "[0-9aAkKsé]",
        Just(r"\d".to_owned()),
        Just(r"\+".to_owned()),
        Just(".".to_owned()),
        Just("[4x]".to_owned()),
        Just("[^4]".to_owned()),
        Just("[[:alpha:]]".to_owned()),
        Just(r"\w".to_owned()),
        Just(r"\b".to_owned()),
        Just("(?i:k|s)".to_owned()),
        Just("(?-u:[a-z])".to_owned()),
        Just("$".to_owned()),
        Just("^".to_owned()),
    ];
    let nested = one.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one}|{other})")),
            (inner, r"\*|\+|\?|\{2\}|\{0,2\}|\{2,\}|\+\?")
                .prop_map(|(inner, times)| format!("(?:{inner}){times}")),
        ]
    });
    let parts = prop::collection::vec(nested, 1..5).prop_map(|parts| parts.concat());
    (r"\^?", parts, r"\$?", any::<bool>()).prop_map(|(begin, parts, end, ignores_case)| {
        let (slash, flag) = if ignores_case { ("/", "/i") } else { ("", "") };
        format!("{slash}{begin}{parts}{end}{flag}")
    })
}

proptest! {
    #[test]
    fn no_pattern_that_matches_is_left_out_and_their_order_is_kept(
        sources in prop::collection::vec(expression(), 16..100),
        texts in prop::collection::vec("\\PC{0,3}|(\\+|00)?[0-9]{0,8}|[0-9aAkKséÉ\u{212A}\u{17F}\\+x4]{0,8}|[a4é\0\u{7F}]{0,3}", 1..8),
    ) {
        // Some are too large.
        let patterns: Vec<Pattern> = sources.iter().filter_map(|it| Pattern::compile(it).ok()).collect();
        let index = PatternIndex::new(patterns.iter());
        for text in texts {
            let is_match = |place: &usize| patterns[*place].is_match(&text);
            let found: Vec<usize> = index.candidates(&text).filter(is_match).collect();
            let all: Vec<usize> = (0..patterns.len()).filter(is_match).collect();
            prop_assert_eq!(found, all, "{:?}", text);
        }
    }
}

/// How many of a hundred patterns are asked.
fn asked(source: impl Fn(u32) -> String, text: &str) -> usize {
    let sources: Vec<String> = (0..100).map(source).collect();
    let patterns = compiled(&sources);
    let index = PatternIndex::new(patterns.iter());
    let asked = index.candidates(text).count();
    let matching = patterns.iter().filter(|it| it.is_match(text)).count();
    assert!(asked >= matching);
    asked
}

fn classes(number: u32) -> String {
    let digits = format!("{number:02}");
    let classes = digits.chars().map(|digit| format!("[{digit}x]"));
    classes.collect()
}

#[test]
fn only_patterns_whose_window_fits_are_asked() {
    type Source = fn(u32) -> String;
    let table: [(Source, &str, usize); 12] = [
        (|number| format!("^46{number:02}"), "4671", 1),
        (|number| format!("^46{number:02}"), "x4671", 0),
        (|number| format!("46{number:02}"), "x4671", 1),
        (|number| format!("/^alarm-{number:02}/i"), "ALARM-07", 1),
        (|number| format!(r"^\+?46{number:02}5"), "+46715", 1),
        (|number| format!(".*46{number:02}$"), "9994671", 1),
        (|number| format!(r"^\d+4{number:02}\d"), "99947181", 1),
        (
            |number| format!("^(46{number:02}|47{number:02})"),
            "4671",
            1,
        ),
        (|number| format!("^é{number:02}"), "é71", 1),
        (
            |number| format!(r"^\d{{2}}{}.?\d+$", classes(number)),
            "46711",
            1,
        ),
        (
            |number| format!(r"\d{{2,5}}{}$", classes(number)),
            "4671171",
            1,
        ),
        (|number| format!("^[0-9]{{{number}}}$"), "0123456789", 1),
    ];
    for (source, text, expected) in table {
        assert_eq!(asked(source, text), expected, "{} in {text}", source(71));
    }
}

#[test]
fn few_patterns_are_asked_without_an_index() {
    let patterns = compiled(&["1".to_owned(), "2".to_owned()]);
    let index = PatternIndex::new(patterns.iter());
    assert_eq!(index.candidates("3").collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_thousand_of_the_largest_patterns_make_an_index_of_bounded_size() {
    let source = format!("^{}", "(.|a)*".repeat(100));
    let patterns = vec![Pattern::compile(&source).unwrap(); 1_000];
    let index = PatternIndex::new(patterns.iter());
    let octets: usize = index
        .groups
        .iter()
        .map(|group| size_of_val(group.places.as_slice()))
        .sum();
    assert!(octets <= 16 * 64 * 1_024, "{octets}");
}
