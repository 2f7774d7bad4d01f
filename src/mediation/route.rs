//! Which way a request takes, and what of its path lies behind the route (design 13, spec/mediation.md 3).
//!
//! With endpoints only: one takes everything; several are reached as `/services/NAME[/rest]` and `/NAME[/rest]`, the one
//! called `main` (or named by `--default`) takes what is left, else 404. With sequences: `main`. A proxy service that this
//! version does not run still owns its path, so that its callers hear why and not another service's answer.

use crate::codes::ErrorCode;
use crate::config::api::context_of;
use crate::config::model::{Model, Transports};
use crate::exchange::{Exchange, Fault, RestSuffix};
use crate::mediation::EndpointNames;
use crate::transport::headers::Name;

/// What the path of a service begins with.
const SERVICES: &[u8] = b"/services/";

/// A name that a path can lead to.
#[derive(Debug)]
struct Named<T> {
    name: String,
    target: T,
}

#[derive(Debug)]
pub(super) struct Routes {
    /// Top-level endpoints; empty when sequences are there.
    endpoints: Vec<Named<u32>>,
    /// Proxy services, by their place in the model.
    proxies: Vec<Named<usize>>,
    /// APIs, the longest context first.
    apis: Vec<Context>,
    /// What takes the requests that no name matches.
    rest: Rest,
    /// Proxy services that are not run.
    unsupported: Vec<Named<Fault>>,
}

#[derive(Debug)]
enum Rest {
    Main,
    Endpoint(u32),
    Nowhere(Vec<String>),
}

/// Where the paths of an API begin, and on which listeners and hosts.
#[derive(Debug)]
struct Context {
    path: String,
    host: Option<String>,
    port: Option<u16>,
    transports: Transports,
    /// Its place in the model, or why it is not run.
    target: Result<usize, Fault>,
}

/// Where a request goes.
pub(super) enum Route<'a> {
    Main,
    Endpoint(u32),
    Proxy(usize),
    Api(usize),
    Unsupported(Fault),
    Nowhere(&'a [String]),
}

impl Routes {
    pub(super) fn build(
        model: &Model,
        default: Option<&str>,
        names: &mut dyn EndpointNames,
    ) -> Routes {
        let unsupported = model
            .unsupported
            .iter()
            .filter(|def| def.kind == "proxy")
            .filter_map(|def| {
                let name = def.name.clone()?;
                let place = model.sources.locate(def.span());
                let text = format!("proxy `{name}` ({place}) is not supported yet");
                let target = Fault::new(ErrorCode::NOT_SUPPORTED, text);
                Some(Named { name, target })
            })
            .collect();
        let mut endpoints: Vec<Named<u32>> = Vec::new();
        if model.endpoints_only() {
            endpoints.extend(model.endpoints.iter().filter_map(|def| {
                let name = def.name.as_ref()?;
                let target = names.key(name);
                Some(Named {
                    name: name.value.clone(),
                    target,
                })
            }));
        }
        let default = default.unwrap_or("main");
        let proxies: Vec<Named<usize>> = model
            .proxies
            .iter()
            .enumerate()
            .map(|(target, def)| Named {
                name: def.name.value.clone(),
                target,
            })
            .collect();
        let apis = contexts(model);
        let main = model.sequences.iter().any(|def| def.name.value == "main");
        let service = |name: &String| format!("/services/{name}");
        let known = || {
            let services = proxies.iter().map(|p| service(&p.name));
            let apis = model.apis.iter().map(|api| api.context.value.clone());
            services.chain(apis).collect()
        };
        let rest = match (&endpoints[..], endpoints.iter().find(|e| e.name == default)) {
            // Nothing at all is configured: whoever asks hears so, instead of a 202 for a message that is lost.
            ([], _) if model.endpoints_only() => Rest::Nowhere(Vec::new()),
            ([], _) if !(main || proxies.is_empty() && apis.is_empty()) => Rest::Nowhere(known()),
            ([], _) => Rest::Main,
            ([only], _) => Rest::Endpoint(only.target),
            (_, Some(chosen)) => Rest::Endpoint(chosen.target),
            (several, None) => Rest::Nowhere(several.iter().map(|e| service(&e.name)).collect()),
        };
        if endpoints.len() == 1 {
            endpoints.clear();
        }
        Routes {
            endpoints,
            proxies,
            apis,
            rest,
            unsupported,
        }
    }

