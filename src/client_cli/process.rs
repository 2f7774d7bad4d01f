//! `axon drain` and `axon stop`.

use std::time::{Duration, Instant};

use super::call::{Call, CallError};
use super::{Target, failed, order, show};
use crate::admin::StatusView;

/// How often it is looked whether everything is served.
const LOOK: Duration = Duration::from_millis(200);

/// Has `/ready` say no (or yes again), and waits until nothing is being served.
pub fn drain(target: &Target, undo: bool, wait: Option<Duration>, reason: Option<&str>) -> u8 {
    let what = if undo { "undrain" } else { "drain" };
    if let Err(code) = ask(target, what, reason) {
        return code;
    }
    let Some(wait) = wait.filter(|_| !undo) else {
        return 0;
    };
    let end = Instant::now() + wait;
    loop {
        let look = Call::get("/api/v1/status").run(&target.admin, target.token_file.as_deref());
        let status = match look {
            Ok(reply) => serde_json::from_str::<StatusView>(&reply.body).ok(),
            Err(error) => return failed(&error),
        };
        if status.is_some_and(|status| status.requests_in_flight == 0) {
            return 0;
        }
        if Instant::now() >= end {
            return failed(&CallError::Timeout(target.admin.clone()));
        }
        std::thread::sleep(LOOK);
    }
}

/// Begins the stop.
pub fn stop(target: &Target, reason: Option<&str>) -> u8 {
    ask(target, "stop", reason).err().unwrap_or(0)
}

fn ask(target: &Target, what: &str, reason: Option<&str>) -> Result<(), u8> {
    let body = Some(order(reason, None));
    let call = Call::post(&format!("/api/v1/process:{what}"), body);
    match call.run(&target.admin, target.token_file.as_deref()) {
        Ok(reply) if reply.status < 300 => Ok(()),
        Ok(reply) => {
            eprintln!("axon: {}", show::problem(&reply.body));
            Err(1)
        }
        Err(error) => Err(failed(&error)),
    }
}
