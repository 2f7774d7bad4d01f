//! The text form of an access line, for a person at a terminal: time, status, how it ended, what was asked and
//! who answered, in columns; details follow as `key=value` only when there is something to tell.

use std::io::Write;

use super::AccessRecord;
use crate::observe::digits::{write_address, write_ms, write_number};
use crate::observe::escape::{text_plain, text_word};
use crate::observe::stamp::write_rfc3339;

/// Columns at which the answering endpoint and the details begin.
const ENDPOINT_COLUMN: usize = 84;

impl AccessRecord<'_> {
    /// Appends one readable line and a line break.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        let start = out.len();
        write_rfc3339(out, self.unix_ms);
        // Writing to a Vec cannot fail.
        let _ = write!(out, " {:03} {:<8} ", self.status, self.outcome);
        text_plain(out, self.method);
        out.push(b' ');
        text_plain(out, self.host);
        text_plain(out, self.path_without_query());
        pad(out, start + ENDPOINT_COLUMN);
        write_ms(out, self.total);
        out.extend_from_slice(b"ms ");
        text_word(out, self.endpoint.unwrap_or("-").as_bytes());
        if let Some(upstream) = self.upstream {
            key(out, "to", upstream);
        }
        out.extend_from_slice(b" in=");
        write_number(out, self.bytes_in);
        out.extend_from_slice(b" out=");
        write_number(out, self.bytes_out);
        if let Some(code) = self.code {
            let _ = write!(out, " code={}({})", code.0, code.name());
        }
        if self.attempts.len() > 1 {
            self.write_attempts(out);
        }
        if let Some(session) = self.session {
            key(out, "session", session.how.name());
        }
        out.extend_from_slice(b" client=");
        write_address(out, self.client);
        out.extend_from_slice(b" id=");
        self.id.write(out);
        out.push(b'\n');
    }

    fn write_attempts(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b" tries=");
        for (at, attempt) in self.attempts.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            text_plain(out, attempt.endpoint.as_bytes());
            out.push(b':');
            match attempt.code {
                Some(code) => write_number(out, code.0),
                None => out.extend_from_slice(attempt.outcome.as_bytes()),
            }
        }
    }
}

fn key(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.push(b'=');
    text_word(out, value.as_bytes());
}

fn pad(out: &mut Vec<u8>, column: usize) {
    out.push(b' ');
    while out.len() < column {
        out.push(b' ');
    }
}
