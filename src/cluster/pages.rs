//! What a member offers, cut into texts that fit into the datagrams of the gossip.
//!
//! chitchat writes the length of a value with 16 bits, and a datagram holds less than 64 KiB: one value for everything would
//! break the gossip of a member that offers a few hundred URIs.

use super::view::Offer;

/// Largest page, in bytes.
const PAGE_BYTES_MAX: usize = 16 * 1024;
/// Keys of the pages.
pub(super) const KEYS: [&str; 8] = [
    "offers.0", "offers.1", "offers.2", "offers.3", "offers.4", "offers.5", "offers.6", "offers.7",
];

/// A text for each key, empty where nothing is left; and how many offers there was no room for.
pub(super) fn cut(offers: &[Offer]) -> ([String; KEYS.len()], usize) {
    let mut pages: [String; KEYS.len()] = std::array::from_fn(|_| String::new());
    let mut left = offers.iter().peekable();
    for page in &mut pages {
        let mut text = String::new();
        while let Some(offer) = left.peek() {
            let item = serde_json::to_string(offer).unwrap_or_default();
            // One that is larger than a page alone is left out with those behind it.
            if text.len() + item.len() + 2 > PAGE_BYTES_MAX {
                break;
            }
            text += if text.is_empty() { "[" } else { "," };
            text += &item;
            left.next();
        }
        if !text.is_empty() {
            text += "]";
        }
        *page = text;
    }
    (pages, left.count())
}

/// The offers of a page; what makes no sense is none.
pub(super) fn read(page: &str) -> Vec<Offer> {
    serde_json::from_str(page).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(count: usize) -> Vec<Offer> {
        let of = |at| Offer {
            public: format!("ws://public.example.com:8081/service/{at:05}"),
            uri: format!("ws://node1.example.com:8081/service/{at:05}"),
            load: at as u64,
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn pages_hold_everything_in_order_and_fit_into_datagrams() {
        for count in [0, 1, 1_000] {
            let offers = offers(count);
            let (pages, left) = cut(&offers);
            assert_eq!(left, 0);
            assert!(pages.iter().all(|page| page.len() <= PAGE_BYTES_MAX));
            let read: Vec<_> = pages.iter().flat_map(|page| read(page)).collect();
            assert_eq!(read, offers);
        }
        let (_, left) = cut(&offers(5_000));
        assert!(left > 0 && left < 4_500, "{left}");
    }
}
