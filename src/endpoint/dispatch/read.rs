//! Reads the current message for mediators that look into it: as far as its SOAP header, or whole.
//!
//! Of a message whose header was read nothing has left the connection, so the rest streams on as if nobody had looked. A
//! message that was read whole is held (`[limits] message_bytes`) and sent on from there.

use bytes::Bytes;

use super::request::{BROKE_OFF, answer_refused};
use super::soap;
use crate::codes::ErrorCode;
use crate::exchange::{Body, Direction, Exchange, Fault};
use crate::soap::content::Extent;
use crate::soap::scan::{HeaderScan, Progress, ScanError, Wanted};
use crate::transport::downstream::within;
use crate::transport::http1::strict::Refused;
use crate::transport::reply::give_back;
use crate::transport::whole::{WholeError, WholeLimits};
use crate::transport::worker::Worker;

/// How far a look at the beginning of a message came.
enum Looked {
    /// These are the bytes up to the end of its header.
    Header(Bytes),
    /// It has no header that could be told apart.
    NoHeader,
    /// It broke off.
    BrokeOff(Refused),
}

/// The beginning of the current message, or all of it, and how much that is. `None`: it broke off, and the client was
/// told so.
///
/// # Errors
/// A fault: it is too long, or its header is refused.
pub async fn read(
    worker: &Worker,
    x: &mut Exchange,
    extent: Extent,
) -> Result<Option<(Bytes, Extent)>, Fault> {
    let body = match x.direction {
        Direction::Request => &x.request_body,
        Direction::Response => &x.response_body,
    };
    match body {
        Body::Empty => return Ok(Some((Bytes::new(), Extent::Whole))),
        Body::Whole(bytes) => return Ok(Some((bytes.clone(), Extent::Whole))),
        Body::Incoming => {}
    }
    if extent == Extent::Header {
        match header(worker, x).await? {
            Looked::Header(bytes) => return Ok(Some((bytes, Extent::Header))),
            Looked::BrokeOff(refused) => return Ok(broke_off(x, refused)),
            Looked::NoHeader => {}
        }
    }
    whole(worker, x).await
}

async fn header(worker: &Worker, x: &mut Exchange) -> Result<Looked, Fault> {
    let mut scan = HeaderScan::new(Wanted::default(), soap::limits(worker));
    let looked = loop {
        let (prefix, complete) = match prefix(x) {
            Ok(Some(prefix)) => prefix,
            Ok(None) => return Ok(Looked::NoHeader),
            Err(refused) => return Ok(Looked::BrokeOff(refused)),
        };
        match scan.feed(prefix, complete) {
            Progress::Done(_) => {
                let end = scan.stopped_at().and_then(|end| prefix.get(..end));
                break match end {
                    Some(beginning) => Looked::Header(Bytes::copy_from_slice(beginning)),
                    None => Looked::NoHeader,
                };
            }
            Progress::Refused(error) => return Err(refused(error)),
            Progress::NeedMore if complete => return Ok(Looked::NoHeader),
            Progress::NeedMore => {}
        }
        let more = match (x.direction, x.client.as_mut(), x.upstream.as_mut()) {
            (Direction::Request, Some(client), _) => {
                within(worker.limits.body_progress, client.read_ahead()).await
            }
            (Direction::Response, _, Some((upstream, _))) => {
                within(worker.limits.body_progress, upstream.read_ahead()).await
            }
            _ => return Ok(Looked::NoHeader),
        };
        worker.look();
        match more {
            Some(Ok(true)) => {}
            Some(Ok(false)) if x.direction == Direction::Response => {}
            Some(Ok(false)) => return Err(refused(ScanError::Limit("bytes"))),
            Some(Err(_)) | None => return Ok(Looked::BrokeOff(BROKE_OFF)),
        }
    };
    if let (Looked::Header(bytes), Direction::Request) = (&looked, x.direction) {
        x.header_end = u32::try_from(bytes.len()).ok();
    }
    Ok(looked)
}

/// What was read of the current message and not sent on, and whether it is all.
fn prefix(x: &mut Exchange) -> Result<Option<(&[u8], bool)>, Refused> {
    if x.direction == Direction::Request {
        return x.request_prefix();
    }
    match x.upstream.as_mut() {
        Some((upstream, _)) => upstream.prefix().map(Some),
        None => Ok(None),
    }
}

fn refused(error: ScanError) -> Fault {
    Fault::new(ErrorCode::MESSAGE_PARSE, error.to_string())
}

async fn whole(worker: &Worker, x: &mut Exchange) -> Result<Option<(Bytes, Extent)>, Fault> {
    let limits = WholeLimits::of(&worker.limits);
    let result = match (x.direction, x.client.as_mut(), x.upstream.as_mut()) {
        (Direction::Request, Some(client), _) => client.read_whole(limits).await,
        (Direction::Response, _, Some((upstream, _))) => upstream.read_whole(limits).await,
        _ => Err(WholeError::Gone),
    };
    worker.look();
    match result {
        Ok(bytes) => {
            let bytes = Bytes::from(bytes);
            match x.direction {
                Direction::Request => x.request_body = Body::Whole(bytes.clone()),
                Direction::Response => {
                    x.response_body = Body::Whole(bytes.clone());
                    if let Some((upstream, target)) = x.upstream.take() {
                        give_back(worker, upstream, &target);
                    }
                }
            }
            Ok(Some((bytes, Extent::Whole)))
        }
        Err(error) => {
            // What is left of an answer is of no use; what is left of a request is not read.
            if x.direction == Direction::Response {
                x.upstream = None;
                x.response_body = Body::Empty;
            }
            match error {
                WholeError::TooLong(most) => Err(Fault::new(
                    ErrorCode::MESSAGE_PARSE,
                    format!("it is longer than [limits] message_bytes, which is {most}"),
                )),
                WholeError::Gone => Err(Fault::new(
                    ErrorCode::NOT_REPLAYABLE,
                    "it was sent on already and is no longer held",
                )),
                WholeError::Refused(refused) if x.direction == Direction::Request => {
                    Ok(broke_off(x, refused))
                }
                WholeError::BrokeOff if x.direction == Direction::Request => {
                    Ok(broke_off(x, BROKE_OFF))
                }
                WholeError::Refused(_) | WholeError::BrokeOff => Err(Fault::new(
                    ErrorCode::RECEIVE_FAILED,
                    "the answer broke off while it was being read",
                )),
            }
        }
    }
}

fn broke_off(x: &mut Exchange, refused: Refused) -> Option<(Bytes, Extent)> {
    answer_refused(x, refused);
    None
}
