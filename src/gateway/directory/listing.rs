//! The page that lists a folder.

use std::path::Path;

/// Most names on one page.
const NAMES_MAX: usize = 10_000;

/// Lists a folder: folders first, then files, by name. Blocks.
pub(super) fn page(folder: &Path, asked: &str) -> Option<String> {
    let mut names: Vec<(bool, String)> = std::fs::read_dir(folder)
        .ok()?
        .take(NAMES_MAX)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let is_file = !entry.path().is_dir();
            Some((is_file, entry.file_name().into_string().ok()?))
        })
        .collect();
    names.sort();
    let title = text(asked);
    let mut out = format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>Directory listing for {title}</title></head>\
         <body><h1>Index of {title}</h1><table>"
    );
    for (is_file, name) in names {
        let slash = if is_file { "" } else { "/" };
        out += &format!(
            "<tr><td><a href=\"{}{slash}\">{}{slash}</a></td></tr>",
            link(&name),
            text(&name)
        );
    }
    out += "</table></body></html>\n";
    Some(out)
}

fn text(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A name as a relative link.
fn link(name: &str) -> String {
    let mut out = String::from("./");
    for byte in name.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => out.push(char::from(b)),
            b => out += &format!("%{b:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a<b>\".txt"), "").unwrap();
        std::fs::create_dir(folder.path().join("zoo")).unwrap();
        let page = page(folder.path(), "/<x>/").unwrap();
        assert!(page.contains("<a href=\"./zoo/\">zoo/</a>"), "{page}");
        let file = "<a href=\"./a%3Cb%3E%22.txt\">a&lt;b&gt;&quot;.txt</a>";
        assert!(
            page.contains(file) && page.contains("Index of /&lt;x&gt;/"),
            "{page}"
        );
    }
}
