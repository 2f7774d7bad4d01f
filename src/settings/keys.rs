//! Every key, and where its value goes.

use std::path::PathBuf;
use std::time::Duration;

use super::{LogFormat, Settings};

/// Sections and their keys; `listener` is an array of tables and read apart.
pub(super) const KEYS: &[(&str, &[&str])] = &[
    ("admin", &["address", "probes", "token_file"]),
    (
        "limits",
        &[
            "head_bytes",
            "headers",
            "soap_header_bytes",
            "message_bytes",
            "replay_memory_bytes",
            "replay_disk_bytes",
            "replay_disk_total_bytes",
        ],
    ),
    (
        "timers",
        &[
            "head_ms",
            "tls_handshake_ms",
            "client_idle_ms",
            "body_progress_ms",
            "connect_ms",
            "response_ms",
            "pool_idle_ms",
            "hold_ms",
            "drain_ms",
        ],
    ),
    ("retry", &["non_idempotent"]),
    ("default_endpoint", &["allow"]),
    ("requests", &["get_form"]),
    ("answers", &["own_media_type"]),
    ("sessions", &["store", "per_group", "timeout_ms"]),
    ("access_log", &["format"]),
    ("cluster", &["key_file"]),
];

/// Keys of a `[[listener]]`.
pub(super) const LISTENER: &[&str] = &["address", "tls", "forwarded", "proxy_protocol"];

/// Keys of a `[tls.NAME]`.
pub(super) const TLS: &[&str] = &[
    "cert",
    "key",
    "client_ca",
    "client",
    "ca",
    "verify",
    "server_name",
    "min_version",
];

/// Where a value goes, and so what it may be.
pub(super) enum Slot<'a> {
    /// A number of things, at least so many.
    Count(&'a mut usize, usize),
    /// Milliseconds.
    Millis(&'a mut Duration),
    /// Milliseconds; 0 turns it off.
    MillisOrOff(&'a mut Duration),
    /// true or false.
    Switch(&'a mut bool),
    /// `host:port`, or also `unix:path`.
    Address(&'a mut String),
    /// `host:port` that may be absent.
    Probes(&'a mut Option<String>),
    /// A file that may be absent.
    File(&'a mut Option<PathBuf>),
    /// A list of texts.
    List(&'a mut Vec<String>),
    /// `auto`, `text`, `json`, `off`.
    Format(&'a mut LogFormat),
    /// Only this value is served by this version.
    Only(&'static str),
}

/// The slot of a key.
pub(super) fn slot<'a>(settings: &'a mut Settings, section: &str, key: &str) -> Option<Slot<'a>> {
    let limits = &mut settings.limits;
    let timers = &mut settings.timers;
    Some(match (section, key) {
        ("admin", "address") => Slot::Address(&mut settings.admin.address),
        ("admin", "probes") => Slot::Probes(&mut settings.admin.probes),
        ("admin", "token_file") => Slot::File(&mut settings.admin.token_file),
        ("limits", "head_bytes") => Slot::Count(&mut limits.head_bytes, 1024),
        ("limits", "headers") => Slot::Count(&mut limits.headers, 1),
        ("limits", "soap_header_bytes") => Slot::Count(&mut limits.soap_header_bytes, 1024),
        ("limits", "message_bytes") => Slot::Count(&mut limits.message_bytes, 1024),
        ("limits", "replay_memory_bytes") => Slot::Count(&mut limits.replay_memory_bytes, 0),
        ("limits", "replay_disk_bytes") => Slot::Count(&mut limits.replay_disk_bytes, 0),
        ("limits", "replay_disk_total_bytes") => {
            Slot::Count(&mut limits.replay_disk_total_bytes, 0)
        }
        ("timers", "head_ms") => Slot::Millis(&mut timers.head),
        ("timers", "tls_handshake_ms") => Slot::Millis(&mut timers.tls_handshake),
        ("timers", "client_idle_ms") => Slot::Millis(&mut timers.client_idle),
        ("timers", "body_progress_ms") => Slot::Millis(&mut timers.body_progress),
        ("timers", "connect_ms") => Slot::Millis(&mut timers.connect),
        ("timers", "response_ms") => Slot::Millis(&mut timers.response),
        ("timers", "pool_idle_ms") => Slot::Millis(&mut timers.pool_idle),
        ("timers", "hold_ms") => Slot::MillisOrOff(&mut timers.hold),
        ("timers", "drain_ms") => Slot::Millis(&mut timers.drain),
        ("retry", "non_idempotent") => Slot::Switch(&mut settings.retry.non_idempotent),
        ("default_endpoint", "allow") => Slot::List(&mut settings.default_endpoint.allow),
        ("requests", "get_form") => Slot::Switch(&mut settings.requests.get_form),
        ("answers", "own_media_type") => Slot::Switch(&mut settings.answers.own_media_type),
        ("sessions", "store") => Slot::Only("local"),
        ("sessions", "per_group") => Slot::Count(&mut settings.sessions.per_group, 1),
        ("sessions", "timeout_ms") => Slot::Millis(&mut settings.sessions.timeout),
        ("cluster", "key_file") => Slot::File(&mut settings.cluster.key_file),
        ("access_log", "format") => Slot::Format(&mut settings.access_log.format),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_key_has_a_slot() {
        let mut settings = Settings::default();
        for (section, keys) in KEYS {
            for key in *keys {
                assert!(
                    slot(&mut settings, section, key).is_some(),
                    "{section}.{key}"
                );
            }
        }
    }
}
