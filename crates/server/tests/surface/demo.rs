//! The first thing anybody runs.

use std::process::Command;

use crate::world::hookswitch;

#[test]
fn the_demo_draws_two_calls_each_to_its_end() {
    let output = Command::new(hookswitch()).arg("demo").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{log}");
    let (_, calls) = said.split_once("\n1. ").expect("a first call");
    let (first, rest) = calls.split_once("\n2. ").expect("a second call");
    let (second, next) = rest.split_once("What to try next").expect("next steps");
    for call in [first, second] {
        let story = ["INVITE", "callAnswered 200", "BYE", "callHungup 200"];
        let places: Vec<usize> = story.iter().filter_map(|line| call.find(line)).collect();
        assert_eq!(places.len(), story.len(), "{said}");
        assert!(places.is_sorted(), "{said}");
    }
    assert!(next.contains("curl"), "{said}");
}
