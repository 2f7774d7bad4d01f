//! `template` with an endpoint, and `<endpoint template="..."/>` that uses it (spec/endpoints.md 5.3).
//!
//! A use is filled in while loading, once all files are read: whatever comes after sees an ordinary endpoint with the
//! name of the use, so that each use has its own state, path and place in a group. What is wrong is told at the use,
//! which says where in the template it is.
//!
//! A value stands for `$name` where that is a whole attribute or text, as in Synapse, and for `${name}` anywhere;
//! both only when the template declares the parameter and the use gives it. Every other `${...}` is left for the message.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{indirect, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::config::model::{
    EndpointDef, EndpointKind, LoadBalanceChildren, Model, RecipientsDef, TemplateDef, TemplateUse,
};
use crate::config::source::{Sources, Span, Spanned};
use crate::config::suggest::nearest;
use crate::config::xml::{Element, Node};

/// Parameters that every template has.
const IMPLICIT: [&str; 2] = ["name", "uri"];
/// Deepest nesting of templates that use templates.
const DEPTH_MAX: usize = 8;
/// Most uses that one load fills in: templates that use templates multiply.
const USES_MAX: usize = 100_000;

/// Reads a definition; `None` when it is wrong, which was reported.
pub fn define(
    element: &Element,
    name: Spanned<String>,
    diagnostics: &mut Diagnostics,
) -> Option<TemplateDef> {
    vocabulary::check(element, &vocabulary::TEMPLATE, diagnostics);
    let mut good = true;
    let mut parameters = Vec::new();
    for parameter in element.elements().filter(|e| e.is("parameter")) {
        vocabulary::check(parameter, &vocabulary::TEMPLATE_PARAMETER, diagnostics);
        match parameter.req_attr("name", diagnostics) {
            Some(name) => parameters.push(name.value.trim().to_owned()),
            None => good = false,
        }
    }
    let endpoint = element.child("endpoint")?;
    good.then(|| TemplateDef {
        name,
        parameters,
        endpoint: endpoint.clone(),
    })
}

/// Reads a use.
pub(super) fn parse(
    element: &Element,
    body: Option<&Element>,
    diagnostics: &mut Diagnostics,
) -> Option<EndpointKind> {
    let template = element.req_attr("template", diagnostics)?;
    indirect::body_ignored("template", body, diagnostics);
    let mut values = Vec::new();
    for implicit in IMPLICIT {
        if let Some(given) = element.attribute(implicit) {
            values.push((implicit.to_owned(), given.clone()));
        }
    }
    let mut good = true;
    for parameter in element.elements().filter(|e| e.is("parameter")) {
        vocabulary::check(parameter, &vocabulary::PARAMETER, diagnostics);
        let name = parameter.req_attr("name", diagnostics);
        // An empty value is a value.
        let value = parameter.attribute("value").or_else(|| {
            let (code, place) = (DiagnosticCode::MissingAttribute, parameter.name_span);
            let message = "the parameter has no attribute value";
            diagnostics.error_help(code, place, message, "add value=\"...\"");
            None
        });
        match (name, value) {
            (Some(name), Some(value)) => {
                values.push((name.value.trim().to_owned(), value.clone()));
            }
            _ => good = false,
        }
    }
    good.then(|| {
        EndpointKind::Template(TemplateUse {
            template: Spanned::new(template.value.trim().to_owned(), template.span),
            values,
            endpoint: None,
        })
    })
}

/// The templates of one load, to fill uses in.
pub struct Templates<'m> {
    by_name: HashMap<&'m str, &'m TemplateDef>,
    sources: &'m Sources,
    env: &'m dyn Fn(&str) -> Option<String>,
    left: usize,
}

impl<'m> Templates<'m> {
    /// The templates of a model; `env` gives what `{system.prop.NAME}` stands for.
    pub fn new(model: &'m Model, env: &'m dyn Fn(&str) -> Option<String>) -> Self {
        Self::of(&model.templates, &model.sources, env)
    }

    pub(in crate::config) fn of(
        templates: &'m [TemplateDef],
        sources: &'m Sources,
        env: &'m dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let by_name = templates.iter().map(|t| (t.name.value.as_str(), t));
        Self {
            by_name: by_name.collect(),
            sources,
            env,
            left: USES_MAX,
        }
    }

    /// Fills in every use in a definition and in its children.
    pub fn expand(&mut self, def: &mut EndpointDef, diagnostics: &mut Diagnostics) {
        self.expand_at(def, 0, diagnostics);
    }

