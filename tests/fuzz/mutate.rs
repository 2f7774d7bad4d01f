//! Chance that can be repeated, and changes of inputs made with it.

/// Largest mutated input.
const BYTES_MAX: usize = 12 * 1024;
/// Bytes that parsers stumble over.
const BYTES: &[u8] = b"\0\t\n\r \"#&'(),-/:;<=>?@[]{|}\x7f\x80\xa0\xc3\xef\xff09afAF";

/// A small generator (splitmix64): the same seed gives the same numbers on every machine.
pub struct Random(u64);

impl Random {
    /// A generator of that seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when there is none.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// One saved input with one to six changes.
pub fn mutated(corpus: &[Vec<u8>], words: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut input = random.pick(corpus).clone();
    for _ in 0..1 + random.below(6) {
        let at = random.below(input.len() + 1);
        let end = (at + random.below(32)).min(input.len());
        match random.below(9) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = *random.pick(BYTES),
            2 => input.insert(at, *random.pick(BYTES)),
            3 => drop(input.drain(at..end)),
            4 => {
                let piece = input[at..end].repeat(1 + random.below(4));
                input.splice(at..at, piece);
            }
            5 => input.truncate(at),
            6 => {
                let other = random.pick(corpus);
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            7 => {
                let word = random.pick(words);
                let piece = word.repeat(1 + random.below(40) / 39 * 300);
                input.splice(at..end, piece);
            }
            _ => {
                let word = *random.pick(words);
                input.splice(at..at, word.iter().copied());
            }
        }
    }
    input.truncate(BYTES_MAX);
    input
}