    /// Decides, and sets what lies behind the route.
    pub(super) fn route(&self, x: &mut Exchange) -> Route<'_> {
        let target = x.request.target();
        if let Some((fault, _)) = longest(&self.unsupported, target, &[b"/services/"]) {
            return Route::Unsupported(fault.clone());
        }
        if let Some((at, end)) = proxy(&self.proxies, target) {
            x.rest_suffix = RestSuffix::From(end as u32);
            return Route::Proxy(at);
        }
        if let Some(api) = self.apis.iter().find(|api| api.takes(x)) {
            x.rest_suffix = RestSuffix::From(api.path.len() as u32);
            return match &api.target {
                Ok(at) => Route::Api(*at),
                Err(fault) => Route::Unsupported(fault.clone()),
            };
        }
        if let Some((id, end)) = longest(&self.endpoints, target, &[b"/services/", b"/"]) {
            x.rest_suffix = RestSuffix::From(end as u32);
            return Route::Endpoint(*id);
        }
        x.rest_suffix = RestSuffix::From(behind_service(target) as u32);
        match &self.rest {
            Rest::Main => Route::Main,
            Rest::Endpoint(id) => Route::Endpoint(*id),
            Rest::Nowhere(names) => Route::Nowhere(names),
        }
    }
}

/// The contexts of all APIs, the longest first; of two that are as long those for one host first (Synapse has the order of a
/// hash table).
fn contexts(model: &Model) -> Vec<Context> {
    let served = model.apis.iter().zip(0..).map(|(def, at)| Context {
        path: def.context.value.clone(),
        host: def.host.clone(),
        port: def.port,
        transports: def.transports,
        target: Ok(at),
    });
    let refused = model.unsupported.iter().filter(|def| def.kind == "api");
    let refused = refused.filter_map(|def| {
        let place = model.sources.locate(def.span());
        let name = def.name.as_deref().unwrap_or_default();
        let text = format!("the API `{name}` ({place}) is not served; axon check says why");
        Some(Context {
            path: context_of(&def.element)?,
            host: None,
            port: None,
            transports: Transports::ALL,
            target: Err(Fault::new(ErrorCode::NOT_SUPPORTED, text)),
        })
    });
    let mut all: Vec<Context> = served.chain(refused).collect();
    let narrow = |c: &Context| usize::from(c.host.is_some()) + usize::from(c.port.is_some());
    all.sort_by_key(|c| std::cmp::Reverse((c.path.len(), narrow(c))));
    all
}

impl Context {
    fn takes(&self, x: &Exchange) -> bool {
        let rest = x.request.target().strip_prefix(self.path.as_bytes());
        let below = rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'/' | b'?')));
        let reached = match x.arrival.https {
            true => self.transports.https,
            false => self.transports.http,
        };
        below && reached && self.is_of_host(x)
    }

    /// Whether `Host` names the host and the port that the API is for; a port that is not named is that of the scheme.
    fn is_of_host(&self, x: &Exchange) -> bool {
        if self.host.is_none() && self.port.is_none() {
            return true;
        }
        let given = x.request.headers.value(Name::Host).unwrap_or_default();
        let given = String::from_utf8_lossy(given);
        // A colon inside brackets belongs to an IPv6 address.
        let split = given
            .rsplit_once(':')
            .filter(|(_, port)| !port.contains(']'));
        let (host, port) = split.unwrap_or((&given, ""));
        let default = if x.arrival.https { 443 } else { 80 };
        let port = port.parse().unwrap_or(default);
        self.host
            .as_ref()
            .is_none_or(|own| host.eq_ignore_ascii_case(own))
            && self.port.is_none_or(|own| own == port)
    }
}

/// The longest name that the target leads to, and where it ends; the name is followed by `/`, `?` or nothing.
fn longest<'n, T>(
    names: &'n [Named<T>],
    target: &[u8],
    prefixes: &[&[u8]],
) -> Option<(&'n T, usize)> {
    let end = |name: &str| {
        prefixes.iter().find_map(|prefix| {
            let rest = target
                .strip_prefix(*prefix)?
                .strip_prefix(name.as_bytes())?;
            let ends = matches!(rest.first(), None | Some(b'/' | b'?'));
            ends.then(|| target.len() - rest.len())
        })
    };
    names
        .iter()
        .filter_map(|named| Some((named, end(&named.name)?)))
        .max_by_key(|(named, _)| named.name.len())
        .map(|(named, end)| (&named.target, end))
}

