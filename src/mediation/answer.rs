//! Answers that axon itself gives, and how the current message becomes the answer.
//!
//! One pure table says what an error means to a client: a SOAP client gets a SOAP fault of its own version with status
//! 500 (SOAP 1.1 section 6.2, SOAP 1.2 part 2 section 7.5.2.2; a message that is itself at fault is 400 in SOAP 1.2), others the HTTP status that fits.

use std::time::Duration;

use bytes::Bytes;

use super::{message, reply_with};
use crate::codes::ErrorCode;
use crate::exchange::{Body, Direction, Exchange, Fault};
use crate::soap::envelope::Format;
use crate::soap::escape_text;
use crate::soap::fault::{Detail, FaultCode, FaultText, FaultVersion};
use crate::soap::media::MediaType;
use crate::transport::head::ResponseHead;
use crate::transport::headers::Name;

/// The HTTP status of an error, for a client of that format.
pub fn status_of(code: ErrorCode, format: Format) -> u16 {
    let of_client = matches!(
        code,
        ErrorCode::MESSAGE_PARSE | ErrorCode::RECEIVER_SEND | ErrorCode::RECEIVER_RECEIVE
    );
    match format {
        Format::Soap12 if of_client => 400,
        Format::Soap11 | Format::Soap12 => 500,
        _ if of_client => 400,
        _ => match code {
            ErrorCode::RESPONSE_TIMEOUT | ErrorCode::DEADLINE => 504,
            ErrorCode::NO_READY_CHILD
            | ErrorCode::NOT_READY
            | ErrorCode::WSDL_NOT_READY
            | ErrorCode::OVERLOADED
            | ErrorCode::SESSION_NOT_READY => 503,
            ErrorCode::NOT_SUPPORTED => 501,
            ErrorCode::NONE | ErrorCode::ENDPOINT_MISSING => 500,
            _ => 502,
        },
    }
}

/// Answers with a fault that names code and reason, in the request's own format; a GET or HEAD gets the status alone.
pub fn default_fault(x: &mut Exchange, fault: &Fault) {
    let format = message::request_format(x);
    // A back end's message that cannot be read is no fault of the client's.
    let current = x.direction == Direction::Response || x.client_head.is_some();
    let theirs = current && !x.trail.tries.is_empty();
    let judged = match fault.code {
        ErrorCode::MESSAGE_PARSE if theirs => ErrorCode::RECEIVE_FAILED,
        code => code,
    };
    let status = status_of(judged, format);
    let reason = match fault.code {
        ErrorCode::NONE => fault.message.clone(),
        code => format!("{code} {}: {}", code.name(), fault.message),
    };
    let (content_type, body) = match format {
        Format::Soap11 | Format::Soap12 => {
            let version = fault_version(format);
            let code = match status_of(judged, Format::Soap12) {
                400 => FaultCode::client(version),
                _ => FaultCode::server(version),
            };
            let text = FaultText {
                code: &code,
                reason: &reason,
                node: None,
                role: None,
                detail: Detail::Absent,
                blocks: None,
            };
            (
                Some(fault_media_type(version, "")),
                Some(text.write(version)),
            )
        }
        Format::Pox => {
            let mut out = String::from("<Exception>");
            escape_text(&mut out, &reason);
            out.push_str("</Exception>");
            (
                Some("application/xml; charset=UTF-8".to_owned()),
                Some(Bytes::from(out)),
            )
        }
        Format::Other => (
            Some("text/plain; charset=UTF-8".to_owned()),
            Some(Bytes::from(reason + "\n")),
        ),
        Format::Rest => (None, None),
    };
    let mut head = ResponseHead::new(status);
    if let Some(content_type) = content_type {
        head.headers
            .append(b"Content-Type", content_type.as_bytes());
    }
    if let (503, Some(wait)) = (status, x.retry_after) {
        head.headers
            .append(b"Retry-After", seconds(wait).to_string().as_bytes());
    }
    reply_with(x, head, body.map_or(Body::Empty, Body::Whole));
}

/// Answers with a status and a text.
pub(super) fn text(x: &mut Exchange, status: u16, text: &str) {
    let mut head = ResponseHead::new(status);
    head.headers
        .append(b"Content-Type", b"text/plain; charset=UTF-8");
    reply_with(
        x,
        head,
        Body::Whole(Bytes::copy_from_slice(text.as_bytes())),
    );
}

