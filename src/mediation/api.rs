//! REST APIs: what a request below a context goes through (spec/mediation.md 5).
//!
//! The path behind the context chooses a resource ([`choose`]); its sequences are the flow of the message. Without a
//! resource the sequence `_resource_mismatch_handler_` answers, and without that one HTTP's own statuses do: Synapse
//! says 202 to a message that nobody takes. `OPTIONS` is answered here unless a resource lists it.

mod choose;
mod pattern;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;

use self::choose::{Chosen, Paths, Rule, choose};
use self::pattern::{Pattern, Values};
use super::parse::Parse;
use super::proxy::used_sequence;
use super::{Cx, Flow, Mediation, Passed, Sequence, SequenceId, answer, reply_with};
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::model::{ApiDef, Mapping, Methods, ResourceDef};
use crate::config::source::{Span, Spanned};
use crate::config::uri_template::decode_percent;
use crate::exchange::{Body, Exchange, Fault, Visit};
use crate::transport::head::ResponseHead;

/// Takes the messages that no resource takes.
const MISMATCH: &str = "_resource_mismatch_handler_";
/// Most parameters of a query that become properties.
const PARAMETERS_MAX: usize = 256;

/// A compiled API.
#[derive(Debug)]
pub(super) struct Api {
    /// For a message that no resource takes.
    visit: Arc<Visit>,
    resources: Vec<Resource>,
    /// Why it is left out.
    broken: Option<Fault>,
}

#[derive(Debug)]
struct Resource {
    rule: Rule,
    flow: Flow,
    visit: Arc<Visit>,
    place: Span,
}

impl Api {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.visit.api
    }
}

/// Compiles an API; the sequences of its resources are added to the others.
pub(super) fn build(def: &ApiDef, parse: &mut Parse<'_>, sequences: &mut Vec<Sequence>) -> Api {
    let visit = |resource: &str| {
        Arc::new(Visit {
            api: def.name.value.as_str().into(),
            version: def.version.clone().unwrap_or_default(),
            context: def.context.value.clone(),
            resource: resource.to_owned(),
        })
    };
    let before = parse.diagnostics.errors();
    let mut resources = Vec::with_capacity(def.resources.len());
    for (nth, resource) in def.resources.iter().enumerate() {
        // The mapping stays when resources are moved, so that endpoints inside keep their state.
        let place = match resource.mapping.text() {
            "" => format!("api:{}", def.name.value),
            mapping => format!("api:{}{mapping}", def.name.value),
        };
        let same = |other: &ResourceDef| other.mapping.text() == resource.mapping.text();
        let place = match def.resources[..nth].iter().filter(|r| same(r)).count() {
            0 => place,
            n => format!("{place}#{n}"),
        };
        let mut sequence = |part, used| used_sequence(&place, part, used, parse, sequences);
        let flow = Flow {
            request: sequence("inSequence", &resource.in_sequence),
            endpoint: None,
            answer: sequence("outSequence", &resource.out_sequence),
            fault: sequence("faultSequence", &resource.fault_sequence),
        };
        let mut rule = Rule {
            methods: resource.methods,
            paths: Paths::All,
            transports: resource.transports,
            content_type: resource.content_type.clone(),
            user_agent: None,
        };
        let mut refused = None;
        match paths(resource) {
            Ok(paths) => rule.paths = paths,
            Err(problem) => {
                parse
                    .diagnostics
                    .error(DiagnosticCode::BadValue, resource.span, problem);
                refused = Some("its uri-template cannot be used");
            }
        }
        if let Some(agent) = &resource.user_agent {
            rule.user_agent = parse.whole_pattern(agent);
            if rule.user_agent.is_none() {
                refused = Some("its user-agent cannot be used");
            }
        }
        resources.push(Resource {
            rule,
            flow: match refused {
                None => flow,
                Some(why) => refusing(resource, why, parse, sequences),
            },
            visit: visit(resource.mapping.text()),
            place: resource.span,
        });
    }
    Api {
        visit: visit(""),
        resources,
        broken: parse.left_out(
            &format!("the API `{}`", def.name.value),
            def.name.span,
            before,
        ),
    }
}

