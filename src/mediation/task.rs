//! Messages of tasks: made here, taken through `main`, a sequence or a proxy service as if somebody had sent them
//! (spec/mediation.md 6). When they are due is the server's to know.

use std::net::{Ipv4Addr, SocketAddr};

use super::answer::fault_media_type;
use super::parse::Parse;
use super::proxy::Proxy;
use super::{Cx, Flow, Mediation, Passed, SequenceId};
use crate::config::cron::Schedule;
use crate::config::model::{TaskDef, TaskFormat, TaskTarget};
use crate::exchange::{Arrival, Body, Exchange};
use crate::soap::envelope::{SOAP11_NS, SOAP12_NS};
use crate::soap::fault::FaultVersion;
use crate::transport::head::RequestHead;
use crate::util::clock::Tick;

/// A compiled task.
#[derive(Debug)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// When its messages are due; the first of a pause at once.
    pub schedule: Schedule,
    /// How many messages there are.
    pub count: Option<u32>,
    /// Everything that makes it this task: while it stays the same, a reload does not begin it anew.
    pub print: String,
    def: TaskDef,
    goes: Goes,
}

#[derive(Debug)]
enum Goes {
    Flow(Flow),
    Proxy(usize),
    Nowhere,
}

/// Compiles a task.
pub(super) fn build(
    def: &TaskDef,
    main: Option<SequenceId>,
    proxies: &[Proxy],
    parse: &mut Parse<'_>,
) -> Task {
    let flow = |request| {
        Goes::Flow(Flow {
            request,
            answer: main,
            ..Flow::default()
        })
    };
    let goes = match &def.target {
        TaskTarget::Main => flow(main),
        TaskTarget::Sequence(key) => match parse.known_sequence(key) {
            Some(id) => flow(Some(id)),
            None => Goes::Nowhere,
        },
        TaskTarget::Proxy(key) => {
            let found = proxies.iter().position(|p| *p.name == *key.value);
            if found.is_none() {
                let text = format!("there is no proxy service `{}`", key.value);
                parse.diagnostics.warn(
                    crate::codes::DiagnosticCode::UnknownSequence,
                    key.span,
                    text,
                    "define it, or correct the name; until then the task does nothing",
                );
            }
            found.map_or(Goes::Nowhere, Goes::Proxy)
        }
    };
    Task {
        name: def.name.value.clone(),
        schedule: def.schedule.clone(),
        count: def.count,
        print: format!(
            "{:?} {:?} {} {:?} {:?} {:?} {:?}",
            def.schedule,
            def.count,
            def.message,
            def.to,
            def.action,
            def.format,
            target(def)
        ),
        def: def.clone(),
        goes,
    }
}

fn target(def: &TaskDef) -> (&str, u8) {
    match &def.target {
        TaskTarget::Main => ("", 0),
        TaskTarget::Sequence(name) => (&name.value, 1),
        TaskTarget::Proxy(name) => (&name.value, 2),
    }
}

impl Task {
    /// A message of the task.
    pub fn message(&self, started: Tick) -> Exchange {
        let def = &self.def;
        let action = def.action.as_deref().unwrap_or_default();
        let mut head = RequestHead::default();
        let get = def.format == TaskFormat::Get;
        head.set_method(if get { b"GET" } else { b"POST" });
        head.set_target(b"/");
        let soap = |version, namespace: &str| {
            let body = &def.message;
            let text = format!(
                "<soapenv:Envelope xmlns:soapenv=\"{namespace}\"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
            );
            (fault_media_type(version, action), text)
        };
        let made = match def.format {
            TaskFormat::Soap11 => Some(soap(FaultVersion::Soap11, SOAP11_NS)),
            TaskFormat::Soap12 => Some(soap(FaultVersion::Soap12, SOAP12_NS)),
            TaskFormat::Pox => Some((
                "application/xml; charset=UTF-8".to_owned(),
                def.message.clone(),
            )),
            TaskFormat::Get => None,
        };
        let printable = action
            .bytes()
            .all(|b| (0x20..0x7f).contains(&b) && b != b'"');
        if printable && matches!(def.format, TaskFormat::Soap11 | TaskFormat::Pox) {
            let quoted = format!("\"{action}\"");
            head.headers.append(b"SOAPAction", quoted.as_bytes());
        }
        let body = match made {
            Some((media, text)) => {
                head.headers.append(b"Content-Type", media.as_bytes());
                Body::held(text)
            }
            None => Body::Empty,
        };
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let arrival = Arrival {
            peer: here,
            local: here,
            https: false,
            inside: false,
        };
        let mut x = Exchange::new(arrival, started, head, body);
        x.to.clone_from(&def.to);
        x
    }
}

impl Mediation {
    /// The tasks.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Takes a message of a task through to its end. What nobody took of an answer is left in it.
    pub async fn inject(&self, task: &Task, x: &mut Exchange, cx: &Cx<'_>) {
        if let Some(trace) = cx.log.trace() {
            trace.passed(Passed::ToMain);
        }
        match &task.goes {
            Goes::Flow(flow) => self.mediate(*flow, x, cx).await,
            Goes::Proxy(at) => {
                if let Some(proxy) = self.proxies.get(*at) {
                    x.proxy = Some(proxy.name.clone());
                    self.mediate(proxy.flow, x, cx).await;
                }
            }
            Goes::Nowhere => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::loader::parse_bytes;

    fn message(properties: &str) -> Exchange {
        let text = format!(
            "<task xmlns='http://ws.apache.org/ns/synapse' name='t' class='org.apache.synapse.startup.tasks.MessageInjector'>
             <trigger once='true'/><property name='message'><a/></property><property name='to' value='http://h/x'/>{properties}</task>"
        );
        let (model, diagnostics) = parse_bytes("t.xml", text.as_bytes());
        assert!(!diagnostics.has_errors(), "{:?}", diagnostics.list());
        let def = model.tasks[0].clone();
        let task = Task {
            name: String::new(),
            schedule: def.schedule.clone(),
            count: def.count,
            print: String::new(),
            def,
            goes: Goes::Nowhere,
        };
        task.message(Tick(1))
    }

    #[test]
    fn a_message_has_the_format_that_the_task_says() {
        let action = "<property name='soapAction' value='urn:a'/>";
        for (format, media, soap_action, body) in [
            (
                "",
                "application/soap+xml; charset=UTF-8; action=\"urn:a\"",
                None,
                SOAP12_NS,
            ),
            (
                "soap11",
                "text/xml; charset=UTF-8",
                Some("\"urn:a\""),
                SOAP11_NS,
            ),
            (
                "pox",
                "application/xml; charset=UTF-8",
                Some("\"urn:a\""),
                "<a",
            ),
        ] {
            let format = format!("<property name='format' value='{format}'/>");
            let x = message(&(action.to_owned() + &format));
            let field = |name| x.request.headers.find(name).map(String::from_utf8_lossy);
            assert_eq!(field("Content-Type").as_deref(), Some(media));
            assert_eq!(field("SOAPAction").as_deref(), soap_action);
            let Body::Whole(bytes) = &x.request_body else {
                panic!("no body");
            };
            assert!(String::from_utf8_lossy(bytes).contains(body));
            assert_eq!(x.to.as_deref(), Some("http://h/x"));
        }
        let x = message("<property name='format' value='get'/>");
        assert_eq!(
            (x.request.method_text(), &x.request_body),
            (&b"GET"[..], &Body::Empty)
        );
    }
}
