//! Values with units (spec/kaazing.md 2.4): times, sizes of data, rates, addresses to listen on, switches.

use std::time::Duration;

use super::uri::split_port;

/// Longest time that is taken: a hundred years, so that sums with it stay numbers.
const TIME_MAX_S: f64 = 100.0 * 365.0 * 86_400.0;

/// A time: a number, decimals allowed, and a unit; without one it is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_unit(text);
    let bad = || {
        format!("{text} is no time: write a number and ms, s, m or h, as in 30 seconds or 500ms")
    };
    let factor = match unit.to_ascii_lowercase().as_str() {
        "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 0.001,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3_600.0,
        _ => return Err(bad()),
    };
    let seconds = number.parse::<f64>().map_err(|_| bad())? * factor;
    if !(0.0..=TIME_MAX_S).contains(&seconds) {
        return Err(bad());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A size of data in bytes: `N`, `Nk`, `Nm`, powers of 1024; the manual's own `128kB` too, which its schema refuses.
pub fn data_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split_unit(text);
    let bad = || {
        format!(
            "{text} is no size (pattern for DataSizeString): write digits and k or m, as in 128k"
        )
    };
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1024,
        "m" | "mb" => 1024 * 1024,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    number.checked_mul(factor).ok_or_else(bad)
}

/// `enabled` or `disabled`.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "enabled" => Ok(true),
        "disabled" => Ok(false),
        _ => Err(format!("{text} is neither enabled nor disabled")),
    }
}

/// A count.
pub fn count(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("{text} is no count: write digits only"))
}

/// An address to listen on, in place of the one in the accept URI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bind {
    /// Host or address, or `@` and the name of a network interface; `None`: every one of this machine.
    pub host: Option<String>,
    /// Port.
    pub port: u16,
}

impl Bind {
    /// `port`, `host:port`, `[ip6]:port` or `@eth0:port`; an interface may stand in brackets, as `[@eth0:1]:port`.
    pub fn parse(text: &str) -> Result<Bind, String> {
        let bad = || {
            format!(
                "{text} is no address to listen on: write port, host:port, [ip6]:port or @interface:port"
            )
        };
        if let Some((interface, port)) = interface(text) {
            let port = port.parse().map_err(|_| bad())?;
            let host = Some(format!("@{interface}"));
            return Ok(Bind { host, port });
        }
        if let Ok(port) = text.parse() {
            return Ok(Bind { host: None, port });
        }
        match split_port(text) {
            Some((host, Some(port))) if !host.is_empty() && !host.contains('@') => Ok(Bind {
                host: Some(host.trim_matches(['[', ']']).to_ascii_lowercase()),
                port,
            }),
            _ => Err(bad()),
        }
    }
}

/// The name of an interface and what stands behind its colon.
fn interface(text: &str) -> Option<(&str, &str)> {
    fn inside(text: &str) -> Option<&str> {
        text.strip_prefix('[')?.strip_suffix(']')
    }
    let (name, port) = text.rsplit_once(':')?;
    let name = match inside(name) {
        Some(name) => name.strip_prefix('@')?,
        None => {
            let name = name.strip_prefix('@')?;
            inside(name).unwrap_or(name)
        }
    };
    (!name.is_empty()).then_some((name, port))
}

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_in_any_spelling_and_are_seconds_without() {
        for (text, ms) in [
            ("5", 5_000),
            ("1.5 s", 1_500),
            ("500ms", 500),
            ("20 Milliseconds", 20),
            ("2 minutes", 120_000),
            ("1h", 3_600_000),
            ("0", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "abc", "-1", "1 week", "1.2.3", "99999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024_with_and_without_the_b() {
        for (text, bytes) in [
            ("131072", 131_072),
            ("128k", 131_072),
            ("128kB", 131_072),
            ("1M", 1_048_576),
        ] {
            assert_eq!(data_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "1.5k", "1g", "99999999999999999999"] {
            assert!(data_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_to_listen_on_may_leave_the_host_out() {
        let bind = |host: Option<&str>, port| {
            Ok(Bind {
                host: host.map(str::to_owned),
                port,
            })
        };
        assert_eq!(Bind::parse("8081"), bind(None, 8081));
        assert_eq!(
            Bind::parse("192.168.2.10:8081"),
            bind(Some("192.168.2.10"), 8081)
        );
        assert_eq!(Bind::parse("[::1]:8081"), bind(Some("::1"), 8081));
        assert_eq!(Bind::parse("@eth0:8081"), bind(Some("@eth0"), 8081));
        for text in ["[@eth0:1]:8081", "@[eth0:1]:8081"] {
            assert_eq!(Bind::parse(text), bind(Some("@eth0:1"), 8081), "{text}");
        }
        for text in [
            "", "a", "a:b", ":1", "70000", "a:70000", "@:1", "@eth0", "[@]:1", "@eth0:x",
        ] {
            assert!(Bind::parse(text).is_err(), "{text}");
        }
    }
}
