//! The clients in `examples/`: they hold against their compilers, and place a call.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hookswitch_rig::program::find;
use hookswitch_rig::sipp::Transport;

use crate::world::{DOMAIN, World};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

fn run(program: &str, arrange: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(find(program).unwrap_or_else(|_| panic!("{program} is here")));
    arrange(&mut command);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

/// The example calls somebody who answers, and hangs up.
fn places_a_call(program: &str, example: &Path) {
    let world = World::new(Transport::Udp);
    let phone = world.phone("uas_hung_up");
    let destination = format!("sip:alice@{}", phone.address);
    let output = run(program, |command| {
        command
            .arg(example)
            .arg(format!("http://{}", world.server.http))
            .args([DOMAIN, &world.tenant.token, &destination]);
    });
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("placed: session"), "{said}");
    assert!(said.contains("ended: normal"), "{said}");
    world.holds(phone);
    world.heard_one_whole_story(&["callNotify", "callAnswered", "callHungup"]);
}

#[test]
fn the_python_client_is_sound_and_places_a_call() {
    let folder = examples().join("python");
    let cache = tempfile::tempdir().unwrap();
    let output = run("mypy", |command| {
        command.args(["--strict", "--cache-dir"]).arg(cache.path());
        command.arg(".").current_dir(&folder);
    });
    assert!(output.status.success(), "{}", said(&output));
    places_a_call("python3", &folder.join("place_call.py"));
}

#[test]
fn the_typescript_client_is_sound_and_places_a_call() {
    let compiled = tempfile::tempdir().unwrap();
    let output = run("tsc", |command| {
        command.arg("--project").arg(examples().join("typescript"));
        command.arg("--outDir").arg(compiled.path());
    });
    assert!(output.status.success(), "{}", said(&output));
    std::fs::write(compiled.path().join("package.json"), r#"{"type":"module"}"#).unwrap();
    places_a_call("node", &compiled.path().join("place_call.js"));
}
