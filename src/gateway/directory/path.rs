//! The path of a request as a path below a folder.

use std::path::PathBuf;

/// Decodes a path; `None` when it would leave the folder, or names nothing that a file can be called.
pub(super) fn inside(rest: &[u8]) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for segment in decode(rest)?.split('/') {
        match segment {
            "" | "." => {}
            ".." => return None,
            name if name.contains(['\\', '\0']) => return None,
            name => path.push(name),
        }
    }
    Some(path)
}

/// Takes `%XX` out; `None` for a broken one, or for what is not UTF-8 then.
fn decode(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            out.push(byte);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        // from_str_radix would take a sign.
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        out.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_leaves_the_folder() {
        for path in [
            "/../x",
            "/a/../../x",
            "/%2e%2e/x",
            "/a/%2E%2e/x",
            "/..%2fx",
            "/a\\..\\x",
            "/%00",
            "/%",
            "/%2",
            "/%+1",
            "/%ff",
        ] {
            assert_eq!(inside(path.as_bytes()), None, "{path}");
        }
        for (path, file) in [
            ("", ""),
            ("/", ""),
            ("/a//b/./c.txt", "a/b/c.txt"),
            ("/sp%20ace.txt", "sp ace.txt"),
            ("/...", "..."),
            ("/%C3%A9", "\u{e9}"),
        ] {
            assert_eq!(inside(path.as_bytes()), Some(file.into()), "{path}");
        }
    }
}