/// Answers that no route leads here, and which do.
pub(super) fn not_found(x: &mut Exchange, paths: &[String]) {
    const SHOWN: usize = 100;
    let mut list = String::from(match paths.is_empty() {
        true => "Nothing is configured: there is no endpoint and no sequence.\n",
        false => "Nothing is reached by this path. What there is:\n",
    });
    for path in paths.iter().take(SHOWN) {
        list.push_str(&format!("{path}\n"));
    }
    if paths.len() > SHOWN {
        list.push_str(&format!("and {} more\n", paths.len() - SHOWN));
    }
    text(x, 404, &list);
}

/// Answers 202 without a body, with the media type of the request: nothing was sent, or the answer was dropped (recorded).
pub(super) fn accepted(x: &mut Exchange) {
    let mut head = ResponseHead::new(202);
    let request = x.client_request();
    if let Some(value) = request.headers.value(Name::ContentType) {
        head.headers.append(b"Content-Type", value);
    }
    reply_with(x, head, Body::Empty);
}

/// Sends the current answer to the client: its status and body by the axis2 settings (spec/mediation.md 7).
pub(super) fn reply(x: &mut Exchange) -> Result<(), Fault> {
    let as_200 = x.fault_made && flag(x, "FAULTS_AS_HTTP_200");
    let set = x
        .axis2
        .value("HTTP_SC")
        .map(|text| text.trim().parse::<u16>());
    let empty = flag(x, "NO_ENTITY_BODY");
    let acknowledged = x.upstream.is_some() && acknowledges(x);
    let Some(response) = &mut x.response else {
        return Err(Fault::new(ErrorCode::NONE, "there is no answer to send"));
    };
    match set {
        Some(Ok(status @ 200..=999)) => response.status = status,
        // A text that is no status gives 200 (recorded).
        Some(_) => response.status = 200,
        None if as_200 => response.status = 200,
        None => {}
    }
    if let Some(reason) = x.axis2.value("HTTP_SC_DESC")
        && !reason.bytes().any(|b| b.is_ascii_control())
    {
        response.set_reason(reason.as_bytes());
    }
    if empty {
        response.headers.remove("Content-Type");
        x.response_body = Body::Empty;
    }
    if acknowledged {
        x.response_body = Body::Empty;
    }
    x.replied = true;
    Ok(())
}

/// A 202 of a back end acknowledges a message and says no more: its body stays here (recorded), but one that is not XML
/// is for the client of a REST service. `IGNORE_SC_ACCEPTED` takes it for any other answer.
fn acknowledges(x: &Exchange) -> bool {
    let Some(answer) = x.response.as_ref().filter(|answer| answer.status == 202) else {
        return false;
    };
    let media = MediaType::parse(answer.headers.find("Content-Type").unwrap_or_default());
    media.is_xml() && !flag(x, "IGNORE_SC_ACCEPTED")
}

/// The version of a fault in answer to a message of that format.
pub(super) fn fault_version(format: Format) -> FaultVersion {
    match format {
        Format::Soap11 => FaultVersion::Soap11,
        Format::Soap12 => FaultVersion::Soap12,
        _ => FaultVersion::Pox,
    }
}

/// The media type of a fault. SOAP 1.2 carries the action as a parameter (RFC 3902).
pub(super) fn fault_media_type(version: FaultVersion, action: &str) -> String {
    let quotable = action
        .bytes()
        .all(|b| (0x21..0x7f).contains(&b) && b != b'"' && b != b'\\');
    match version {
        FaultVersion::Soap11 => "text/xml; charset=UTF-8".to_owned(),
        FaultVersion::Soap12 if !action.is_empty() && quotable => {
            format!("application/soap+xml; charset=UTF-8; action=\"{action}\"")
        }
        FaultVersion::Soap12 => "application/soap+xml; charset=UTF-8".to_owned(),
        FaultVersion::Pox => "application/xml; charset=UTF-8".to_owned(),
    }
}

fn flag(x: &Exchange, name: &str) -> bool {
    x.axis2
        .value(name)
        .is_some_and(|v| v.eq_ignore_ascii_case("true"))
}

// Whole seconds, rounded up: too early is refused again.
fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1) as u64
}
