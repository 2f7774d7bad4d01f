//! TOML and environment -> [`Settings`].

use std::path::Path;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, LISTENER, Slot, slot};
use super::{Listener, LogFormat, Settings, tls};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::{FileId, Sources, Span, Spanned};
use crate::config::suggest::nearest;

/// Largest settings file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Longest timer: a year. It keeps every sum of moments far from overflow.
const MAX_MILLIS: u64 = 365 * 24 * 3600 * 1000;
/// Most listeners, and most entries of a list.
pub(super) const MAX_ENTRIES: usize = 1024;

/// Reads a file into the sources; what stands against it is reported.
pub(super) fn source(
    path: &Path,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<FileId> {
    let text = match std::fs::metadata(path) {
        Ok(found) if found.len() > MAX_FILE_BYTES => Err("it is larger than 1 MiB".to_owned()),
        _ => std::fs::read_to_string(path).map_err(|e| e.to_string()),
    };
    let (text, problem) = match text {
        Ok(text) => (text, None),
        Err(why) => (String::new(), Some(why)),
    };
    let file = sources.add(path, text);
    if let Some(why) = problem {
        let row = DiagnosticCode::Unreadable.row();
        let span = Span {
            file,
            start: 0,
            end: 0,
        };
        let message = format!("{} cannot be read: {why}", path.display());
        diagnostics.error_help(row.code, span, message, row.help);
        return None;
    }
    Some(file)
}

/// Applies a settings file.
pub(super) fn toml(
    settings: &mut Settings,
    file: FileId,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) {
    let span = |range: std::ops::Range<usize>| Span {
        file,
        start: range.start as u32,
        end: range.end as u32,
    };
    let mut reader = Reader {
        settings,
        diagnostics,
    };
    let table = match DeTable::parse(&sources.file(file).text) {
        Ok(table) => table,
        Err(error) => {
            let place = span(error.span().unwrap_or(0..0));
            let code = DiagnosticCode::SettingsMalformed;
            let message = format!("not valid TOML: {}", error.message());
            return reader.diagnostics.error(code, place, message);
        }
    };
    for (name, value) in table.get_ref() {
        let (section, place) = (name.get_ref().as_ref(), span(name.span()));
        if section == "tls" {
            tls::read(&mut reader, value.get_ref(), span(value.span()), &span);
        } else if section == "listener" {
            reader.listeners(value.get_ref(), span(value.span()), &span);
        } else if let Some((section, keys)) = KEYS.iter().find(|(s, _)| *s == section) {
            let Some(table) = value.get_ref().as_table() else {
                reader.bad(place, &format!("{section} is a section: write [{section}]"));
                continue;
            };
            for (key, value) in table {
                let place = span(key.span());
                if keys.contains(&key.get_ref().as_ref()) {
                    let given = Given::from_toml(value.get_ref());
                    reader.put(section, key.get_ref(), given, span(value.span()));
                } else {
                    reader.unknown(place, key.get_ref(), section, keys.iter().copied());
                }
            }
        } else {
            let known = KEYS.iter().map(|(s, _)| *s).chain(["listener", "tls"]);
            reader.unknown(place, section, "the settings", known);
        }
    }
}

/// Applies `AXON_<SECTION>_<KEY>` variables. Others that begin with `AXON_` are not ours to judge, unless they name a section.
pub(super) fn environment(
    settings: &mut Settings,
    environment: impl IntoIterator<Item = (String, String)>,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) {
    let mut variables: Vec<(String, String)> = environment
        .into_iter()
        // The token is a secret and no setting: it must not get among the sources that diagnostics quote.
        .filter(|(name, _)| name.starts_with("AXON_") && name != "AXON_ADMIN_TOKEN")
        .collect();
    variables.sort();
    let mut reader = Reader {
        settings,
        diagnostics,
    };
    for (name, value) in variables {
        let key = name["AXON_".len()..].to_ascii_lowercase();
        let section = KEYS.iter().find_map(|(section, keys)| {
            let rest = key.strip_prefix(section)?.strip_prefix('_')?;
            Some((*section, *keys, rest))
        });
        let Some((section, keys, key)) = section else {
            continue;
        };
        // The text holds the name alone: a value may be a secret.
        let file = sources.add(Path::new("environment"), name.clone());
        let end = name.len() as u32;
        let place = Span {
            file,
            start: 0,
            end,
        };
        if keys.contains(&key) {
            reader.put(section, key, Given::Text(&value), place);
        } else {
            reader.unknown(place, key, section, keys.iter().copied());
        }
    }
}

/// A value as it was given.
enum Given<'a> {
    Text(&'a str),
    Number(Option<u64>),
    Switch(bool),
    List(Option<Vec<String>>),
    Other,
}

impl<'a> Given<'a> {
    fn from_toml(value: &'a DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Given::Text(text),
            DeValue::Integer(number) => {
                Given::Number(u64::from_str_radix(number.as_str(), number.radix()).ok())
            }
            DeValue::Boolean(on) => Given::Switch(*on),
            DeValue::Array(items) => Given::List(
                items
                    .iter()
                    .map(|i| i.get_ref().as_str().map(str::to_owned))
                    .collect(),
            ),
            _ => Given::Other,
        }
    }

    /// A number; from the environment everything comes as text.
    fn number(&self) -> Option<u64> {
        match self {
            Given::Number(number) => *number,
            Given::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn switch(&self) -> Option<bool> {
        match self {
            Given::Switch(on) => Some(*on),
            Given::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Given::Text(text) => Some(text.trim()),
            _ => None,
        }
    }

    fn list(self) -> Option<Vec<String>> {
        match self {
            Given::List(items) => items,
            Given::Text(text) => Some(
                text.split(',')
                    .map(|i| i.trim().to_owned())
                    .filter(|i| !i.is_empty())
                    .collect(),
            ),
            _ => None,
        }
    }
}

pub(super) struct Reader<'a> {
    pub settings: &'a mut Settings,
    diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn put(&mut self, section: &str, key: &str, given: Given<'_>, place: Span) {
        let Some(slot) = slot(self.settings, section, key) else {
            return;
        };
        let wanted = match fill(slot, given) {
            Ok(()) => return,
            Err(Misfit::Later) => return self.later(place, &format!("{section}.{key}")),
            Err(Misfit::Bad(wanted)) => wanted,
        };
        self.bad(place, &format!("{section}.{key} must be {wanted}"));
    }

    fn listeners(
        &mut self,
        value: &DeValue<'_>,
        place: Span,
        span: &dyn Fn(std::ops::Range<usize>) -> Span,
    ) {
        let Some(items) = value.as_array().filter(|a| a.len() <= MAX_ENTRIES) else {
            return self.bad(place, "listener is a list: write [[listener]]");
        };
        for item in items {
            let Some(table) = item.get_ref().as_table() else {
                self.bad(
                    span(item.span()),
                    "listener is a list of tables: write [[listener]]",
                );
                continue;
            };
            let (mut address, mut tls) = (None, None);
            for (key, value) in table {
                let place = span(value.span());
                match (key.get_ref().as_ref(), value.get_ref().as_str()) {
                    ("address", Some(text)) if is_host_port(text.trim()) => {
                        address = Some(text.trim().to_owned());
                    }
                    ("address", _) => {
                        // Reported once, here; the check below is for one that is absent.
                        address = Some(String::new());
                        self.bad(place, "listener.address must be host:port");
                    }
                    ("tls", Some(name)) if !name.trim().is_empty() => {
                        tls = Some(Spanned::new(name.trim().to_owned(), place));
                    }
                    ("tls", _) => self.bad(place, "listener.tls must be the name of a [tls.NAME]"),
                    ("forwarded", Some("off")) => {}
                    (known, _) if LISTENER.contains(&known) => {
                        self.later(span(key.span()), &format!("listener.{known}"));
                    }
                    (other, _) => {
                        self.unknown(
                            span(key.span()),
                            other,
                            "listener",
                            LISTENER.iter().copied(),
                        );
                    }
                }
            }
            match address {
                Some(address) if address.is_empty() => {}
                Some(address) => self.settings.listeners.push(Listener { address, tls }),
                None => self.bad(span(item.span()), "the listener has no address"),
            }
        }
    }

    pub(super) fn bad(&mut self, place: Span, message: &str) {
        let row = DiagnosticCode::BadSetting.row();
        self.diagnostics
            .error_help(row.code, place, message, row.help);
    }

    fn later(&mut self, place: Span, what: &str) {
        self.diagnostics.unsupported(
            DiagnosticCode::NotSupportedYet,
            place,
            format!("the setting {what} is not supported yet"),
            "remove it",
        );
    }

    pub(super) fn unknown<'k>(
        &mut self,
        place: Span,
        key: &str,
        section: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        let row = DiagnosticCode::UnknownSetting.row();
        let help = match nearest(key, known) {
            Some(meant) => format!("did you mean {meant}?"),
            None => row.help.to_owned(),
        };
        let message = format!("{key} is not a key of {section}");
        self.diagnostics.error_help(row.code, place, message, help);
    }
}

