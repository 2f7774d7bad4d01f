//! `axon.toml` beside the configuration, the environment, and what users keep in `synapse.properties`.
//!
//! None of them is required. The environment (`AXON_<SECTION>_<KEY>`) wins over `axon.toml`, which wins over `synapse.properties`;
//! flags win over all and are applied by the caller. An unknown key is an error at its place, so that a slip never becomes a silent
//! default. Keys are listed once, in [`keys`].

mod keys;
mod read;
mod synapse_properties;
mod tls;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use tls::{ClientAuth, MaxVersion, MinVersion, TlsProfile, TlsStore};

use crate::config::diagnostic::Diagnostics;
use crate::config::source::{Sources, Spanned};

/// All settings, with their defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `[[listener]]`; empty when none is written.
    pub listeners: Vec<Listener>,
    /// `[tls.NAME]`, in the order of the file.
    pub tls: Vec<TlsProfile>,
    /// `[admin]`.
    pub admin: Admin,
    /// `[limits]`.
    pub limits: Limits,
    /// `[timers]`.
    pub timers: Timers,
    /// `[retry]`.
    pub retry: Retry,
    /// `[default_endpoint]`.
    pub default_endpoint: DefaultEndpoint,
    /// `[requests]`.
    pub requests: Requests,
    /// `[answers]`.
    pub answers: Answers,
    /// `[sessions]`.
    pub sessions: Sessions,
    /// `[access_log]`.
    pub access_log: AccessLog,
    /// `[cluster]`.
    pub cluster: Cluster,
}

/// `[cluster]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// File with the secret that seals what members send to each other.
    pub key_file: Option<PathBuf>,
}

/// One `[[listener]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listener {
    /// `host:port`.
    pub address: String,
    /// The TLS profile of an HTTPS listener.
    pub tls: Option<Spanned<String>>,
}

/// `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// `host:port` or `unix:path`.
    pub address: String,
    /// Where `/live`, `/ready` and `/metrics` are open, when anywhere else than at `address`.
    pub probes: Option<String>,
    /// File with the token that administration asks for where others than this machine can reach it.
    pub token_file: Option<PathBuf>,
}

/// `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest message head.
    pub head_bytes: usize,
    /// Most header lines.
    pub headers: usize,
    /// How far a SOAP header is looked for.
    pub soap_header_bytes: usize,
    /// Largest message that is held whole.
    pub message_bytes: usize,
    /// How much of a request is kept in memory for a retry.
    pub replay_memory_bytes: usize,
    /// How much of a request is kept on disk for a retry.
    pub replay_disk_bytes: usize,
    /// How much all requests together may keep on disk.
    pub replay_disk_total_bytes: usize,
}

/// `[timers]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers {
    /// A client's head must be complete within this.
    pub head: Duration,
    /// TLS must be agreed on within this.
    pub tls_handshake: Duration,
    /// An idle client connection is closed after this.
    pub client_idle: Duration,
    /// A body must make progress within this.
    pub body_progress: Duration,
    /// A connection to a back end must stand within this.
    pub connect: Duration,
    /// A back end must begin its answer within this, where the endpoint has no timeout.
    pub response: Duration,
    /// An idle connection to a back end is closed after this.
    pub pool_idle: Duration,
    /// A message for an endpoint without alternative waits at most so long for it to come back; 0: it is refused at once.
    pub hold: Duration,
    /// How long running exchanges may go on after a stop.
    pub drain: Duration,
}

/// `[retry]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// A request that may already have run may be sent again.
    pub non_idempotent: bool,
}

/// `[default_endpoint]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultEndpoint {
    /// Targets that a message may name: `host:port` or a network.
    pub allow: Vec<String>,
}

/// `[requests]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// `format="get"` sends the parameters as the originals do: as a form in the body of the GET.
    pub get_form: bool,
}

/// `[answers]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// An answer that was converted for its client has the media type of what it now is, not the back end's.
    pub own_media_type: bool,
}

/// `[sessions]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// Most sessions that one group keeps.
    pub per_group: usize,
    /// How long a session lives where its group does not say.
    pub timeout: Duration,
}

/// `[access_log]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLog {
    /// Form of the lines.
    pub format: LogFormat,
}

/// `access_log.format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// Text.
    Text,
    /// JSON.
    Json,
    /// No lines.
    Off,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8080".to_owned(),
            probes: None,
            token_file: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        const MIB: usize = 1024 * KIB;
        Self {
            head_bytes: 64 * KIB,
            headers: 100,
            soap_header_bytes: 256 * KIB,
            message_bytes: 16 * MIB,
            replay_memory_bytes: MIB,
            replay_disk_bytes: 64 * MIB,
            replay_disk_total_bytes: 1024 * MIB,
        }
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            tls_handshake: Duration::from_secs(10),
            client_idle: Duration::from_secs(75),
            body_progress: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            response: Duration::from_secs(180),
            pool_idle: Duration::from_secs(30),
            hold: Duration::from_secs(2),
            drain: Duration::from_secs(10),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            non_idempotent: true,
        }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            per_group: 1_000_000,
            timeout: Duration::from_secs(120),
        }
    }
}

/// Reads the settings for the configuration at `root`; `file` is one that was named, and must then exist.
pub fn load(
    file: Option<&Path>,
    root: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Settings {
    let mut settings = Settings::default();
    let beside = beside(root);
    let found = |name: &str| beside.iter().map(|f| f.join(name)).find(|p| p.is_file());
    if let Some(path) = found("synapse.properties")
        && let Some(file) = read::source(&path, sources, diagnostics)
    {
        synapse_properties::apply(&mut settings, file, sources, diagnostics);
    }
    let path = file.map(Path::to_owned).or_else(|| found("axon.toml"));
    if let Some(path) = path
        && let Some(file) = read::source(&path, sources, diagnostics)
    {
        read::toml(&mut settings, file, sources, diagnostics);
        // From the settings file's own folder, else from the root of the configuration.
        let own = path.parent().unwrap_or(Path::new("")).to_owned();
        let folders = [&own, root];
        for profile in &mut settings.tls {
            profile.resolve(&folders);
        }
        let files = [
            &mut settings.cluster.key_file,
            &mut settings.admin.token_file,
        ];
        for file in files.into_iter().flatten() {
            *file = placed(file, &folders);
        }
    }
    read::environment(&mut settings, environment, sources, diagnostics);
    settings
}

/// A relative path begins in the first of these folders that has such a file, else in the working directory; one that is
/// nowhere begins in the first folder.
fn placed(written: &Path, folders: &[&Path]) -> PathBuf {
    let mut places = folders.iter().map(|folder| folder.join(written));
    match places.find(|place| place.exists()) {
        Some(place) => place,
        None if written.exists() => written.to_owned(),
        None => folders
            .first()
            .map_or_else(PathBuf::new, |folder| folder.join(written)),
    }
}

/// The folders that count as "beside the configuration": its root, and what holds `synapse-configs` or `default`.
fn beside(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    if root.ends_with("default")
        && let Some(above) = root.parent()
    {
        folders.push(above.to_owned());
        if above.ends_with("synapse-configs")
            && let Some(above) = above.parent()
        {
            folders.push(above.to_owned());
        }
    }
    folders
}
