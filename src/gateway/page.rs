//! The short pages that say what went wrong: always one heading (spec/kaazing.md 3.1).

use crate::transport::head::standard_reason;

/// A page: a status, and what its heading says behind the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Status.
    pub status: u16,
    /// Reason, in the status line and in the heading.
    pub reason: &'static str,
}

const fn page(status: u16, reason: &'static str) -> Page {
    Page { status, reason }
}

impl Page {
    /// The request cannot be understood.
    pub const BAD_REQUEST: Page = page(400, "Bad Request");
    /// The client has to say who he is.
    pub const UNAUTHORIZED: Page = page(401, "Unauthorized");
    /// The page that the request comes from may not use the service.
    pub const FORBIDDEN: Page = page(403, "Forbidden");
    /// Nothing is there.
    pub const NOT_FOUND: Page = page(404, "Not Found");
    /// There is a WebSocket above the path, and none at it.
    pub const UPGRADE_FAILURE: Page = page(404, "WebSocket Upgrade Failure");
    /// The service does not take this method.
    pub const METHOD: Page = page(405, "Method Not Allowed");
    /// The service is not run by this version.
    pub const NOT_IMPLEMENTED: Page = page(501, "Not Implemented");
    /// The back end's answer cannot be used.
    pub const BAD_GATEWAY: Page = page(502, "Bad Gateway");
    /// The back end does not answer.
    pub const GATEWAY_TIMEOUT: Page = page(504, "Gateway Timeout");
    /// The request came through here before.
    pub const LOOP: Page = page(508, "Loop Detected");
    /// An emulation of a version that is none.
    pub const EMULATION_VERSION: Page = page(400, "WebSocket-Version not supported");
    /// Nobody is there to take it.
    pub const UNAVAILABLE: Page = page(503, "Service Unavailable");

    /// The page of a status.
    pub fn of_status(status: u16) -> Page {
        page(status, standard_reason(status))
    }

    /// The page itself.
    pub fn body(self) -> String {
        format!(
            "<html><head></head><body><h1>{} {}</h1></body></html>",
            self.status, self.reason
        )
    }
}