fn paths(resource: &ResourceDef) -> Result<Paths, String> {
    Ok(match &resource.mapping {
        Mapping::Default => Paths::All,
        Mapping::Url(text) => Paths::of_mapping(text),
        Mapping::Template(template) => Paths::Template(Pattern::new(template)?),
    })
}

/// A resource that cannot be judged answers that.
fn refusing(
    resource: &ResourceDef,
    why: &str,
    parse: &mut Parse<'_>,
    sequences: &mut Vec<Sequence>,
) -> Flow {
    let place = parse.locate(resource.span);
    let text = format!("the resource at {place} cannot be served: {why}; axon check says more");
    let fault = Fault::new(ErrorCode::NOT_SUPPORTED, text);
    let name = Spanned::new("resource".to_owned(), resource.span);
    sequences.push(Sequence::failing(&name, fault));
    Flow {
        request: Some(SequenceId(sequences.len() as u32 - 1)),
        ..Flow::default()
    }
}

impl Mediation {
    /// Takes a request to an API through to its answer.
    pub(super) async fn visit(&self, api: &Api, x: &mut Exchange, cx: &Cx<'_>) {
        x.visit = Some(api.visit.clone());
        if let Some(fault) = &api.broken {
            return self.unhandled(x, cx, fault.clone());
        }
        let chosen = choose(api.resources.iter().map(|r| &r.rule), x);
        if let Chosen::Resource(at, values) = &chosen
            && let Some(resource) = api.resources.get(*at)
        {
            if let Some(trace) = cx.log.trace() {
                trace.passed(Passed::Inside("resource", resource.place));
            }
            x.visit = Some(resource.visit.clone());
            set_variables(x, values);
            return self.mediate(resource.flow, x, cx).await;
        }
        if let Chosen::Options(methods) = chosen {
            return allow(x, 200, methods);
        }
        if let Some(handler) = self.ids.get(MISMATCH) {
            set_variables(x, &Values::new());
            let flow = Flow {
                request: Some(*handler),
                ..Flow::default()
            };
            return self.mediate(flow, x, cx).await;
        }
        match chosen {
            Chosen::NoMethod(methods) => allow(x, 405, methods),
            Chosen::NoMedia => answer::text(x, 415, "The API does not take this Content-Type.\n"),
            _ => {
                let text = format!("The API {} has no resource of this path.\n", api.name());
                answer::text(x, 404, &text);
            }
        }
    }
}

/// The variables of the template, and the parameters of the query, decoded; of a repeated one the last (recorded).
fn set_variables(x: &mut Exchange, values: &Values) {
    for (name, value) in values {
        x.properties.set(format!("uri.var.{name}"), value.as_str());
    }
    let query = {
        let (_, query) = choose::split(x.suffix());
        query.to_owned()
    };
    for pair in query
        .split('&')
        .filter(|p| !p.is_empty())
        .take(PARAMETERS_MAX)
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| decode_percent(&text.replace('+', " "));
        x.properties
            .set(format!("query.param.{}", decode(name)), decode(value));
    }
}

/// Says which methods there are.
fn allow(x: &mut Exchange, status: u16, methods: Methods) {
    let names: Vec<&str> = methods.names().collect();
    let list = names.join(", ");
    let mut head = ResponseHead::new(status);
    head.headers.append(b"Allow", list.as_bytes());
    let body = match status {
        405 => {
            head.headers
                .append(b"Content-Type", b"text/plain; charset=UTF-8");
            Body::Whole(Bytes::from(format!(
                "This path of the API takes {list} only.\n"
            )))
        }
        _ => Body::Empty,
    };
    reply_with(x, head, body);
}
