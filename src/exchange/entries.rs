//! Texts of the configuration that messages look up by key: local entries and the registry (spec/mediation.md 6).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The texts of one generation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// Local entries.
    pub local: HashMap<String, Arc<str>>,
    /// What an expression gets of those local entries that are XML, where that is not all of it.
    pub words: HashMap<String, Arc<str>>,
    /// Files of the registry.
    pub registry: Arc<BTreeMap<String, Arc<str>>>,
}

impl Entries {
    /// True when there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        self.local.is_empty() && self.registry.is_empty()
    }

    /// The text of a local entry.
    pub fn local(&self, key: &str) -> Option<&str> {
        self.local.get(key).map(|text| &**text)
    }

    /// What an expression gets of a local entry.
    pub fn words(&self, key: &str) -> Option<&str> {
        let words = self.words.get(key).map(|words| &**words);
        words.or_else(|| self.local(key))
    }

    /// The text of a file of the registry. A local entry of the same key hides it.
    pub fn registry(&self, key: &str) -> Option<&str> {
        self.local(key)
            .or_else(|| self.registry.get(&registry_path(key)).map(|text| &**text))
    }
}

/// The file of the registry that a key means; products write some with a prefix.
pub fn registry_path(key: &str) -> String {
    match key.split_once(':') {
        Some(("conf", path)) => format!("config/{}", path.trim_start_matches('/')),
        Some(("gov", path)) => format!("governance/{}", path.trim_start_matches('/')),
        _ => key.trim_start_matches('/').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_entry_hides_a_file_and_products_write_keys_with_a_prefix() {
        let texts = |list: &[(&str, &str)]| -> Vec<(String, Arc<str>)> {
            let owned = list.iter().map(|(k, v)| ((*k).to_owned(), Arc::from(*v)));
            owned.collect()
        };
        let entries = Entries {
            local: texts(&[("a", "local")]).into_iter().collect(),
            words: texts(&[("a", "words")]).into_iter().collect(),
            registry: Arc::new(
                texts(&[("a", "file"), ("x/b", "b"), ("config/c", "c")])
                    .into_iter()
                    .collect(),
            ),
        };
        for (key, text) in [
            ("a", Some("local")),
            ("x/b", Some("b")),
            ("/x/b", Some("b")),
            ("conf:/c", Some("c")),
            ("conf:c", Some("c")),
            ("gov:/c", None),
            ("b", None),
        ] {
            assert_eq!(entries.registry(key), text, "{key}");
        }
        assert_eq!(
            (entries.local("a"), entries.local("x/b")),
            (Some("local"), None)
        );
        assert_eq!(
            (entries.words("a"), entries.words("x/b")),
            (Some("words"), None)
        );
    }
}
