//! What holds for every command: help, version, wrong usage, interruption.

use crate::machine::Machine;
use std::{io::Read, time::Duration};

#[test]
fn alone_it_prints_help() {
    let outcome = Machine::new().run("");
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
    assert!(outcome.out.starts_with("The gateway under every voice agent"));
    assert!(outcome.out.contains("Usage: voicegw [COMMAND]"));
    assert_eq!(outcome, Machine::new().run("--help"));
}

#[test]
fn version_is_the_packages() {
    let outcome = Machine::new().run("--version");
    assert_eq!((outcome.code, outcome.out), (Some(0), format!("voicegw {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_usage_exits_2_and_leaves_stdout_alone() {
    for line in ["nope", "status --nope", "init --full --diff", "init --output"] {
        let outcome = Machine::new().run(line);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""), "{line}");
        assert!(outcome.err.starts_with("error: "), "{line}: {}", outcome.err);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_exits_130() {
    let machine = Machine::new().with_config("");
    let mut child = machine.command("init").spawn().unwrap();
    // The question shows that the program waits.
    let mut question = [0; 10];
    child.stderr.as_mut().unwrap().read_exact(&mut question).unwrap();
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    let ended = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(25));
        child.try_wait().unwrap()
    });
    assert_eq!(ended.and_then(|status| status.code()), Some(130));
}
