//! What happens in a simulation: TOML, or one JSON object a line (`.jsonl`).
//!
//! Times are milliseconds since the beginning. A back end does the same until it is told otherwise; a try that has begun
//! ends as its back end was when it began.

use std::path::Path;

use serde::Deserialize;

/// Most requests of a scenario, repetitions included.
pub const REQUESTS_MAX: u64 = 100_000;

/// A whole scenario.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// The endpoint that requests go to; needed when there are several and none is called `main`.
    pub endpoint: Option<String>,
    /// `[timers] hold_ms`; its default when left out.
    pub hold_ms: Option<u64>,
    /// `[retry] non_idempotent`; its default when left out.
    pub retry_non_idempotent: Option<bool>,
    /// Requests.
    #[serde(rename = "request")]
    pub requests: Vec<Request>,
    /// What back ends do.
    #[serde(rename = "backend")]
    pub backends: Vec<Backend>,
    /// Endpoints switched off and on.
    #[serde(rename = "switch")]
    pub switches: Vec<Switch>,
    /// New configurations.
    #[serde(rename = "reload")]
    pub reloads: Vec<Reload>,
}

/// One request, or a row of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// When.
    pub at_ms: u64,
    /// How many; 1 when left out.
    pub count: Option<u64>,
    /// Time from one to the next.
    pub every_ms: u64,
    /// Most time that chance adds to each.
    pub jitter_ms: u64,
    /// `POST` when left out.
    pub method: Option<String>,
    /// The SOAP header block `ClientID`.
    pub client_id: Option<String>,
    /// The SOAP header block `ServiceGroupId`.
    pub service_group_id: Option<String>,
    /// The `Cookie` header.
    pub cookie: Option<String>,
    /// False when the message cannot be sent again (its body is no longer held).
    pub replayable: Option<bool>,
}

/// What a back end does from then on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backend {
    /// Path of the endpoint, or its last part.
    pub child: String,
    /// Since when.
    pub at_ms: u64,
    /// What it does.
    pub does: Does,
    /// How long that takes it.
    pub after_ms: u64,
    /// The code of `fail`.
    pub code: Option<i32>,
    /// The `Set-Cookie` header of its answers.
    pub set_cookie: Option<String>,
    /// The `ServiceGroupId` of its answers.
    pub service_group_id: Option<String>,
}

/// What a back end can do with a try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// Answers; what every back end does that is not mentioned.
    #[default]
    Answer,
    /// Refuses the connection (101503).
    Refuse,
    /// Takes the request and keeps silent (101504 when the endpoint's time is over).
    Hang,
    /// Takes the request and closes (101505).
    Close,
    /// Fails with `code`.
    Fail,
}

/// A person gives an order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// When.
    pub at_ms: u64,
    /// Path of the endpoint.
    pub endpoint: String,
    /// `active`, `drain`, `maintain` or `off`.
    pub order: String,
}

/// Another configuration takes over.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// When.
    pub at_ms: u64,
    /// File or folder, from the scenario's folder.
    pub tree: std::path::PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Endpoint(String),
    HoldMs(u64),
    RetryNonIdempotent(bool),
    Request(Request),
    Backend(Backend),
    Switch(Switch),
    Reload(Reload),
}

impl Scenario {
    /// Reads a file; JSON lines when it is called so.
    pub fn read(path: &Path) -> Result<Scenario, String> {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|e| named(&e))?;
        let lines = path
            .extension()
            .is_some_and(|e| e == "jsonl" || e == "ndjson");
        let mut scenario = if lines {
            Scenario::of_lines(&text)
        } else {
            toml::from_str(&text).map_err(|e| e.to_string())
        }
        .map_err(|e| named(&e))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for reload in &mut scenario.reloads {
            reload.tree = folder.join(&reload.tree);
        }
        let requests = scenario.requests.iter().map(|r| r.count.unwrap_or(1));
        let requests = requests.fold(0_u64, u64::saturating_add);
        if requests > REQUESTS_MAX {
            return Err(named(&format!(
                "{requests} requests are more than the {REQUESTS_MAX} that a simulation takes"
            )));
        }
        Ok(scenario)
    }

    fn of_lines(text: &str) -> Result<Scenario, String> {
        let mut scenario = Scenario::default();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str(line).map_err(|e| format!("line {number}: {e}"))? {
                Line::Endpoint(name) => scenario.endpoint = Some(name),
                Line::HoldMs(ms) => scenario.hold_ms = Some(ms),
                Line::RetryNonIdempotent(yes) => scenario.retry_non_idempotent = Some(yes),
                Line::Request(request) => scenario.requests.push(request),
                Line::Backend(backend) => scenario.backends.push(backend),
                Line::Switch(switch) => scenario.switches.push(switch),
                Line::Reload(reload) => scenario.reloads.push(reload),
            }
        }
        Ok(scenario)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same_and_unknown_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            Scenario::read(&path).map(|s| format!("{s:?}"))
        };
        let toml = "hold_ms = 5\n[[request]]\nat_ms = 1\ncount = 2\n[[backend]]\nchild = \"a\"\ndoes = \"refuse\"\n";
        let lines = "{\"hold_ms\":5}\n{\"request\":{\"at_ms\":1,\"count\":2}}\n\n{\"backend\":{\"child\":\"a\",\"does\":\"refuse\"}}\n";
        assert_eq!(
            read("s.toml", toml).unwrap(),
            read("s.jsonl", lines).unwrap()
        );
        assert!(
            read("s.toml", "[[request]]\nwhen = 1\n")
                .unwrap_err()
                .contains("when")
        );
        assert!(
            read("s.jsonl", "{\"request\":{}}\n{\"x\":1}")
                .unwrap_err()
                .contains("line 2")
        );
        let many = format!("[[request]]\ncount = {}\n", REQUESTS_MAX + 1);
        assert!(read("s.toml", &many).is_err());
    }
}
