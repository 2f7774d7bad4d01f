//! The second request of a KAAZING client, which comes as a message inside the WebSocket (spec/kaazing.md 4.4).
//!
//! Pure: parts of a message in, a verdict out.

use crate::transport::websocket::CloseCode;

/// Longest second request, in bytes.
pub const INNER_MAX: usize = 16 * 1024;
/// Most fields of it.
const FIELDS_MAX: usize = 64;

/// What has come so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The message goes on.
    More,
    /// It asks for what the outer request asked for.
    Good(Authorization),
    /// It is no such request.
    Bad,
}

/// The field `Authorization` of a second request, if it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorization(pub Option<Vec<u8>>);

/// A second request on its way in.
#[derive(Debug)]
pub struct Asking {
    /// The path of the outer request, which it has to repeat.
    path: Vec<u8>,
    text: Vec<u8>,
}

impl Asking {
    /// For the path of the outer request.
    pub fn new(path: &[u8]) -> Asking {
        Asking {
            path: path.to_vec(),
            text: Vec::new(),
        }
    }

    /// Takes a part of the message; `last` ends it. An error is the code to close with.
    pub fn take(&mut self, part: &[u8], last: bool) -> Result<Heard, CloseCode> {
        if self.text.len() + part.len() > INNER_MAX {
            return Err(CloseCode::TOO_BIG);
        }
        self.text.extend_from_slice(part);
        Ok(match last {
            false => Heard::More,
            true => self.judge().map_or(Heard::Bad, Heard::Good),
        })
    }

    fn judge(&self) -> Option<Authorization> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        let complete = request
            .parse(&self.text)
            .is_ok_and(|status| status.is_complete());
        let path = request.path.unwrap_or_default().split('?').next();
        let same = path.is_some_and(|path| path.as_bytes() == self.path);
        if !complete || request.method != Some("GET") || !same {
            return None;
        }
        let mut fields = request.headers.iter();
        let found = fields.find(|f| f.name.eq_ignore_ascii_case("Authorization"));
        Some(Authorization(found.map(|field| field.value.to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> Heard {
        Asking::new(b"/echo").take(text.as_bytes(), true).unwrap()
    }

    #[test]
    fn it_repeats_the_outer_path_whatever_the_query() {
        // As clients send it (spec/kaazing.md 4.4): no Host is needed.
        let good = "GET /echo?.kl=Y HTTP/1.1\r\nWebSocket-Protocol: \r\nSec-WebSocket-Extensions: x-kaazing-ping-pong\r\n\r\n";
        let nobody = Heard::Good(Authorization(None));
        assert_eq!(heard(good), nobody);
        assert_eq!(heard(&good.replace("?.kl=Y", "")), nobody);
        let joe = good.replace("WebSocket-Protocol: ", "authorization: Basic am9l");
        assert_eq!(
            heard(&joe),
            Heard::Good(Authorization(Some(b"Basic am9l".to_vec())))
        );
        for bad in [
            good.replace("/echo", "/other"),
            good.replace("GET", "POST"),
            good.trim_end().to_owned(),
            String::new(),
        ] {
            assert_eq!(heard(&bad), Heard::Bad, "{bad}");
        }
    }

    #[test]
    fn it_may_come_in_parts_up_to_a_bound() {
        let mut asking = Asking::new(b"/echo");
        assert_eq!(asking.take(b"GET /echo HT", false), Ok(Heard::More));
        assert_eq!(
            asking.take(b"TP/1.1\r\n\r\n", true),
            Ok(Heard::Good(Authorization(None)))
        );
        let mut asking = Asking::new(b"/echo");
        assert_eq!(asking.take(&[b'x'; INNER_MAX], false), Ok(Heard::More));
        assert_eq!(asking.take(b"x", true), Err(CloseCode::TOO_BIG));
    }
}
