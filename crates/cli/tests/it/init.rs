//! `voicegw init`.

use crate::machine::{Machine, Outcome};
use vg_core::config::reference;

const WROTE: &str = "hint: set the providers' keys in the environment, then look at `voicegw status`\n";

#[test]
fn it_writes_the_starter_which_loads() {
    let machine = Machine::new();
    let outcome = machine.run("init");
    assert_eq!(outcome, Outcome { code: Some(0), out: "wrote `./voicegw.yaml`\n".into(), err: WROTE.into() });
    assert_eq!(machine.read("voicegw.yaml"), reference::STARTER);
    assert_eq!(machine.run("status --json").code, Some(0));
}

#[test]
fn full_writes_every_key_and_loads() {
    let machine = Machine::new();
    assert_eq!(machine.run("init --full -o all.yaml").code, Some(0));
    assert!(machine.read("all.yaml").contains("#  rollup_interval_seconds: 900"));
    let outcome = machine.run("status --config all.yaml --json");
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
}

#[test]
fn overwriting_asks_first() {
    let machine = Machine::new().with_config("mine: 1\n");
    let asked = "`./voicegw.yaml` is there already; overwrite it? [y/N] ";
    for (answer, end) in [("n\n", ""), ("", "\n"), ("yep\n", "")] {
        let outcome = machine.run_with_answer("init", answer);
        let err = format!("{asked}{end}`./voicegw.yaml` is left as it was\n");
        assert_eq!(outcome, Outcome { code: Some(1), out: String::new(), err });
        assert_eq!(machine.read("voicegw.yaml"), "mine: 1\n");
    }
    assert_eq!(machine.run_with_answer("init", "y\n").code, Some(0));
    assert_eq!(machine.read("voicegw.yaml"), reference::STARTER);
}

#[test]
fn an_unwritable_place_says_why() {
    let outcome = Machine::new().run("init -o nowhere/voicegw.yaml");
    assert_eq!(outcome.code, Some(1));
    assert_eq!(
        outcome.err,
        "error: failed to write `nowhere/voicegw.yaml`: No such file or directory (os error 2)\n"
    );
}

#[test]
fn diff_shows_what_the_file_says_beside_the_defaults() {
    let file =
        "serve: { port: 81, host: 127.0.0.1 }\nproviders: { openai: { api_key: sk-very-secret-key } }\n";
    let machine = Machine::new().with_config(file);
    assert_eq!(
        machine.run("init --diff"),
        Outcome {
            code: Some(0),
            out: "\
Key                       File         Default
providers.openai.api_key  sk-v...-key
serve.port                81           8080
Not in the file, so the defaults hold: models, stacks, default_project, fallbacks, prices, failover, projects, observability, \
cost_tracking, latency, rate_limits, dashboard, auth, ingest, retention, workers, \
reconcile
"
            .into(),
            err: String::new(),
        }
    );
    assert_eq!(machine.read("voicegw.yaml"), file);
    machine.write("voicegw.yaml", "srve: {}\n");
    let outcome = machine.run("init --diff");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.ends_with("  srve: unknown key (./voicegw.yaml:1:1), did you mean 'serve'\n"));
    assert_eq!(machine.run("init --diff -o none.yaml").code, Some(1));
}
