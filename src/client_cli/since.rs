//! Times as people type them: `90s`, `15m`, `1h`, `500ms`, `2d`.

use std::time::Duration;

/// A time with its unit.
pub fn parse(text: &str) -> Result<Duration, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("write a number and a unit: 500ms, 90s, 15m, 1h, 2d".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "the number is missing or too large".to_owned())?;
    Ok(Duration::from_millis(number.saturating_mul(unit_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_number_and_a_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("90s", 90_000),
            ("15m", 900_000),
            ("1h", 3_600_000),
            ("2d", 172_800_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "1", "h", "1.5h", "-1s", "1 h", "99999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
