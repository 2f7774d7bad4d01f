//! `directory`: files of a folder (spec/kaazing.md 3.6).
//!
//! Nothing outside of the folder is given out: a path with `..` in any spelling is refused, and what a link leads to has
//! to lie inside. Files are read block by block beside the worker, so that a slow disk delays one client only.

mod listing;
mod location;
mod mime;
mod path;

use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;

use self::location::Location;
use self::mime::Types;
use super::ServiceType;
use super::page::Page;
use super::service::{Build, LocalBoxFuture, Service};
use super::shape::Shape;
use super::visit::Visit;
use crate::codes::DiagnosticCode;
use crate::config::gateway::uri::Layer;
use crate::observe::stamp::unix_ms;
use crate::transport::head::{Method, ResponseHead};
use crate::util::http_date;

/// Largest error page.
const ERROR_PAGE_MAX: u64 = 256 * 1024;
pub(super) const TYPE: ServiceType = ServiceType {
    name: "directory",
    doc: "gives out the files of a folder",
    shape: Shape {
        properties: &[
            "directory",
            "welcome-file",
            "error-pages-directory",
            "options",
            "location",
        ],
        needs_properties: true,
        ..Shape::accepting(&[Layer::Http])
    },
    make,
};

fn make(build: &mut Build<'_>) -> Option<Arc<dyn Service>> {
    let directory = build.required("directory", "add <directory>/base</directory>")?;
    let root = build.gateway.file(&["web", ""], &directory.value);
    if !root.is_dir() {
        let message = format!("there is no folder {}", root.display());
        let help = "a relative name begins in GATEWAY_HOME/web, or beside the configuration";
        let code = DiagnosticCode::GatewayValue;
        build
            .diagnostics
            .error_help(code, directory.span, message, help);
        return None;
    }
    let indexes = build.read("options", |text| match text {
        "indexes" => Ok(true),
        "" => Ok(false),
        _ => Err(format!("{text} is no option; the only one is indexes")),
    });
    let errors = build.property("error-pages-directory");
    let locations = location::read(build);
    Some(Arc::new(Directory {
        // Made absolute once, so that every file can be compared with it.
        root: root.canonicalize().ok()?,
        welcome: build.property("welcome-file").map(|text| text.value),
        errors: errors.map(|text| build.gateway.file(&["web", ""], &text.value)),
        indexes: indexes.unwrap_or_default(),
        types: Types::of(&[&build.def.mime, &build.gateway.mime]),
        locations,
    }))
}

struct Directory {
    root: PathBuf,
    welcome: Option<String>,
    errors: Option<PathBuf>,
    indexes: bool,
    types: Types,
    locations: Vec<Location>,
}

/// What a path leads to.
enum Found {
    /// A file: opened, with what is known of it.
    File(std::fs::File, Metadata, PathBuf),
    /// A folder that was asked for without its slash.
    Slash,
    /// The page that lists a folder.
    Listing(String),
    /// Nothing.
    Nothing,
}

impl Service for Directory {
    fn http<'a>(&'a self, visit: &'a mut Visit<'_>) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            if !matches!(visit.head.method, Method::Get | Method::Head) {
                let mut head = visit.new_head(Page::METHOD.status);
                head.headers.append(b"Allow", b"GET, HEAD");
                return visit.page_with(Page::METHOD, head).await;
            }
            let Some(inside) = path::inside(visit.rest()) else {
                return visit.page(Page::BAD_REQUEST).await;
            };
            let asked = String::from_utf8_lossy(visit.path()).into_owned();
            let (root, welcome, indexes) = (self.root.clone(), self.welcome.clone(), self.indexes);
            let shown = asked.clone();
            let look = move || look(&root, &inside, &shown, welcome.as_deref(), indexes);
            let found = tokio::task::spawn_blocking(look).await;
            match found.unwrap_or(Found::Nothing) {
                Found::File(file, metadata, path) => self.give(visit, file, &metadata, &path).await,
                Found::Slash => {
                    let mut head = visit.new_head(302);
                    head.headers
                        .append(b"Location", format!("{asked}/").as_bytes());
                    visit.answer(head, Bytes::new()).await;
                }
                Found::Listing(page) => {
                    let mut head = visit.new_head(200);
                    head.headers
                        .append(b"Content-Type", b"text/html; charset=utf-8");
                    visit.answer(head, Bytes::from(page)).await;
                }
                Found::Nothing => self.missing(visit).await,
            }
        })
    }
}