enum Misfit {
    Later,
    Bad(String),
}

fn fill(slot: Slot<'_>, given: Given<'_>) -> Result<(), Misfit> {
    let bad = |wanted: &str| Misfit::Bad(wanted.to_owned());
    match slot {
        Slot::Count(into, least) => {
            *into = given
                .number()
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| *n >= least)
                .ok_or_else(|| Misfit::Bad(format!("a whole number of at least {least}")))?;
        }
        Slot::Millis(into) => {
            let ms = given.number().filter(|n| (1..=MAX_MILLIS).contains(n));
            *into = ms
                .map(Duration::from_millis)
                .ok_or_else(|| bad("milliseconds, at least 1 and at most a year"))?;
        }
        Slot::MillisOrOff(into) => {
            let ms = given.number().filter(|n| *n <= MAX_MILLIS);
            *into = ms
                .map(Duration::from_millis)
                .ok_or_else(|| bad("milliseconds, 0 to turn it off and at most a year"))?;
        }
        Slot::Switch(into) => *into = given.switch().ok_or_else(|| bad("true or false"))?,
        Slot::Address(into) => {
            let address = given.text().filter(|t| {
                is_host_port(t) || t.strip_prefix("unix:").is_some_and(|p| !p.is_empty())
            });
            *into = address
                .ok_or_else(|| bad("host:port or unix:path"))?
                .to_owned();
        }
        Slot::Probes(into) => {
            let address = given.text().filter(|t| is_host_port(t));
            *into = Some(address.ok_or_else(|| bad("host:port"))?.to_owned());
        }
        Slot::File(into) => {
            let path = given.text().filter(|t| !t.is_empty());
            *into = Some(path.ok_or_else(|| bad("a path"))?.into());
        }
        Slot::List(into) => {
            *into = given
                .list()
                .filter(|l| l.len() <= MAX_ENTRIES)
                .ok_or_else(|| bad("a list of texts"))?;
        }
        Slot::Format(into) => {
            *into = match given.text() {
                Some("auto") => LogFormat::Auto,
                Some("text") => LogFormat::Text,
                Some("json") => LogFormat::Json,
                Some("off") => LogFormat::Off,
                _ => return Err(bad("auto, text, json or off")),
            };
        }
        Slot::Only(value) => match given.text() {
            Some(text) if text == value => {}
            Some(_) => return Err(Misfit::Later),
            None => return Err(Misfit::Bad(format!("\"{value}\""))),
        },
    }
    Ok(())
}

fn is_host_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
