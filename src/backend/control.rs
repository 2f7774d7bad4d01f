//! The control path of the sample back ends: stop one, start it again, see what was called.
//!
//! A stopped one can no longer be asked to start, so every back end can start and stop the others by port.

use http::Method;

use super::{Reply, Server};

impl Server {
    pub(super) fn control(&self, method: &Method, action: &str, query: &str) -> Reply {
        if action == "calls" && method == Method::GET {
            let calls = self.calls.lock();
            let lines = calls
                .iter()
                .map(|(operation, n)| format!("{operation} {n}\n"));
            return Reply::text(200, lines.collect::<String>());
        }
        if method != Method::POST {
            return Reply::text(405, "stop and start are asked with POST\n");
        }
        let port = match query.strip_prefix("port=").map(str::parse) {
            Some(Ok(port)) => port,
            Some(Err(_)) => return Reply::text(400, "port is a number\n"),
            None => self.port,
        };
        let Some(fleet) = self.fleet.upgrade() else {
            return Reply::text(409, "this back end was not started to be controlled\n");
        };
        let done = match action {
            "stop" => fleet.stop(port),
            "start" => fleet.start(port),
            _ => {
                return Reply::text(
                    404,
                    "POST /demo/stop[?port=N]  /demo/start?port=N   GET /demo/calls\n",
                );
            }
        };
        match done {
            Ok(text) => Reply::text(200, format!("{text}\n")),
            Err(error) => Reply::text(409, format!("{error}\n")),
        }
    }
}
