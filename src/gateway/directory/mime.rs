//! Media types by extension: what the file maps, and behind it the list that the original brings along.

use std::collections::HashMap;
use std::path::Path;

use crate::config::gateway::model::MimeMapping;

/// Plain text is not among them, as in the original (recorded).
const BUILT_IN: &[(&str, &str)] = &[
    ("html", "text/html"),
    ("htm", "text/html"),
    ("js", "text/javascript"),
    ("mjs", "text/javascript"),
    ("css", "text/css"),
    ("json", "application/json"),
    ("xml", "application/xml"),
    ("gif", "image/gif"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("ico", "image/x-icon"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("wasm", "application/wasm"),
    ("jar", "application/java-archive"),
    ("swf", "application/x-shockwave-flash"),
    ("xap", "application/x-silverlight-app"),
    ("jnlp", "application/x-java-jnlp-file"),
    ("manifest", "text/cache-manifest"),
    ("appcache", "text/cache-manifest"),
    ("vtt", "text/vtt"),
];

/// Media types of a service.
#[derive(Debug)]
pub(super) struct Types(HashMap<String, String>);

impl Types {
    /// The lists in front win.
    pub fn of(lists: &[&[MimeMapping]]) -> Types {
        let mut types = HashMap::new();
        for mapping in lists.iter().flat_map(|list| list.iter()) {
            let entry = types.entry(mapping.extension.clone());
            entry.or_insert_with(|| mapping.media_type.clone());
        }
        for (extension, kind) in BUILT_IN {
            let entry = types.entry((*extension).to_owned());
            entry.or_insert_with(|| (*kind).to_owned());
        }
        Types(types)
    }

    /// The type of a file, when its extension has one.
    pub fn find(&self, path: &Path) -> Option<&str> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        self.0.get(&extension).map(String::as_str)
    }
}
