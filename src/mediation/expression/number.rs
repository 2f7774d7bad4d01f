//! Numbers as text: XPath 1.0 (section 4.2) inside an expression, Java's form for a result.

/// A number as XPath writes it: no exponent, whole numbers without a point.
pub(super) fn xpath(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN".to_owned(),
        n if n.is_infinite() => if n > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        0.0 => "0".to_owned(),
        n => format!("{n}"),
    }
}

/// A number as Java's `Double.toString` writes it: always a point, an exponent from 10^7 up and below 10^-3.
pub(super) fn java(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return xpath(number);
    }
    if number == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}

/// A string as XPath reads it: blanks, an optional minus, digits with an optional point; else not a number.
pub(super) fn parse(text: &str) -> f64 {
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
