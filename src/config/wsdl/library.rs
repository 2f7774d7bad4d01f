//! Documents that lie in files, while a configuration is loaded.
//!
//! A relative path is looked for in the folder of the file that names it, then in the configuration root, then in the
//! working directory (design 12). What was read is remembered, so that a reload knows whether anything changed.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::choose::Chosen;
use super::collect::{Collector, Documents};
use super::document::text_of;
use super::location::{Location, Written};
use super::{Collect, MAX_DOCUMENT_BYTES, Name};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{WsdlDef, WsdlSource};
use crate::config::source::{FileId, Sources, Span, Spanned};

/// A file that a load depended on, besides the configuration itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSeen {
    path: PathBuf,
    /// Hash of what it held; nothing when it was not there.
    content: Option<u64>,
}

impl FileSeen {
    /// A file as it is now.
    pub fn of(path: &Path) -> FileSeen {
        FileSeen {
            content: read(path).ok().map(|bytes| hash(&bytes)),
            path: path.to_owned(),
        }
    }

    /// True while the file holds what it held.
    pub fn is_unchanged(&self) -> bool {
        let content = read(&self.path).ok().map(|bytes| hash(&bytes));
        content == self.content
    }
}

/// Where a WSDL endpoint leads, as far as its load can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The document was read and has the port; its place, unless it is written inline.
    Known(Option<Location>, Chosen),
    /// The document is on the network, which a load does not use.
    Later(String),
    /// What is wrong, as it was reported.
    Broken(Spanned<String>),
}

/// Reads documents for the endpoints of one configuration.
pub struct Library<'a> {
    sources: &'a Sources,
    root: &'a Path,
    seen: RefCell<Vec<FileSeen>>,
    used: RefCell<HashSet<String>>,
    /// Several endpoints often name one document.
    read: RefCell<HashMap<PathBuf, Rc<Result<Documents, String>>>>,
}

impl<'a> Library<'a> {
    /// A library for a configuration.
    pub fn new(sources: &'a Sources, root: &'a Path) -> Self {
        Self {
            sources,
            root,
            seen: RefCell::default(),
            used: RefCell::default(),
            read: RefCell::default(),
        }
    }

    /// The files that were read or looked for.
    pub fn into_seen(self) -> Vec<FileSeen> {
        self.seen.into_inner()
    }

    /// Finds out where an endpoint leads; reports what is wrong.
    pub fn resolve(&self, def: &WsdlDef, diagnostics: &mut Diagnostics) -> Resolution {
        let (documents, place, location) = match &def.source {
            WsdlSource::Inline(text) => {
                let documents = self.inline(text);
                (Rc::new(documents), text.span, None)
            }
            WsdlSource::Uri(uri) => match self.place(uri) {
                // A `uri` never means a resource.
                Ok(Location::Url(url) | Location::Resource(url)) => return Resolution::Later(url),
                Ok(Location::File(path)) => {
                    let documents = self.documents(&path);
                    (documents, uri.span, Some(Location::File(path)))
                }
                Err(problem) => {
                    let help = DiagnosticCode::WsdlUnreadable.row().help.to_owned();
                    let code = DiagnosticCode::WsdlUnreadable;
                    return broken(code, uri.span, problem, help, diagnostics);
                }
            },
        };
        let documents = match &*documents {
            Ok(documents) => documents,
            Err(problem) => {
                let row = DiagnosticCode::WsdlUnreadable.row();
                let message = format!("the WSDL cannot be read: {problem}");
                return broken(row.code, place, message, row.help.to_owned(), diagnostics);
            }
        };
        for note in &documents.notes {
            let row = DiagnosticCode::WsdlImport.row();
            diagnostics.warn(row.code, place, format!("{}: {note}", row.text), row.help);
        }
        match choose(documents, &def.service, &def.port) {
            Ok(chosen) => Resolution::Known(location, chosen),
            Err(refused) => {
                let Refused {
                    code,
                    span,
                    message,
                    help,
                } = refused;
                broken(code, span, message, help, diagnostics)
            }
        }
    }

    /// Where a `uri` leads: a URL, or the first file of that path.
    pub fn place(&self, uri: &Spanned<String>) -> Result<Location, String> {
        match Written::parse(&uri.value)? {
            Written::Url(url) => Ok(Location::Url(url)),
            Written::Path(path) => self.find(uri.span.file, &path).map(Location::File),
        }
    }

    /// The text at a place; of files only.
    pub(super) fn text_at(&self, place: &Location) -> Result<String, String> {
        match place {
            Location::File(path) => text_of(&self.bytes(path)?),
            _ => Err("resources are read from files only".to_owned()),
        }
    }

    /// Remembers that a local entry is used.
    pub(super) fn use_entry(&self, key: &str) {
        self.used.borrow_mut().insert(key.to_owned());
    }

    /// True for a local entry that something published uses.
    pub fn is_used(&self, key: &str) -> bool {
        self.used.borrow().contains(key)
    }

