//! All profiles of one configuration.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use super::certificate::Facts;
use super::client::ClientTls;
use super::material::{Material, Place, Problem, ProblemKind};
use super::server::ServerTls;
use crate::settings::ClientAuth;

/// A profile as it runs.
#[derive(Debug)]
pub struct Profile {
    /// Its name in the settings.
    pub name: String,
    /// To clients; `None` without a certificate.
    pub server: Option<ServerTls>,
    /// To servers.
    pub client: Arc<ClientTls>,
    /// For each certificate: itself, and those that lead to its authority.
    pub chains: Vec<Vec<Facts>>,
    /// Whether listeners ask clients for a certificate.
    pub client_auth: ClientAuth,
    /// Whether servers have to be who they should be.
    pub verifies: bool,
    /// When its files were read last with a difference, milliseconds since 1970.
    pub loaded_unix_ms: u64,
    fingerprint: u64,
}

impl Profile {
    /// When the first of its certificates ends, seconds since 1970.
    pub fn not_after(&self) -> Option<i64> {
        let ends = self.chains.iter().filter_map(|c| c.first());
        ends.map(|facts| facts.not_after).min()
    }
}

/// The profiles of one configuration; never changes.
#[derive(Debug)]
pub struct TlsSet {
    profiles: HashMap<String, Arc<Profile>>,
    system: Arc<ClientTls>,
    files: Vec<PathBuf>,
    fingerprint: u64,
}

impl Default for TlsSet {
    /// Without profiles.
    fn default() -> Self {
        Self {
            profiles: HashMap::new(),
            system: Arc::new(ClientTls::system()),
            files: Vec::new(),
            fingerprint: fingerprint([]),
        }
    }
}

impl TlsSet {
    /// Compiles the profiles. One whose settings and files are as in the previous set is taken over with its tickets and
    /// sessions, and so is the last good one of a profile that has a fatal problem now; without one it makes no connection.
    pub fn build(
        material: &Material,
        previous: Option<&TlsSet>,
        now_unix_ms: u64,
    ) -> (TlsSet, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut profiles = HashMap::new();
        let now_s = i64::try_from(now_unix_ms / 1_000).unwrap_or(i64::MAX);
        for settings in material.profiles() {
            let before = problems.len();
            let found = material.inspect(settings, now_s, &mut problems);
            let key = material.fingerprint(settings);
            let old = previous.and_then(|p| p.profiles.get(&settings.name));
            if let Some(old) = old.filter(|old| old.fingerprint == key) {
                profiles.insert(settings.name.clone(), old.clone());
                continue;
            }
            let fatal = match problems[before..].iter().find(|p| p.is_fatal()) {
                Some(problem) => Some(problem.text.clone()),
                None => settings.faulty.then(|| {
                    format!(
                        "the settings of the TLS profile {} are wrong",
                        settings.name
                    )
                }),
            };
            // The last good one goes on, as a refused configuration does.
            if let (Some(_), Some(old)) = (&fatal, old) {
                profiles.insert(settings.name.clone(), old.clone());
                continue;
            }
            let server = match fatal {
                None if !found.pairs.is_empty() => match ServerTls::of(settings, &found) {
                    Ok(server) => Some(server),
                    Err(error) => {
                        problems.push(Problem {
                            profile: settings.name.clone(),
                            place: Place::Profile,
                            kind: ProblemKind::Incomplete,
                            text: format!("the profile {} cannot be used: {error}", settings.name),
                            help: "see what its files hold".to_owned(),
                        });
                        None
                    }
                },
                _ => None,
            };
            let client = match fatal {
                None => ClientTls::of(settings, key, &found),
                Some(why) => ClientTls::unusable(&settings.name, &why),
            };
            let profile = Profile {
                name: settings.name.clone(),
                server,
                client: Arc::new(client),
                client_auth: settings.client,
                verifies: settings.verify.as_ref().is_none_or(|v| v.value),
                chains: found.pairs.into_iter().map(|p| p.chain).collect(),
                loaded_unix_ms: now_unix_ms,
                fingerprint: key,
            };
            profiles.insert(settings.name.clone(), Arc::new(profile));
        }
        let set = TlsSet {
            profiles,
            system: previous.map_or_else(|| Arc::new(ClientTls::system()), |p| p.system.clone()),
            files: material.paths().map(PathBuf::from).collect(),
            fingerprint: Self::fingerprint_of(material),
        };
        (set, problems)
    }

    /// Hash of everything that a set is compiled from.
    pub fn fingerprint_of(material: &Material) -> u64 {
        let profiles = material.profiles().iter();
        fingerprint(profiles.map(|profile| material.fingerprint(profile)))
    }

    /// Hash of everything that this set was compiled from.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// A profile.
    pub fn profile(&self, name: &str) -> Option<&Arc<Profile>> {
        self.profiles.get(name)
    }

    /// All profiles, by name.
    pub fn profiles(&self) -> Vec<&Arc<Profile>> {
        let mut all: Vec<_> = self.profiles.values().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// How to speak to servers: as a profile says, or with the system's trust when none is named. `None`: there is no
    /// profile of that name.
    pub fn client(&self, name: Option<&str>) -> Option<Arc<ClientTls>> {
        match name {
            None => Some(self.system.clone()),
            Some(name) => self.profile(name).map(|profile| profile.client.clone()),
        }
    }

    /// How to speak to servers with the system's trust.
    pub fn system(&self) -> &Arc<ClientTls> {
        &self.system
    }

    /// The files that the profiles name.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

fn fingerprint(profiles: impl IntoIterator<Item = u64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for profile in profiles {
        profile.hash(&mut hasher);
    }
    hasher.finish()
}
