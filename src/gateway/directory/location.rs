//! `location`: how long what matches a pattern may be kept.

use crate::codes::DiagnosticCode;
use crate::config::gateway::value::duration;
use crate::gateway::service::Build;

/// Most patterns of one service.
const PATTERNS_MAX: usize = 1_000;

/// Files by pattern, and their `Cache-Control`.
#[derive(Debug)]
pub(super) struct Location {
    patterns: Vec<String>,
    directives: Vec<Directive>,
}

#[derive(Debug)]
enum Directive {
    /// As written.
    Plain(String),
    /// `max-age=N`: seconds from now.
    Age(u64),
    /// `max-age=m+N`: seconds from the file's last change.
    AgeOfChange(u64),
}

/// Reads the `location` elements in `properties`.
pub(super) fn read(build: &mut Build<'_>) -> Vec<Location> {
    let mut all = Vec::new();
    let elements: Vec<_> = build
        .properties()
        .filter(|e| e.name == "location")
        .collect();
    for element in elements {
        let child = |name: &str| element.elements().find(|e| e.name == name);
        let (Some(patterns), Some(control)) = (child("patterns"), child("cache-control")) else {
            let message = "a location needs patterns and cache-control";
            let code = DiagnosticCode::MissingElement;
            build.diagnostics.error(code, element.name_span, message);
            continue;
        };
        let control = control.text_spanned();
        match directives(&control.value) {
            Ok(directives) => all.push(Location {
                patterns: patterns
                    .text()
                    .split_whitespace()
                    .take(PATTERNS_MAX)
                    .map(str::to_owned)
                    .collect(),
                directives,
            }),
            Err(message) => {
                let code = DiagnosticCode::GatewayValue;
                build.diagnostics.error(code, control.span, message);
            }
        }
    }
    all
}

fn directives(text: &str) -> Result<Vec<Directive>, String> {
    let of = |part: &str| {
        let Some(age) = part.strip_prefix("max-age=") else {
            return Ok(Directive::Plain(part.to_owned()));
        };
        match age
            .trim()
            .strip_prefix("m+")
            .or(age.trim().strip_prefix("m +"))
        {
            Some(age) => Ok(Directive::AgeOfChange(duration(age)?.as_secs())),
            None => Ok(Directive::Age(duration(age)?.as_secs())),
        }
    };
    text.split(',')
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(of)
        .collect()
}

impl Location {
    /// True when a pattern matches the path below the folder.
    pub fn covers(&self, relative: &str) -> bool {
        let path: Vec<&str> = relative.split('/').collect();
        self.patterns.iter().any(|pattern| {
            let pattern: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
            matches(&pattern, &path)
        })
    }

    /// The value of `Cache-Control`.
    pub fn cache_control(&self, now_s: u64, modified_s: u64) -> String {
        let all = self.directives.iter().map(|directive| match directive {
            Directive::Plain(text) => text.clone(),
            Directive::Age(seconds) => format!("max-age={seconds}"),
            Directive::AgeOfChange(seconds) => {
                format!("max-age={}", (modified_s + seconds).saturating_sub(now_s))
            }
        });
        all.collect::<Vec<_>>().join(", ")
    }

    /// When it is old, in seconds since 1970.
    pub fn expires(&self, now_s: u64, modified_s: u64) -> Option<u64> {
        self.directives
            .iter()
            .find_map(|directive| match directive {
                Directive::Plain(_) => None,
                Directive::Age(seconds) => Some(now_s + seconds),
                Directive::AgeOfChange(seconds) => Some(modified_s + seconds),
            })
    }
}

/// `**` stands for any number of folders, `*` and `?` for characters of one name.
fn matches(pattern: &[&str], path: &[&str]) -> bool {
    // Row by row over the pattern, as a recursion would try every split again and again.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; path.len() + 1];
        let mut any = false;
        for at in 0..=path.len() {
            any |= reached[at];
            next[at] = match *part {
                "**" => any,
                part => at > 0 && reached[at - 1] && fits(part.as_bytes(), path[at - 1].as_bytes()),
            };
        }
        reached = next;
    }
    reached[path.len()]
}

/// One name: greedy with one step back, which is enough for `*`.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b'?') => (p, n) = (p + 1, n + 1),
            Some(b) if *b == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_folders_and_for_parts_of_names() {
        let covers = |pattern: &str, path: &str| {
            let location = Location {
                patterns: vec![pattern.to_owned()],
                directives: Vec::new(),
            };
            location.covers(path)
        };
        for (pattern, path) in [
            ("**/*.css", "style.css"),
            ("**/*.css", "a/b/style.css"),
            ("**/*", "a/b"),
            ("a/**/z.?s", "a/z.js"),
            ("*a*b*", "xaayb"),
        ] {
            assert!(covers(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*.css", "a/style.css"),
            ("**/*.css", "style.html"),
            ("a/**/z.?s", "b/z.js"),
            ("*a*b*", "ba"),
        ] {
            assert!(!covers(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn an_age_has_a_unit_and_may_count_from_the_last_change() {
        let location = Location {
            patterns: Vec::new(),
            directives: directives("public, max-age=m+2 minutes").unwrap(),
        };
        assert_eq!(location.cache_control(1_000, 950), "public, max-age=70");
        assert_eq!(location.expires(1_000, 950), Some(1_070));
        let plain = directives("max-age=1 minute").unwrap();
        assert!(matches!(plain[..], [Directive::Age(60)]));
        assert!(directives("max-age=soon").is_err());
    }
}
