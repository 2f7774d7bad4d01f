//! Which formatter writes a message, and what its head says afterwards (spec/mediation.md 7 and 10).
//!
//! A message that was read and not changed goes on as it came. Otherwise `messageType` chooses the formatter, without it the
//! notation that the message came in. `messageType` alone makes a message change too where it asks for another notation:
//! an envelope that is to be plain XML or JSON, JSON that is to be XML. As recorded, an envelope stays in its version, and plain
//! XML that nobody read stays plain XML when SOAP or a form is asked for.

use super::super::message;
use super::ahead::elsewhere;
use super::{ensure, refused};
use crate::codes::ErrorCode;
use crate::exchange::{Body, Direction, Exchange, Fault};
use crate::mediation::sender::Sender;
use crate::soap::content::{Content, ContentError, Extent, Notation, Wanted, Written};
use crate::soap::media::MediaType;
use crate::soap::tree::Charset;
use crate::transport::headers::Name;
use crate::transport::http1::framing::Framing;

/// Fields that speak of bytes which are no longer those of the message (RFC 9530, RFC 1864, RFC 9110).
pub(in crate::mediation) const OF_OLD_BYTES: &[&str] = &[
    "Content-Encoding",
    "Content-MD5",
    "Digest",
    "Content-Digest",
    "Repr-Digest",
];

/// Has the bytes and the head of the current message say what its tree says. To be called before a message leaves
/// mediation or is looked at as bytes. Ends with `x.replied` when the message broke off.
pub(in crate::mediation) async fn ready(
    x: &mut Exchange,
    sender: &dyn Sender,
) -> Result<(), Fault> {
    if super::is_untouched(x) {
        return Ok(());
    }
    written(x, sender).await?;
    // A length can be told only of what is there.
    let length = ["DISABLE_CHUNKING", "FORCE_HTTP_1.0"];
    if !x.replied && length.iter().any(|name| set(x, name)) && streams_without_length(x) {
        sender.read(x, Extent::Whole).await?;
    }
    Ok(())
}

fn streams_without_length(x: &Exchange) -> bool {
    let framing = match x.direction {
        Direction::Request => x.client.as_ref().map(|client| client.body.framing),
        Direction::Response => x.upstream.as_ref().map(|(upstream, _)| upstream.framing),
    };
    *x.body() == Body::Incoming && framing.is_some_and(|f| !matches!(f, Framing::Length(_)))
}

async fn written(x: &mut Exchange, sender: &dyn Sender) -> Result<(), Fault> {
    if x.content().is_none() && x.axis2.value("messageType").is_none() {
        return Ok(());
    }
    let asked = asked(x);
    if x.content()
        .is_none_or(|content| content.extent() == Extent::Header)
    {
        let came = came(x);
        match asked {
            Some(asked) if *x.body() != Body::Empty && converts(came, asked) => {
                ensure(x, Extent::Whole, "", sender).await?;
            }
            _ => return Ok(()),
        }
    }
    let Some(content) = x.content() else {
        return Ok(());
    };
    if !must_write(x, content, asked) {
        return Ok(());
    }
    let own = asked.and_then(|_| x.axis2.value("ContentType"));
    let charset = x.axis2.value("CHARACTER_SET_ENCODING");
    let wanted = Wanted {
        notation: asked,
        content_type: own.filter(|own| !own.trim().is_empty()).map(str::to_owned),
        action: message::action(x).to_owned(),
        charset: charset.and_then(Charset::named).unwrap_or_default(),
        mtom: set(x, "enableMTOM"),
        attachments: set(x, "enableSwA"),
        seed: sender.chance(),
        limit: sender.message_bytes(),
    };
    let written = match content.is_large() {
        false => content.write(&wanted),
        true => match x.take_content() {
            Some(content) => {
                let (content, written) = beside(content, wanted, sender).await?;
                x.keep_content(*content);
                written
            }
            None => return Ok(()),
        },
    };
    put(x, written.map_err(|error| refused("", &error))?);
    Ok(())
}

/// The notation that `messageType` asks for.
fn asked(x: &Exchange) -> Option<Notation> {
    let set = x.axis2.value("messageType").map(str::trim);
    set.filter(|set| !set.is_empty()).map(Notation::asked)
}

