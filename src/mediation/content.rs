//! Has a message read as far as an expression looks into it, once.

use super::message;
use super::sender::Sender;
use crate::codes::ErrorCode;
use crate::exchange::{Body, Direction, Exchange, Fault};
use crate::soap::content::{Content, ContentError, Extent};
use crate::soap::envelope::Format;
use crate::transport::headers::Name;

/// Makes [`Exchange::content`] hold at least that much of the current message. `place` is where the expression is
/// written that looks into it, for the fault.
///
/// Ends with `x.replied` when the message broke off.
pub(super) async fn ensure(
    x: &mut Exchange,
    extent: Extent,
    place: &str,
    sender: &dyn Sender,
) -> Result<(), Fault> {
    if x.content()
        .is_some_and(|content| content.extent() >= extent)
    {
        return Ok(());
    }
    let format = message::format(x);
    let body = match x.direction {
        Direction::Request => &x.request_body,
        Direction::Response => &x.response_body,
    };
    // A message without a body (a GET, an empty 202) has nothing to be of a wrong kind.
    if format == Format::Rest || *body == Body::Empty {
        x.keep_content(Content::empty());
        return Ok(());
    }
    let headers = message::headers(x);
    let content_type = headers.and_then(|headers| headers.value(Name::ContentType));
    let content_type = content_type.unwrap_or_default().to_vec();
    if let Some(coding) = headers.and_then(|headers| headers.find("Content-Encoding")) {
        let coding: String = String::from_utf8_lossy(coding).chars().take(40).collect();
        let text = format!("a message packed with `{coding}` is not read yet");
        return Err(located(place, ErrorCode::NOT_SUPPORTED, &text));
    }
    if let Err(error) = Content::can_be_read(format, &content_type) {
        return Err(located(place, ErrorCode::NOT_SUPPORTED, &error.to_string()));
    }
    match sender.read(x, extent).await {
        Ok(Some(read)) => {
            x.keep_content(Content::new(read.bytes, read.extent, format, &content_type));
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(fault) => Err(located(place, fault.code, &fault.message)),
    }
}

/// The fault of an expression that looks into a message which cannot be looked into.
pub(super) fn refused(place: &str, error: &ContentError) -> Fault {
    let code = match error {
        ContentError::Unsupported(_) => ErrorCode::NOT_SUPPORTED,
        _ => ErrorCode::MESSAGE_PARSE,
    };
    located(place, code, &error.to_string())
}

fn located(place: &str, code: ErrorCode, message: &str) -> Fault {
    let text = match place {
        "" => message.to_owned(),
        place => format!("the expression at {place} looks into the message: {message}"),
    };
    Fault::new(code, text)
}
