//! A definition and everything that it imports: what to read next, and when it is enough.
//!
//! Does no reading itself. Bounds: [`MAX_DOCUMENTS`], [`MAX_IMPORT_DEPTH`], [`MAX_TOTAL_BYTES`]; a document is read once, so circles end. What
//! an import lacks is a note: the service may well be found without it.

use std::collections::{HashSet, VecDeque};

use super::document::{Document, NoDocument};
use super::location::Location;
use super::{Collect, MAX_DOCUMENTS, MAX_IMPORT_DEPTH, MAX_TOTAL_BYTES};

/// The documents of one definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documents {
    /// The first one is the one that was asked for.
    pub list: Vec<Document>,
    /// What could not be read of the others.
    pub notes: Vec<String>,
}

/// Collects the documents of one definition.
#[derive(Debug)]
pub struct Collector {
    wanted: VecDeque<(Location, usize)>,
    seen: HashSet<Location>,
    list: Vec<Document>,
    notes: Vec<String>,
    bytes: usize,
    failed: Option<String>,
}

impl Collector {
    /// Starts with the document at a place.
    pub fn new(root: Location) -> Self {
        Self {
            seen: HashSet::from([root.clone()]),
            wanted: VecDeque::from([(root, 0)]),
            list: Vec::new(),
            notes: Vec::new(),
            bytes: 0,
            failed: None,
        }
    }
}

impl Collect for Collector {
    type Out = Documents;

    fn next(&self) -> Option<&Location> {
        self.wanted.front().map(|(location, _)| location)
    }

    fn supply(&mut self, bytes: Result<(&[u8], &Location), String>) {
        let Some((location, depth)) = self.wanted.pop_front() else {
            return;
        };
        self.bytes += bytes.as_ref().map_or(0, |(bytes, _)| bytes.len());
        let parsed = match bytes {
            Ok(_) if self.bytes > MAX_TOTAL_BYTES => {
                self.wanted.clear();
                Err("the definition is larger than 16 MiB with its imports".to_owned())
            }
            Ok((bytes, from)) => match Document::parse(bytes) {
                Ok(document) => Ok((document, from.clone())),
                // A schema that is imported like a definition has no services.
                Err(NoDocument::Other(_)) if depth > 0 => return,
                Err(problem) => Err(problem.to_string()),
            },
            Err(problem) => Err(problem),
        };
        match parsed {
            Ok((document, from)) => {
                self.seen.insert(from.clone());
                for import in &document.imports {
                    self.want(&from, import, depth + 1);
                }
                self.list.push(document);
            }
            Err(problem) if depth == 0 => {
                self.wanted.clear();
                self.failed = Some(format!("{location}: {problem}"));
            }
            Err(problem) => self.notes.push(format!("import {location}: {problem}")),
        }
    }

    fn finish(self) -> Result<Documents, String> {
        match self.failed {
            Some(problem) => Err(problem),
            None => Ok(Documents {
                list: self.list,
                notes: self.notes,
            }),
        }
    }
}

impl Collector {
    fn want(&mut self, from: &Location, reference: &str, depth: usize) {
        match from.refer(reference) {
            Err(problem) => self.notes.push(format!("import {reference}: {problem}")),
            Ok(location) if self.seen.contains(&location) => {}
            Ok(location) if depth > MAX_IMPORT_DEPTH => {
                let why = format!("imports nest deeper than {MAX_IMPORT_DEPTH}");
                self.notes.push(format!("import {location}: {why}"));
            }
            Ok(_) if self.seen.len() >= MAX_DOCUMENTS => {
                let note = format!("more than {MAX_DOCUMENTS} documents; the rest is left out");
                if self.notes.last() != Some(&note) {
                    self.notes.push(note);
                }
            }
            Ok(location) => {
                self.seen.insert(location.clone());
                self.wanted.push_back((location, depth));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::wsdl::WSDL11;

    fn wsdl(imports: &[&str]) -> String {
        let imports: String = imports
            .iter()
            .map(|i| format!("<import location='{i}'/>"))
            .collect();
        format!("<definitions xmlns='{WSDL11}'>{imports}</definitions>")
    }

    /// Reads from a world of named documents; gives the names in the order of reading.
    fn collect(world: impl Fn(&str) -> Option<String>) -> (Vec<String>, Result<Documents, String>) {
        let mut collector = Collector::new(Location::Url("http://h/a".to_owned()));
        let mut read = Vec::new();
        while let Some(location) = collector.next().cloned() {
            let name = location.to_string().replace("http://h/", "");
            match world(&name) {
                Some(text) => collector.supply(Ok((text.as_bytes(), &location))),
                None => collector.supply(Err("not found".to_owned())),
            }
            read.push(name);
        }
        (read, collector.finish())
    }

    #[test]
    fn imports_are_followed_once_and_circles_end() {
        let (read, documents) = collect(|name| {
            Some(match name {
                "a" => wsdl(&["b", "x/c", "a"]),
                "b" => wsdl(&["a", "x/c"]),
                _ => wsdl(&["../b", "d"]),
            })
        });
        assert_eq!(read, ["a", "b", "x/c", "x/d"]);
        assert_eq!(documents.unwrap().list.len(), 4);
    }

    #[test]
    fn a_missing_import_is_a_note_and_a_missing_root_is_the_end() {
        let (_, documents) = collect(|name| (name == "a").then(|| wsdl(&["b", "file:/etc/x"])));
        let notes = documents.unwrap().notes;
        assert!(notes[0].contains("file"), "{notes:?}");
        assert!(notes[1].contains("http://h/b: not found"), "{notes:?}");
        assert_eq!(collect(|_| None).1, Err("http://h/a: not found".to_owned()));
    }

    #[test]
    fn an_imported_schema_is_no_mistake() {
        let (_, documents) = collect(|name| {
            Some(match name {
                "a" => wsdl(&["s.xsd"]),
                _ => "<schema xmlns='http://www.w3.org/2001/XMLSchema'/>".to_owned(),
            })
        });
        let documents = documents.unwrap();
        assert_eq!((documents.list.len(), documents.notes.len()), (1, 0));
    }

    #[test]
    fn number_and_depth_are_bounded() {
        let (read, documents) = collect(|name| {
            let n: usize = name.trim_start_matches('n').parse().unwrap_or(0);
            Some(wsdl(&[&format!("n{}", n + 1)]))
        });
        assert_eq!(read.len(), MAX_IMPORT_DEPTH + 1);
        assert_eq!(documents.unwrap().notes.len(), 1);

        let many: Vec<String> = (0..100).map(|n| format!("m{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (read, documents) = collect(|name| Some(wsdl(if name == "a" { &many } else { &[] })));
        assert_eq!(read.len(), MAX_DOCUMENTS);
        assert_eq!(documents.unwrap().notes.len(), 1);
    }
}
