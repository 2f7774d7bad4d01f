//! Hostile input: each reader of foreign bytes gets a saved corpus and mutations of it, and must keep its promises.
//!
//! The promises are invariants, not only the absence of a panic; they stand in `fuzz/wire.rs`,
//! `fuzz/websocket.rs`, `fuzz/text.rs` and `fuzz/xml.rs`.
//! `AXON_FUZZ_SECONDS` is the time for all mutations (5), `AXON_FUZZ_SEED` the first seed (random). A failure prints
//! the target, the seed and the input: run that seed again, then save the input under `tests/data/fuzz/TARGET/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "fuzz/keystore.rs"]
mod keystore;
#[path = "fuzz/message.rs"]
mod message;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/text.rs"]
mod text;
#[path = "fuzz/websocket.rs"]
mod websocket;
#[path = "fuzz/wire.rs"]
mod wire;
#[path = "fuzz/xml.rs"]
mod xml;

use std::path::Path;
use std::time::{Duration, Instant};

use mutate::{Random, mutated};

/// A reader of foreign bytes.
struct Target {
    /// Folder of its corpus.
    name: &'static str,
    /// Pieces that mutations put in.
    words: &'static [&'static [u8]],
    /// Panics when a promise is broken; the chance is for cutting the input.
    holds: fn(&[u8], &mut Random),
}

const TARGETS: &[Target] = &[
    Target {
        name: "head",
        words: wire::HEAD_WORDS,
        holds: wire::head,
    },
    Target {
        name: "framing",
        words: wire::FRAMING_WORDS,
        holds: wire::framing,
    },
    Target {
        name: "reply",
        words: wire::HEAD_WORDS,
        holds: wire::reply,
    },
    Target {
        name: "websocket",
        words: websocket::WORDS,
        holds: websocket::frames,
    },
    Target {
        name: "keystore",
        words: keystore::WORDS,
        holds: keystore::store,
    },
    Target {
        name: "deflate",
        words: websocket::WORDS,
        holds: websocket::compression,
    },
    Target {
        name: "greeting",
        words: websocket::GREETING_WORDS,
        holds: websocket::greeting,
    },
    Target {
        name: "emulated",
        words: websocket::EMULATED_WORDS,
        holds: websocket::emulated,
    },
    Target {
        name: "scan",
        words: text::XML_WORDS,
        holds: text::scan,
    },
    Target {
        name: "convert",
        words: message::MESSAGE_WORDS,
        holds: message::convert,
    },
    Target {
        name: "multipart",
        words: message::MESSAGE_WORDS,
        holds: message::multipart,
    },
    Target {
        name: "config",
        words: text::XML_WORDS,
        holds: text::config,
    },
    Target {
        name: "cookies",
        words: text::COOKIE_WORDS,
        holds: text::cookies,
    },
    Target {
        name: "tree",
        words: text::XML_WORDS,
        holds: xml::tree,
    },
    Target {
        name: "xpath",
        words: xml::XPATH_WORDS,
        holds: xml::xpath,
    },
];

/// The saved inputs of a target, in the order of their names.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/fuzz")
        .join(target.name);
    let mut inputs: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    inputs.sort();
    assert!(
        inputs.len() >= 10,
        "{}: the corpus was not found",
        target.name
    );
    inputs
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.trim()
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a whole number")),
    )
}

#[test]
fn every_saved_input_keeps_the_promises() {
    for target in TARGETS {
        for (name, input) in corpus(target) {
            println!("{}/{name}", target.name);
            for seed in 0..8 {
                (target.holds)(&input, &mut Random::new(seed));
            }
        }
    }
}

#[test]
fn mutated_inputs_keep_the_promises() {
    use std::hash::{BuildHasher, RandomState};
    let first = number("AXON_FUZZ_SEED").unwrap_or_else(|| RandomState::new().hash_one(0) >> 16);
    let time = Duration::from_secs(number("AXON_FUZZ_SECONDS").unwrap_or(5));
    println!("AXON_FUZZ_SEED={first}");
    for target in TARGETS {
        let corpus: Vec<_> = corpus(target).into_iter().map(|(_, input)| input).collect();
        let until = Instant::now() + time / TARGETS.len() as u32;
        let mut rounds = 0;
        // One round at least: a seed that is run again needs no time.
        while rounds == 0 || Instant::now() < until {
            let seed = first.wrapping_add(rounds);
            let mut random = Random::new(seed);
            let input = mutated(&corpus, target.words, &mut random);
            let kept = std::panic::catch_unwind(|| (target.holds)(&input, &mut Random::new(seed)));
            assert!(
                kept.is_ok(),
                "{} breaks a promise: AXON_FUZZ_SEED={seed} on b\"{}\"",
                target.name,
                input.escape_ascii()
            );
            rounds += 1;
        }
        println!("{}: {rounds} mutations", target.name);
    }
}
