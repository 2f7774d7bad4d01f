//! The files of a registry: a folder, read whole when the configuration is loaded (spec/mediation.md 6).
//!
//! A key is the path of a file below the folder. Reading everything at once keeps the disk away from the messages, and
//! makes all of them see the same state of the folder; whoever wants changes looks at [`print`] now and then.
//!
//! Bounds: 2,000 files, 1 MiB each and 16 MiB together, 16 folders deep. What is not text, or hidden, is not read.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Most files of a registry.
pub const FILES_MAX: usize = 2_000;
/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most bytes of all files.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Deepest folder.
const DEPTH_MAX: usize = 16;

/// The texts of a registry.
#[derive(Debug, Default)]
pub struct Texts {
    /// Text by key.
    pub texts: BTreeMap<String, Arc<str>>,
    /// True when there was more than is read.
    pub cut: bool,
}

/// What a look at the folder tells about whether anything has changed: path, length and time of every file.
pub type Print = Vec<(String, u64, Option<SystemTime>)>;

/// Reads the files.
pub fn read(folder: &Path) -> Texts {
    let mut found = Texts::default();
    let mut bytes = 0;
    let all = each_file(folder, &mut |key, path, length| {
        if length > FILE_BYTES_MAX || bytes + length > BYTES_MAX {
            found.cut = true;
            return;
        }
        if let Some(text) = text(path) {
            bytes += text.len() as u64;
            found.texts.insert(key, text.into());
        }
    });
    found.cut |= !all;
    found
}

/// Looks at the files without reading them.
pub fn print(folder: &Path) -> Print {
    let mut print = Vec::new();
    each_file(folder, &mut |key, path, length| {
        let changed = std::fs::metadata(path).and_then(|m| m.modified()).ok();
        print.push((key, length, changed));
    });
    print
}

fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

/// Calls with key, path and length of each file, by name; false when there are more files than are read.
fn each_file(folder: &Path, visit: &mut dyn FnMut(String, &Path, u64)) -> bool {
    let mut left = FILES_MAX;
    let mut todo = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = todo.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        let mut entries: Vec<_> = entries.filter_map(Result::ok).take(FILES_MAX + 1).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
                continue;
            };
            let (path, key) = (entry.path(), format!("{prefix}{name}"));
            // A link counts as what it leads to; the depth ends circles.
            let Ok(what) = std::fs::metadata(&path) else {
                continue;
            };
            if what.is_dir() && depth < DEPTH_MAX {
                todo.push((path, format!("{key}/"), depth + 1));
            } else if what.is_file() {
                if left == 0 {
                    return false;
                }
                left -= 1;
                visit(key, &path, what.len());
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_read_by_their_path_and_a_change_shows() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/list"), "http://h/\n").unwrap();
        fs::write(root.join("top.xml"), "<x/>").unwrap();
        fs::write(root.join(".hidden"), "x").unwrap();
        fs::write(root.join("binary"), [0xff, 0xfe, 0x00]).unwrap();
        let found = read(root);
        let keys: Vec<&str> = found.texts.keys().map(String::as_str).collect();
        assert_eq!((keys, found.cut), (vec!["a/b/list", "top.xml"], false));
        assert_eq!(&*found.texts["a/b/list"], "http://h/\n");
        let before = print(root);
        assert_eq!(before, print(root));
        fs::write(root.join("top.xml"), "<xx/>").unwrap();
        assert_ne!(before, print(root));
        assert!(read(&root.join("none")).texts.is_empty());
    }

    #[test]
    fn more_files_than_the_bound_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..=FILES_MAX {
            fs::write(dir.path().join(format!("{n:05}")), "").unwrap();
        }
        let found = read(dir.path());
        assert_eq!((found.texts.len(), found.cut), (FILES_MAX, true));
        fs::write(
            dir.path().join("00000"),
            vec![b'x'; FILE_BYTES_MAX as usize + 1],
        )
        .unwrap();
        fs::remove_file(dir.path().join(format!("{FILES_MAX:05}"))).unwrap();
        let found = read(dir.path());
        assert_eq!((found.texts.len(), found.cut), (FILES_MAX - 1, true));
    }
}
