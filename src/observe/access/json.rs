//! The JSON form of an access line. No serializer: the keys are constant bytes and most values are known to be
//! harmless, so only strangers' bytes go through the escape.

use super::{AccessRecord, Attempt};
use crate::observe::digits::{write_address, write_hex, write_ms, write_number};
use crate::observe::escape::json_string;
use crate::observe::stamp::write_rfc3339;

impl AccessRecord<'_> {
    /// Appends one JSON object and a line break.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        // One check of the room instead of a growth in the middle; a longer record still grows.
        out.reserve(1024);
        out.extend_from_slice(b"{\"ts\":\"");
        write_rfc3339(out, self.unix_ms);
        out.extend_from_slice(b"\",\"id\":\"");
        self.id.write(out);
        out.push(b'"');
        if self.id.trace().is_some() {
            out.extend_from_slice(b",\"trace\":\"");
            self.id.write(out);
            out.push(b'"');
        }
        out.extend_from_slice(b",\"client\":\"");
        write_address(out, self.client);
        out.push(b'"');
        word(out, b",\"listener\":\"", self.listener);
        if let Some(version) = self.tls {
            word(out, b"\",\"tls\":\"", version);
        }
        word(out, b"\",\"proto\":\"", self.proto);
        out.push(b'"');
        string(out, b",\"method\":", self.method);
        string(out, b",\"host\":", self.host);
        string(out, b",\"path\":", self.path_without_query());
        word(out, b",\"route\":\"", self.route);
        out.extend_from_slice(b"\",\"status\":");
        write_number(out, self.status);
        word(out, b",\"outcome\":\"", self.outcome);
        out.push(b'"');
        if let Some(code) = self.code {
            out.extend_from_slice(b",\"code\":");
            write_number(out, code.0);
        }
        out.extend_from_slice(b",\"bytes_in\":");
        write_number(out, self.bytes_in);
        out.extend_from_slice(b",\"bytes_out\":");
        write_number(out, self.bytes_out);
        out.extend_from_slice(b",\"t_total_ms\":");
        write_ms(out, self.total);
        if let Some(time) = self.connect {
            out.extend_from_slice(b",\"t_connect_ms\":");
            write_ms(out, time);
        }
        if let Some(time) = self.ttfb {
            out.extend_from_slice(b",\"t_ttfb_ms\":");
            write_ms(out, time);
        }
        if let Some(group) = self.group {
            string(out, b",\"group\":", group.as_bytes());
        }
        if let Some(endpoint) = self.endpoint {
            string(out, b",\"endpoint\":", endpoint.as_bytes());
        }
        if let Some(upstream) = self.upstream {
            string(out, b",\"upstream\":", upstream.as_bytes());
        }
        // One try that was answered has nothing to say that is not said above.
        if self.attempts.len() > 1 || self.attempts.iter().any(|a| a.code.is_some()) {
            out.extend_from_slice(b",\"attempts\":[");
            for (at, attempt) in self.attempts.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                attempt.write_json(out);
            }
            out.push(b']');
        }
        if let Some(session) = self.session {
            out.extend_from_slice(b",\"session\":{\"key_hash\":\"");
            write_hex(out, session.key_hash, 16);
            out.extend_from_slice(b"\",\"how\":\"");
            out.extend_from_slice(session.how.name().as_bytes());
            out.extend_from_slice(b"\"}");
        }
        out.extend_from_slice(b",\"gen\":");
        write_number(out, self.generation);
        out.extend_from_slice(b"}\n");
    }
}

impl Attempt<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        string(out, b"{\"endpoint\":", self.endpoint.as_bytes());
        string(out, b",\"outcome\":", self.outcome.as_bytes());
        if let Some(code) = self.code {
            out.extend_from_slice(b",\"code\":");
            write_number(out, code.0);
        }
        out.extend_from_slice(b",\"ms\":");
        write_ms(out, self.took);
        out.push(b'}');
    }
}

/// A word of axon's own: an address, a protocol, a name out of a table. Nothing in it needs an escape.
#[inline(always)]
fn word<const N: usize>(out: &mut Vec<u8>, key: &[u8; N], value: &str) {
    out.extend_from_slice(key);
    out.extend_from_slice(value.as_bytes());
}

#[inline(always)]
fn string<const N: usize>(out: &mut Vec<u8>, key: &[u8; N], value: &[u8]) {
    out.extend_from_slice(key);
    json_string(out, value);
}
