//! What a client offers and what is agreed on (RFC 7692 sections 5 and 7.1).

/// Most offers of one request that are looked at.
const OFFERS_MAX: usize = 16;
/// The window that the algorithm has, as a power of two.
const WINDOW_BITS: u8 = 15;

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    server_bits: u8,
}

impl Agreed {
    /// How far a compressed message may look back, in bytes. The whole of the algorithm's own window counts as no bound.
    pub(super) fn window(self) -> usize {
        match self.server_bits {
            WINDOW_BITS => usize::MAX,
            bits => 1 << bits,
        }
    }
}

/// Looks at the values of `Sec-WebSocket-Extensions` and takes the first offer of permessage-deflate that can be kept, with
/// the value to answer. Offers of other extensions, and those with a parameter that is unknown, twice there or wrong, are
/// passed over (section 7).
pub fn negotiate<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Option<(Agreed, String)> {
    let offers = fields.into_iter().flat_map(|field| split(field, b','));
    offers.take(OFFERS_MAX).find_map(judge)
}

fn judge(offer: &[u8]) -> Option<(Agreed, String)> {
    let mut parts = split(offer, b';');
    let name = parts.next()?;
    if !name.eq_ignore_ascii_case(b"permessage-deflate") {
        return None;
    }
    let (mut seen, mut server_bits) = (Vec::new(), None);
    for part in parts {
        let at = part.iter().position(|b| *b == b'=');
        let (name, value) = match at {
            Some(at) => (
                part[..at].trim_ascii_end(),
                Some(part[at + 1..].trim_ascii_start()),
            ),
            None => (part, None),
        };
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            (b"server_no_context_takeover" | b"client_no_context_takeover", None) => {}
            // A client that can keep to a smaller window; any is read.
            (b"client_max_window_bits", None) => {}
            (b"client_max_window_bits", Some(value)) => drop(bits(value)?),
            (b"server_max_window_bits", Some(value)) => server_bits = Some(bits(value)?),
            _ => return None,
        }
    }
    let mut answer =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover".to_owned();
    if let Some(bits) = server_bits {
        answer.push_str(&format!("; server_max_window_bits={bits}"));
    }
    let agreed = Agreed {
        server_bits: server_bits.unwrap_or(WINDOW_BITS),
    };
    Some((agreed, answer))
}

/// 8 to 15, without a zero in front, perhaps in quotes.
fn bits(value: &[u8]) -> Option<u8> {
    let value = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .unwrap_or(value);
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// The parts between separators, without blanks around them; a separator in quotes separates nothing.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    text.split(move |b| {
        quoted ^= *b == b'"';
        *b == separator && !quoted
    })
    .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fields: &[&str]) -> Option<(usize, String)> {
        let (agreed, answer) = negotiate(fields.iter().map(|f| f.as_bytes()))?;
        let rest = answer.strip_prefix(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        );
        Some((agreed.window(), rest.unwrap().to_owned()))
    }

    #[test]
    fn what_browsers_offer_is_agreed_to() {
        let plain = Some((usize::MAX, String::new()));
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "x-webkit-deflate-frame, Permessage-Deflate;client_max_window_bits = \"10\" ;server_no_context_takeover",
        ] {
            assert_eq!(answer(&[offer]), plain, "{offer}");
        }
        assert_eq!(
            answer(&["x-kaazing-ping-pong", "permessage-deflate"]),
            plain
        );
    }

    #[test]
    fn a_smaller_window_is_kept_and_said() {
        for (bits, window) in [(8, 256), (12, 4096), (15, usize::MAX)] {
            let offer = format!("permessage-deflate; server_max_window_bits={bits}");
            let said = format!("; server_max_window_bits={bits}");
            assert_eq!(answer(&[&offer]), Some((window, said)));
        }
    }

    #[test]
    fn an_offer_that_is_wrong_is_passed_over_for_the_next() {
        for wrong in [
            "client_max_window_bits=16",
            "client_max_window_bits=7",
            "server_max_window_bits",
            "server_max_window_bits=08",
            "server_max_window_bits=8; server_max_window_bits=9",
            "server_no_context_takeover=1",
            "unheard_of",
            "\"; server_no_context_takeover",
        ] {
            let offer = format!("permessage-deflate; {wrong}");
            assert_eq!(answer(&[&offer]), None, "{offer}");
            if !wrong.contains('"') {
                assert!(
                    answer(&[&format!("{offer}, permessage-deflate")]).is_some(),
                    "{offer}"
                );
            }
        }
        assert_eq!(answer(&["", ",;,"]), None);
    }
}
