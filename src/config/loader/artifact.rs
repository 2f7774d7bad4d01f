//! What one file holds: `definitions`, one artifact, or a bare group as the published pages print them.

use std::path::Path;

use super::{Loader, Origin, structure};
use crate::codes::DiagnosticCode;
use crate::config::SYNAPSE_NS;
use crate::config::diagnostic::Severity;
use crate::config::endpoint::{self, template};
use crate::config::language::{self, Support};
use crate::config::model::{
    ApiDef, EndpointDef, EndpointKind, QueueDef, SequenceDef, UnsupportedDef,
};
use crate::config::source::Spanned;
use crate::config::suggest::nearest;
use crate::config::xml::Element;
use crate::config::{api, gateway, proxy, sequence_template, task};

/// What shares one set of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Space {
    /// Endpoints, sequences and local entries are looked up by the same key.
    Key,
    /// Any other kind has names of its own.
    Kind(&'static str),
}

impl Loader<'_> {
    /// Reads the root elements of one file.
    pub(super) fn roots(&mut self, path: &Path, roots: &[Element], origin: Origin) {
        self.recognised += 1;
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned());
        match roots {
            [session, group] => self.bare(group, Some(session), stem),
            [root] => self.root_element(path, root, stem, origin),
            _ => {}
        }
    }

    fn root_element(&mut self, path: &Path, root: &Element, stem: Option<String>, origin: Origin) {
        let ours = root.namespace == SYNAPSE_NS || root.namespace.is_empty();
        if root.name == "gateway-config" {
            return self.gateway(path, root);
        }
        if ours && root.name == "definitions" {
            return self.definitions(root);
        }
        if ours && root.name == "endpoint" {
            self.missing_namespace(root, Severity::Warning);
            return self.endpoint(root, stem);
        }
        if ours && endpoint::is_kind(&root.name) {
            return self.bare(root, None, stem);
        }
        if ours && is_artifact(&root.name) {
            self.missing_namespace(root, Severity::Error);
            return self.artifact(root);
        }
        match origin {
            Origin::Named => self.unknown_root(root, ours),
            Origin::Found => self.recognised -= 1,
        }
    }

    fn gateway(&mut self, path: &Path, root: &Element) {
        if let Some(first) = &self.model.gateway {
            let place = self.model.sources.locate(first.span);
            let message = format!("a gateway-config was already read at {place}");
            let help = "one process runs one gateway-config; put the services into one file";
            let code = DiagnosticCode::DuplicateElement;
            self.diagnostics
                .error_help(code, root.name_span, message, help);
            return;
        }
        let around = gateway::Surroundings {
            env: self.env,
            path,
        };
        self.model.gateway = gateway::parse(root, &around, &mut self.diagnostics);
    }

    fn unknown_root(&mut self, root: &Element, ours: bool) {
        let row = DiagnosticCode::UnknownRoot.row();
        let known = artifact_names().chain(["definitions", "loadBalance", "address", "failover"]);
        let known_word = nearest(&root.name, known);
        let (message, help) = match (ours, known_word) {
            (true, Some(meant)) => (
                format!("{} is not a configuration element", root.name),
                format!("did you mean {meant}?"),
            ),
            (false, Some(meant)) if meant == root.name => (
                format!("{} is in a namespace that Synapse does not read", root.name),
                format!("write xmlns=\"{SYNAPSE_NS}\""),
            ),
            _ => (
                format!("{} is not a configuration element", root.name),
                row.help.to_owned(),
            ),
        };
        self.diagnostics
            .error_help(row.code, root.name_span, message, help);
    }

    fn missing_namespace(&mut self, root: &Element, severity: Severity) {
        if !root.namespace.is_empty() {
            return;
        }
        let row = DiagnosticCode::MissingNamespace.row();
        let message = format!("{} is not in the Synapse namespace", root.name);
        match severity {
            Severity::Error => {
                self.diagnostics
                    .error_help(row.code, root.name_span, message, row.help);
            }
            _ => self
                .diagnostics
                .warn(row.code, root.name_span, message, row.help),
        }
    }

    fn definitions(&mut self, root: &Element) {
        self.missing_namespace(root, Severity::Error);
        for child in root.elements() {
            match child.name.as_str() {
                _ if !child.is(&child.name) => self.stranger(child),
                "description" => {}
                "endpoint" => self.endpoint(child, None),
                name if is_artifact(name) => self.artifact(child),
                _ => self.stranger(child),
            }
        }
    }

    fn stranger(&mut self, child: &Element) {
        let code = DiagnosticCode::UnknownElement;
        let help = match nearest(&child.name, artifact_names()) {
            Some(meant) if meant != child.name => format!("did you mean {meant}?"),
            _ => "mediators belong into a sequence; other elements have no place here".to_owned(),
        };
        let message = format!("{} may not stand directly in definitions", child.name);
        self.diagnostics
            .error_help(code, child.name_span, message, help);
    }

    /// Any artifact but an endpoint.
    fn artifact(&mut self, element: &Element) {
        match element.name.as_str() {
            "sequence" => return self.sequence(element),
            "proxy" => return self.proxy(element),
            "api" => return self.api(element),
            "task" => return self.task(element),
            "localEntry" => return self.local_entry(element),
            "registry" => return self.registry(element),
            "template" => return self.template(element),
            "import" => return self.import(element),
            "messageStore" => return self.queue(element, "messageStore"),
            "messageProcessor" => return self.queue(element, "messageProcessor"),
            "priorityExecutor" => return self.queue(element, "priorityExecutor"),
            _ => {}
        }
        if let Some(row) = language::artifact_named(&element.name)
            && row.support == Support::Later
        {
            structure::check(element, row, &mut self.diagnostics);
            return self.later(element, row.element, row.named_by);
        }
        self.diagnostics.warn(
            DiagnosticCode::NoEffect,
            element.name_span,
            format!("{} has no effect in this version", element.name),
            "what refers to it is reported where it does",
        );
    }

    fn later(&mut self, element: &Element, kind: &'static str, name: &str) {
        let code = DiagnosticCode::NotSupportedYet;
        self.diagnostics.unsupported(
            code,
            element.name_span,
            format!("{kind} is not supported yet"),
            "the rest of the configuration is loaded without it",
        );
        let name = element
            .attribute(name)
            .map(|n| Spanned::new(n.value.trim().to_owned(), n.span))
            .filter(|n| !n.value.is_empty());
        if let Some(name) = &name
            && !self.claim(Space::Kind(kind), kind, name)
        {
            return;
        }
        self.model.unsupported.push(UnsupportedDef {
            kind: kind.to_owned(),
            name: name.map(|n| n.value),
            element: element.clone(),
        });
    }

    fn queue(&mut self, element: &Element, kind: &'static str) {
        let Some(name) = name(element) else {
            return self.nameless(element);
        };
        if self.claim(Space::Kind(kind), kind, &name) {
            let element = element.clone();
            self.model.queues.push(QueueDef {
                kind,
                name,
                element,
            });
        }
    }

    fn sequence(&mut self, element: &Element) {
        if let Some(key) = element.attribute("key") {
            self.diagnostics.error_help(
                DiagnosticCode::ConflictingAttributes,
                key.span,
                "a top-level sequence cannot be a reference",
                "write the mediators inside it, or refer to the other sequence where it is used",
            );
            return;
        }
        let Some(name) = name(element) else {
            return self.nameless(element);
        };
        if !self.claim(Space::Key, "sequence", &name) {
            return;
        }
        let on_error = element
            .attribute("onError")
            .map(|e| Spanned::new(e.value.trim().to_owned(), e.span))
            .filter(|e| !e.value.is_empty());
        self.model.sequences.push(SequenceDef {
            name,
            on_error,
            apart: false,
            element: element.clone(),
        });
    }

    /// A broken one still owns its path: with `--lenient` its callers hear why.
    fn proxy(&mut self, element: &Element) {
        let Some(name) = name(element) else {
            return self.nameless(element);
        };
        let parsed = proxy::parse(element, name.clone(), &mut self.diagnostics);
        if !self.claim(Space::Kind("proxy"), "proxy", &name) {
            return;
        }
        match parsed {
            Some(def) => self.model.proxies.push(def),
            None => self.model.unsupported.push(UnsupportedDef {
                kind: "proxy".to_owned(),
                name: Some(name.value),
                element: element.clone(),
            }),
        }
    }

    /// A broken one still owns its paths, as a proxy service does.
    fn api(&mut self, element: &Element) {
        let Some(name) = name(element) else {
            return self.nameless(element);
        };
        let parsed = api::parse(element, name.clone(), &mut self.diagnostics);
        if !self.claim(Space::Kind("api"), "API", &name) {
            return;
        }
        let Some(def) = parsed else {
            self.model.unsupported.push(UnsupportedDef {
                kind: "api".to_owned(),
                name: Some(name.value),
                element: element.clone(),
            });
            return;
        };
        let same = |first: &&ApiDef| {
            first.context.value == def.context.value
                && (first.host == def.host && first.port == def.port)
        };
        if let Some(first) = self.model.apis.iter().find(same) {
            let place = self.model.sources.locate(first.name.span);
            let message = format!(
                "the API {} at {place} has this context already",
                first.name.value
            );
            let help = "give one of the two another context, version or host";
            let code = DiagnosticCode::DuplicateName;
            self.diagnostics
                .error_help(code, def.context.span, message, help);
            return;
        }
        self.model.apis.push(def);
    }

    fn task(&mut self, element: &Element) {
        let Some(name) = name(element) else {
            return self.nameless(element);
        };
        let parsed = task::parse(element, name.clone(), &mut self.diagnostics);
        if !self.claim(Space::Kind("task"), "task", &name) {
            return;
        }
        match parsed {
            Some(def) => self.model.tasks.push(def),
            None => self.model.unsupported.push(UnsupportedDef {
                kind: "task".to_owned(),
                name: Some(name.value),
                element: element.clone(),
            }),
        }
    }

    /// A template around an endpoint or around a sequence.
    fn template(&mut self, element: &Element) {
        match name(element) {
            Some(name) => self.template_of(element, name),
            None => self.nameless(element),
        }
    }

    /// A template under a name.
    pub(super) fn template_of(&mut self, element: &Element, name: Spanned<String>) {
        if !self.claim(Space::Kind("template"), "template", &name) {
            return;
        }
        let diagnostics = &mut self.diagnostics;
        if element.child("endpoint").is_some() {
            let defined = template::define(element, name, diagnostics);
            self.model.templates.extend(defined);
        } else if element.child("sequence").is_some() {
            let defined = sequence_template::define(element, name, diagnostics);
            self.model.sequence_templates.extend(defined);
        } else {
            let help = "add the endpoint or the sequence that the template stands for";
            proxy::lacks(element, "endpoint or sequence", help, diagnostics);
        }
    }

    fn endpoint(&mut self, element: &Element, stem: Option<String>) {
        let before = self.diagnostics.list().len();
        let parsed = endpoint::parse(element, &mut self.diagnostics);
        let name = name(element).or_else(|| stem.map(|s| Spanned::new(s, element.name_span)));
        let Some(name) = name else {
            return self.nameless(element);
        };
        self.keep(element, name, parsed, before);
    }

    fn bare(&mut self, group: &Element, session: Option<&Element>, stem: Option<String>) {
        let first = session.unwrap_or(group);
        self.missing_namespace(first, Severity::Warning);
        if !endpoint::is_kind(&group.name) {
            return self.unknown_root(group, true);
        }
        let before = self.diagnostics.list().len();
        let parsed = endpoint::parse_bare(group, session, &mut self.diagnostics);
        let name = Spanned::new(stem.unwrap_or_default(), group.name_span);
        self.keep(group, name, parsed, before);
    }

    /// Keeps an endpoint under its name. A broken one is kept as unsupported, so that `--lenient` can answer with its problem.
    fn keep(
        &mut self,
        element: &Element,
        name: Spanned<String>,
        parsed: Option<EndpointDef>,
        before: usize,
    ) {
        if !self.claim(Space::Key, "endpoint", &name) {
            return;
        }
        let def = self.or_broken(element, parsed, before);
        self.model.endpoints.push(EndpointDef {
            name: Some(name),
            ..def
        });
    }

    /// A broken endpoint as one that says what is wrong with it; the problems from `before` on are its.
    pub(super) fn or_broken(
        &self,
        element: &Element,
        parsed: Option<EndpointDef>,
        before: usize,
    ) -> EndpointDef {
        parsed.unwrap_or_else(|| {
            let problem = self.diagnostics.list()[before..]
                .iter()
                .find(|d| d.severity == Severity::Error);
            let (message, span) = match problem {
                Some(d) => (d.message.clone(), d.span),
                None => ("the endpoint is broken".to_owned(), element.name_span),
            };
            EndpointDef {
                name: None,
                kind: EndpointKind::Unsupported(Spanned::new(message, span)),
                on_error: None,
                properties: Vec::new(),
                description: None,
                span: element.span,
            }
        })
    }

    fn nameless(&mut self, element: &Element) {
        let row = DiagnosticCode::MissingName.row();
        let message = format!("the {} has no name", element.name);
        self.diagnostics
            .error_help(row.code, element.name_span, message, row.help);
    }

    /// Takes a name; false, and an error that names both places, when it is taken.
    pub(super) fn claim(&mut self, space: Space, kind: &str, name: &Spanned<String>) -> bool {
        let key = (space, name.value.clone());
        if let Some(first) = self.names.get(&key) {
            let first = self.model.sources.locate(*first);
            let row = DiagnosticCode::DuplicateName.row();
            self.diagnostics.error_help(
                row.code,
                name.span,
                format!(
                    "the {kind} name {} is already defined at {first}",
                    name.value
                ),
                row.help,
            );
            return false;
        }
        self.names.insert(key, name.span);
        true
    }
}

fn name(element: &Element) -> Option<Spanned<String>> {
    element
        .attribute("name")
        .map(|n| Spanned::new(n.value.trim().to_owned(), n.span))
        .filter(|n| !n.value.is_empty())
}

/// True for the name of an element that a configuration file may begin with.
pub(in crate::config) fn is_root(name: &str) -> bool {
    ["definitions", "session"].contains(&name) || endpoint::is_kind(name) || is_artifact(name)
}

fn is_artifact(name: &str) -> bool {
    language::artifact_named(name).is_some()
}

fn artifact_names() -> impl Iterator<Item = &'static str> {
    language::ARTIFACTS.iter().map(|a| a.element)
}
