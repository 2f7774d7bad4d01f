//! The way that a request would take, found by the code that serves: routing, sequences, the walk, the preparation of each
//! try. Only the network is left out, and the tree is a copy ([`Endpoints::fork`]), so that nothing is changed or counted
//! (spec/interface.md 4, design 6).
//!
//! A request goes through twice: once with the failures that were asked for, and once with every try failing by its
//! likeliest code, which gives the ladder of what comes next and what the client gets in the end.

mod copies;
mod describe;
mod record;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Waker};

use super::generation::{Around, Generation, Origin};
use super::members::Members;
use super::serve::Bound;
use crate::admin::explain::{AnswerView, ExplainRequest, ExplainView, RungView, StepView};
use crate::codes::{ERRORS, ErrorCode};
use crate::config::diagnostic::Severity;
use crate::config::render;
use crate::endpoint::allow::AllowList;
use crate::endpoint::dispatch::auth::TokenFetches;
use crate::endpoint::{Endpoints, NodeId};
use crate::exchange::{Arrival, Body, Exchange};
use crate::mediation::Cx;
use crate::observe::RequestIds;
use crate::transport::head::{Method, RequestHead};
use crate::transport::http1::parse;
use crate::transport::limits::Limits;
use crate::transport::worker::Worker;
use crate::util::clock::Tick;

use copies::InPlace;
pub use describe::{place, settings};
use record::{Record, Rehearsed, Send};

/// Most tries of one send that are shown.
const TRIES_SHOWN: usize = 64;
/// Most rungs of the ladder before the end.
const RUNGS: usize = 3;
/// Bytes of an answer's body that are shown.
const BODY_SHOWN: usize = 1_000;
/// Chance is the same in every explanation of the same thing.
const SEED: u64 = 1;

/// What becomes of the tries of one run.
enum Script<'s> {
    /// Those of these endpoints fail, the others are answered.
    Given(&'s [(NodeId, ErrorCode)]),
    /// All fail, those of these endpoints with that code.
    AllFail(&'s [(NodeId, ErrorCode)]),
}

impl Script<'_> {
    fn code(&self, endpoints: &Endpoints, leaf: NodeId) -> Option<ErrorCode> {
        let (Script::Given(list) | Script::AllFail(list)) = self;
        let given = list
            .iter()
            .find(|(id, _)| *id == leaf)
            .map(|(_, code)| *code);
        match self {
            Script::Given(_) => given,
            Script::AllFail(_) => Some(given.unwrap_or_else(|| likeliest(endpoints, leaf))),
        }
    }
}

/// The code that a try of a leaf fails with most likely: the one it failed with last, else a refused connection.
fn likeliest(endpoints: &Endpoints, leaf: NodeId) -> ErrorCode {
    let cause = endpoints
        .leaf(leaf)
        .and_then(|leaf| leaf.state.snapshot().cause);
    cause.unwrap_or(ErrorCode::CONNECT_FAILED)
}

/// One run of the request.
struct Run {
    steps: Vec<StepView>,
    sends: Vec<Send>,
    answer: Option<AnswerView>,
    unknown: Vec<String>,
}

/// The way of a request through a generation, as it is at that moment.
pub fn explain(
    generation: &Generation,
    limits: Limits,
    request: &ExplainRequest,
    now: Tick,
) -> Result<ExplainView, String> {
    let fails = fails(&generation.endpoints, &request.fail)?;
    let raw = raw_head(request)?;
    let mut view = ExplainView::default();
    let mut head = RequestHead::default();
    match parse::request(&raw, limits.head, &mut head) {
        Ok(Some(_)) => {}
        Ok(None) => return Err("the request has no end".to_owned()),
        Err(refused) => {
            view.request = request.url.clone();
            view.answer = Some(AnswerView {
                status: refused.status,
                body: refused.reason.to_owned(),
            });
            return Ok(view);
        }
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    view.request = format!("{} {}", text(head.method_text()), text(head.target()));
    let message = Message {
        head: &head,
        body: body_of(request, head.method),
        https: request.url.starts_with("https://"),
    };
    let run = |script| run(generation, limits, &message, now, &script);
    let first = run(Script::Given(&fails));
    view.sends = first
        .sends
        .iter()
        .map(|send| describe::send(generation, &limits, send, now))
        .collect();
    view.steps = first.steps;
    view.answer = first.answer;
    view.unknown = first.unknown;
    if first.sends.iter().any(|send| !send.tries.is_empty()) {
        let all = run(Script::AllFail(&fails));
        view.ladder = ladder(generation, &all);
    }
    Ok(view)
}

/// The message that is thought through.
struct Message<'m> {
    head: &'m RequestHead,
    body: Body,
    https: bool,
}

