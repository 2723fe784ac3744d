//! `voicegw keys`: issued once, listed without what they are, revoked.

use crate::machine::{Machine, Outcome};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

const FILE: &str = "projects:\n  shop: { name: Shop }\nserve: { port: 8123 }\n";
const OLD: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
const NEW: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn machine() -> Machine {
    Machine::new().with_config(FILE).with("VOICEGW_SECRET", OLD)
}

fn json(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    serde_json::from_str(&outcome.out).unwrap()
}

/// Everything on the machine's disk.
fn disk(machine: &Machine) -> Vec<u8> {
    let folder = machine.path(".config/voicegateway");
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.flatten().collect()
}

#[test]
fn a_bearer_key_is_printed_alone_and_kept_only_hashed() {
    let machine = machine();
    let outcome = machine.run("keys create --project shop --tenant acme --name backend");
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let key = outcome.out.strip_suffix('\n').unwrap();
    assert!(key.starts_with("vk_") && key.len() == 35, "{key}");
    assert!(outcome.err.ends_with("note: key 1 of project shop; it is not shown again\n"), "{}", outcome.err);
    let list = machine.run("keys list");
    assert!(list.out.contains(&key[..8]) && !list.out.contains(key), "{}", list.out);
    let body = json(&machine.run("keys list --json"));
    let item = &body["items"][0];
    assert_eq!((&item["id"], &item["name"], &body["total"]), (&1.into(), &"backend".into(), &1.into()));
    assert_eq!((&item["project"], &item["tenant_id"]), (&"shop".into(), &"acme".into()));
    assert_eq!((&item["last_used_at"], &item["revoked_at"]), (&Value::Null, &Value::Null));
    assert!(item["issued_at"].as_str().unwrap().ends_with("+00:00"));
    assert!(!disk(&machine).windows(key.len()).any(|bytes| bytes == key.as_bytes()));
}

#[test]
fn a_livekit_pair_is_printed_as_what_agents_read_and_kept_only_encrypted() {
    let machine = machine();
    let outcome = machine.run("keys create --livekit -p shop");
    let lines: Vec<&str> = outcome.out.lines().collect();
    assert_eq!(lines[0], "export LIVEKIT_INFERENCE_URL=http://127.0.0.1:8123/v1");
    let api_key = lines[1].strip_prefix("export LIVEKIT_INFERENCE_API_KEY=API").unwrap();
    let api_secret = lines[2].strip_prefix("export LIVEKIT_INFERENCE_API_SECRET=").unwrap();
    assert!(lines.len() == 3 && api_key.len() == 12 && api_secret.len() >= 43, "{}", outcome.out);
    let body = json(&machine.run("keys create --livekit --project shop --json"));
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["api_key", "api_secret"]);
    let list = machine.run("keys list --json");
    assert_eq!(json(&list)["livekit"].as_array().unwrap().len(), 2);
    let secret = body["api_secret"].as_str().unwrap();
    assert!(!list.out.contains(secret));
    assert!(!disk(&machine).windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
}

#[test]
fn json_of_a_bearer_key_is_the_body_of_its_route() {
    let body = json(&machine().run("keys create -p shop --json"));
    assert!(body["plaintext"].as_str().unwrap().starts_with(body["key"]["key_prefix"].as_str().unwrap()));
    assert_eq!((&body["key"]["name"], &body["key"]["issued_by"]), (&"shop".into(), &"cli".into()));
}

#[test]
fn a_revoked_key_stays_in_the_list() {
    let machine = machine();
    machine.run("keys create -p shop");
    let api_key = json(&machine.run("keys create -p shop --livekit --json"))["api_key"].clone();
    let api_key = api_key.as_str().unwrap();
    for id in ["1", api_key] {
        let revoked = machine.run(&format!("keys revoke {id}"));
        assert_eq!(revoked.out, format!("revoked {id}; servers refuse it within 30 s\n"));
        assert_eq!(machine.run(&format!("keys revoke {id}")).out, format!("{id} was revoked before\n"));
    }
    let list = machine.run("keys list");
    assert_eq!(list.out.matches("revoked 2").count(), 2, "{}", list.out);
    let missing = machine.run("keys revoke 7");
    let err = "error: there is no key `7`: `voicegw keys list` shows all of them\n";
    assert_eq!((missing.code, missing.err.contains(err)), (Some(1), true), "{}", missing.err);
}