/// Has a message that is to be written as no XML be written as plain XML.
pub(in crate::mediation) fn write_as_xml(x: &mut Exchange) {
    let now = asked(x).unwrap_or_else(|| came(x));
    if !now.is_xml() && !matches!(now, Notation::Related | Notation::Unknown) {
        x.axis2.set("messageType", Notation::Xml.media_type());
    }
}

/// The notation of the current message by its head.
fn came(x: &Exchange) -> Notation {
    let headers = message::headers(x);
    Notation::of(
        headers
            .and_then(|headers| headers.value(Name::ContentType))
            .unwrap_or_default(),
    )
}

/// Whether what is asked for is another notation than the one that a message came in, so that it has to be read.
fn converts(came: Notation, asked: Notation) -> bool {
    match (came, asked) {
        (Notation::Unknown | Notation::Binary, _) => false,
        // Recorded: it goes on as the plain XML that it is.
        (Notation::Xml, Notation::Soap11 | Notation::Soap12 | Notation::Form) => false,
        (Notation::Related, asked) => !asked.is_soap() && asked != Notation::Related,
        (came, asked) => came != asked && !(came.is_soap() && asked.is_soap()),
    }
}

fn must_write(x: &Exchange, content: &Content, asked: Option<Notation>) -> bool {
    if content.is_changed() {
        return true;
    }
    if content.bytes().is_empty() {
        return false;
    }
    match (content.notation(), asked) {
        (came, Some(asked)) if converts(came, asked) => true,
        // What was included is in the tree now, and stays there unless the configuration wants it outside (recorded).
        (Notation::Related, _) => {
            content.was_viewed() && includes(content) && !set(x, "enableMTOM")
        }
        _ => false,
    }
}

/// True for a message whose envelope includes its other parts (XOP).
fn includes(content: &Content) -> bool {
    let media = MediaType::parse(content.content_type());
    media.parameter("type") == Some("application/xop+xml")
}

/// Writes a large message beside the worker.
async fn beside(
    content: Box<Content>,
    wanted: Wanted,
    sender: &dyn Sender,
) -> Result<(Box<Content>, Result<Written, ContentError>), Fault> {
    let (back, done) = elsewhere((content, None), true, sender, move |(content, written)| {
        let now = content.write(&wanted);
        if now.is_ok() {
            content.release();
        }
        *written = Some(now);
    })
    .await;
    done?;
    match back {
        Some((content, Some(written))) => Ok((content, written)),
        _ => Err(Fault::new(
            ErrorCode::NONE,
            "the message could not be written",
        )),
    }
}

/// Makes what was written the current message.
pub(super) fn put(x: &mut Exchange, written: Written) {
    let Written { content_type, body } = written;
    let action = message::action(x).to_owned();
    let now = Notation::of(content_type.as_deref().unwrap_or_default().as_bytes());
    let request = x.direction == Direction::Request;
    if let Some(headers) = message::headers_mut(x) {
        for name in OF_OLD_BYTES {
            headers.remove(name);
        }
        match &content_type {
            Some(content_type) => headers.set("Content-Type", content_type.as_bytes()),
            None => {
                headers.remove("Content-Type");
            }
        }
        if request && let Some(field) = soap_action(now, headers.find("SOAPAction"), &action) {
            headers.set("SOAPAction", field.as_bytes());
        }
    }
    x.header_end = None;
    x.rewritten |= request;
    *x.body_mut() = Body::held(body.clone());
    if let Some(content) = x.content_mut() {
        content.set_written(body, content_type.unwrap_or_default().as_bytes());
    }
}

/// The field `SOAPAction` of a request that was written anew; `None`: it stays as it is. SOAP 1.1 cannot do without (section 6.1.1),
/// and only SOAP has its value in quotes (recorded).
fn soap_action(now: Notation, field: Option<&[u8]>, action: &str) -> Option<String> {
    let quotable = || action.replace(['"', '\\'], "");
    match (now, field) {
        (Notation::Soap11, None) => Some(format!("\"{}\"", quotable())),
        (Notation::Soap11 | Notation::Soap12 | Notation::Related, _) | (_, None) => None,
        (_, Some(_)) => Some(quotable()),
    }
}

fn set(x: &Exchange, name: &str) -> bool {
    x.axis2
        .value(name)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}
