//! `import`: the templates of a library get the names `package.template` (spec/mediation.md 6).
//!
//! A library is a folder, or a zip file, in a folder `synapse-libs`. Its `artifacts.xml` says what it is called and of which parts
//! it is made; each part lies in a folder with an `artifact.xml`, which names the files of its templates.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::artifact::Space;
use super::{Loader, MAX_FILE_BYTES, MAX_FILES, read};
use crate::codes::DiagnosticCode;
use crate::config::SYNAPSE_NS;
use crate::config::decode::decode;
use crate::config::source::Spanned;
use crate::config::substitution::Substitution;
use crate::config::xml::{self, Element};

/// Where libraries lie, from the folder of the file, the configuration root and the working directory.
const FOLDERS: &[&str] = &[
    "synapse-libs",
    "../synapse-libs",
    "../../synapse-libs",
    "repository/conf/synapse-libs",
];
/// Most bytes of all files of a library.
const LIBRARY_MAX: u64 = 64 * 1024 * 1024;
/// What a library and a part of one begin with.
const ROOT: &str = "artifacts.xml";
const PART: &str = "artifact.xml";

/// The files of a library, by their paths inside it.
#[derive(Debug)]
struct Library {
    place: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

/// A template of a library.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    name: String,
    file: String,
}

impl Loader<'_> {
    /// Reads the library that an `import` names; one that is not there stops nothing.
    pub(super) fn import(&mut self, element: &Element) {
        let (Some(name), Some(package)) = (
            element.req_attr("name", &mut self.diagnostics),
            element.req_attr("package", &mut self.diagnostics),
        ) else {
            return;
        };
        let full = format!("{{{}}}{}", package.value.trim(), name.value.trim());
        if !self.claim(
            Space::Kind("import"),
            "import",
            &Spanned::new(full.clone(), name.span),
        ) {
            return;
        }
        let file = self.model.sources.file(name.span.file).path.clone();
        let folders = FOLDERS
            .iter()
            .filter_map(|f| self.find(&file, Path::new(f), Path::is_dir));
        let mut libraries = folders.flat_map(|folder| libraries(&folder));
        let found = libraries.find_map(|path| {
            let library = Library::open(&path)?;
            let parts = library.parts(name.value.trim(), package.value.trim())?;
            Some((library, parts))
        });
        let Some((library, parts)) = found else {
            return self.diagnostics.unsupported(
                DiagnosticCode::NotSupportedYet,
                name.span,
                format!("there is no library {full}"),
                "put it, as a folder or a zip file with an artifacts.xml, into synapse-libs beside the configuration",
            );
        };
        for part in parts {
            for listed in library.templates(&part) {
                let name = format!("{}.{}", package.value.trim(), listed.name);
                self.imported(&library, &listed, Spanned::new(name, package.span));
            }
        }
    }

    fn imported(&mut self, library: &Library, listed: &Listed, name: Spanned<String>) {
        let Some(bytes) = library.files.get(&listed.file) else {
            let message = format!("the library has no file {} for {}", listed.file, name.value);
            let help = "the artifact.xml of its part names it";
            let code = DiagnosticCode::Unreadable;
            return self.diagnostics.error_help(code, name.span, message, help);
        };
        let path = library.place.join(&listed.file);
        let text = decode(bytes).text;
        let file = self.model.sources.add(&path, text.clone());
        let folders = [self.model.root.clone(), PathBuf::new()];
        let substitution = Substitution {
            env: self.env,
            folders: &folders,
        };
        for root in xml::parse(file, &text, &substitution, &mut self.diagnostics) {
            if root.name == "template" && root.namespace == SYNAPSE_NS {
                let place = root.attribute("name").map_or(root.name_span, |n| n.span);
                self.template_of(&root, Spanned::new(name.value.clone(), place));
            }
        }
    }
}

/// What may be a library in a folder, in order.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|e| e == "zip"))
        .take(MAX_FILES)
        .collect();
    found.sort();
    found
}

impl Library {
    /// Reads it; `None` for what is none, or larger than allowed.
    fn open(path: &Path) -> Option<Library> {
        let mut files = BTreeMap::new();
        match path.is_dir() {
            true => {
                files.insert(ROOT.to_owned(), read(&path.join(ROOT)).ok()?);
                let mut left = LIBRARY_MAX;
                folder(path, "", &mut left, &mut files)?;
            }
            false => unpack(path, &mut files)?,
        }
        files.contains_key(ROOT).then(|| Library {
            place: path.to_owned(),
            files,
        })
    }

    /// The parts that a library of that name is made of; `None` for a library of another name.
    fn parts(&self, name: &str, package: &str) -> Option<Vec<String>> {
        let text = decode(self.files.get(ROOT)?).text;
        let document = manifest(&text)?;
        let is = |n: &roxmltree::Node<'_, '_>| {
            n.has_tag_name("artifact")
                && n.attribute("name") == Some(name)
                && n.attribute("package") == Some(package)
        };
        let library = document.descendants().find(is)?;
        let parts = library.children().filter(|n| n.has_tag_name("dependency"));
        let named = parts.filter_map(|part| part.attribute("artifact"));
        Some(named.map(str::to_owned).collect())
    }

