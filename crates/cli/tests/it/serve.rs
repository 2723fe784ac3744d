//! `voicegw serve`, as its owner starts and stops it.

use crate::machine::Machine;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{Duration, Instant},
};

/// A running server.
struct Server {
    child: Child,
    port: u16,
    /// What it said before it was ready.
    said: Vec<String>,
}

impl Server {
    fn start(machine: &Machine, flags: &str) -> Server {
        let port = free_port();
        let mut child = machine.command(&format!("serve --port {port} {flags}")).spawn().unwrap();
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let is_ready = line.starts_with("listening on ");
            said.push(line);
            if is_ready {
                break;
            }
        }
        Server { child, port, said }
    }

    /// The status of a `GET`.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    }

    fn wait_for(&self, path: &str, status: &str) {
        let before = Instant::now();
        while self.get(path) != status {
            assert!(before.elapsed() < Duration::from_secs(60), "{path} is not {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal and waits; returns the exit code and what stderr says.
    fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        assert!(
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success()
        );
        let code = self.child.wait().unwrap().code();
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (code, err)
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn it_says_where_it_is_and_ends_in_order_on_either_signal() {
    for signal in ["-INT", "-TERM"] {
        let machine = Machine::new();
        let server = Server::start(&machine, "");
        let port = server.port;
        assert_eq!(server.said.last().unwrap(), &format!("listening on http://127.0.0.1:{port}"));
        let hint = format!("agents LIVEKIT_INFERENCE_URL=http://127.0.0.1:{port}/v1");
        assert!(server.said.contains(&hint), "{:?}", server.said);
        assert!(server.said.iter().any(|line| line.starts_with("auth off")));
        assert_eq!(server.get("/health"), "200");
        assert_eq!(server.stop(signal).0, Some(0));
    }
}

#[test]
fn it_refuses_to_listen_wider_without_any_key() {
    let machine = Machine::new();
    let port = free_port();
    let refused = machine.run(&format!("serve --host 0.0.0.0 --port {port}"));
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("without any key") && refused.err.contains("VOICEGW_API_KEY"),
        "{}",
        refused.err
    );
    let server = Server::start(&machine, "--host 0.0.0.0 --allow-unauthenticated");
    assert_eq!(server.get("/v1/status"), "200");
    server.stop("-TERM");
    let machine = machine.with("VOICEGW_API_KEY", "secret");
    let server = Server::start(&machine, "--host 0.0.0.0");
    assert_eq!((server.get("/health").as_str(), server.get("/v1/status").as_str()), ("200", "401"));
    server.stop("-TERM");
}

#[test]
fn a_taken_port_is_named_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let refused = Machine::new().run(&format!("serve --port {port}"));
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains(&format!("port {port} on 127.0.0.1 is taken")), "{}", refused.err);
    assert!(refused.err.contains("--port"));
}

#[test]
fn static_keys_without_a_value_do_not_open_the_server() {
    let machine = Machine::new().with_config("auth: { api_keys: [{ token: \"${VOICEGW_TEST_TOKEN}\" }] }\n");
    let refused = machine.run("serve --port 1");
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("VOICEGW_TEST_TOKEN"), "{}", refused.err);
}

#[test]
fn an_edit_of_the_file_holds_without_a_restart_and_a_broken_one_does_not() {
    let machine = Machine::new().with_config("projects: { a: { name: A } }\n");
    let server = Server::start(&machine, "");
    assert_eq!(server.get("/v1/status"), "200");
    machine.write("voicegw.yaml", "auth: { api_keys: [{ token: secret }] }\n");
    server.wait_for("/v1/status", "401");
    machine.write("voicegw.yaml", "auth: [\n");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(server.get("/v1/status"), "401");
    machine.write("voicegw.yaml", "projects: { a: { name: A } }\nserve: { port: 1234 }\n");
    server.wait_for("/v1/status", "200");
    let (code, err) = server.stop("-TERM");
    assert_eq!(code, Some(0));
    assert!(err.contains("the old configuration goes on to hold"), "{err}");
    assert!(err.contains("another address under `serve` holds from the next start on"), "{err}");
}
