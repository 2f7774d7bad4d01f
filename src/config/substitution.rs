//! Placeholders that are filled in while loading.
//!
//! | written | becomes |
//! |---|---|
//! | `$SYSTEM:NAME` (the whole value) | the environment variable |
//! | `$FILE:key` (the whole value) | the key of `file.properties` |
//! | `${env.NAME}`, `${env.NAME:-default}` | the environment variable, or the default |
//! | `${configs.key}` | the environment variable of that name, else the key of `config.properties` |
//! | `${file:path}` | the file's text without its last line break (secrets) |
//!
//! Every other `${name}` is left as it is: it is filled in from the message when it is sent (spec/endpoints.md 4.1).
//! What was filled in is never part of a message to a person: it may be a secret.

use std::borrow::Cow;
use std::path::PathBuf;

use super::properties;

/// Largest file that `${file:...}` and the properties files may be.
const FILE_LIMIT: u64 = 64 * 1024;

/// Where the values come from.
pub(super) struct Substitution<'a> {
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Folders in which a relative path is looked for, in this order; none: no file is read.
    pub folders: &'a [PathBuf],
}

impl Substitution<'_> {
    /// Fills in; the error says which placeholder has no value.
    pub fn resolve<'t>(&self, raw: &'t str) -> Result<Cow<'t, str>, String> {
        if !raw.contains('$') {
            return Ok(Cow::Borrowed(raw));
        }
        let whole = raw.trim();
        if whole.starts_with("$SYSTEM:") {
            let name = whole.rsplit(':').next().unwrap_or_default();
            return self
                .variable(name)
                .map(Cow::Owned)
                .ok_or_else(|| format!("the environment variable {name} is not set"));
        }
        if let Some(key) = whole.strip_prefix("$FILE:") {
            return self
                .property("file.properties", key)
                .map(Cow::Owned)
                .ok_or_else(|| format!("there is no key {key} in a file.properties"));
        }
        self.inside(raw)
    }

    fn inside<'t>(&self, raw: &'t str) -> Result<Cow<'t, str>, String> {
        let mut out = String::new();
        let mut rest = raw;
        let mut changed = false;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let Some(end) = from.find('}') else {
                rest = from;
                break;
            };
            match self.placeholder(&from[2..end])? {
                Some(value) => {
                    out.push_str(&value);
                    changed = true;
                }
                None => out.push_str(&from[..=end]),
            }
            rest = &from[end + 1..];
        }
        if !changed {
            return Ok(Cow::Borrowed(raw));
        }
        out.push_str(rest);
        Ok(Cow::Owned(out))
    }

    /// The value of one `${...}`; `None` when it is not ours to fill in.
    fn placeholder(&self, inner: &str) -> Result<Option<String>, String> {
        if let Some(variable) = inner.strip_prefix("env.") {
            let (name, default) = match variable.split_once(":-") {
                Some((name, default)) => (name, Some(default.to_owned())),
                None => (variable, None),
            };
            return self
                .variable(name)
                .or(default)
                .map(Some)
                .ok_or_else(|| format!("the environment variable {name} is not set"));
        }
        if let Some(key) = inner.strip_prefix("configs.") {
            return self
                .variable(key)
                .or_else(|| self.property("config.properties", key))
                .map(Some)
                .ok_or_else(|| {
                    format!(
                        "{key} is neither an environment variable nor a key of a config.properties"
                    )
                });
        }
        if let Some(path) = inner.strip_prefix("file:") {
            return self
                .file(path)
                .map(|text| Some(text.trim_end_matches(['\r', '\n']).to_owned()))
                .ok_or_else(|| {
                    format!("the file {path} cannot be read, or is larger than 64 KiB")
                });
        }
        Ok(None)
    }

    fn variable(&self, name: &str) -> Option<String> {
        // The system's own look-up may not be asked for such names.
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        (self.env)(name)
    }

    fn property(&self, file: &str, key: &str) -> Option<String> {
        self.file(file)
            .and_then(|text| properties::lookup(&text, key).map(str::to_owned))
    }

    fn file(&self, path: &str) -> Option<String> {
        self.folders.iter().find_map(|folder| {
            let path = folder.join(path);
            let found = std::fs::metadata(&path).ok()?;
            if !found.is_file() || found.len() > FILE_LIMIT {
                return None;
            }
            std::fs::read_to_string(path).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        (name == "HOST").then(|| "back".to_owned())
    }

    fn resolve(raw: &str) -> Result<String, String> {
        let folders = [];
        let s = Substitution {
            env: &env,
            folders: &folders,
        };
        s.resolve(raw).map(Cow::into_owned)
    }

    #[test]
    fn environment_variables_and_defaults_are_filled_in() {
        assert_eq!(resolve("$SYSTEM:HOST").as_deref(), Ok("back"));
        assert_eq!(
            resolve("http://${env.HOST}:${env.PORT:-80}/").as_deref(),
            Ok("http://back:80/")
        );
        assert_eq!(resolve("${configs.HOST}").as_deref(), Ok("back"));
    }

    #[test]
    fn other_placeholders_stay_for_the_message() {
        assert_eq!(
            resolve("http://${host}/${env.HOST").as_deref(),
            Ok("http://${host}/${env.HOST")
        );
        assert_eq!(
            resolve("http://${host}/${env.HOST}").as_deref(),
            Ok("http://${host}/back")
        );
        assert_eq!(resolve("costs $5").as_deref(), Ok("costs $5"));
    }

    #[test]
    fn what_has_no_value_is_an_error_that_names_it() {
        assert!(resolve("$SYSTEM:NOPE").is_err_and(|e| e.contains("NOPE")));
        assert!(resolve("${env.NOPE}").is_err_and(|e| e.contains("NOPE")));
        assert!(resolve("${env.}").is_err());
        assert!(resolve("${file:secret}").is_err_and(|e| e.contains("secret")));
    }

    #[test]
    fn files_are_looked_for_in_the_folders_in_order() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("pw"), "s3cret\n").unwrap();
        std::fs::write(dir.path().join("file.properties"), "port=9000\n").unwrap();
        let folders = [dir.path().join("missing"), dir.path().to_owned()];
        let s = Substitution {
            env: &env,
            folders: &folders,
        };
        assert_eq!(s.resolve("a${file:pw}b").as_deref(), Ok("as3cretb"));
        assert_eq!(s.resolve("$FILE:port").as_deref(), Ok("9000"));
        assert!(s.resolve("$FILE:host").is_err());
    }
}
