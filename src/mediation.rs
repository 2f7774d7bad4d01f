//! What happens to a message on its way: routes, sequences, mediators (spec/mediation.md 2, 3, 9).
//!
//! A configuration of endpoints only routes by name (design 13); any other runs the sequence `main`, once with the
//! request and once with the answer. The call stack is the state: `send` awaits the answer, so errors come back where
//! they happened, and the fault handlers in scope are a plain stack of the run.
//!
//! Where axon differs from the originals on purpose: nobody is left without an answer. An error that no handler answers
//! becomes a fault ([`answer`]), an answer that was dropped a 202.

pub mod answer;
mod api;
mod content;
mod copies;
mod evaluator;
pub mod executor;
pub mod expression;
mod fragment;
mod gather;
pub mod mediator;
pub mod message;
pub mod parse;
pub mod processor;
mod proxy;
mod route;
mod run;
pub mod sender;
pub mod store;
mod task;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod url;
mod whole_pattern;

use std::collections::HashMap;
use std::sync::Arc;

pub use answer::default_fault;
pub use copies::{Aside, Rest};
pub use mediator::{List, Mediator, Scene, Step};
pub use parse::{EndpointNames, EndpointParser};
pub use proxy::{Publication, Seen};
pub use sender::{
    Category, Cx, Job, LocalBoxFuture, LogSink, Passed, ReadBytes, SendTo, Sender, Trace,
};
pub use task::Task;

use crate::codes::ErrorCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{Model, SequenceTemplateDef};
use crate::config::source::Span;
use crate::config::wsdl::Library;
use crate::exchange::{Body, Direction, Entries, Exchange, Fault};
use crate::transport::head::ResponseHead;
use api::Api;
use executor::Executor;
use parse::Parse;
use processor::Processor;
use proxy::Proxy;
use route::{Route, Routes};
use run::{Ended, Run};
use store::Store;

/// Number of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SequenceId(u32);

impl SequenceId {
    /// Numbers from here on are those of sequences without a name, inside mediators.
    const OWN: u32 = 1 << 31;

    fn own(nth: usize) -> SequenceId {
        SequenceId(Self::OWN | nth as u32)
    }
}

/// A named sequence.
#[derive(Debug)]
struct Sequence {
    name: String,
    place: Span,
    list: List,
    on_error: Option<SequenceId>,
}

/// A sequence template, as those who call it see it.
#[derive(Debug)]
pub struct Template {
    /// Its mediators.
    id: SequenceId,
    parameters: Vec<Parameter>,
}

/// A parameter of a template.
#[derive(Debug)]
struct Parameter {
    name: Arc<str>,
    default: Option<String>,
    mandatory: bool,
}

/// What a request and its answer go through.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    /// First the request.
    request: Option<SequenceId>,
    /// Then the request too, when nothing was sent and nothing stopped it.
    endpoint: Option<u32>,
    /// The answer; without it, straight back.
    answer: Option<SequenceId>,
    /// Takes the errors of both, before the sequence `fault` does.
    fault: Option<SequenceId>,
}

/// The compiled mediation of one configuration.
#[derive(Debug)]
pub struct Mediation {
    routes: Routes,
    sequences: Vec<Sequence>,
    /// Sequences without a name, inside mediators.
    own: Vec<Sequence>,
    proxies: Vec<Proxy>,
    apis: Vec<Api>,
    stores: Vec<Arc<Store>>,
    processors: Vec<Processor>,
    executors: Vec<Arc<Executor>>,
    tasks: Vec<Task>,
    ids: HashMap<String, SequenceId>,
    pre_mediate: Option<SequenceId>,
    main: Option<SequenceId>,
    fault: Option<SequenceId>,
    /// Fields of a request that go back with a fault about it.
    fields: Vec<String>,
}

