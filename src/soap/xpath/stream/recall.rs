//! How the header looked that a path found its text in.
//!
//! Messages of one client differ in what their header says and hardly ever in how it is written. Where the bytes around
//! the text are those of the last time, the path leads to the text between them, and nothing has to be read.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::header::is_plain;

/// Most bytes of a header that are kept.
const BYTES_MAX: usize = 4096;
/// Headers that a thread keeps, of so many paths.
const KEPT_MAX: usize = 16;

/// Tells paths apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PathId(u64);

impl PathId {
    pub(super) fn next() -> PathId {
        static LAST: AtomicU64 = AtomicU64::new(0);
        PathId(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

struct Known {
    path: PathId,
    before: Box<[u8]>,
    behind: Box<[u8]>,
}

thread_local! {
    static KNOWN: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// The text that the path leads to, where the header is written as the one that is kept.
pub(super) fn text(path: PathId, bytes: &[u8]) -> Option<String> {
    KNOWN.with_borrow(|known| {
        let known = known.iter().find(|known| known.path == path)?;
        let rest = bytes.strip_prefix(&*known.before)?;
        let length = memchr::memchr(b'<', rest)?;
        let (text, rest) = rest.split_at_checked(length)?;
        let text = std::str::from_utf8(text).ok()?;
        let same = rest.starts_with(&known.behind) && is_plain(text.as_bytes());
        (same && !text.trim().is_empty()).then(|| text.to_owned())
    })
}

/// Keeps a header in place of the last one of that path: what stands before the text and what stands behind it.
pub(super) fn keep(path: PathId, before: &[u8], behind: &[u8]) {
    if before.len() + behind.len() > BYTES_MAX {
        return;
    }
    KNOWN.with_borrow_mut(|known| {
        known.retain(|known| known.path != path);
        if known.len() >= KEPT_MAX {
            known.remove(0);
        }
        known.push(Known {
            path,
            before: before.into(),
            behind: behind.into(),
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_may_differ() {
        let path = PathId::next();
        assert_eq!(text(path, b"<a>x</a>"), None);
        keep(path, b"<a>", b"</a>");
        for (bytes, want) in [
            (&b"<a>x</a>"[..], Some("x")),
            (b"<a> other text </a><more", Some(" other text ")),
            (b"<a>x</b>", None),
            (b"<b>x</a>", None),
            (b"<a>x<b/></a>", None),
            (b"<a></a>", None),
            (b"<a> </a>", None),
            (b"<a>&lt;</a>", None),
            (b"<a>x]</a>", None),
            (b"<a>\xc3\xa9</a>", None),
            (b"<a>x</", None),
            (b"<a>x", None),
        ] {
            assert_eq!(text(path, bytes).as_deref(), want, "{bytes:?}");
        }
        assert_eq!(text(PathId::next(), b"<a>x</a>"), None);
    }

    #[test]
    fn few_headers_are_kept_and_no_long_ones() {
        let paths: Vec<PathId> = (0..=KEPT_MAX).map(|_| PathId::next()).collect();
        for path in &paths {
            keep(*path, b"<a>", b"</a>");
            keep(*path, b"<b>", b"</b>");
        }
        assert_eq!(text(paths[0], b"<b>x</b>"), None);
        for path in &paths[1..] {
            assert_eq!(text(*path, b"<a>x</a>"), None);
            assert_eq!(text(*path, b"<b>x</b>").as_deref(), Some("x"));
        }
        let long = PathId::next();
        keep(long, &vec![b'a'; BYTES_MAX], b"<");
        assert_eq!(
            text(long, &[&vec![b'a'; BYTES_MAX][..], b"x<"].concat()),
            None
        );
    }
}
