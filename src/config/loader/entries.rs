//! `localEntry` and `registry`: texts, endpoints and sequences by key (spec/mediation.md 6).
//!
//! A local entry is read once, from inside the element or from the file that `src` names. Of a registry all texts are kept;
//! what is an endpoint or a sequence becomes one when something refers to its key, or when a key is computed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::artifact::Space;
use super::{Loader, MAX_FILE_BYTES, Origin, read};
use crate::codes::DiagnosticCode;
use crate::config::SYNAPSE_NS;
use crate::config::decode::decode;
use crate::config::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::config::endpoint;
use crate::config::model::{
    EndpointDef, EndpointKind, EndpointUse, EntryContent, EntryDef, LoadBalanceChildren,
    RecipientsDef, RegistryDef, SequenceDef, SequenceUse, TaskTarget,
};
use crate::config::registry;
use crate::config::source::{Span, Spanned};
use crate::config::substitution::Substitution;
use crate::config::xml::{self, Element, Node, write};

/// `cachableDuration` when it is not given, as in Synapse.
const PERIOD: Duration = Duration::from_millis(1500);
/// The files are not looked at more often than this.
const PERIOD_MIN: Duration = Duration::from_millis(500);
/// The file of a registry that holds a whole configuration.
const MAIN_RESOURCE: &str = "synapse.xml";
/// The registry whose keys are paths below a root.
const URL_REGISTRY: &str = "org.apache.synapse.registry.url.SimpleURLRegistry";
/// Registries of the products on top of Synapse: a folder beside the configuration takes their place.
const PRODUCT_REGISTRIES: [&str; 2] = [
    "org.wso2.carbon.mediation.registry.WSO2Registry",
    "org.wso2.micro.integrator.registry.MicroIntegratorRegistry",
];