#[test]
fn an_unknown_project_exits_1_and_leaves_nothing_behind() {
    let machine = Machine::new().with_config(FILE);
    let outcome = machine.run("keys create --project shp");
    assert_eq!(outcome.code, Some(1));
    let err = "error: there is no project `shp`, did you mean 'shop'; projects: shop, default\n";
    assert!(outcome.err.ends_with(err), "{}", outcome.err);
    assert_eq!(machine.run("keys create").code, Some(2));
    assert_eq!(machine.run("keys revoke 1").code, Some(1));
    assert!(!machine.path(".config").exists());
}

#[test]
fn without_a_store_there_are_no_keys_and_the_fix_is_told() {
    let machine = Machine::new().with_config("cost_tracking: { enabled: false }\n");
    for line in ["keys create -p default", "keys list", "keys revoke 1"] {
        let outcome = machine.run(line);
        assert_eq!(outcome.code, Some(1), "{line}");
        assert!(
            outcome.err.contains("error: the ledger is off\nhint: set `cost_tracking.enabled: true`"),
            "{}",
            outcome.err
        );
    }
    assert!(!machine.path(".config").exists());
}

#[cfg(unix)]
#[test]
fn without_a_variable_the_secret_is_made_once_and_said_once() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new().with_config(FILE);
    let first = machine.run("keys create -p shop");
    let note = "note: made the secret that keys are kept under, `[HOME]/.config/voicegateway/.secret`";
    assert!(first.err.contains(note), "{}", first.err);
    assert!(!machine.run("keys create -p shop").err.contains("made the secret"));
    let path = machine.path(".config/voicegateway/.secret");
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn another_secret_is_told_with_the_keys_that_need_it() {
    let machine = machine();
    machine.run("keys create -p shop");
    let machine = machine.with("VOICEGW_SECRET", NEW);
    let list = machine.run("keys list");
    assert!(
        list.err.contains("warning: keys that cannot be verified, with the secret each needs: 1 ("),
        "{}",
        list.err
    );
    assert!(list.err.contains("VOICEGW_SECRET_FALLBACK"), "{}", list.err);
    let machine = machine.with("VOICEGW_SECRET_FALLBACK", OLD);
    assert!(!machine.run("keys list").err.contains("warning"), "{}", list.err);
    let wrong = machine.with("VOICEGW_SECRET", "hunter2hunter2").run("keys create -p shop");
    let err = "error: `VOICEGW_SECRET` does not hold a Fernet key (32 bytes in base64): \
               make one with `openssl rand -base64 32`\n";
    assert_eq!((wrong.code, wrong.err.contains(err)), (Some(1), true), "{}", wrong.err);
    assert!(!wrong.err.contains("hunter2"));
}

/// A server on this machine.
#[cfg(unix)]
struct Server {
    child: Option<Child>,
    port: u16,
}

#[cfg(unix)]
impl Drop for Server {
    fn drop(&mut self) {
        // Only when the test failed before it was stopped.
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

#[cfg(unix)]
impl Server {
    fn start(machine: &Machine) -> Server {
        // Free when it was asked for, which is soon enough.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = machine.command(&format!("serve --port {port}")).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let ready = out.lines().map_while(Result::ok).any(|line| line.starts_with("listening on"));
        let server = Server { child: Some(child), port };
        assert!(ready, "the server did not start");
        server
    }

    /// The status of an answer.
    fn status(&self, path: &str, key: &str) -> u16 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let bearer = if key.is_empty() { String::new() } else { format!("authorization: Bearer {key}\r\n") };
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{bearer}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Ends it in good order; what it said on stderr.
    fn stop(mut self) -> String {
        let child = self.child.take().unwrap();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap()
    }
}

#[cfg(unix)]
#[test]
fn a_key_issued_while_a_server_runs_opens_it_and_its_use_is_noted() {
    let machine = Machine::new().with_config(FILE);
    let server = Server::start(&machine);
    assert_eq!(server.status("/v1/logs", ""), 200);
    let key = machine.run("keys create -p shop").out.trim().to_owned();
    assert_eq!(server.status("/v1/logs", &key), 200);
    assert_eq!(server.status("/v1/logs", "vk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 401);
    server.stop();
    assert!(json(&machine.run("keys list --json"))["items"][0]["last_used_at"].is_string());
    let closed = Server::start(&machine);
    assert_eq!(closed.status("/v1/logs", ""), 401);
    assert_eq!(closed.status("/v1/logs", &key), 200);
    closed.stop();
    let lost = Server::start(&machine.with("VOICEGW_SECRET", NEW));
    assert_eq!(lost.status("/v1/logs", &key), 401);
    assert!(lost.stop().contains("warning: keys that cannot be verified"));
}