    /// The path of a configuration file.
    pub(super) fn path_of(&self, file: FileId) -> PathBuf {
        self.sources.file(file).path.clone()
    }

    fn find(&self, from: FileId, path: &Path) -> Result<PathBuf, String> {
        let mut tried: Vec<PathBuf> = Vec::new();
        for folder in [self.folder(from), self.root, Path::new("")] {
            let candidate = folder.join(path);
            if candidate.is_file() {
                return Ok(candidate);
            }
            if !tried.contains(&candidate) {
                tried.push(candidate);
            }
        }
        let names: Vec<_> = tried.iter().map(|p| p.display().to_string()).collect();
        let missing = tried.into_iter().map(|path| FileSeen {
            path,
            content: None,
        });
        self.seen.borrow_mut().extend(missing);
        Err(format!("there is no file {}", names.join(", nor ")))
    }

    fn folder(&self, file: FileId) -> &Path {
        let path = &self.sources.file(file).path;
        path.parent().unwrap_or(Path::new(""))
    }

    /// The documents of a file and its imports; network imports are notes.
    fn documents(&self, path: &Path) -> Rc<Result<Documents, String>> {
        if let Some(known) = self.read.borrow().get(path) {
            return known.clone();
        }
        let documents = Rc::new(self.collect(Collector::new(Location::File(path.to_owned()))));
        self.read
            .borrow_mut()
            .insert(path.to_owned(), documents.clone());
        documents
    }

    fn inline(&self, text: &Spanned<String>) -> Result<Documents, String> {
        // The document is the configuration file as far as its imports are concerned.
        let here = Location::File(self.sources.file(text.span.file).path.clone());
        let mut collector = Collector::new(here.clone());
        collector.supply(Ok((text.value.as_bytes(), &here)));
        self.collect(collector)
    }

    pub(super) fn collect<C: Collect>(&self, mut collector: C) -> Result<C::Out, String> {
        while let Some(location) = collector.next().cloned() {
            let bytes = match &location {
                Location::Url(_) | Location::Resource(_) => {
                    Err("documents of a file are not fetched".to_owned())
                }
                Location::File(path) => self.bytes(path),
            };
            match &bytes {
                Ok(bytes) => collector.supply(Ok((bytes, &location))),
                Err(problem) => collector.supply(Err(problem.clone())),
            }
        }
        collector.finish()
    }

    fn bytes(&self, path: &Path) -> Result<Vec<u8>, String> {
        let bytes = read(path);
        self.seen.borrow_mut().push(FileSeen {
            path: path.to_owned(),
            content: bytes.as_ref().ok().map(|b| hash(b)),
        });
        bytes.map_err(|error| error.to_string())
    }
}

/// Why a port cannot be used, where that is written and what to do.
struct Refused {
    code: DiagnosticCode,
    span: Span,
    message: String,
    help: String,
}

fn choose(
    documents: &Documents,
    service: &Spanned<Name>,
    port: &Spanned<Name>,
) -> Result<Chosen, Refused> {
    use super::choose::Problem;
    let problem = match documents.choose(&service.value, &port.value) {
        Ok(chosen) => return usable(chosen, port.span),
        Err(problem) => problem,
    };
    let (code, span) = match &problem {
        Problem::Service(..) => (DiagnosticCode::WsdlService, service.span),
        Problem::Port(..) => (DiagnosticCode::WsdlPort, port.span),
        Problem::Address(_) | Problem::Binding(_) => (DiagnosticCode::WsdlAddress, port.span),
    };
    let help = match problem.meant() {
        Some(meant) => format!("did you mean {meant}?"),
        None => code.row().help.to_owned(),
    };
    let message = match documents.notes.is_empty() {
        true => problem.to_string(),
        false => format!("{problem}; not all imports could be read"),
    };
    Err(Refused {
        code,
        span,
        message,
        help,
    })
}

fn usable(chosen: Chosen, span: Span) -> Result<Chosen, Refused> {
    let code = DiagnosticCode::WsdlAddress;
    match crate::config::endpoint::unusable_address(&chosen.address) {
        None => Ok(chosen),
        Some(problem) => Err(Refused {
            code,
            span,
            message: format!("the port leads to \"{}\": {problem}", chosen.address),
            help: code.row().help.to_owned(),
        }),
    }
}

fn broken(
    code: DiagnosticCode,
    span: Span,
    message: String,
    help: String,
    diagnostics: &mut Diagnostics,
) -> Resolution {
    diagnostics.error_help(code, span, message.clone(), help);
    Resolution::Broken(Spanned::new(message, span))
}