impl Loader<'_> {
    pub(super) fn local_entry(&mut self, element: &Element) {
        let Some(key) = element.req_attr("key", &mut self.diagnostics) else {
            return;
        };
        let key = Spanned::new(key.value.trim().to_owned(), key.span);
        if !self.claim(Space::Key, "local entry", &key) {
            return;
        }
        let src = element.attribute("src");
        let inner = element.elements().find(|e| !e.is("description"));
        let content = match (src.filter(|s| !s.value.trim().is_empty()), inner) {
            (Some(src), _) => {
                self.entry_from(key.clone(), src);
                EntryContent::Source(src.clone())
            }
            (None, Some(inner)) => {
                let text = self.source_of(inner.span);
                self.entry(key.clone(), Some(inner), &text);
                EntryContent::Text(write(inner))
            }
            (None, None) => {
                let text = element.text();
                self.entry(key.clone(), None, &text);
                EntryContent::Text(text)
            }
        };
        self.model.entries.push(EntryDef {
            key,
            content,
            element: element.clone(),
        });
    }

    fn entry_from(&mut self, key: Spanned<String>, src: &Spanned<String>) {
        let file = self.model.sources.file(src.span.file).path.clone();
        // Of another server only `publishWSDL` reads: what it does not use is reported by the mediation room.
        let Some(path) = file_of(&src.value) else {
            return;
        };
        let found = self.find(&file, &path, Path::is_file);
        let bytes = found.map(|path| read(&path).map(|bytes| (path, bytes)));
        let (path, bytes) = match bytes {
            Some(Ok((path, bytes))) if bytes.len() as u64 <= MAX_FILE_BYTES => (path, bytes),
            Some(Ok(_)) => return self.bad_src(src, "is larger than 16 MiB"),
            Some(Err(_)) => return self.bad_src(src, "cannot be read"),
            None => return self.bad_src(src, "does not exist"),
        };
        let text = decode(&bytes).text;
        let roots = self.synapse_roots(&path, &text, &mut None);
        if let Some(words) = words_of(&text) {
            self.model.words.insert(key.value.clone(), words.into());
        }
        self.entry(key, roots.first(), &text);
    }

    fn bad_src(&mut self, src: &Spanned<String>, why: &str) {
        let code = DiagnosticCode::Unreadable;
        let message = format!("the file of the local entry {why}");
        let help =
            "relative paths start at the file's folder, the configuration, the working directory";
        self.diagnostics.error_help(code, src.span, message, help);
    }

    /// Keeps an entry: as text, and as what its element is.
    fn entry(&mut self, key: Spanned<String>, root: Option<&Element>, text: &str) {
        if let Some(words) = words_of(text).filter(|_| root.is_some()) {
            self.model.words.insert(key.value.clone(), words.into());
        }
        self.model.texts.insert(key.value.clone(), text.into());
        if let Some(root) = root {
            self.keyed(key, root);
        }
    }

    /// Keeps an endpoint or a sequence under its key; anything else is text only.
    fn keyed(&mut self, key: Spanned<String>, root: &Element) {
        match root.name.as_str() {
            "endpoint" if root.is("endpoint") => {
                let before = self.diagnostics.list().len();
                let parsed = endpoint::parse(root, &mut self.diagnostics);
                let def = self.or_broken(root, parsed, before);
                self.model.keyed.push(EndpointDef {
                    name: Some(key),
                    ..def
                });
            }
            "sequence" if root.is("sequence") && root.attribute("key").is_none() => {
                self.model.sequences.push(SequenceDef {
                    name: key,
                    on_error: root.attribute("onError").cloned(),
                    apart: false,
                    element: root.clone(),
                });
            }
            _ => {}
        }
    }

    pub(super) fn registry(&mut self, element: &Element) {
        if self.model.registry.is_some() {
            self.diagnostics.warn(
                DiagnosticCode::DuplicateElement,
                element.name_span,
                "there is a registry already; this one is ignored",
                "keep one of them",
            );
            return;
        }
        let Some(provider) = element.req_attr("provider", &mut self.diagnostics) else {
            return;
        };
        let parameter = |name: &str| {
            let mut parameters = element.elements().filter(|e| e.is("parameter"));
            parameters.find(|p| p.attribute("name").is_some_and(|n| n.value.trim() == name))
        };
        let root = match provider.value.trim() {
            URL_REGISTRY => parameter("root").map(Element::text_spanned),
            name if PRODUCT_REGISTRIES.contains(&name) => {
                self.diagnostics.warn(
                    DiagnosticCode::NoEffect,
                    provider.span,
                    "this registry is a server of its own; axon reads the folder registry beside the configuration instead",
                    "conf:/KEY is registry/config/KEY, gov:/KEY is registry/governance/KEY",
                );
                Some(Spanned::new("file:registry".to_owned(), provider.span))
            }
            _ => {
                let code = DiagnosticCode::BadValue;
                let message = "no registry has that provider";
                let help = format!("write provider=\"{URL_REGISTRY}\"");
                self.diagnostics
                    .error_help(code, provider.span, message, help);
                return;
            }
        };
        let Some(root) = root.filter(|root| !root.value.is_empty()) else {
            let code = DiagnosticCode::MissingAttribute;
            let message = "the registry has no parameter root";
            let help = "add <parameter name=\"root\">file:folder/</parameter>";
            self.diagnostics
                .error_help(code, element.name_span, message, help);
            return;
        };
        let period = parameter("cachableDuration").and_then(|p| p.text().parse().ok());
        let folder = self.registry_folder(&root, provider.value.trim() == URL_REGISTRY);
        let print = folder.as_deref().map(registry::print).unwrap_or_default();
        let texts = folder.as_deref().map(registry::read).unwrap_or_default();
        if texts.cut {
            self.diagnostics.warn(
                DiagnosticCode::TooManyFiles,
                root.span,
                "the registry holds more than is read: 2,000 files, 1 MiB each, 16 MiB together",
                "name a folder that holds only what is needed",
            );
        }
        self.model.registry = Some(RegistryDef {
            folder,
            period: period.map_or(PERIOD, Duration::from_millis).max(PERIOD_MIN),
            print,
            texts: Arc::new(texts.texts),
            span: element.span,
        });
    }

    fn registry_folder(&mut self, root: &Spanned<String>, must_exist: bool) -> Option<PathBuf> {
        let file = self.model.sources.file(root.span.file).path.clone();
        let Some(path) = file_of(&root.value) else {
            self.diagnostics.unsupported(
                DiagnosticCode::NotSupportedYet,
                root.span,
                "a registry on another server is not supported yet",
                "copy it into a folder and write file:folder/",
            );
            return None;
        };
        let found = self.find(&file, &path, Path::is_dir);
        if found.is_none() && must_exist {
            self.diagnostics.warn(
                DiagnosticCode::Unreadable,
                root.span,
                "the registry's folder does not exist",
                "relative paths start at the file's folder, the configuration, the working directory",
            );
        }
        found
    }

    /// A configuration that holds nothing but a registry is the resource `synapse.xml` of that (spec/mediation.md 2). It is
    /// read again with the other files of the registry.
    pub(super) fn read_main_resource(&mut self) {
        let Some(registry) = self
            .model
            .registry
            .as_ref()
            .filter(|_| self.model.is_bare())
        else {
            return;
        };
        let found = registry
            .folder
            .clone()
            .zip(registry.texts.get(MAIN_RESOURCE).cloned());
        if let Some((folder, text)) = found {
            let path = folder.join(MAIN_RESOURCE);
            let folders = [folder, self.model.root.clone(), PathBuf::new()];
            self.text(&path, text.as_bytes(), Origin::Named, &folders);
        }
    }

    /// Makes endpoints and sequences of what the configuration refers to in the registry.
    pub(super) fn read_registry(&mut self) {
        let Some((folder, texts)) = self.model.registry.as_ref().and_then(|registry| {
            let folder = registry.folder.clone()?;
            Some((folder, registry.texts.clone()))
        }) else {
            return;
        };
        let mut wanted = Wanted::default();
        for def in self.model.endpoints.iter().chain(&self.model.keyed) {
            wanted.endpoint(def);
        }
        for sequence in &self.model.sequences {
            wanted.element(&sequence.element);
        }
        for template in &self.model.sequence_templates {
            wanted.element(&template.sequence);
        }
        for task in &self.model.tasks {
            if let TaskTarget::Sequence(key) = &task.target {
                wanted.key(key);
            }
        }
        let resources = self.model.apis.iter().flat_map(|api| &api.resources);
        let parts = resources.map(|r| [&r.in_sequence, &r.out_sequence, &r.fault_sequence]);
        for used in parts.flatten().flatten() {
            wanted.sequence(used);
        }
        for proxy in &self.model.proxies {
            let sequences = [
                &proxy.in_sequence,
                &proxy.out_sequence,
                &proxy.fault_sequence,
            ];
            for used in sequences.into_iter().flatten() {
                wanted.sequence(used);
            }
            match &proxy.endpoint {
                Some(EndpointUse::Key(key)) => wanted.key(key),
                Some(EndpointUse::Inline(element)) => wanted.element(element),
                None => {}
            }
        }
        for (key, text) in texts.iter() {
            let names = registry_names(key);
            let named = names.iter().find(|name| wanted.keys.contains(*name));
            if named.is_none() && !wanted.computed {
                continue;
            }
            let name = named.unwrap_or(key);
            // A name of the configuration itself comes first.
            if self.names.contains_key(&(Space::Key, name.clone())) {
                continue;
            }
            let mut apart = named.is_none().then(Diagnostics::default);
            let roots = self.synapse_roots(&folder.join(key), text, &mut apart);
            let Some(root) = roots.first() else {
                self.told_apart(apart);
                continue;
            };
            let key = Spanned::new(name.clone(), root.name_span);
            match &mut apart {
                // Referred to by nothing but, perhaps, a message: what is broken is only said.
                Some(problems) if root.is("endpoint") => {
                    let parsed = endpoint::parse(root, problems);
                    self.told_apart(apart);
                    self.model.keyed.extend(parsed.map(|def| EndpointDef {
                        name: Some(key),
                        ..def
                    }));
                }
                Some(_) if root.is("sequence") && root.attribute("key").is_none() => {
                    self.told_apart(apart);
                    self.model.sequences.push(SequenceDef {
                        name: key,
                        on_error: root.attribute("onError").cloned(),
                        apart: true,
                        element: root.clone(),
                    });
                }
                Some(_) => self.told_apart(apart),
                None => self.keyed(key, root),
            }
        }
    }

    fn told_apart(&mut self, problems: Option<Diagnostics>) {
        for problem in problems.iter().flat_map(Diagnostics::list) {
            self.diagnostics.push(Diagnostic {
                severity: problem.severity.min(Severity::Warning),
                ..problem.clone()
            });
        }
    }

    /// The root elements of a file that holds an endpoint or a sequence; of any other file nothing is looked at.
    fn synapse_roots(
        &mut self,
        path: &Path,
        text: &str,
        apart: &mut Option<Diagnostics>,
    ) -> Vec<Element> {
        let ours = roxmltree::Document::parse(text).is_ok_and(|document| {
            let root = document.root_element().tag_name();
            matches!(root.name(), "endpoint" | "sequence")
                && matches!(root.namespace(), None | Some(SYNAPSE_NS))
        });
        // One that is referred to and broken has to be told; it cannot be seen what it was meant to be.
        let broken = !ours && apart.is_none() && text.contains("ws.apache.org/ns/synapse");
        if !ours && !broken {
            return Vec::new();
        }
        let file = self.model.sources.add(path, text.to_owned());
        let folders = [
            path.parent().unwrap_or(Path::new("")).to_owned(),
            self.model.root.clone(),
            PathBuf::new(),
        ];
        let substitution = Substitution {
            env: self.env,
            folders: &folders,
        };
        let diagnostics = apart.as_mut().unwrap_or(&mut self.diagnostics);
        xml::parse(file, text, &substitution, diagnostics)
    }

    /// The first of the places that a relative path may mean.
    pub(super) fn find(
        &self,
        file: &Path,
        path: &Path,
        is: impl Fn(&Path) -> bool,
    ) -> Option<PathBuf> {
        let beside = file.parent().unwrap_or(Path::new(""));
        [beside, self.model.root.as_path(), Path::new("")]
            .iter()
            .map(|folder| folder.join(path))
            .find(|path| is(path))
    }

    fn source_of(&self, span: Span) -> String {
        let text = &self.model.sources.file(span.file).text;
        let inside = text.get(span.start as usize..span.end as usize);
        inside.unwrap_or_default().to_owned()
    }
}