    fn expand_at(&mut self, def: &mut EndpointDef, depth: usize, diagnostics: &mut Diagnostics) {
        match &mut def.kind {
            EndpointKind::Template(_) => self.fill(def, depth, diagnostics),
            EndpointKind::Failover(group) => {
                for child in &mut group.children {
                    self.expand_at(child, depth, diagnostics);
                }
            }
            EndpointKind::LoadBalance(group) => {
                if let LoadBalanceChildren::Endpoints(children) = &mut group.children {
                    for child in children {
                        self.expand_at(child, depth, diagnostics);
                    }
                }
            }
            EndpointKind::RecipientList(list) => {
                if let RecipientsDef::Endpoints(children) = &mut list.recipients {
                    for child in children {
                        self.expand_at(child, depth, diagnostics);
                    }
                }
            }
            _ => {}
        }
    }

    fn fill(&mut self, def: &mut EndpointDef, depth: usize, diagnostics: &mut Diagnostics) {
        let EndpointKind::Template(used) = &mut def.kind else {
            return;
        };
        let place = used.template.span;
        let Some(template) = self.by_name.get(used.template.value.as_str()).copied() else {
            let row = DiagnosticCode::UnresolvedTemplate.row();
            let meant = nearest(&used.template.value, self.by_name.keys().copied());
            diagnostics.warn(
                row.code,
                place,
                format!("no endpoint template is named {}", used.template.value),
                meant.map_or(row.help.to_owned(), |meant| {
                    format!("did you mean {meant}?")
                }),
            );
            return;
        };
        if depth >= DEPTH_MAX || self.left == 0 {
            let code = DiagnosticCode::KeyCycle;
            let message = format!(
                "the template {} leads back to itself, or templates nest deeper than {DEPTH_MAX}",
                template.name.value
            );
            diagnostics.error(code, place, message);
            return;
        }
        self.left -= 1;
        let mut filling = Filling {
            template,
            values: &used.values,
            env: self.env,
            places: Vec::new(),
        };
        filling.check_values(diagnostics);
        let element = filling.element(&template.endpoint);
        let mut found = Diagnostics::default();
        let mut inner = super::parse(&element, &mut found);
        if let Some(inner) = &mut inner {
            self.expand_at(inner, depth + 1, &mut found);
        }
        for problem in found.list() {
            diagnostics.push(filling.told_at_use(problem, place, self.sources));
        }
        used.endpoint = inner.map(|inner| {
            let inner = inner.behind().clone();
            // A use without a name leaves `$name` as it stands, which names nothing.
            let own_name = inner.name.filter(|name| !name.value.starts_with('$'));
            Box::new(EndpointDef {
                name: def.name.clone().or(own_name),
                kind: inner.kind,
                on_error: def.on_error.clone().or(inner.on_error),
                // Those of the use come later, so that they win.
                properties: [inner.properties, def.properties.clone()].concat(),
                description: def.description.clone().or(inner.description),
                span: def.span,
            })
        });
    }
}

/// One use being filled in.
struct Filling<'f> {
    template: &'f TemplateDef,
    values: &'f [(String, Spanned<String>)],
    env: &'f dyn Fn(&str) -> Option<String>,
    /// Where values were put: the place in the use, and the one in the template.
    places: Vec<(Span, Span)>,
}

impl<'f> Filling<'f> {
    fn declares(&self, name: &str) -> bool {
        IMPLICIT.contains(&name) || self.template.parameters.iter().any(|p| p == name)
    }