/// The proxy service that the target leads to: by its name, or by an address of its WSDL (`NAME.NAMEHttpSoap11Endpoint`).
fn proxy(proxies: &[Named<usize>], target: &[u8]) -> Option<(usize, usize)> {
    if proxies.is_empty() {
        return None;
    }
    if let Some((at, end)) = longest(proxies, target, &[SERVICES]) {
        return Some((*at, end));
    }
    let path = target.strip_prefix(SERVICES)?;
    let length = path.iter().position(|b| matches!(b, b'/' | b'?'));
    let segment = &path[..length.unwrap_or(path.len())];
    let own = |name: &[u8]| -> Option<()> {
        let port = segment.strip_prefix(name)?.strip_prefix(b".")?;
        let port = port.strip_prefix(name)?.strip_prefix(b"Http")?;
        let port = port.strip_prefix(b"s").unwrap_or(port);
        [&b"Soap11Endpoint"[..], b"Soap12Endpoint", b"Endpoint"]
            .contains(&port)
            .then_some(())
    };
    let found = proxies.iter().find(|p| own(p.name.as_bytes()).is_some())?;
    Some((found.target, SERVICES.len() + segment.len()))
}

/// Where the part behind `/services/NAME` begins; 0 for other paths, of which everything is passed on (recorded).
fn behind_service(target: &[u8]) -> usize {
    match target.strip_prefix(SERVICES) {
        None => 0,
        Some(rest) => {
            let name = rest
                .iter()
                .position(|b| matches!(b, b'/' | b'?'))
                .unwrap_or(rest.len());
            SERVICES.len() + name
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_begins_behind_the_service_name() {
        for (target, suffix) in [
            ("/services/StockQuote/extra?x=1", "/extra?x=1"),
            ("/services/StockQuote", ""),
            ("/services/StockQuote?symbol=IBM&x=1", "?symbol=IBM&x=1"),
            ("/other/path?symbol=IBM", "/other/path?symbol=IBM"),
            ("/", "/"),
            ("/a/b/c", "/a/b/c"),
            ("/services", "/services"),
            ("/services/", ""),
        ] {
            assert_eq!(
                &target[behind_service(target.as_bytes())..],
                suffix,
                "{target}"
            );
        }
    }

    #[test]
    fn a_proxy_is_reached_by_its_name_and_by_the_addresses_of_its_wsdl() {
        let proxies: Vec<Named<usize>> = ["p", "p.q", "a/b"]
            .iter()
            .zip(0..)
            .map(|(name, target)| Named {
                name: (*name).to_owned(),
                target,
            })
            .collect();
        let find = |target: &str| {
            proxy(&proxies, target.as_bytes()).map(|(at, end)| (at, target[end..].to_owned()))
        };
        for (target, at, rest) in [
            ("/services/p/x?y", 0, "/x?y"),
            ("/services/p?wsdl", 0, "?wsdl"),
            ("/services/p.q", 1, ""),
            ("/services/a/b/c", 2, "/c"),
            ("/services/p.pHttpSoap11Endpoint", 0, ""),
            ("/services/p.pHttpsSoap12Endpoint/x", 0, "/x"),
            ("/services/p.pHttpEndpoint?x=1", 0, "?x=1"),
            ("/services/p.q.p.qHttpEndpoint", 1, ""),
        ] {
            assert_eq!(find(target), Some((at, rest.to_owned())), "{target}");
        }
        for target in [
            "/services/P",
            "/p",
            "/services/px",
            "/services/p.x",
            "/services/p.pHttpSoap13Endpoint",
            "/services/",
        ] {
            assert_eq!(find(target), None, "{target}");
        }
    }

    #[test]
    fn names_match_whole_segments_and_the_longest_wins() {
        let names: Vec<Named<u32>> = ["a", "a/b", "main"]
            .iter()
            .zip(0..)
            .map(|(name, target)| Named {
                name: (*name).to_owned(),
                target,
            })
            .collect();
        let both: &[&[u8]] = &[b"/services/", b"/"];
        let find = |target: &str| {
            longest(&names, target.as_bytes(), both)
                .map(|(id, end)| (*id, target[end..].to_owned()))
        };
        assert_eq!(find("/services/a/x?y"), Some((0, "/x?y".to_owned())));
        assert_eq!(find("/a?y"), Some((0, "?y".to_owned())));
        assert_eq!(find("/a/b/c"), Some((1, "/c".to_owned())));
        assert_eq!(find("/ab"), None);
        assert_eq!(find("/A"), None);
        assert_eq!(find("/services"), None);
    }
}