/// What an expression gets of XML: the text directly inside its root, or, where that is blank, the XML itself
/// (spec/mediation.md 8). `None` for the latter and for what is no XML.
fn words_of(text: &str) -> Option<String> {
    if !text.trim_start().starts_with('<') || xml::unacceptable(text).is_some() {
        return None;
    }
    let document = roxmltree::Document::parse(text).ok()?;
    let inside = document.root_element().children();
    let words: String = inside
        .filter_map(|n| n.text().filter(|_| n.is_text()))
        .collect();
    (!words.trim().is_empty()).then_some(words)
}

/// The path that a `file:` URL (or a plain path) means; `None` for a URL of another scheme.
fn file_of(url: &str) -> Option<PathBuf> {
    let url = url.trim();
    let path = match url.strip_prefix("file:") {
        Some(path) => path.strip_prefix("//").unwrap_or(path),
        None if url.contains("://") => return None,
        None => url,
    };
    Some(PathBuf::from(path))
}

/// The keys that a file of the registry answers to: its path, and the way that the products write it.
fn registry_names(path: &str) -> Vec<String> {
    let mut names = vec![path.to_owned(), format!("/{path}")];
    for (folder, prefix) in [("config/", "conf:"), ("governance/", "gov:")] {
        if let Some(rest) = path.strip_prefix(folder) {
            names.extend([format!("{prefix}{rest}"), format!("{prefix}/{rest}")]);
        }
    }
    names
}

