//! The current message as mediators see it: read as far as somebody looks into it, once, and written before it leaves
//! mediation where somebody has changed it.

mod ahead;
mod format;

use bytes::Bytes;

use super::message;
use super::sender::Sender;
use crate::codes::ErrorCode;
use crate::exchange::{Body, Direction, Exchange, Fault};
use crate::soap::coding::{self, Packed};
use crate::soap::content::{Content, ContentError, Extent, Notation, View, Written};
use crate::soap::envelope::{self, Format};
use crate::soap::media::MediaType;
use crate::transport::headers::Name;

pub(super) use ahead::{is_large, let_go, look_ahead};
pub(super) use format::{OF_OLD_BYTES, ready, write_as_xml};

/// True when that much of the current message has been read.
pub(super) fn is_read(x: &Exchange, extent: Extent) -> bool {
    let read = x.content().map(Content::extent);
    read.is_some_and(|read| read >= extent)
}

/// True for a message that nobody has looked into and for which no setting of the transport was made: its bytes and its
/// head are what came.
pub(super) fn is_untouched(x: &Exchange) -> bool {
    x.content().is_none() && x.axis2.is_empty()
}

/// The first bytes of a SOAP request that nobody has read, as far as they are here, and at most so many; `None` for a
/// message that is not simply its bytes.
pub(super) fn beginning(x: &mut Exchange, most: usize) -> Option<&[u8]> {
    if x.direction != Direction::Request || x.request_body != Body::Incoming {
        return None;
    }
    let headers = &x.request.headers;
    let content_type = headers.value(Name::ContentType)?;
    if x.content().is_some()
        || !is_soap_in_utf8(content_type)
        || headers.find("Content-Encoding").is_some()
    {
        return None;
    }
    // What is wrong with the body is told to who reads it.
    let (bytes, _) = x.request_prefix().ok()??;
    Some(&bytes[..bytes.len().min(most)])
}

fn is_soap_in_utf8(content_type: &[u8]) -> bool {
    // As nearly everybody writes it.
    let usual = [
        &b"text/xml"[..],
        b"text/xml; charset=utf-8",
        b"text/xml; charset=UTF-8",
        b"text/xml;charset=UTF-8",
    ];
    usual.contains(&content_type)
        || Notation::of(content_type).is_soap()
            && envelope::charset(content_type).is_none_or(|name| name.eq_ignore_ascii_case("utf-8"))
}

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
    if is_read(x, extent) {
        return Ok(());
    }
    let format = message::format(x);
    // A message without a body (a GET, an empty 202) has nothing to be of a wrong kind.
    if format == Format::Rest || *x.body() == Body::Empty {
        x.keep_content(Content::empty());
        return Ok(());
    }
    let headers = message::headers(x);
    let content_type = headers.and_then(|headers| headers.value(Name::ContentType));
    let content_type = content_type.unwrap_or_default();
    // The payload alone of an answer in SOAP keeps the back end's media type.
    let content_type = match (x.direction, x.answer_format) {
        (Direction::Response, Some(Format::Pox | Format::Rest))
            if Notation::of(content_type).is_soap() =>
        {
            let mut media = MediaType::parse(content_type);
            media.essence = Notation::Xml.media_type().to_owned();
            media.to_string().into_bytes()
        }
        _ => content_type.to_vec(),
    };
    let format = match Notation::of(&content_type) {
        Notation::Xml => Format::Pox,
        _ => format,
    };
    let coding = headers.and_then(|headers| headers.find("Content-Encoding"));
    let coding = coding.unwrap_or_default().to_vec();
    let notation = Notation::of(&content_type);
    if extent == Extent::Header && !notation.is_xml() && notation != Notation::Related {
        // What is no envelope has an empty header.
        let nothing = Content::new(Bytes::new(), Extent::Header, Format::Rest, b"");
        x.keep_content(nothing);
        return Ok(());
    }
    if let Err(error) = Content::can_be_read(&content_type) {
        return Err(located(place, ErrorCode::NOT_SUPPORTED, &error.to_string()));
    }
    // Of what is packed, and of what is no XML, the beginning alone says nothing.
    let extent = match coding.is_empty() && notation.is_xml() {
        true => extent,
        false => Extent::Whole,
    };
    let read = match sender.read(x, extent).await {
        Ok(Some(read)) => read,
        Ok(None) => return Ok(()),
        Err(fault) => return Err(located(place, fault.code, &fault.message)),
    };
    let bytes = match coding::unpack(&coding, &read.bytes, sender.message_bytes()) {
        Ok(None) => read.bytes,
        Ok(Some(unpacked)) => unpacked.into(),
        Err(error) => {
            let code = match error {
                Packed::Unknown(_) => ErrorCode::NOT_SUPPORTED,
                Packed::Broken(_) | Packed::TooLong(_) => ErrorCode::MESSAGE_PARSE,
            };
            return Err(located(place, code, &error.to_string()));
        }
    };
    x.keep_content(Content::new(bytes, read.extent, format, &content_type));
    Ok(())
}

/// The envelope of the current message, to change it. It has been read whole where the mediator said so by its
/// [`extent`](super::Mediator::extent).
pub(super) fn envelope_mut(x: &mut Exchange) -> Result<&mut View, Fault> {
    let Some(content) = x.content_mut() else {
        return Err(Fault::new(ErrorCode::NONE, "the message was not read"));
    };
    content.view_mut().map_err(|error| refused("", &error))
}

/// The same for who puts a new payload into the body: of a message that cannot be read nothing is kept.
pub(super) fn envelope_or_new(x: &mut Exchange) -> Result<&mut View, Fault> {
    let whole = x
        .content()
        .is_some_and(|content| content.extent() == Extent::Whole && content.view().is_ok());
    if !whole {
        let headers = message::headers(x);
        let content_type = headers.and_then(|headers| headers.value(Name::ContentType));
        let content_type = content_type.unwrap_or(b"application/xml").to_vec();
        let empty = View::empty().map_err(|e| refused("", &ContentError::Edit(e)))?;
        x.keep_content(Content::made(empty, &content_type));
    }
    envelope_mut(x)
}

/// Puts another message in the place of the current one, whose fields it keeps. From then on it is written as what it is:
/// `messageType` says so.
pub(super) fn replace(x: &mut Exchange, notation: Notation, bytes: Bytes) {
    let media = notation.media_type();
    let content_type = match notation {
        Notation::Json => media.to_owned(),
        _ => format!("{media}; charset=UTF-8"),
    };
    x.axis2.set("messageType", media);
    format::put(
        x,
        Written {
            content_type: Some(content_type),
            body: bytes,
        },
    );
    x.forget_content();
}

/// The fault of who looks into a message which cannot be looked into.
pub(super) fn refused(place: &str, error: &ContentError) -> Fault {
    let code = match error {
        ContentError::Unsupported(_) => ErrorCode::NOT_SUPPORTED,
        ContentError::Edit(_) | ContentError::Beginning => ErrorCode::NONE,
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
