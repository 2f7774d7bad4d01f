//! Numbers as text and back (sections 4.2 and 4.4).

/// A number as XPath writes it: no exponent, whole numbers without a point.
pub fn to_text(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN".to_owned(),
        n if n.is_infinite() => if n > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        0.0 => "0".to_owned(),
        n => format!("{n}"),
    }
}

/// A string as XPath reads it: blanks, an optional minus, digits with an optional point; else not a number.
pub fn parse(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let valid = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|&b| b == b'.').count() <= 1
        && digits.bytes().any(|b| b.is_ascii_digit());
    match valid {
        true => text.parse().unwrap_or(f64::NAN),
        false => f64::NAN,
    }
}

/// The nearest whole number, the one towards infinity of two; zero keeps its sign.
pub fn round(number: f64) -> f64 {
    match number {
        n if !n.is_finite() || n == 0.0 => n,
        n if (-0.5..0.0).contains(&n) => -0.0,
        n => {
            let below = n.floor();
            // Adding a half would round up what is just below it.
            if n - below < 0.5 { below } else { below + 1.0 }
        }
    }
}