impl Mediation {
    /// Compiles the sequences of a model; everything that is wrong or not supported goes to `diagnostics`.
    ///
    /// `default` is the endpoint that takes what no other name matches when there are only endpoints (`--default`).
    pub fn build(
        model: &Model,
        default: Option<&str>,
        endpoints: &mut dyn EndpointNames,
        parse_endpoint: EndpointParser,
        library: &Library<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Mediation {
        let ids: HashMap<String, SequenceId> = model
            .sequences
            .iter()
            .zip(0..)
            .map(|(def, id)| (def.name.value.clone(), SequenceId(id)))
            .collect();
        let routes = Routes::build(model, default, endpoints);
        let templates = templates(model);
        let mut parse = Parse::new(
            &model.sources,
            &ids,
            &templates,
            endpoints,
            parse_endpoint,
            diagnostics,
        );
        let stores: Vec<Arc<Store>> = model
            .queues
            .iter()
            .filter(|def| def.kind == "messageStore")
            .filter_map(|def| store::build(def, &mut parse))
            .collect();
        parse.stores.clone_from(&stores);
        parse.entries = entries_of(model).unwrap_or_default();
        parse.executors = model
            .queues
            .iter()
            .filter(|def| def.kind == "priorityExecutor")
            .filter_map(|def| executor::build(def, &mut parse))
            .collect();
        let mut sequences: Vec<Sequence> = model
            .sequences
            .iter()
            .map(|def| Sequence {
                name: def.name.value.clone(),
                place: def.name.span,
                on_error: def
                    .on_error
                    .as_ref()
                    .and_then(|key| parse.known_sequence(key)),
                list: match def.apart {
                    true => parse.apart(|parse| parse.sequence_body(&def.name.value, &def.element)),
                    false => parse.sequence_body(&def.name.value, &def.element),
                },
            })
            .collect();
        for def in &model.sequence_templates {
            let name = format!("template:{}", def.name.value);
            sequences.push(Sequence {
                place: def.name.span,
                on_error: def
                    .on_error
                    .as_ref()
                    .and_then(|key| parse.known_sequence(key)),
                list: parse.sequence_body(&name, &def.sequence),
                name,
            });
        }
        for artifact in &model.unsupported {
            parse.artifact(artifact);
        }
        let proxies: Vec<Proxy> = model
            .proxies
            .iter()
            .map(|def| proxy::build(def, &mut parse, &mut sequences, library, model))
            .collect();
        let apis = model
            .apis
            .iter()
            .map(|def| api::build(def, &mut parse, &mut sequences))
            .collect();
        let processors = model
            .queues
            .iter()
            .filter(|def| def.kind == "messageProcessor")
            .filter_map(|def| processor::build(def, &stores, &mut parse))
            .collect();
        let main = ids.get("main").copied();
        let tasks = model.tasks.iter();
        let tasks = tasks
            .map(|def| task::build(def, main, &proxies, &mut parse))
            .collect();
        proxy::unused_entries(model, library, &mut parse);
        let own = std::mem::take(&mut parse.own);
        let fields = std::mem::take(&mut parse.fields).into_iter().collect();
        Mediation {
            routes,
            sequences,
            own,
            proxies,
            apis,
            stores,
            processors,
            executors: parse.executors,
            tasks,
            pre_mediate: ids.get("pre-mediate").copied(),
            main,
            fault: ids.get("fault").copied(),
            ids,
            fields,
        }
    }

    /// Takes a request through to its answer: afterwards `x.replied` is set and `x.response` is what the client gets.
    pub async fn handle(&self, x: &mut Exchange, cx: &Cx<'_>) {
        let route = self.routes.route(x);
        if let Some(trace) = cx.log.trace() {
            trace.passed(match &route {
                Route::Main => Passed::ToMain,
                Route::Endpoint(id) => Passed::ToEndpoint(*id),
                Route::Proxy(at) => {
                    Passed::ToService(self.proxies.get(*at).map_or("", |p| &p.name))
                }
                Route::Api(at) => Passed::ToApi(self.apis.get(*at).map_or("", Api::name)),
                Route::Unsupported(fault) => Passed::Unsupported(fault),
                Route::Nowhere(_) => Passed::Nowhere,
            });
        }
        match route {
            Route::Main => {
                let flow = Flow {
                    request: self.main,
                    answer: self.main,
                    ..Flow::default()
                };
                self.mediate(flow, x, cx).await;
            }
            Route::Proxy(at) => {
                if let Some(proxy) = self.proxies.get(at) {
                    self.serve(proxy, x, cx).await;
                }
            }
            Route::Api(at) => {
                if let Some(api) = self.apis.get(at) {
                    self.visit(api, x, cx).await;
                }
            }
            Route::Endpoint(id) => match self.send(x, cx, SendTo::Endpoint(id)).await {
                Ok(()) if x.response.is_some() => x.replied = true,
                Ok(()) if x.copies.is_some() => Box::pin(self.first_answer(x, cx)).await,
                Ok(()) => {}
                Err(fault) => self.unhandled(x, cx, fault),
            },
            Route::Unsupported(fault) => default_fault(x, &fault),
            Route::Nowhere(paths) => answer::not_found(x, paths),
        }
        if !x.replied {
            answer::accepted(x);
        }
    }

    /// Sends a message that no sequence has seen.
    async fn send(&self, x: &mut Exchange, cx: &Cx<'_>, to: SendTo) -> Result<(), Fault> {
        if let Some(extent) = cx.sender.extent(to) {
            content::ensure(x, extent, "", cx.sender).await?;
            if x.replied {
                return Ok(());
            }
        }
        cx.sender.send(x, to).await
    }

    async fn mediate(&self, flow: Flow, x: &mut Exchange, cx: &Cx<'_>) {
        if flow.request.is_none() && flow.endpoint.is_none() {
            return;
        }
        let mut run = Run::new(self, cx, flow.fault);
        // `pre-mediate` runs before every flow and may end it (recorded).
        let mut ended = match self.pre_mediate {
            Some(before) => run.flow(before, x).await,
            None => Ended::Finished,
        };
        if let (Ended::Finished, Some(request)) = (ended, flow.request) {
            ended = run.flow(request, x).await;
        }
        if let (Ended::Finished, Some(endpoint)) = (ended, flow.endpoint)
            && !x.replied
            && x.response.is_none()
        {
            ended = run.send_on(endpoint, x).await;
        }
        if x.copies.is_none() {
            ended = self.answered(&mut run, flow, x, ended).await;
        }
        if x.copies.is_some() && Box::pin(self.after_copies(run, flow, ended, x, cx)).await {
            return;
        }
        if !x.replied
            && let Some(fault) = x.fault.take()
        {
            match ended {
                Ended::Unhandled => self.unhandled(x, cx, fault),
                // A handler that drops a message which was never on its way has dealt with it (spec/samples.md 4).
                Ended::Stopped if is_of_configuration(x, &fault) => answer::accepted(x),
                // Handlers ran but sent nothing: the message was not accepted, so the client must not hear that it was.
                Ended::Finished | Ended::Stopped | Ended::Handled => default_fault(x, &fault),
            }
        }
    }

    /// The route's name in logs and metrics.
    pub fn route_name(&self) -> &'static str {
        if self.main.is_some() {
            "main"
        } else {
            "endpoint"
        }
    }