/// Reads a file, at most one byte more than a document may have.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_DOCUMENT_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::loader;
    use crate::config::model::EndpointKind;
    use crate::config::wsdl::PortFormat;
    use crate::config::wsdl::document::tests::wsdl11;

    const PORT: &str =
        "<w:port name='P' binding='t:B11'><s:address location='http://a/'/></w:port>";

    /// Loads `conf/e.xml` with this `wsdl` element beside these files.
    fn resolve(
        wsdl: &str,
        files: &[(&str, &str)],
    ) -> (Resolution, Vec<(DiagnosticCode, String)>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let text =
            format!("<endpoint xmlns='http://ws.apache.org/ns/synapse' name='e'>{wsdl}</endpoint>");
        for (name, text) in files
            .iter()
            .copied()
            .chain([("conf/endpoints/e.xml", text.as_str())])
        {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let (model, mut diagnostics) =
            loader::load(&[folder.path().join("conf")], Path::new("none"));
        let EndpointKind::Wsdl(def) = &model.endpoints[0].kind else {
            panic!("{:?}", diagnostics.list());
        };
        let library = Library::new(&model.sources, &model.root);
        let resolution = library.resolve(def, &mut diagnostics);
        let seen = library.into_seen();
        let problems = diagnostics.into_sorted();
        let problems = problems.into_iter().map(|d| (d.code, d.message)).collect();
        (
            resolution,
            problems,
            seen.iter().all(FileSeen::is_unchanged),
        )
    }

    fn known(wsdl: &str, files: &[(&str, &str)]) -> String {
        match resolve(wsdl, files) {
            (Resolution::Known(_, chosen), problems, true) => {
                assert_eq!(problems, [], "{wsdl}");
                assert_eq!(chosen.format, PortFormat::Soap11);
                chosen.address
            }
            other => panic!("{wsdl}: {other:?}"),
        }
    }

    #[test]
    fn a_relative_path_begins_at_the_file_then_at_the_root() {
        let (text, other) = (wsdl11(PORT), wsdl11(&PORT.replace("//a/", "//b/")));
        let endpoint = "<wsdl uri='file:w/q.wsdl' service='Quote' port='P'/>";
        let beside = ("conf/endpoints/w/q.wsdl", text.as_str());
        let in_root = ("conf/w/q.wsdl", other.as_str());
        assert_eq!(known(endpoint, &[beside, in_root]), "http://a/");
        assert_eq!(known(endpoint, &[in_root]), "http://b/");
    }

    #[test]
    fn imports_are_relative_to_the_document_that_makes_them() {
        let main = format!(
            "<definitions xmlns='{}'><import location='parts/service.wsdl'/></definitions>",
            crate::config::wsdl::WSDL11
        );
        let files = [
            ("conf/main.wsdl", main.as_str()),
            ("conf/parts/service.wsdl", &wsdl11(PORT)),
        ];
        let endpoint = "<wsdl uri='main.wsdl' service='Quote' port='P'/>";
        assert_eq!(known(endpoint, &files), "http://a/");
        // A part that is not there: the message says that something is lacking.
        let (_, problems, _) = resolve(endpoint, &files[..1]);
        let codes: Vec<_> = problems.iter().map(|p| p.0).collect();
        assert_eq!(
            codes,
            [DiagnosticCode::WsdlImport, DiagnosticCode::WsdlService]
        );
        assert!(problems[1].1.contains("not all imports"), "{problems:?}");
    }

    #[test]
    fn an_inline_document_is_read_where_it_stands() {
        let endpoint = format!("<wsdl service='Quote' port='P'>{}</wsdl>", wsdl11(PORT));
        assert_eq!(known(&endpoint, &[]), "http://a/");
    }

    #[test]
    fn a_url_is_left_for_later() {
        let (resolution, problems, _) = resolve(
            "<wsdl uri='http://127.0.0.1:1/x?wsdl' service='Quote' port='P'/>",
            &[],
        );
        assert_eq!(
            resolution,
            Resolution::Later("http://127.0.0.1:1/x?wsdl".to_owned())
        );
        assert_eq!(problems, []);
    }

    #[test]
    fn what_is_wrong_is_reported_with_what_there_is() {
        let text = wsdl11(&format!(
            "{PORT}<w:port name='J' binding='t:B11'><s:address location='jms:/q'/></w:port>"
        ));
        let files = [("conf/q.wsdl", text.as_str()), ("conf/not.wsdl", "<html/>")];
        for (attributes, code, says) in [
            (
                "uri='q.wsdl' service='Quotes' port='P'",
                DiagnosticCode::WsdlService,
                "services: Quote",
            ),
            (
                "uri='q.wsdl' service='Quote' port='X'",
                DiagnosticCode::WsdlPort,
                "ports: P, J",
            ),
            (
                "uri='q.wsdl' service='Quote' port='J'",
                DiagnosticCode::WsdlAddress,
                "jms",
            ),
            (
                "uri='none.wsdl' service='Quote' port='P'",
                DiagnosticCode::WsdlUnreadable,
                "none.wsdl",
            ),
            (
                "uri='not.wsdl' service='Quote' port='P'",
                DiagnosticCode::WsdlUnreadable,
                "html",
            ),
        ] {
            let (resolution, problems, unchanged) =
                resolve(&format!("<wsdl {attributes}/>"), &files);
            assert!(
                matches!(resolution, Resolution::Broken(_)),
                "{resolution:?}"
            );
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].0, code);
            assert!(problems[0].1.contains(says), "{problems:?}");
            assert!(unchanged);
        }
    }
}
