//! Answers that do not end by themselves: events as they happen, as server-sent events (WHATWG HTML 9.2) or as JSON lines.
//!
//! A reader that does not keep up is told so in its last event and comes again with `Last-Event-ID`; what it missed by
//! then is told as well. Nothing else of the server waits for it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::observe::{Event, Follower, LogFormat};

/// How often a reader is shown that the connection lives.
const ALIVE: Duration = Duration::from_secs(15);
/// Bytes that are gathered into one piece.
const PIECE: usize = 16 * 1024;

/// Form of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `text/event-stream`.
    ServerSent,
    /// `application/x-ndjson`: one JSON object a line.
    Lines,
}

impl Form {
    /// The form that an `Accept` field asks for.
    pub fn accepted(accept: &str) -> Option<Form> {
        accept
            .split(',')
            .find_map(|part| match part.split(';').next()?.trim() {
                "text/event-stream" => Some(Form::ServerSent),
                "application/x-ndjson" | "application/jsonl" => Some(Form::Lines),
                _ => None,
            })
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Form::ServerSent => "text/event-stream",
            Form::Lines => "application/x-ndjson",
        }
    }
}

/// The body of an answer.
pub enum Body {
    /// Known beforehand.
    Whole(Full<Bytes>),
    /// Events until one side ends it.
    Events(Box<EventBody>),
}

/// Events as they happen.
pub struct EventBody {
    follower: Follower,
    form: Form,
    alive: Interval,
    begun: bool,
    ended: bool,
    /// Set while the stream is open.
    open: Option<Arc<AtomicBool>>,
}

impl Drop for EventBody {
    fn drop(&mut self) {
        if let Some(open) = &self.open {
            open.store(false, Ordering::Release);
        }
    }
}

impl EventBody {
    /// A stream of what the follower gets.
    pub fn new(follower: Follower, form: Form) -> EventBody {
        let mut alive = interval(ALIVE);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        EventBody {
            follower,
            form,
            alive,
            begun: false,
            ended: false,
            open: None,
        }
    }

    /// Has `open` say whether the stream is open.
    pub fn mark(&mut self, open: Arc<AtomicBool>) {
        open.store(true, Ordering::Release);
        self.open = Some(open);
    }

    fn write(&self, event: &Event, out: &mut Vec<u8>) {
        if self.form == Form::ServerSent {
            let id = self.follower.id_of(event);
            out.extend_from_slice(format!("id: {id}\nevent: {}\ndata: ", event.evt).as_bytes());
        }
        event.write(LogFormat::Json, out);
        if self.form == Form::ServerSent {
            out.push(b'\n');
        }
    }

    /// A word of the stream itself. It has no id: it is not what a reader goes on behind.
    fn notice(&self, evt: &str, fields: &serde_json::Value, out: &mut Vec<u8>) {
        let mut value = serde_json::json!({ "evt": evt });
        if let (Some(all), Some(more)) = (value.as_object_mut(), fields.as_object()) {
            all.extend(more.clone());
        }
        let text = match self.form {
            Form::ServerSent => format!("event: {evt}\ndata: {value}\n\n"),
            Form::Lines => format!("{value}\n"),
        };
        out.extend_from_slice(text.as_bytes());
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.begun, true) && self.follower.missed > 0 {
            let missed = serde_json::json!({ "missed": self.follower.missed });
            self.notice("events.gap", &missed, &mut out);
        }
        while out.len() < PIECE {
            match self.follower.poll_next(cx) {
                Poll::Ready(Some(event)) => self.write(&event, &mut out),
                Poll::Ready(None) => {
                    self.ended = true;
                    if self.follower.was_too_slow() {
                        let text = "this reader was too slow; come again with the last id";
                        let text = serde_json::json!({ "text": text });
                        self.notice("events.dropped", &text, &mut out);
                    }
                    break;
                }
                Poll::Pending if out.is_empty() => {
                    ready!(self.alive.poll_tick(cx));
                    out.extend_from_slice(match self.form {
                        Form::ServerSent => b":\n\n",
                        Form::Lines => b"\n",
                    });
                    break;
                }
                Poll::Pending => break,
            }
        }
        Poll::Ready((!out.is_empty()).then_some(out))
    }
}

impl From<Full<Bytes>> for Body {
    fn from(body: Full<Bytes>) -> Body {
        Body::Whole(body)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Body::Whole(body) => Pin::new(body).poll_frame(cx),
            Body::Events(events) => {
                let piece = ready!(events.next(cx));
                Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Whole(body) => body.is_end_stream(),
            Body::Events(events) => events.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(body) => body.size_hint(),
            Body::Events(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::EventLog;
    use std::task::Waker;

    fn piece(body: &mut EventBody) -> Option<String> {
        let mut cx = Context::from_waker(Waker::noop());
        match body.next(&mut cx) {
            Poll::Ready(bytes) => bytes.map(|b| String::from_utf8(b).unwrap()),
            Poll::Pending => Some("(waits)".to_owned()),
        }
    }

    fn in_runtime(test: impl FnOnce()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        test();
    }

    #[test]
    fn events_have_an_id_to_go_on_behind() {
        in_runtime(|| {
            let log = EventLog::new(LogFormat::Off, None);
            let mut body = EventBody::new(log.follow(None).unwrap(), Form::ServerSent);
            log.emit(Event::new("config.reload"));
            log.emit(Event::new("config.reload"));
            let text = piece(&mut body).unwrap();
            let ids: Vec<&str> = text
                .lines()
                .filter_map(|l| l.strip_prefix("id: "))
                .collect();
            assert_eq!(
                text.matches("event: config.reload\ndata: {\"seq\":")
                    .count(),
                2
            );
            let mut again = EventBody::new(log.follow(Some(ids[0])).unwrap(), Form::Lines);
            let text = piece(&mut again).unwrap();
            assert!(
                text.starts_with("{\"seq\":2,") && text.lines().count() == 1,
                "{text}"
            );
        });
    }

    #[test]
    fn the_last_word_to_a_slow_reader_says_why() {
        in_runtime(|| {
            let log = EventLog::new(LogFormat::Off, None);
            let mut body = EventBody::new(log.follow(None).unwrap(), Form::Lines);
            for _ in 0..=crate::observe::follow::QUEUE_MAX {
                log.emit(Event::new("config.reload"));
            }
            let mut all = String::new();
            while let Some(text) = piece(&mut body) {
                all += &text;
            }
            assert!(all.lines().last().unwrap().contains("events.dropped"));
        });
    }
}
