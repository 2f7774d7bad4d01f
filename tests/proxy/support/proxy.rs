//! The program as users start it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::client::{Answer, Client};
use super::eventually;

/// A running proxy on ports of its own; it ends when dropped.
pub struct Proxy {
    /// Where clients connect.
    pub http: SocketAddr,
    /// Where the administration is.
    pub admin: SocketAddr,
    child: Child,
    folder: tempfile::TempDir,
    lines: Arc<Mutex<Vec<String>>>,
    complaints: Arc<Mutex<String>>,
}

impl Proxy {
    /// Serves these files (name and text).
    pub fn start<T: AsRef<str>>(files: &[(&str, T)]) -> Proxy {
        Proxy::with(files, &["--no-watch"])
    }

    /// Serves one endpoint file with this content.
    pub fn serving(endpoint: &str) -> Proxy {
        Proxy::start(&[("e.xml", endpoint)])
    }

    /// Serves these files with more flags.
    pub fn with<T: AsRef<str>>(files: &[(&str, T)], flags: &[&str]) -> Proxy {
        Proxy::run(files, flags, &[])
    }

    /// Serves these files in an environment with these variables.
    pub fn with_variables<T: AsRef<str>>(
        files: &[(&str, T)],
        variables: &[(&str, &OsStr)],
    ) -> Proxy {
        Proxy::run(files, &["--no-watch"], variables)
    }

    fn run<T: AsRef<str>>(
        files: &[(&str, T)],
        flags: &[&str],
        variables: &[(&str, &OsStr)],
    ) -> Proxy {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            put(folder.path(), name, text.as_ref());
        }
        let mut flags = flags.to_vec();
        if !flags.contains(&"--http") {
            flags.extend(["--http", "127.0.0.1:0"]);
        }
        let mut child = axon()
            .arg("run")
            .arg(folder.path())
            .args(["--admin", "127.0.0.1:0"])
            .args(&flags)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let complaints: Arc<Mutex<String>> = Arc::default();
        let (out, into) = (child.stdout.take().unwrap(), lines.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                into.lock().unwrap().push(line);
            }
        });
        let (mut err, into) = (child.stderr.take().unwrap(), complaints.clone());
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(n @ 1..) = err.read(&mut part) {
                *into.lock().unwrap() += &String::from_utf8_lossy(&part[..n]);
            }
        });
        let address = |kind: &str| {
            let prefix = format!("listening {kind} ");
            eventually(&format!("{prefix}; {}", complaints.lock().unwrap()), || {
                let lines = lines.lock().unwrap();
                lines
                    .iter()
                    .find_map(|l| l.strip_prefix(&prefix)?.parse::<SocketAddr>().ok())
            })
        };
        let mut http = address("http");
        if http.ip().is_unspecified() {
            http.set_ip([127, 0, 0, 1].into());
        }
        Proxy {
            http,
            admin: address("admin"),
            child,
            folder,
            lines,
            complaints,
        }
    }

    /// The address of the first listener of that kind.
    pub fn listening(&self, kind: &str) -> SocketAddr {
        let prefix = format!("listening {kind} ");
        let line = self.text_line(&prefix, |line| line.starts_with(&prefix));
        line[prefix.len()..].parse().unwrap()
    }

    /// A new client connection.
    pub fn client(&self) -> Client {
        Client::connect(self.http)
    }

    /// Replaces a file as an editor does: written beside it and renamed.
    pub fn write(&self, name: &str, text: &str) {
        put(self.folder.path(), name, text);
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end of the program.
    pub fn ended(&mut self) -> ExitStatus {
        eventually("the program to end", || self.child.try_wait().unwrap())
    }

    /// What the administration answers to GET.
    pub fn look(&self, path: &str) -> Value {
        let answer = self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// What the administration answers to a change.
    pub fn change(&self, path: &str) -> (u16, Value) {
        let answer = self.ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Axon-Request: 1\r\nContent-Length: 0\r\n\r\n"
        ));
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    /// Any request to the administration.
    pub fn ask(&self, request: &str) -> Answer {
        let mut client = Client::connect(self.admin);
        client.send(request);
        client.answer()
    }

    /// Loads the files again; they must be taken.
    pub fn reload(&self) -> Value {
        let (status, view) = self.change("/api/v1/config:reload");
        assert_eq!(
            (status, &view["result"]),
            (200, &"applied".into()),
            "{view}"
        );
        view
    }

    /// The administration's view of an endpoint.
    pub fn endpoint(&self, path: &str) -> Value {
        self.look(&format!("/api/v1/endpoints/{}", path.replace('#', "%23")))
    }

    /// The state of an endpoint.
    pub fn state(&self, path: &str) -> String {
        self.endpoint(path)["state"].as_str().unwrap().to_owned()
    }

    /// The first line of JSON on the standard output that fits, as soon as it is there.
    pub fn line(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || {
            let lines = self.lines.lock().unwrap();
            let mut parsed = lines.iter().filter_map(|l| serde_json::from_str(l).ok());
            parsed.find(|v: &Value| fits(v))
        })
    }

    /// The first line on the standard output that fits, as soon as it is there.
    pub fn text_line(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        eventually(what, || {
            let lines = self.lines.lock().unwrap();
            lines.iter().find(|l| fits(l)).cloned()
        })
    }

    /// What mediators have logged, as soon as it is so many lines.
    pub fn logged(&self, count: usize) -> String {
        let read = || -> Vec<String> {
            let lines = self.lines.lock().unwrap();
            let parsed = lines.iter().filter_map(|l| serde_json::from_str(l).ok());
            let logged = parsed.filter(|v: &Value| v["evt"] == "mediation.log");
            let texts = logged.map(|v| v["text"].as_str().unwrap_or_default().to_owned());
            texts.collect()
        };
        let found = eventually("the lines of the log", || {
            let found = read();
            (found.len() >= count).then_some(found)
        });
        found.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Everything on the standard error output so far.
    pub fn complaints(&self) -> String {
        self.complaints.lock().unwrap().clone()
    }

    /// Runs a verb of the command line against this proxy.
    pub fn verb(&self, words: &[&str]) -> Output {
        axon()
            .args(words)
            .args(["--admin", &self.admin.to_string()])
            .output()
            .unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn axon() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_axon"));
    // Settings of whoever runs the tests are not the tests'.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AXON_") {
            command.env_remove(name);
        }
    }
    command
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}
