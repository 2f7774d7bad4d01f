//! Looks at the beginning of bodies for what affinity needs: never further than the SOAP header, never changing a byte.

use super::request::{BROKE_OFF, answer_refused};
use crate::codes::ErrorCode;
use crate::endpoint::tree::Needs;
use crate::exchange::{Body, Exchange, Fault};
use crate::soap::envelope::Format;
use crate::soap::scan::{HeaderScan, Limits, Progress, ScanError, ScannedHeader, Text, Wanted};
use crate::transport::downstream::within;
use crate::transport::headers::Name;
use crate::transport::upstream::Answer;
use crate::transport::worker::Worker;

pub(super) fn limits(worker: &Worker) -> Limits {
    Limits {
        bytes: worker.limits.soap_header_bytes,
        ..Limits::default()
    }
}

/// The header blocks of a request. `None`: the request cannot be read, and the client was told so.
pub async fn request_header(
    worker: &Worker,
    x: &mut Exchange,
    needs: Needs,
    to: bool,
) -> Result<Option<ScannedHeader>, Fault> {
    let wanted = Wanted {
        client_id: needs.client_id,
        service_group: needs.service_group_id,
        to,
        ..Wanted::default()
    };
    let xml = matches!(
        Format::of(x.request.headers.value(Name::ContentType), false),
        Format::Soap11 | Format::Soap12 | Format::Pox | Format::Other
    );
    let mut scan = HeaderScan::new(wanted, limits(worker));
    match (&x.request_body, x.client.as_mut()) {
        _ if !xml => Ok(Some(ScannedHeader::default())),
        (Body::Whole(bytes), _) => match scan.feed(bytes, true) {
            Progress::Done(found) => Ok(Some(found)),
            Progress::Refused(error) => Err(refused(error)),
            Progress::NeedMore => Ok(Some(ScannedHeader::default())),
        },
        (Body::Incoming, Some(client)) => loop {
            let (prefix, complete) = match client.prefix() {
                Ok(prefix) => prefix,
                Err(reason) => {
                    answer_refused(x, reason);
                    return Ok(None);
                }
            };
            match scan.feed(prefix, complete) {
                Progress::Done(found) => return Ok(Some(found)),
                Progress::Refused(error) => return Err(refused(error)),
                Progress::NeedMore if complete => return Ok(Some(ScannedHeader::default())),
                Progress::NeedMore => {}
            }
            match within(worker.limits.body_progress, client.read_ahead()).await {
                Some(Ok(true)) => {}
                Some(Ok(false)) => return Err(refused(ScanError::Limit("bytes"))),
                Some(Err(_)) | None => {
                    answer_refused(x, BROKE_OFF);
                    return Ok(None);
                }
            }
        },
        _ => Ok(Some(ScannedHeader::default())),
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
    let wanted = Wanted {
        reply_service_group: true,
        ..Wanted::default()
    };
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