/// What the configuration refers to.
#[derive(Default)]
struct Wanted {
    keys: HashSet<String>,
    /// Some keys are known only when a message is there.
    computed: bool,
}

impl Wanted {
    fn key(&mut self, key: &Spanned<String>) {
        self.keys.insert(key.value.trim().to_owned());
    }

    fn sequence(&mut self, used: &SequenceUse) {
        match used {
            SequenceUse::Key(key) => self.key(key),
            SequenceUse::Inline(element) => self.element(element),
        }
    }

    fn endpoint(&mut self, def: &EndpointDef) {
        match &def.behind().kind {
            EndpointKind::Indirect(key) => {
                self.keys.insert(key.value.clone());
            }
            EndpointKind::Resolving(_) => self.computed = true,
            EndpointKind::Failover(group) => self.endpoints(&group.children),
            EndpointKind::LoadBalance(group) => {
                if let LoadBalanceChildren::Endpoints(children) = &group.children {
                    self.endpoints(children);
                }
            }
            EndpointKind::RecipientList(list) => {
                if let RecipientsDef::Endpoints(children) = &list.recipients {
                    self.endpoints(children);
                }
            }
            _ => {}
        }
    }

    fn endpoints(&mut self, children: &[EndpointDef]) {
        for child in children {
            self.endpoint(child);
        }
    }

    /// Any attribute of a mediator may be a key: what equals one of a file counts.
    fn element(&mut self, element: &Element) {
        for attribute in &element.attributes {
            let value = attribute.value.value.trim_start();
            self.computed |= attribute.name == "key-expression" || value.starts_with('{');
            self.keys.insert(attribute.value.value.trim().to_owned());
        }
        for child in &element.children {
            if let Node::Element(child) = child {
                self.element(child);
            }
        }
    }
}
