//! Which service takes a request: by the door, the `Host` with its port, and the path (spec/kaazing.md 3.1).

use std::collections::HashMap;

use super::Asks;
use super::door::{self, DoorKey};
use super::page::Page;
use super::service::Running;
use crate::config::gateway::model::GatewayDef;
use crate::config::gateway::uri::Layer;

/// What a request found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the service.
    pub service: usize,
    /// Number of its accept URI.
    pub accept: usize,
    /// Bytes of the request's path that the URI covers.
    pub covered: usize,
}

#[derive(Debug)]
struct Route {
    path: String,
    layer: Layer,
    service: usize,
    accept: usize,
}

impl Route {
    /// True when the path is this one, or lies below it.
    fn is_above(&self, path: &str) -> bool {
        match path.strip_prefix(self.path.as_str()) {
            Some(rest) => rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'),
            None => false,
        }
    }
}

/// All URIs that clients use, by door and authority.
#[derive(Debug, Default)]
pub(super) struct Routes {
    doors: HashMap<DoorKey, HashMap<String, Vec<Route>>>,
}

impl Routes {
    /// The routes to services that could be made.
    pub fn of(def: &GatewayDef, services: &[Running]) -> Routes {
        let mut routes = Routes::default();
        for (service, running) in services.iter().enumerate() {
            let Some(def) = def.services.iter().find(|d| d.name.value == running.name) else {
                continue;
            };
            if let Some(door) = running.service.source() {
                let hosts = routes.doors.entry(door.clone()).or_default();
                hosts.entry(String::new()).or_default().push(Route {
                    path: String::new(),
                    layer: Layer::Stream,
                    service,
                    accept: 0,
                });
            }
            for (accept, uri) in running.accepts.iter().enumerate() {
                let Some(door) = door::of(def, uri) else {
                    continue;
                };
                let hosts = routes.doors.entry(door).or_default();
                let mut names = vec![uri.authority()];
                if uri.known().is_some_and(|row| row.port == uri.port) {
                    names.push(uri.host_text());
                }
                for name in names {
                    hosts.entry(name).or_default().push(Route {
                        path: uri.path_or_root().to_owned(),
                        layer: uri.layer(),
                        service,
                        accept,
                    });
                }
            }
        }
        routes
    }

    /// The service behind a door on which no HTTP is spoken.
    pub fn stream(&self, door: &DoorKey) -> Option<usize> {
        let hosts = self.doors.get(door)?;
        Some(hosts.values().flatten().next()?.service)
    }

    /// The place that a request is for, or the page that says that there is none. Several doors may lead to one socket.
    pub fn find(
        &self,
        doors: &[DoorKey],
        host: &[u8],
        target: &[u8],
        asks: Asks,
    ) -> Result<Place, Page> {
        let mut page = Page::NOT_FOUND;
        for door in doors {
            match self.behind(door, host, target, asks) {
                Ok(place) => return Ok(place),
                Err(Page::NOT_FOUND) => {}
                Err(other) => page = other,
            }
        }
        Err(page)
    }

    fn behind(
        &self,
        door: &DoorKey,
        host: &[u8],
        target: &[u8],
        asks: Asks,
    ) -> Result<Place, Page> {
        let host = std::str::from_utf8(host)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let routes = self.doors.get(door).and_then(|hosts| hosts.get(&host));
        let routes = routes.ok_or(Page::NOT_FOUND)?;
        let path = target.split(|b| *b == b'?').next().unwrap_or_default();
        let path = std::str::from_utf8(path).map_err(|_| Page::BAD_REQUEST)?;
        let place = |route: &Route, covered| Place {
            service: route.service,
            accept: route.accept,
            covered,
        };
        let of = |layer| routes.iter().filter(move |route| route.layer == layer);
        let longest = |layer| {
            of(layer)
                .filter(|route| route.is_above(path))
                .max_by_key(|route| route.path.len())
        };
        let http = longest(Layer::Http);
        let http_place = || http.map(|route| place(route, route.path.len()));
        match asks {
            Asks::WebSocket => {
                if let Some(route) = of(Layer::WebSocket).find(|route| route.path == path) {
                    return Ok(place(route, path.len()));
                }
                let above = longest(Layer::WebSocket).map_or(0, |route| route.path.len());
                match http_place() {
                    Some(place) if place.covered >= above => Ok(place),
                    _ if above > 0 => Err(Page::UPGRADE_FAILURE),
                    _ => Err(Page::NOT_FOUND),
                }
            }
            Asks::Emulation => {
                let emulated = of(Layer::WebSocket).find_map(|route| {
                    let base = route.path.trim_end_matches('/');
                    let rest = path.strip_prefix(base)?;
                    rest.starts_with("/;e/").then(|| place(route, base.len()))
                });
                emulated.or_else(http_place).ok_or(Page::NOT_FOUND)
            }
            Asks::Http => http_place().ok_or(Page::NOT_FOUND),
        }
    }
}
