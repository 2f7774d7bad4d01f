//! Proxy services: what a request to `/services/NAME` goes through (spec/mediation.md 4).
//!
//! The request passes the `inSequence`, then goes to the endpoint of the target, unless it was stopped or already sent
//! (the originals would send it twice); the answer passes the `outSequence`, or goes straight back where there is none. Errors of
//! both go to the `faultSequence`, then to the sequence `fault`. `?wsdl` shows the published definition.

mod publication;

use std::collections::HashMap;
use std::sync::Arc;

pub use publication::{Publication, Seen};

use super::mediator::List;
use super::parse::Parse;
use super::{Cx, Flow, Mediation, Sequence, SequenceId, default_fault};
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::model::{
    EndpointUse, EntryContent, Model, ProxyDef, SequenceUse, Transports, UnsupportedDef,
};
use crate::config::source::Spanned;
use crate::config::wsdl::{Asked, Library};
use crate::exchange::{Arrival, Exchange, Fault};
use crate::transport::head::Method;

/// A compiled proxy service.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) name: Arc<str>,
    pub(super) flow: Flow,
    /// Why it is left out.
    broken: Option<Fault>,
    transports: Transports,
    active: bool,
    pub(super) publication: Option<Arc<Publication>>,
}

/// Compiles a proxy service; its own sequences are added to the others.
pub(super) fn build(
    def: &ProxyDef,
    parse: &mut Parse<'_>,
    sequences: &mut Vec<Sequence>,
    library: &Library<'_>,
    model: &Model,
) -> Proxy {
    // Names of sequences hold no colon in front, so that no place of theirs is one of these.
    let before = parse.diagnostics.errors();
    let place = format!("proxy:{}", def.name.value);
    let mut sequence = |part, used| used_sequence(&place, part, used, parse, sequences);
    let request = sequence("inSequence", &def.in_sequence);
    let answer = sequence("outSequence", &def.out_sequence);
    let fault = sequence("faultSequence", &def.fault_sequence);
    let endpoint = def.endpoint.as_ref().map(|used| match used {
        EndpointUse::Key(key) => parse.endpoint_by_key(key),
        EndpointUse::Inline(element) => parse.endpoint_at(&place, element),
    });
    Proxy {
        name: def.name.value.as_str().into(),
        flow: Flow {
            request,
            endpoint,
            answer,
            fault,
        },
        transports: def.transports,
        active: def.active,
        publication: Publication::build(def, library, &model.entries, parse.diagnostics),
        broken: parse.left_out(
            &format!("the proxy service `{}`", def.name.value),
            def.name.span,
            before,
        ),
    }
}

/// A sequence that an artifact at `place` uses as one of its parts; one that is written there is added to the others.
pub(super) fn used_sequence(
    place: &str,
    part: &str,
    used: &Option<SequenceUse>,
    parse: &mut Parse<'_>,
    sequences: &mut Vec<Sequence>,
) -> Option<SequenceId> {
    let sequence = match used.as_ref()? {
        SequenceUse::Key(key) => match parse.known_sequence(key) {
            Some(id) => return Some(id),
            // An error when a message gets there (recorded).
            None => {
                let text = format!("there is no sequence `{}`", key.value);
                Sequence::failing(key, Fault::new(ErrorCode::NONE, text))
            }
        },
        SequenceUse::Inline(element) => Sequence {
            name: format!("{place}/{part}"),
            place: element.name_span,
            on_error: element
                .attribute("onError")
                .and_then(|key| parse.known_sequence(key)),
            list: parse.sequence_body(&format!("{place}/{part}"), element),
        },
    };
    sequences.push(sequence);
    Some(SequenceId(sequences.len() as u32 - 1))
}

impl Sequence {
    /// One that fails whenever a message gets there.
    pub(super) fn failing(name: &Spanned<String>, fault: Fault) -> Sequence {
        Sequence {
            name: name.value.clone(),
            place: name.span,
            list: List::failing(name.span, fault),
            on_error: None,
        }
    }
}

/// Says which entries nobody has read: those of other servers that no service publishes.
pub(super) fn unused_entries(model: &Model, library: &Library<'_>, parse: &mut Parse<'_>) {
    for entry in &model.entries {
        let EntryContent::Source(source) = &entry.content else {
            continue;
        };
        let key = &entry.key.value;
        if library.is_used(key) || model.texts.contains_key(key) || !source.value.contains("://") {
            continue;
        }
        parse.diagnostics.unsupported(
            DiagnosticCode::NotSupportedYet,
            source.span,
            "a local entry from another server is not supported yet",
            "only publishWSDL reads one; save it as a file and write src=\"file:path\"",
        );
        parse.artifact(&UnsupportedDef {
            kind: "localEntry".to_owned(),
            name: Some(key.clone()),
            element: entry.element.clone(),
        });
    }
}

impl Mediation {
    /// Takes a request to a proxy service through to its answer.
    pub(super) async fn serve(&self, proxy: &Proxy, x: &mut Exchange, cx: &Cx<'_>) {
        x.proxy = Some(proxy.name.clone());
        if !proxy.is_reached(&x.arrival) {
            let text = format!(
                "The service cannot be found for the endpoint reference (EPR) /services/{}",
                proxy.name
            );
            return default_fault(x, &Fault::new(ErrorCode::NONE, text));
        }
        if let Some(fault) = &proxy.broken {
            return self.unhandled(x, cx, fault.clone());
        }
        if !proxy.active {
            let text = format!(
                "The system is attempting to access an inactive service: {}",
                proxy.name
            );
            return default_fault(x, &Fault::new(ErrorCode::NONE, text));
        }
        if let Some(publication) = &proxy.publication
            && let Some(asked) = asked(x)
        {
            return publication.answer(&asked, x);
        }
        self.mediate(proxy.flow, x, cx).await;
    }

    /// The definitions that proxy services publish.
    pub fn publications(&self) -> impl Iterator<Item = &Arc<Publication>> {
        self.proxies.iter().filter_map(|p| p.publication.as_ref())
    }

    /// Goes on showing what the previous configuration showed, until it is read anew.
    pub fn inherit(&self, previous: &Mediation) {
        let before: HashMap<&str, _> = previous
            .proxies
            .iter()
            .filter_map(|p| Some((&*p.name, p.publication.as_ref()?)))
            .collect();
        for store in &self.stores {
            if let Some(before) = previous.stores.iter().find(|s| s.name == store.name) {
                store.inherit(before);
            }
        }
        for processor in &self.processors {
            let mut all = previous.processors.iter();
            if let Some(before) = all.find(|p| p.name == processor.name) {
                processor.inherit(before);
            }
        }
        for executor in &self.executors {
            let mut all = previous.executors.iter();
            if let Some(before) = all.find(|e| e.name == executor.name) {
                executor.inherit(before);
            }
        }
        for proxy in &self.proxies {
            if let Some(publication) = &proxy.publication
                && let Some(before) = before.get(&*proxy.name)
            {
                publication.inherit(before);
            }
        }
    }
}

impl Proxy {
    /// Over the transports that it names; who sends to `local://` means this one.
    fn is_reached(&self, arrival: &Arrival) -> bool {
        match arrival.https {
            _ if arrival.inside => true,
            true => self.transports.https,
            false => self.transports.http,
        }
    }
}

/// What the request asks for, when it asks for a document and not for the service.
fn asked(x: &Exchange) -> Option<Asked> {
    let looks = matches!(x.request.method, Method::Get | Method::Head);
    let query = x.suffix().strip_prefix(b"?").filter(|_| looks)?;
    Asked::of(query)
}
