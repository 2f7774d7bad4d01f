//! Synapse's error codes (spec/endpoints.md 7) and the few that axon adds (303201 and up).

use std::fmt;

/// A Synapse error code, as `ERROR_CODE` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub i32);

/// One row of [`ERRORS`].
#[derive(Debug)]
pub struct ErrorText {
    /// The code.
    pub code: ErrorCode,
    /// Stable name, used as a label.
    pub name: &'static str,
    /// One sentence for people.
    pub text: &'static str,
    /// What to do.
    pub help: &'static str,
}

macro_rules! errors {
    ($($id:ident = $code:literal, $name:literal, $text:literal, $help:literal;)*) => {
        impl ErrorCode {
            $(#[doc = $text] pub const $id: ErrorCode = ErrorCode($code);)*
        }
        /// Every code with its name, meaning and advice, ascending.
        pub const ERRORS: &[ErrorText] = &[
            $(ErrorText { code: ErrorCode($code), name: $name, text: $text, help: $help },)*
        ];
    };
}

errors! {
    NONE = 0, "unspecified", "a failure without a code of its own", "see the message beside it";
    RECEIVER_SEND = 101000, "client_write_failed", "the answer could not be written to the client", "the client closed early or the network broke; nothing to do on this side";
    RECEIVER_RECEIVE = 101001, "client_read_failed", "the request broke off while it was being read from the client", "the client closed early or the network broke";
    SEND_FAILED = 101500, "send_failed", "an I/O error on the connection to the back end while sending", "look at the back end's log; it reset the connection";
    RECEIVE_FAILED = 101501, "receive_failed", "an I/O error while reading the back end's answer", "look at the back end's log; it reset the connection";
    CONNECT_FAILED = 101503, "connect_failed", "the back end refused the connection, is unreachable, or its name does not resolve", "check host and port of the endpoint, and that the service is up";
    RESPONSE_TIMEOUT = 101504, "connection_timeout", "the back end was connected but did not answer in time", "raise timeout/duration, or find out why the service is slow";
    CONNECTION_CLOSED = 101505, "closed_early", "the back end closed the connection without an answer", "look at the back end's log; it dropped the request";
    PROTOCOL_VIOLATION = 101506, "protocol_error", "the back end's answer is not valid HTTP", "check that the port speaks HTTP; the message says what is wrong";
    CONNECT_CANCELLED = 101507, "connect_cancelled", "the connection attempt was cancelled", "the client went away meanwhile";
    CONNECT_TIMEOUT = 101508, "connect_timeout", "the connection was not established in time", "check routing and firewalls between axon and the back end";
    SEND_ABORTED = 101509, "send_aborted", "axon gave the request up", "the client went away or a limit was reached";
    RESPONSE_PROCESSING = 101510, "response_processing", "the answer was read but could not be processed", "see the message beside it";
    NO_READY_CHILD = 303000, "no_ready_child", "no child of the group is ready", "see the children's states: axon endpoint list";
    NOT_READY = 303001, "not_ready", "the endpoint is suspended, in its retry delay, or off", "axon endpoint list shows until when; axon endpoint on NAME ends it";
    WSDL_NOT_READY = 303002, "wsdl_not_ready", "the WSDL endpoint is not ready", "see the endpoint's state";
    AUTHENTICATION = 303003, "authentication_failed", "the endpoint's authentication could not be prepared", "check the credentials of the endpoint";
    LB_FAILED_OVER = 303100, "loadbalance_failed_over", "a load-balance group went on to another child", "no action needed; see the failed child";
    BUDGET_EXHAUSTED = 303201, "attempts_exhausted", "every child that this message may try was tried", "see the last child's error";
    NOT_REPLAYABLE = 303202, "not_replayable", "the request cannot be sent again: its body is no longer held, or it may already have run", "raise [limits] replay_disk_bytes, or allow it with [retry] non_idempotent";
    DEADLINE = 303203, "deadline_exceeded", "the overall deadline of the message passed", "raise the timeouts of the group";
    NOT_SUPPORTED = 303204, "not_supported", "the message reached a part of the configuration that this version does not run", "the message names the place; axon check lists all of them";
    OVERLOADED = 303205, "overloaded", "the endpoint is at its limit of connections, and no more messages may wait, or one waited too long", "raise ax:maxConnections, ax:maxPending or ax:queueTimeout, or add another back end";
    HEALTH_CHECK = 303206, "health_check_failed", "health checks found the endpoint out of order", "look at the back end; it comes back when as many checks in a row pass as ax:healthCheck says";
    FAILOVER_FAILED_OVER = 304100, "failover_failed_over", "a failover group went on to another child", "no action needed; see the failed child";
    ENDPOINT_MISSING = 305100, "endpoint_missing", "the referenced endpoint does not exist", "define it, or correct the key";
    SESSION_NOT_READY = 309001, "session_unavailable", "the endpoint that the session is bound to is not ready", "wait for it, or set ax:onUnavailable=\"rebind\" on the session";
    SESSION_BAD_PATH = 309002, "session_bad_path", "the session's path leads nowhere", "the group changed; the client must start a new session";
    SESSION_FAILED = 309003, "session_failed", "the send inside an established session failed", "see the endpoint's error; a session does not move by itself";
    CALLOUT_FAILED = 401000, "callout_failed", "a callout failed", "see the message beside it";
    FORCED_SOAP_FAULT = 500000, "forced_soap_fault", "the back end answered a SOAP fault and FORCE_ERROR_ON_SOAP_FAULT is set", "see the fault";
    MESSAGE_PARSE = 601000, "message_unreadable", "the message could not be read", "the message says where it is malformed";
}

impl ErrorCode {
    /// What an answer with that status counts as where the file lists it (`httpStatusCodes`; spec/endpoints.md 10.5).
    pub fn of_status(status: u16) -> ErrorCode {
        ErrorCode(1_000_000 + i32::from(status))
    }

    /// True for a code that stands for the status of an answer.
    pub fn is_status(self) -> bool {
        self.0 >= 1_000_000
    }

    /// The row of this code, when it is one of the known.
    pub fn row(self) -> Option<&'static ErrorText> {
        ERRORS
            .binary_search_by_key(&self, |row| row.code)
            .ok()
            .map(|at| &ERRORS[at])
    }

    /// Stable name for labels; `custom` for a code that is not in the table.
    pub fn name(self) -> &'static str {
        self.row().map_or("custom", |row| row.name)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_ascending_and_its_names_are_unique() {
        assert!(ERRORS.windows(2).all(|w| w[0].code < w[1].code));
        let mut names: Vec<_> = ERRORS.iter().map(|e| e.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ERRORS.len());
    }
}