    /// The templates of a part.
    fn templates(&self, part: &str) -> Vec<Listed> {
        let mut found = Vec::new();
        for (path, bytes) in &self.files {
            let Some(folder) = path.strip_suffix(PART).filter(|f| f.ends_with('/')) else {
                continue;
            };
            let text = decode(bytes).text;
            let Some(document) = manifest(&text) else {
                continue;
            };
            let root = document.root_element();
            let kind = root.attribute("type") == Some("synapse/template");
            if root.attribute("name") != Some(part) || !kind {
                continue;
            }
            let artifacts = root
                .descendants()
                .skip(1)
                .filter(|n| n.has_tag_name("artifact"));
            found.extend(artifacts.filter_map(|artifact| {
                let file = artifact.children().find(|n| n.has_tag_name("file"))?;
                Some(Listed {
                    name: artifact.attribute("name")?.to_owned(),
                    file: format!("{folder}{}", file.text()?.trim()),
                })
            }));
        }
        found
    }
}

fn manifest(text: &str) -> Option<roxmltree::Document<'_>> {
    match xml::unacceptable(text) {
        Some(_) => None,
        None => roxmltree::Document::parse(text).ok(),
    }
}

/// The XML files of a folder and of the folders in it.
fn folder(
    path: &Path,
    inside: &str,
    left: &mut u64,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Option<()> {
    for entry in std::fs::read_dir(path).ok()?.flatten() {
        let name = format!("{inside}{}", entry.file_name().to_string_lossy());
        match entry.path().is_dir() {
            true if inside.is_empty() => folder(&entry.path(), &format!("{name}/"), left, files)?,
            false if name.ends_with(".xml") => {
                let bytes = read(&entry.path()).ok()?;
                keep(name, bytes, left, files)?;
            }
            _ => {}
        }
    }
    Some(())
}

fn unpack(path: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Option<()> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).ok()?).ok()?;
    let mut left = LIBRARY_MAX;
    for at in 0..archive.len().min(MAX_FILES) {
        let entry = archive.by_index(at).ok()?;
        let name = entry.name().to_owned();
        if !name.ends_with(".xml") {
            continue;
        }
        let mut bytes = Vec::new();
        // What an archive says of its sizes is not believed.
        entry
            .take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .ok()?;
        keep(name, bytes, &mut left, files)?;
    }
    Some(())
}

fn keep(
    name: String,
    bytes: Vec<u8>,
    left: &mut u64,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Option<()> {
    let length = bytes.len() as u64;
    if length > MAX_FILE_BYTES || files.len() >= MAX_FILES {
        return None;
    }
    *left = left.checked_sub(length)?;
    files.insert(name, bytes);
    Some(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::config::diagnostic::Severity;
    use crate::config::loader::load;

    const ARTIFACTS: &str = "<artifacts><artifact name='Lib' package='a.b'><dependency artifact='part'/></artifact></artifacts>";
    const PART_XML: &str = "<artifact name='part' type='synapse/template'><subArtifacts><artifact name='t'><file>t.xml</file></artifact></subArtifacts></artifact>";
    const TEMPLATE: &str = "<template xmlns='http://ws.apache.org/ns/synapse' name='t'><parameter name='p'/><sequence><drop/></sequence></template>";
    const CONFIG: &str = "<definitions xmlns='http://ws.apache.org/ns/synapse'><import name='Lib' package='a.b'/></definitions>";

    fn files() -> [(&'static str, &'static str); 3] {
        [
            ("artifacts.xml", ARTIFACTS),
            ("lib_part/artifact.xml", PART_XML),
            ("lib_part/t.xml", TEMPLATE),
        ]
    }

    fn names(folder: &Path) -> (Vec<String>, Vec<Severity>) {
        let path = folder.join("synapse.xml");
        std::fs::write(&path, CONFIG).unwrap();
        let (model, diagnostics) = load(&[path], folder);
        let templates = model.sequence_templates.iter();
        let names = templates.map(|t| t.name.value.clone()).collect();
        let severities = diagnostics.list().iter().map(|d| d.severity).collect();
        (names, severities)
    }

    #[test]
    fn a_library_is_a_folder_or_a_zip_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(names(folder.path()), (vec![], vec![Severity::Unsupported]));
        let libraries = folder.path().join("synapse-libs");
        std::fs::create_dir_all(libraries.join("lib/lib_part")).unwrap();
        for (name, text) in files() {
            std::fs::write(libraries.join("lib").join(name), text).unwrap();
        }
        let both = (vec!["a.b.t".to_owned()], vec![]);
        assert_eq!(names(folder.path()), both);
        std::fs::remove_dir_all(libraries.join("lib")).unwrap();
        std::fs::write(libraries.join("broken.zip"), b"PK").unwrap();
        let file = std::fs::File::create(libraries.join("lib.zip")).unwrap();
        let mut archive = zip::ZipWriter::new(file);
        for (name, text) in files() {
            archive
                .start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            archive.write_all(text.as_bytes()).unwrap();
        }
        archive.finish().unwrap();
        assert_eq!(names(folder.path()), both);
    }
}