fn run(
    generation: &Generation,
    limits: Limits,
    message: &Message<'_>,
    now: Tick,
    script: &Script<'_>,
) -> Run {
    let endpoints = generation.endpoints.fork();
    let worker = Worker::standing(limits, SEED, now);
    let nobody = SocketAddr::from(([127, 0, 0, 1], 0));
    let arrival = Arrival {
        peer: nobody,
        local: nobody,
        https: message.https,
        inside: false,
    };
    let mut x = Exchange::new(arrival, now, message.head.clone(), message.body.clone());
    let code = |leaf| script.code(&generation.endpoints, leaf);
    let record = Record::new(generation, &code);
    let id = RequestIds::with_prefix(0).next(None, None);
    // Nobody fetches: a rehearsal asks for no token.
    let (tokens, _) = TokenFetches::channel(1);
    let in_place = InPlace {
        worker: &worker,
        endpoints: &endpoints,
        generation,
        record: &record,
        request: &id,
        tokens: &tokens,
    };
    let sender = Rehearsed {
        bound: Bound {
            dispatch: in_place.dispatch(),
            beside: None,
            to_of_message: generation.to_of_message,
        },
        record: &record,
    };
    let cx = Cx {
        sender: &sender,
        log: &record,
    };
    let waits = {
        let mut handled = pin!(generation.mediation.handle(&mut x, &cx));
        let mut context = Context::from_waker(Waker::noop());
        handled.as_mut().poll(&mut context).is_pending()
    };
    let (steps, sends, mut unknown, answered) = record.into_parts();
    if waits {
        unknown.push(
            "the message waits here for something outside (a token, a WSDL, a name): what comes after is not known"
                .to_owned(),
        );
    }
    let answer = match (&x.response, answered || waits) {
        (Some(response), false) => Some(AnswerView {
            status: response.status,
            body: match &x.response_body {
                Body::Whole(bytes) => {
                    String::from_utf8_lossy(&bytes[..bytes.len().min(BODY_SHOWN)]).into_owned()
                }
                _ => String::new(),
            },
        }),
        _ => None,
    };
    Run {
        steps,
        sends,
        answer,
        unknown,
    }
}

/// What comes after the first failures, and after the last one.
fn ladder(generation: &Generation, all: &Run) -> Vec<RungView> {
    let path = |leaf: NodeId| generation.endpoints.node(leaf).path.to_string();
    let tries: Vec<_> = all.sends.iter().flat_map(|send| &send.tries).collect();
    let count = tries.len();
    (1..=count)
        .filter(|n| *n <= RUNGS || *n == count)
        .map(|failures| {
            let last = tries[failures - 1];
            let code = last.code.unwrap_or(ErrorCode::NONE);
            let next = tries.get(failures).map(|next| path(next.leaf));
            RungView {
                failures,
                endpoint: path(last.leaf),
                code: code.0,
                name: code.name().to_owned(),
                answer: all.answer.clone().filter(|_| next.is_none()),
                next,
            }
        })
        .collect()
}

