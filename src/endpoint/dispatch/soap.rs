//! Looks at the beginning of bodies for what affinity needs: never further than the SOAP header, never changing a byte.

use crate::codes::ErrorCode;
use crate::endpoint::tree::Needs;
use crate::exchange::{Body, Exchange, Fault};
use crate::soap::envelope::Format;
use crate::soap::scan::{HeaderScan, Limits, Progress, ScanError, ScannedHeader, Text, Wanted};
use crate::transport::downstream::within;
use crate::transport::headers::Name;
use crate::transport::upstream::Answer;
use crate::transport::worker::Worker;

fn limits(worker: &Worker) -> Limits {
    Limits { bytes: worker.limits.soap_header_bytes, ..Limits::default() }
}

/// The header blocks of a request.
pub async fn request_header(worker: &Worker, x: &mut Exchange, needs: Needs) -> Result<ScannedHeader, Fault> {
    let wanted = Wanted { client_id: needs.client_id, service_group: needs.service_group_id, ..Wanted::default() };
    let xml = matches!(Format::of(x.request.headers.value(Name::ContentType), false), Format::Soap11 | Format::Soap12 | Format::Pox | Format::Other);
    let mut scan = HeaderScan::new(wanted, limits(worker));
    match (&x.request_body, x.client.as_mut()) {
        _ if !xml => Ok(ScannedHeader::default()),
        (Body::Whole(bytes), _) => match scan.feed(bytes, true) {
            Progress::Done(found) => Ok(found),
            Progress::Refused(error) => Err(refused(error)),
            Progress::NeedMore => Ok(ScannedHeader::default()),
        },
        (Body::Incoming, Some(client)) => loop {
            let (prefix, complete) = client.prefix().map_err(|r| Fault::new(ErrorCode::MESSAGE_PARSE, r.reason))?;
            match scan.feed(prefix, complete) {
                Progress::Done(found) => return Ok(found),
                Progress::Refused(error) => return Err(refused(error)),
                Progress::NeedMore if complete => return Ok(ScannedHeader::default()),
                Progress::NeedMore => {}
            }
            match within(worker.limits.body_progress, client.read_ahead()).await {
                Some(Ok(true)) => {}
                Some(Ok(false)) => return Err(refused(ScanError::Limit("bytes"))),
                Some(Err(_)) | None => {
                    client.keep_alive = false;
                    return Err(Fault::new(ErrorCode::RECEIVER_RECEIVE, "the request broke off before its SOAP header was complete"));
                }
            }
        },
        _ => Ok(ScannedHeader::default()),
    }
}

fn refused(error: ScanError) -> Fault {
    Fault::new(ErrorCode::MESSAGE_PARSE, error.to_string())
}

/// `ServiceGroupId` in the `ReplyTo` of an answer; an answer that cannot be read just has none.
pub async fn answer_service_group(worker: &Worker, answer: &mut Answer) -> Option<Text> {
    let format = Format::of(answer.head.headers.value(Name::ContentType), false);
    if !format.is_soap() || answer.head.status == 101 {
        return None;
    }
    let wanted = Wanted { reply_service_group: true, ..Wanted::default() };
    let mut scan = HeaderScan::new(wanted, limits(worker));
    loop {
        let (prefix, complete) = answer.upstream.prefix().ok()?;
        match scan.feed(prefix, complete) {
            Progress::Done(found) => return found.service_group,
            Progress::Refused(_) => return None,
            Progress::NeedMore if complete => return None,
            Progress::NeedMore => {}
        }
        match within(worker.limits.body_progress, answer.upstream.read_ahead()).await {
            Some(Ok(true)) => {}
            _ => return None,
        }
    }
}
