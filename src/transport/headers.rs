//! Header fields: an ordered list that keeps the case of names, over one shared text.
//!
//! Old SOAP devices care for the order and the case of fields, so both survive. Names and values are ranges in one
//! growing text; a changed value is appended to it. There is no hash map: a message has some twenty fields, and the ones
//! that axon looks for carry an id, so a look-up compares small integers.

/// Fields that axon itself looks at. Everything else is [`Name::Other`] and found by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Name {
    /// Any other field.
    Other,
    /// `Authorization`
    Authorization,
    /// `Connection`
    Connection,
    /// `Content-Length`
    ContentLength,
    /// `Content-Type`
    ContentType,
    /// `Cookie`
    Cookie,
    /// `Date`
    Date,
    /// `Expect`
    Expect,
    /// `Host`
    Host,
    /// `HTTP2-Settings`
    Http2Settings,
    /// `Keep-Alive`
    KeepAlive,
    /// `Location`
    Location,
    /// `Proxy-Authenticate`
    ProxyAuthenticate,
    /// `Proxy-Authorization`
    ProxyAuthorization,
    /// `Proxy-Connection`
    ProxyConnection,
    /// `Set-Cookie`
    SetCookie,
    /// `SOAPAction`
    SoapAction,
    /// `TE`
    Te,
    /// `traceparent`
    Traceparent,
    /// `Trailer`
    Trailer,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Upgrade`
    Upgrade,
    /// `X-Request-Id`
    XRequestId,
}

impl Name {
    /// The id of a field name, compared without case.
    pub fn of(name: &[u8]) -> Name {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        let pick = |text: &str, id: Name| if is(text) { id } else { Name::Other };
        match name.len() {
            2 => pick("te", Name::Te),
            4 => match name[0] | 0x20 {
                b'h' => pick("host", Name::Host),
                _ => pick("date", Name::Date),
            },
            6 => match name[0] | 0x20 {
                b'c' => pick("cookie", Name::Cookie),
                _ => pick("expect", Name::Expect),
            },
            7 => match name[0] | 0x20 {
                b'u' => pick("upgrade", Name::Upgrade),
                _ => pick("trailer", Name::Trailer),
            },
            8 => pick("location", Name::Location),
            10 => match name[0] | 0x20 {
                b'c' => pick("connection", Name::Connection),
                b'k' => pick("keep-alive", Name::KeepAlive),
                _ if is("soapaction") => Name::SoapAction,
                _ => pick("set-cookie", Name::SetCookie),
            },
            11 => pick("traceparent", Name::Traceparent),
            12 => match name[0] | 0x20 {
                b'c' => pick("content-type", Name::ContentType),
                _ => pick("x-request-id", Name::XRequestId),
            },
            13 => pick("authorization", Name::Authorization),
            14 => match name[0] | 0x20 {
                b'c' => pick("content-length", Name::ContentLength),
                _ => pick("http2-settings", Name::Http2Settings),
            },
            16 => pick("proxy-connection", Name::ProxyConnection),
            17 => pick("transfer-encoding", Name::TransferEncoding),
            18 => pick("proxy-authenticate", Name::ProxyAuthenticate),
            19 => pick("proxy-authorization", Name::ProxyAuthorization),
            _ => Name::Other,
        }
    }

    /// True for fields that concern one connection only (RFC 9110 section 7.6.1) or the framing (RFC 9112 section 6):
    /// never copied from one side to the other.
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Name::Connection
                | Name::ContentLength
                | Name::Http2Settings
                | Name::KeepAlive
                | Name::ProxyAuthenticate
                | Name::ProxyAuthorization
                | Name::ProxyConnection
                | Name::Te
                | Name::Trailer
                | Name::TransferEncoding
                | Name::Upgrade
        )
    }
}

/// A range in the shared text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    start: u32,
    len: u32,
}

impl Range {
    /// So many bytes from `start` of the text.
    pub fn new(start: usize, len: usize) -> Self {
        Self {
            start: start as u32,
            len: len as u32,
        }
    }

    /// True for the empty text.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}

#[derive(Clone, Copy, Debug)]
struct Field {
    id: Name,
    name: Range,
    value: Range,
}

/// The fields of one message head. See the module's text.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    text: Vec<u8>,
    fields: Vec<Field>,
}

impl Headers {
    /// Forgets everything and keeps the room, for the next message.
    pub fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }

    /// Bytes that the fields (and whatever else was stored) take.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True when there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Stores text that is no field (a method, a target) beside the fields.
    pub fn store(&mut self, bytes: &[u8]) -> Range {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(bytes);
        Range {
            start,
            len: bytes.len() as u32,
        }
    }

    /// The text of a range that this value gave.
    pub fn slice(&self, range: Range) -> &[u8] {
        &self.text[range.start as usize..(range.start + range.len) as usize]
    }

    /// Begins anew with the text of a raw head; its fields are then named by [`append_part`](Self::append_part).
    pub fn load(&mut self, raw: &[u8]) {
        self.clear();
        self.text.extend_from_slice(raw);
    }

    /// Adds a field whose name and value lie in the loaded text; the parser has judged them.
    pub fn append_part(&mut self, name: Range, value: Range) {
        let id = Name::of(self.slice(name));
        self.fields.push(Field { id, name, value });
    }

    /// Adds a field behind the others, whether or not the name is there already. A name that is no token adds nothing;
    /// bytes that no value may hold become spaces.
    pub fn append(&mut self, name: &[u8], value: &[u8]) {
        if !is_name(name) {
            return;
        }
        let id = Name::of(name);
        let name = self.store(name);
        let value = self.store_value(value);
        self.fields.push(Field { id, name, value });
    }

    fn store_value(&mut self, value: &[u8]) -> Range {
        let range = self.store(value);
        for byte in &mut self.text[range.start as usize..] {
            if *byte < 0x20 && *byte != b'\t' || *byte == 0x7f {
                *byte = b' ';
            }
        }
        range
    }

    /// Gives the first field of that name a new value and removes the others; adds it when there is none.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        if !is_name(name.as_bytes()) {
            return;
        }
        let value_range = self.store_value(value);
        let at = self.position(name);
        match at {
            Some(at) => {
                self.fields[at].value = value_range;
                let (id, wanted) = (self.fields[at].id, self.fields[at].name);
                let mut seen = false;
                let text = &self.text;
                self.fields.retain(|f| {
                    let same = f.id == id && (id != Name::Other || same_name(text, f.name, wanted));
                    let keep = !same || !seen;
                    seen |= same;
                    keep
                });
            }
            None => {
                let id = Name::of(name.as_bytes());
                let name = self.store(name.as_bytes());
                self.fields.push(Field {
                    id,
                    name,
                    value: value_range,
                });
            }
        }
    }

    /// Removes every field of that name; true when there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.fields.len();
        let id = Name::of(name.as_bytes());
        let text = &self.text;
        self.fields.retain(|f| {
            f.id != id
                || (id == Name::Other && !bytes(text, f.name).eq_ignore_ascii_case(name.as_bytes()))
        });
        before != self.fields.len()
    }

    /// The first value of a known field.
    pub fn value(&self, id: Name) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|f| f.id == id)
            .map(|f| self.slice(f.value))
    }

    /// All values of a known field, in order.
    pub fn values(&self, id: Name) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |f| f.id == id)
            .map(|f| self.slice(f.value))
    }

    /// The first value of the field of that name (any case).
    pub fn find(&self, name: &str) -> Option<&[u8]> {
        self.position(name)
            .map(|at| self.slice(self.fields[at].value))
    }

    /// Fields in order: id, name as written, value.
    pub fn iter(&self) -> impl Iterator<Item = (Name, &[u8], &[u8])> {
        self.fields
            .iter()
            .map(|f| (f.id, self.slice(f.name), self.slice(f.value)))
    }

    fn position(&self, name: &str) -> Option<usize> {
        let id = Name::of(name.as_bytes());
        self.fields.iter().position(|f| {
            f.id == id
                && (id != Name::Other || self.slice(f.name).eq_ignore_ascii_case(name.as_bytes()))
        })
    }
}

/// A token (RFC 9110 section 5.6.2).
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&b| super::http1::framing::is_token(b))
}

fn bytes(text: &[u8], range: Range) -> &[u8] {
    &text[range.start as usize..(range.start + range.len) as usize]
}

fn same_name(text: &[u8], a: Range, b: Range) -> bool {
    bytes(text, a).eq_ignore_ascii_case(bytes(text, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Headers {
        let mut h = Headers::default();
        h.append(b"Host", b"a");
        h.append(b"X-One", b"1");
        h.append(b"sOAPaCTION", b"\"urn:x\"");
        h.append(b"x-one", b"2");
        h
    }

    #[test]
    fn order_and_case_survive_and_look_up_ignores_case() {
        let h = sample();
        let names: Vec<_> = h
            .iter()
            .map(|(_, n, _)| String::from_utf8_lossy(n).into_owned())
            .collect();
        assert_eq!(names, ["Host", "X-One", "sOAPaCTION", "x-one"]);
        assert_eq!(h.value(Name::SoapAction), Some(&b"\"urn:x\""[..]));
        assert_eq!(h.find("X-ONE"), Some(&b"1"[..]));
        assert_eq!(h.find("absent"), None);
    }

    #[test]
    fn set_replaces_the_first_and_drops_the_rest() {
        let mut h = sample();
        h.set("x-oNE", b"9");
        h.set("New", b"n");
        let all: Vec<_> = h.iter().map(|(_, n, v)| (n.to_vec(), v.to_vec())).collect();
        assert_eq!(all.len(), 4);
        assert_eq!(all[1], (b"X-One".to_vec(), b"9".to_vec()));
        assert_eq!(all[3], (b"New".to_vec(), b"n".to_vec()));
    }

    #[test]
    fn what_would_split_a_head_cannot_get_in() {
        let mut h = Headers::default();
        h.append(b"A", b"1\r\nB: 2");
        h.set("C", b"x\0y");
        h.append(b"D: e\r\nF", b"1");
        h.set("", b"1");
        let all: Vec<_> = h.iter().map(|(_, n, v)| (n, v)).collect();
        assert_eq!(all, [(&b"A"[..], &b"1  B: 2"[..]), (b"C", b"x y")]);
    }

    #[test]
    fn remove_takes_every_field_of_the_name() {
        let mut h = sample();
        assert!(h.remove("X-one"));
        assert!(!h.remove("X-one"));
        assert!(h.remove("Soapaction"));
        assert_eq!(h.len(), 1);
    }

    #[test]
    fn every_known_name_is_recognised_in_any_case() {
        for (text, id) in [
            ("Authorization", Name::Authorization),
            ("CONNECTION", Name::Connection),
            ("content-length", Name::ContentLength),
            ("Content-Type", Name::ContentType),
            ("cookie", Name::Cookie),
            ("Date", Name::Date),
            ("Expect", Name::Expect),
            ("hOST", Name::Host),
            ("HTTP2-Settings", Name::Http2Settings),
            ("Keep-Alive", Name::KeepAlive),
            ("Location", Name::Location),
            ("Proxy-Authenticate", Name::ProxyAuthenticate),
            ("Proxy-Authorization", Name::ProxyAuthorization),
            ("Proxy-Connection", Name::ProxyConnection),
            ("Set-Cookie", Name::SetCookie),
            ("SOAPAction", Name::SoapAction),
            ("TE", Name::Te),
            ("traceparent", Name::Traceparent),
            ("Trailer", Name::Trailer),
            ("Transfer-Encoding", Name::TransferEncoding),
            ("Upgrade", Name::Upgrade),
            ("X-Request-ID", Name::XRequestId),
        ] {
            assert_eq!(Name::of(text.as_bytes()), id, "{text}");
        }
        assert_eq!(Name::of(b"Hosts"), Name::Other);
        assert_eq!(Name::of(b""), Name::Other);
    }
}
