//! Files and places in them.

use std::path::{Path, PathBuf};

/// A file of the set that was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A byte range in the decoded (UTF-8) text of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins a value and its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// Line and column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One file: its path as the user would name it, and its text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path as given or as found below the given folder.
    pub path: PathBuf,
    /// Decoded text.
    pub text: String,
    line_starts: Vec<u32>,
    /// Every character is one byte: a column is found without counting.
    ascii: bool,
    /// It holds passwords: nothing of it is shown.
    secret: bool,
}

impl SourceFile {
    /// True for a file whose text is nobody's to see.
    pub fn is_secret(&self) -> bool {
        self.secret
    }
}

/// All files of one load.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file and gives its id.
    pub fn add(&mut self, path: &Path, text: String) -> FileId {
        let mut line_starts = vec![0];
        line_starts.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at as u32 + 1));
        self.files.push(SourceFile {
            path: path.to_owned(),
            ascii: text.is_ascii(),
            text,
            line_starts,
            secret: false,
        });
        FileId(self.files.len() as u32 - 1)
    }

    /// Has the text of a file shown to nobody, whatever is wrong in it.
    pub fn hide(&mut self, file: FileId) {
        self.files[file.0 as usize].secret = true;
    }

    /// The file of an id that [`add`](Self::add) gave.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// All files, in the order of loading.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// True when no file was read.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Line and column of a byte offset.
    pub fn position(&self, file: FileId, offset: u32) -> Position {
        let source = self.file(file);
        let line = source.line_starts.partition_point(|&start| start <= offset);
        let start = source.line_starts[line - 1] as usize;
        let end = (offset as usize).min(source.text.len());
        let before = source.text.get(start..end).filter(|_| !source.ascii);
        let column = before.map_or(end.saturating_sub(start), |t| t.chars().count()) as u32 + 1;
        Position {
            line: line as u32,
            column,
        }
    }

    /// The text of a line that [`position`](Self::position) gave, without its line break.
    pub fn line(&self, file: FileId, line: u32) -> &str {
        let source = self.file(file);
        let at = (line as usize).saturating_sub(1);
        let start = source
            .line_starts
            .get(at)
            .map_or(source.text.len(), |&s| s as usize);
        let end = source
            .line_starts
            .get(at + 1)
            .map_or(source.text.len(), |&e| e as usize);
        source.text[start..end].trim_end_matches(['\r', '\n'])
    }

    /// `file:line:column` of the start of a span.
    pub fn locate(&self, span: Span) -> String {
        let at = self.position(span.file, span.start);
        format!(
            "{}:{}:{}",
            self.file(span.file).path.display(),
            at.line,
            at.column
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_lines_from_one() {
        let mut sources = Sources::default();
        let id = sources.add(Path::new("a.xml"), "ab\nçd\n".to_owned());
        assert_eq!(sources.position(id, 0), Position { line: 1, column: 1 });
        assert_eq!(sources.position(id, 5), Position { line: 2, column: 2 });
        assert_eq!(
            sources.locate(Span {
                file: id,
                start: 3,
                end: 4
            }),
            "a.xml:2:1"
        );
        let lines = [1, 2, 3, 4].map(|line| sources.line(id, line));
        assert_eq!(lines, ["ab", "çd", "", ""]);
    }
}