/// Looks a path up. Blocks.
fn look(root: &Path, inside: &Path, asked: &str, welcome: Option<&str>, indexes: bool) -> Found {
    let is_folder = asked.ends_with('/') || inside.as_os_str().is_empty();
    let Ok(path) = root.join(inside).canonicalize() else {
        return Found::Nothing;
    };
    if !path.starts_with(root) {
        return Found::Nothing;
    }
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() && !is_folder => open(path),
        Ok(metadata) if metadata.is_dir() && !asked.ends_with('/') => Found::Slash,
        Ok(metadata) if metadata.is_dir() => {
            let welcome = welcome.map(|name| path.join(name));
            match welcome.and_then(|file| file.canonicalize().ok()) {
                Some(file) if file.starts_with(root) => open(file),
                _ if indexes => listing::page(&path, asked).map_or(Found::Nothing, Found::Listing),
                _ => Found::Nothing,
            }
        }
        _ => Found::Nothing,
    }
}

fn open(path: PathBuf) -> Found {
    let opened = std::fs::File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
    match opened {
        Ok((metadata, file)) if metadata.is_file() => Found::File(file, metadata, path),
        _ => Found::Nothing,
    }
}

impl Directory {
    async fn give(
        &self,
        visit: &mut Visit<'_>,
        file: std::fs::File,
        metadata: &Metadata,
        path: &Path,
    ) {
        let modified = metadata
            .modified()
            .ok()
            .and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let modified = modified.unwrap_or_default();
        let tag = format!("W/\"{:x}-{:x}\"", modified.as_nanos(), metadata.len());
        let date = http_date::format(modified.as_secs());
        let mut head = visit.new_head(200);
        head.headers.append(b"ETag", tag.as_bytes());
        head.headers.append(b"Last-Modified", date.as_bytes());
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        self.cached(relative, modified.as_secs(), &mut head);
        if is_known(visit, &tag, &date) {
            head.status = 304;
            return visit.answer(head, Bytes::new()).await;
        }
        if let Some(kind) = self.types.find(path) {
            head.headers.append(b"Content-Type", kind.as_bytes());
        }
        visit.stream(head, metadata.len(), file).await;
    }

    fn cached(&self, relative: &Path, modified_s: u64, head: &mut ResponseHead) {
        let relative = relative.to_string_lossy();
        let Some(location) = self.locations.iter().find(|l| l.covers(&relative)) else {
            return;
        };
        let now_s = unix_ms() / 1_000;
        head.headers.append(
            b"Cache-Control",
            location.cache_control(now_s, modified_s).as_bytes(),
        );
        if let Some(until_s) = location.expires(now_s, modified_s) {
            head.headers
                .append(b"Expires", http_date::format(until_s).as_bytes());
        }
    }

    async fn missing(&self, visit: &mut Visit<'_>) {
        let Some(folder) = &self.errors else {
            return visit.page(Page::NOT_FOUND).await;
        };
        let file = folder.join("404.html");
        let read = tokio::task::spawn_blocking(move || {
            let mut page = Vec::new();
            let file = std::fs::File::open(file)?;
            file.take(ERROR_PAGE_MAX).read_to_end(&mut page)?;
            std::io::Result::Ok(page)
        });
        match read.await {
            Ok(Ok(page)) => {
                let mut head = visit.new_head(404);
                head.headers.append(b"Content-Type", b"text/html");
                visit.answer(head, Bytes::from(page)).await;
            }
            _ => visit.page(Page::NOT_FOUND).await,
        }
    }
}

/// True when the client has the file already (RFC 9110 section 13.2.2).
fn is_known(visit: &Visit<'_>, tag: &str, date: &str) -> bool {
    let headers = &visit.head.headers;
    match headers.find("If-None-Match") {
        Some(tags) => {
            let mut tags = tags.split(|b| *b == b',').map(<[u8]>::trim_ascii);
            tags.any(|t| t == b"*" || t.strip_prefix(b"W/").unwrap_or(t) == &tag.as_bytes()[2..])
        }
        None => headers.find("If-Modified-Since") == Some(date.as_bytes()),
    }
}
