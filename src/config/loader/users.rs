//! The files of users that the login modules of a gateway-config name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Loader, read};
use crate::codes::DiagnosticCode;
use crate::config::gateway;
use crate::config::gateway::jaas::UsersDef;
use crate::config::source::{FileId, Span};

impl Loader<'_> {
    /// Reads the files of users that login modules name; they count as files of the configuration, so that a changed one
    /// is taken by a reload.
    pub(super) fn users(&mut self) {
        let Some(mut gateway) = self.model.gateway.take() else {
            return;
        };
        let mut known: HashMap<PathBuf, Arc<UsersDef>> = HashMap::new();
        for realm in 0..gateway.security.realms.len() {
            for module in 0..gateway.security.realms[realm].modules.len() {
                let Some(file) = gateway.security.realms[realm].modules[module].file.clone() else {
                    continue;
                };
                let path = gateway.conf_file(&file.value);
                let users = match known.get(&path) {
                    Some(users) => Some(users.clone()),
                    None => self.users_of(&path, file.span).map(Arc::new),
                };
                if let Some(users) = &users {
                    known.insert(path, users.clone());
                }
                gateway.security.realms[realm].modules[module].users = users;
            }
        }
        self.model.gateway = Some(gateway);
    }

    fn users_of(&mut self, path: &Path, named: Span) -> Option<UsersDef> {
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!(
                    "the file of users {} cannot be read: {error}",
                    path.display()
                );
                let help = "correct the name, relative ones begin in GATEWAY_HOME/conf; it is a jaas-config with user and role elements";
                let code = DiagnosticCode::Users;
                self.diagnostics.error_help(code, named, message, help);
                return None;
            }
        };
        let folders = [path.parent().unwrap_or(Path::new("")).to_owned()];
        let before = self.model.sources.len();
        let roots = self.parsed(path, &bytes, &folders);
        // A line that is shown for a problem in it may have a password on it.
        for at in before..self.model.sources.len() {
            self.model.sources.hide(FileId(at as u32));
        }
        let roots = roots?;
        Some(gateway::jaas::parse(roots.first()?, &mut self.diagnostics))
    }
}
