//! A machine with nothing on it: an empty home, an empty working folder, an environment of the test's own.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

pub struct Machine {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a run left behind.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub code: Option<i32>,
    /// Stdout, with the machine's folder written as `[HOME]`.
    pub out: String,
    /// Stderr, likewise.
    pub err: String,
}

impl Machine {
    pub fn new() -> Self {
        Machine { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn with_config(self, text: &str) -> Self {
        self.write("voicegw.yaml", text);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicegw"));
        command
            .args(line.split_whitespace())
            .env_clear()
            .env("HOME", self.folder.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, line: &str) -> Outcome {
        self.run_with_answer(line, "")
    }

    pub fn run_with_answer(&self, line: &str, answer: &str) -> Outcome {
        let mut child = self.command(line).spawn().unwrap();
        // A program that asks nothing may have gone before the answer.
        drop(child.stdin.take().unwrap().write_all(answer.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let shown = |bytes: Vec<u8>| {
            String::from_utf8(bytes).unwrap().replace(self.folder.path().to_str().unwrap(), "[HOME]")
        };
        Outcome { code: output.status.code(), out: shown(output.stdout), err: shown(output.stderr) }
    }
}
