//! The lines that `axon demo` prints are run as they are printed, one after the other, and must show what they promise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The running demonstration; it ends with the test, whatever happens.
struct Demo(Child);

impl Demo {
    /// Starts it on free ports; gives also the lines to try, with the comment above each.
    fn start() -> (Demo, Vec<(String, String)>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_axon"));
        command.args(["demo", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.args(["--port=0"; 4]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let demo = Demo(child);
        let (mut lines, mut comment) = (Vec::new(), String::new());
        for line in output.by_ref() {
            let line = line.unwrap();
            if line.starts_with("# End") {
                break;
            }
            match line.strip_prefix("# ") {
                Some(text) => comment = text.to_owned(),
                None if comment.is_empty() || line.is_empty() => {}
                None => lines.push((std::mem::take(&mut comment), line)),
            }
        }
        // Access lines follow; a full pipe would stop them.
        std::thread::spawn(move || output.for_each(drop));
        (demo, lines)
    }

    /// Tells it to end, as Ctrl-C does, and waits.
    fn end(mut self) -> bool {
        let told = Command::new("sh")
            .args(["-c", &format!("kill -INT {}", self.0.id())])
            .status();
        told.unwrap().success() && self.0.wait().unwrap().success()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Ended already where all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn shell(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What stands behind `server: ` in each line that has it.
fn servers(output: &str) -> Vec<&str> {
    let named = output.lines().filter_map(|l| l.split_once("server: "));
    named.map(|(_, server)| server).collect()
}

fn distinct(servers: &[&str]) -> usize {
    servers
        .iter()
        .collect::<std::collections::BTreeSet<_>>()
        .len()
}

#[test]
fn each_printed_line_shows_what_its_comment_promises() {
    if shell("command -v curl").is_empty() {
        println!("skipped: the printed lines need curl");
        return;
    }
    let (demo, lines) = Demo::start();
    let titles: Vec<&str> = lines
        .iter()
        .map(|(comment, _)| comment.split([':', ' ']).next().unwrap())
        .collect();
    assert_eq!(
        titles,
        [
            "A",
            "Balancing",
            "Stickiness",
            "Failover",
            "Why",
            "Recovery",
            "Live"
        ]
    );
    let outputs: Vec<String> = lines.iter().map(|(_, line)| shell(line)).collect();
    let seen: Vec<Vec<&str>> = outputs.iter().map(|o| servers(o)).collect();

    assert!(
        outputs[0].contains("<m:symbol>IBM</m:symbol>"),
        "{outputs:?}"
    );

    let balanced = &seen[1];
    assert_eq!((balanced.len(), distinct(balanced)), (6, 3), "{outputs:?}");
    assert_eq!(balanced[..3], balanced[3..], "not in turn: {outputs:?}");

    let sticky = &seen[2];
    assert_eq!((sticky.len(), distinct(sticky)), (6, 3), "{outputs:?}");
    assert_eq!(sticky[..3], sticky[3..], "a client moved: {outputs:?}");

    let failed_over = &seen[3];
    assert_eq!((failed_over.len(), distinct(failed_over)), (6, 2));
    let stopped = outputs[3]
        .strip_prefix("back end ")
        .and_then(|text| text.split(' ').next())
        .unwrap();
    assert!(!failed_over.iter().any(|s| s.ends_with(stopped)));

    let why: serde_json::Value = serde_json::from_str(&outputs[4]).unwrap();
    assert_eq!(why["state"], "suspended");
    assert_eq!(why["cause"]["code"], 101_503);
    assert_eq!(why["cause"]["rule"]["line"], 7);
    assert_eq!(why["suspend_ms"], 5000);

    let recovered = &seen[5];
    assert_eq!((recovered.len(), distinct(recovered)), (6, 3));
    assert!(recovered.iter().any(|s| s.ends_with(stopped)));

    let edited = &seen[6];
    assert_eq!((edited.len(), distinct(edited)), (6, 3));
    let replaced = balanced.iter().filter(|s| !edited.contains(s)).count();
    assert_eq!(replaced, 2, "the edit was not taken: {outputs:?}");
    assert!(demo.end());
}
