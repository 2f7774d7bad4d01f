//! Which resource of an API takes a request (spec/mediation.md 5).
//!
//! First those that may: by method, protocol, media type and agent. Among them a `url-mapping` goes before a `uri-template`, a
//! template before the resource without either; of mappings the exact one, then the longest, then the extension;
//! of templates the first in the file. Synapse has the templates in the order of a hash table.
//!
//! Where none may, HTTP's own rules say why: 404, 405 with `Allow`, 415 (RFC 9110 sections 15.5.5, 15.5.6, 15.5.16).

use super::pattern::{Pattern, Values};
use crate::config::model::{Methods, Transports};
use crate::exchange::{Body, Exchange};
use crate::mediation::whole_pattern::WholePattern;
use crate::soap::envelope::media_type;
use crate::transport::headers::Name;

/// What a resource takes.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) methods: Methods,
    pub(super) paths: Paths,
    pub(super) transports: Transports,
    pub(super) content_type: Option<String>,
    pub(super) user_agent: Option<WholePattern>,
}

/// Which paths.
#[derive(Debug)]
pub(super) enum Paths {
    All,
    Exact(String),
    /// `/a/*`, without the end.
    Below(String),
    /// `*.jsp`, without the star.
    Extension(String),
    Template(Pattern),
}

/// Which resource it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// This one, with the values of its variables.
    Resource(usize, Values),
    /// None, but the request only asks which methods there are.
    Options(Methods),
    /// None has this path.
    NoPath,
    /// None with this path has this method; those that there are.
    NoMethod(Methods),
    /// None with this path and method takes this media type.
    NoMedia,
}

impl Paths {
    /// The paths of a `url-mapping`.
    pub(super) fn of_mapping(text: &str) -> Paths {
        match (text.strip_prefix('*'), text.strip_suffix("/*")) {
            (Some(extension), _) if extension.starts_with('.') => {
                Paths::Extension(extension.to_owned())
            }
            (_, Some(prefix)) => Paths::Below(prefix.to_owned()),
            _ => Paths::Exact(text.to_owned()),
        }
    }

    /// How well it takes a path, the smallest best, and the values of its variables.
    fn take(&self, path: &str, query: &str) -> Option<(Rank, Values)> {
        let rank = match self {
            Paths::Exact(text) => (path == text).then_some(Rank::Exact),
            Paths::Below(prefix) => {
                let rest = path.strip_prefix(prefix.as_str())?;
                let below = rest.is_empty() || rest.starts_with('/');
                below.then_some(Rank::Below(usize::MAX - prefix.len()))
            }
            Paths::Extension(extension) => {
                let name = path.rsplit('/').next().unwrap_or(path);
                name.ends_with(extension.as_str())
                    .then_some(Rank::Extension)
            }
            Paths::Template(pattern) => {
                return Some((Rank::Template, pattern.values(path, query)?));
            }
            Paths::All => Some(Rank::All),
        };
        Some((rank?, Values::new()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Exact,
    /// The longer the prefix, the smaller.
    Below(usize),
    Extension,
    Template,
    All,
}

/// Path and query behind the context, the path never empty.
pub(super) fn split(suffix: &[u8]) -> (&str, &str) {
    let text = std::str::from_utf8(suffix).unwrap_or_default();
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    (if path.is_empty() { "/" } else { path }, query)
}

/// Chooses.
pub(super) fn choose<'r>(rules: impl Iterator<Item = &'r Rule> + Clone, x: &Exchange) -> Chosen {
    let (path, query) = split(x.suffix());
    let method = Methods::of(x.request.method_text());
    let mut best: Option<(Rank, usize, Values)> = None;
    let (mut allowed, mut other_media, mut found) = (Methods::default(), false, false);
    for (at, rule) in rules.enumerate() {
        if !rule.is_reached(x) {
            continue;
        }
        let Some((rank, values)) = rule.paths.take(path, query) else {
            continue;
        };
        found = true;
        let methods = match rule.methods.is_empty() {
            true => Methods::ALL,
            false => rule.methods,
        };
        allowed = allowed.and(methods);
        // A resource for all methods leaves the question which there are to the API (as Synapse does).
        let listed = match rule.methods.is_empty() {
            true => method != Methods::of(b"OPTIONS"),
            false => rule.methods.meets(method),
        };
        if !listed {
            continue;
        }
        if !rule.takes_media(x) {
            other_media = true;
            continue;
        }
        if best.as_ref().is_none_or(|(known, ..)| rank < *known) {
            best = Some((rank, at, values));
        }
    }
    match best {
        Some((_, at, values)) => Chosen::Resource(at, values),
        None if !found => Chosen::NoPath,
        None if other_media => Chosen::NoMedia,
        None if method == Methods::of(b"OPTIONS") => {
            Chosen::Options(allowed.and(Methods::of(b"OPTIONS")))
        }
        None => Chosen::NoMethod(allowed.and(Methods::of(b"OPTIONS"))),
    }
}

impl Rule {
    fn is_reached(&self, x: &Exchange) -> bool {
        let protocol = match x.arrival.https {
            true => self.transports.https,
            false => self.transports.http,
        };
        protocol
            && self.user_agent.as_ref().is_none_or(|regex| {
                let agent = x.request.headers.find("User-Agent");
                agent.is_some_and(|agent| regex.is_match(&String::from_utf8_lossy(agent)))
            })
    }

    fn takes_media(&self, x: &Exchange) -> bool {
        let Some(wanted) = &self.content_type else {
            return true;
        };
        if x.request_body == Body::Empty {
            return true;
        }
        let given = x.request.headers.value(Name::ContentType);
        given.is_some_and(|given| {
            given.eq_ignore_ascii_case(wanted.as_bytes())
                || media_type(given).eq_ignore_ascii_case(wanted.as_bytes())
        })
    }
}