    fn unhandled(&self, x: &mut Exchange, cx: &Cx<'_>, fault: Fault) {
        let text = format!(
            "no fault sequence took the error {}: {}",
            fault.code, fault.message
        );
        cx.log.log(Category::Error, &text);
        default_fault(x, &fault);
    }

    fn sequence(&self, id: SequenceId) -> Option<&Sequence> {
        match id.0 & SequenceId::OWN {
            0 => self.sequences.get(id.0 as usize),
            _ => self.own.get((id.0 ^ SequenceId::OWN) as usize),
        }
    }
}

/// The templates by name; their mediators are numbered behind the named sequences.
fn templates(model: &Model) -> HashMap<String, Template> {
    let first = model.sequences.len() as u32;
    let numbered = model.sequence_templates.iter().zip(first..);
    let template = |id, def: &SequenceTemplateDef| {
        let parameters = def.parameters.iter().map(|parameter| Parameter {
            name: parameter.name.as_str().into(),
            default: parameter.default.clone(),
            mandatory: parameter.mandatory,
        });
        Template {
            id: SequenceId(id),
            parameters: parameters.collect(),
        }
    };
    numbered
        .map(|(def, id)| (def.name.value.clone(), template(id, def)))
        .collect()
}

/// True for an error that says nothing of a back end: no try was made, and none could be.
fn is_of_configuration(x: &Exchange, fault: &Fault) -> bool {
    let code = [ErrorCode::NONE, ErrorCode::ENDPOINT_MISSING].contains(&fault.code);
    code && x.trail.tries.is_empty()
}

/// The texts that messages look up.
pub fn entries_of(model: &Model) -> Option<Entries> {
    let registry = model.registry.as_ref();
    let entries = Entries {
        local: model.texts.clone(),
        words: model.words.clone(),
        registry: registry.map(|r| r.texts.clone()).unwrap_or_default(),
    };
    (!entries.is_empty()).then_some(entries)
}

/// Makes a response head the answer and marks the exchange as replied.
fn reply_with(x: &mut Exchange, head: ResponseHead, body: Body) {
    x.response = Some(head);
    x.response_body = body;
    x.direction = Direction::Response;
    x.replied = true;
}
