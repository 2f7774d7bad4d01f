//! Time grows with the size of the configuration, not with its square.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use axon::check::{Format, Request, check};

fn request(path: &Path) -> Request<'_> {
    Request {
        paths: std::slice::from_ref(Box::leak(Box::new(path.to_owned()))),
        default_root: Path::new("unused"),
        settings: None,
        format: Format::Human,
        deny: &[],
        allow: &[],
    }
}

fn timed(text: &str) -> (Duration, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("synapse.xml");
    std::fs::write(&file, text).unwrap();
    let started = Instant::now();
    let answer = check(&request(&file), [], axon::server::check_more);
    (started.elapsed(), answer.text)
}

/// Leaves, groups of keys, and with `faults` a key that leads nowhere and a misspelt attribute in each; without line breaks when asked.
fn endpoints(count: usize, faults: bool, line_break: &str) -> String {
    let mut out = String::from("<definitions xmlns=\"http://ws.apache.org/ns/synapse\">");
    for n in 0..count {
        let (key, misspelt) = match faults {
            true => (format!("nobody{n}"), " fromat=\"pox\""),
            false => (format!("leaf{}", n.saturating_sub(n % 4 + 1) / 4 * 4), ""),
        };
        let inside = match n % 4 {
            0 => format!(
                "<address uri=\"http://10.0.0.1:9000/s{n}\"{misspelt}><timeout><duration>5000</duration><responseAction>fault</responseAction></timeout></address>"
            ),
            1 => format!(
                "<failover><endpoint key=\"{key}\"/><endpoint><address uri=\"http://h{n}/\"/></endpoint></failover>"
            ),
            2 => format!(
                "<loadbalance><endpoint key=\"{key}\"/><endpoint><address uri=\"http://h{n}/\"/></endpoint></loadbalance>"
            ),
            _ => "<default/>".to_owned(),
        };
        write!(
            out,
            "<endpoint name=\"leaf{n}\">{inside}</endpoint>{line_break}"
        )
        .unwrap();
    }
    out + "</definitions>"
}

#[test]
fn five_thousand_endpoints_are_checked_in_no_time() {
    for (what, faults, line_break) in [
        ("clean", false, "\n"),
        ("faulty", true, "\n"),
        ("faulty, in one line", true, ""),
    ] {
        let (small, _) = timed(&endpoints(1_250, faults, line_break));
        let (large, text) = timed(&endpoints(5_000, faults, line_break));
        println!("5,000 endpoints, {what}: {large:?} (1,250: {small:?})");
        assert!(text.contains("5000 endpoints"), "{text:.200}");
        // Four times as much may take four times as long; a square would be sixteen. The rest is for a busy machine.
        let most = small.max(Duration::from_millis(40)) * 10;
        assert!(large < most, "{what}: {small:?}, then {large:?}");
    }
}