/// `CHILD=CODE`: a path, its last part, or a target; a number or a name.
fn fails(endpoints: &Endpoints, list: &[String]) -> Result<Vec<(NodeId, ErrorCode)>, String> {
    let mut all = Vec::new();
    for text in list {
        let (child, code) = text
            .rsplit_once('=')
            .ok_or_else(|| format!("`{text}`: write CHILD=CODE, as in quotes/b=101504"))?;
        let code = match code.parse() {
            Ok(number) => ErrorCode(number),
            Err(_) => {
                let row = ERRORS.iter().find(|row| row.name == code);
                row.ok_or_else(|| format!("`{code}` is no error code; docs/codes.md lists them"))?
                    .code
            }
        };
        let before = all.len();
        for (id, node) in endpoints.nodes() {
            let Some(leaf) = endpoints.leaf(id).filter(|_| endpoints.resolve(id) == id) else {
                continue;
            };
            let named = &*node.path == child
                || node.path.rsplit('/').next() == Some(child)
                || leaf.target.authority().as_deref() == Some(child);
            if named {
                all.push((id, code));
            }
        }
        if all.len() == before {
            return Err(format!("`{child}` is no endpoint that is sent to"));
        }
    }
    Ok(all)
}

fn body_of(request: &ExplainRequest, method: Method) -> Body {
    match &request.body {
        Some(body) => Body::Whole(body.clone().into()),
        // These carry a body even when it is empty, and say so.
        None if matches!(method, Method::Post | Method::Put | Method::Patch) => {
            Body::Whole(Default::default())
        }
        None => Body::Empty,
    }
}

/// The head that a client would write.
fn raw_head(request: &ExplainRequest) -> Result<Vec<u8>, String> {
    let method = match (request.method.as_str(), &request.body) {
        ("", Some(_)) => "POST",
        ("", None) => "GET",
        (method, _) => method,
    };
    let (authority, target) = match request.url.split_once("://") {
        Some((_, rest)) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            rest.split_at(end)
        }
        None => ("localhost", request.url.as_str()),
    };
    let slash = if target.starts_with('/') { "" } else { "/" };
    let mut head = format!("{method} {slash}{target} HTTP/1.1\r\n");
    let value = |name: &str| {
        request.headers.iter().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.trim().eq_ignore_ascii_case(name).then_some(value)
        })
    };
    // The order in which clients write: Host, their own fields, then what describes the body.
    let host = value("Host").map_or(authority, str::trim);
    let mut fields = vec![format!("Host: {host}")];
    let own = request.headers.iter().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.trim().eq_ignore_ascii_case("Host")
    });
    fields.extend(own.cloned());
    if let Some(body) = &request.body {
        if value("Content-Type").is_none() {
            fields.push("Content-Type: text/xml; charset=UTF-8".to_owned());
        }
        if value("Content-Length").is_none() && value("Transfer-Encoding").is_none() {
            fields.push(format!("Content-Length: {}", body.len()));
        }
    }
    for field in fields {
        if !field.contains(':') || field.contains(['\r', '\n']) {
            return Err(format!("`{field}` is no header line; write Name: value"));
        }
        head += &field;
        head += "\r\n";
    }
    head += "\r\n";
    Ok(head.into_bytes())
}

/// Explains over files, without a running proxy: every endpoint is ready and no session is bound.
pub fn explain_files(origin: &Origin, request: &ExplainRequest) -> Result<ExplainView, String> {
    let loaded = origin.load();
    let network = AllowList::for_network(true, Vec::new());
    let around = Around {
        network: &network,
        members: &Members::default(),
        standing: &Default::default(),
    };
    let (built, diagnostics, settings) =
        Generation::build(loaded, origin.default.as_deref(), None, &around);
    let problems = diagnostics.into_sorted();
    if problems.iter().any(|d| d.severity == Severity::Error) {
        let text = render::human(&built.generation.sources, &problems);
        return Err(format!("{text}\nthe configuration has errors"));
    }
    // Whatever asks for a runtime on the way finds one; nothing runs on it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let _inside = runtime.enter();
    explain(
        &built.generation,
        super::boot::limits(&settings),
        request,
        crate::util::clock::now(),
    )
}

#[cfg(test)]
mod tests;
