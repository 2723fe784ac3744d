//! What holds for every command: help, version, wrong usage, interruption.

use crate::machine::Machine;
use std::{
    io::Read,
    process::{Child, Command},
    time::Duration,
};

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
    interrupt(&child);
    assert_eq!(ended(&mut child), Some(130));
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// The exit code, waited for up to five seconds.
#[cfg(unix)]
fn ended(child: &mut Child) -> Option<i32> {
    let status = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(25));
        child.try_wait().unwrap()
    });
    status.and_then(|status| status.code())
}

/// `sim` tells its addresses and the ready line, answers, and ends in order when it is stopped.
#[cfg(unix)]
#[test]
fn sim_is_ready_when_it_says_so_and_ends_in_order() {
    use std::io::{BufRead, BufReader};
    let mut child = Machine::new().command("sim --port 0").spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.map(|line| line.unwrap()).find(|line| line.starts_with("listening on ")).unwrap();
    let address = ready.strip_prefix("listening on http://").unwrap();
    assert!(std::net::TcpStream::connect(address).is_ok());
    interrupt(&child);
    assert_eq!(ended(&mut child), Some(0));
}