    /// The value of a parameter that is declared and given; the last one given counts.
    fn value(&self, name: &str) -> Option<&'f Spanned<String>> {
        let given = self.values.iter().rfind(|(given, _)| given == name);
        given.filter(|_| self.declares(name)).map(|(_, v)| v)
    }

    fn check_values(&self, diagnostics: &mut Diagnostics) {
        for (name, given) in self.values.iter().filter(|(name, _)| !self.declares(name)) {
            let declared = self.template.parameters.iter().map(String::as_str);
            diagnostics.warn(
                DiagnosticCode::NoEffect,
                given.span,
                format!(
                    "the template {} has no parameter {name}",
                    self.template.name.value
                ),
                match nearest(name, declared) {
                    Some(meant) => format!("did you mean {meant}?"),
                    None => "declare it in the template, or remove it here".to_owned(),
                },
            );
        }
    }

    fn element(&mut self, element: &Element) -> Element {
        let mut filled = Element {
            children: Vec::with_capacity(element.children.len()),
            ..element.clone()
        };
        for attribute in &mut filled.attributes {
            attribute.value = self.text(&attribute.value);
        }
        for child in &element.children {
            filled.children.push(match child {
                Node::Element(child) => Node::Element(self.element(child)),
                Node::Text(text) => Node::Text(self.text(text)),
            });
        }
        filled
    }

    /// The text with the values in it. Its place is that of the value, when one was put in: that is what a person can change.
    fn text(&mut self, text: &Spanned<String>) -> Spanned<String> {
        let whole = text.value.trim().strip_prefix('$');
        if let Some(value) = whole.and_then(|name| self.value(name)) {
            self.places.push((value.span, text.span));
            return Spanned::new(self.system(&value.value).into_owned(), value.span);
        }
        let Some((value, span)) = self.inside(&text.value) else {
            return Spanned::new(self.system(&text.value).into_owned(), text.span);
        };
        self.places.push((span, text.span));
        Spanned::new(self.system(&value).into_owned(), span)
    }

    /// The text with each `${name}` that has a value, and the place of the first value; `None` when there is none.
    fn inside(&self, text: &str) -> Option<(String, Span)> {
        let mut out = String::new();
        let mut first = None;
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("${") {
            let Some((name, after)) = from.split_once('}') else {
                break;
            };
            out.push_str(before);
            match self.value(name) {
                Some(value) => {
                    out.push_str(&value.value);
                    first.get_or_insert(value.span);
                }
                None => {
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
            }
            rest = after;
        }
        out.push_str(rest);
        first.map(|span| (out, span))
    }

    /// Fills in `{system.prop.NAME}`; a name without a value stays as it stands.
    fn system<'t>(&self, text: &'t str) -> Cow<'t, str> {
        const OPEN: &str = "{system.prop.";
        if !text.contains(OPEN) {
            return Cow::Borrowed(text);
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once(OPEN) {
            let Some((name, after)) = from.split_once('}') else {
                break;
            };
            out.push_str(before);
            // The system's own look-up may not be asked for such names.
            let good = !name.is_empty() && !name.contains(['=', '\0']);
            match good.then(|| (self.env)(name)).flatten() {
                Some(value) => out.push_str(&value),
                None => {
                    out.push_str(OPEN);
                    out.push_str(name);
                    out.push('}');
                }
            }
            rest = after;
        }
        out.push_str(rest);
        Cow::Owned(out)
    }

    /// A problem of the filled-in template as the use shows it.
    fn told_at_use(&self, problem: &Diagnostic, place: Span, sources: &Sources) -> Diagnostic {
        let value = self.places.iter().find(|(span, _)| *span == problem.span);
        let (span, inside) = match value {
            Some((span, inside)) => (*span, *inside),
            None => (place, problem.span),
        };
        let name = &self.template.name.value;
        let missing: Vec<&str> = self
            .template
            .parameters
            .iter()
            .map(String::as_str)
            .chain(IMPLICIT)
            .filter(|name| !self.values.iter().any(|(given, _)| given == name))
            .filter(|name| mentions(&self.template.endpoint, name))
            .collect();
        // A placeholder that stayed is the likeliest reason for a wrong value.
        let help = match (&problem.help, missing.is_empty()) {
            (_, false) if value.is_none() && problem.severity == Severity::Error => Some(format!(
                "the use gives no value for: {}",
                missing.join(", ")
            )),
            (help, _) => help.clone(),
        };
        Diagnostic {
            span,
            message: format!(
                "{} (in the template {name}, {})",
                problem.message,
                sources.locate(inside)
            ),
            help,
            ..problem.clone()
        }
    }
}

/// True when a placeholder of that name stands somewhere in an element.
fn mentions(element: &Element, name: &str) -> bool {
    let placeholders = [format!("${name}"), format!("${{{name}}}")];
    let says = |text: &str| text.trim() == placeholders[0] || text.contains(&placeholders[1]);
    let attributes = element.attributes.iter();
    attributes.map(|a| &a.value.value).any(|text| says(text))
        || element.children.iter().any(|child| match child {
            Node::Element(child) => mentions(child, name),
            Node::Text(text) => says(&text.value),
        })
}

impl EndpointDef {
    /// What is built: the endpoint that a template gives, else this one.
    pub fn behind(&self) -> &EndpointDef {
        match &self.kind {
            EndpointKind::Template(TemplateUse {
                endpoint: Some(inner),
                ..
            }) => inner.behind(),
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests;
