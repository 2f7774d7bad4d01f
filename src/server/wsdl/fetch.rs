//! Reads a document and what it imports, from files or over HTTP, with bounds on time, size and redirects.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;

use crate::config::wsdl::{Collect, Location, MAX_DOCUMENT_BYTES};
use crate::endpoint::tree::Address;
use crate::transport::tls::{ClientTls, dial};

/// Longest time for a document with all its imports.
const TOTAL: Duration = Duration::from_secs(30);
/// Longest time for one of them.
const EACH: Duration = Duration::from_secs(10);
/// Most redirects that one document may take.
const REDIRECTS: usize = 3;

/// Reads everything that a document consists of; what lies at an https URL is asked for under that protection.
pub(super) async fn collect<C: Collect>(
    mut collector: C,
    tls: &ClientTls,
) -> Result<C::Out, String> {
    let name = collector
        .next()
        .map(Location::to_string)
        .unwrap_or_default();
    let all = async {
        while let Some(location) = collector.next().cloned() {
            let read = tokio::time::timeout(EACH, read(location, tls))
                .await
                .unwrap_or_else(|_| Err(format!("no document within {} s", EACH.as_secs())));
            match &read {
                Ok((bytes, from)) => collector.supply(Ok((bytes, from))),
                Err(problem) => collector.supply(Err(problem.clone())),
            }
        }
        collector.finish()
    };
    tokio::time::timeout(TOTAL, all)
        .await
        .unwrap_or_else(|_| Err(format!("{name}: not complete within {} s", TOTAL.as_secs())))
}

/// The bytes of a document and where they came from in the end.
async fn read(location: Location, tls: &ClientTls) -> Result<(Bytes, Location), String> {
    let mut at = location;
    for _ in 0..=REDIRECTS {
        let url = match at {
            Location::Url(url) => url,
            Location::Resource(name) => return Err(format!("{name} is nowhere to be read")),
            Location::File(path) => {
                let file = path.clone();
                let bytes = tokio::task::spawn_blocking(move || file_bytes(&file)).await;
                let bytes = bytes
                    .map_err(|e| e.to_string())?
                    .map_err(|e| e.to_string())?;
                return Ok((bytes.into(), Location::File(path)));
            }
        };
        let here = Location::Url(url.clone());
        match get(&url, tls).await? {
            Got::Document(bytes) => return Ok((bytes, here)),
            Got::Elsewhere(to) => at = here.refer(&to)?,
        }
    }
    Err(format!("more than {REDIRECTS} redirects"))
}

fn file_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_DOCUMENT_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

enum Got {
    Document(Bytes),
    Elsewhere(String),
}

async fn get(url: &str, tls: &ClientTls) -> Result<Got, String> {
    let address = Address::parse(url).ok_or("the URL is no http address")?;
    let stream = dial(&address.target, tls).await?;
    let request = Request::builder()
        .uri(&*address.path_and_query)
        .header(header::HOST, &*address.target.authority)
        .header(
            header::ACCEPT,
            "text/xml, application/wsdl+xml, application/xml;q=0.9, */*;q=0.1",
        )
        .header(
            header::USER_AGENT,
            concat!("axon/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|e| e.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    let connection = tokio::spawn(connection);
    let got = answer(&mut sender, request).await;
    // Nothing more is asked on it, whatever the other side would still send.
    connection.abort();
    got
}

async fn answer(
    sender: &mut hyper::client::conn::http1::SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
) -> Result<Got, String> {
    let response = sender
        .send_request(request)
        .await
        .map_err(|e| e.to_string())?;
    let status = response.status();
    if status.is_redirection()
        && let Some(to) = response.headers().get(header::LOCATION)
    {
        let to = to.to_str().map_err(|_| "a redirect to no address")?;
        return Ok(Got::Elsewhere(to.to_owned()));
    }
    if status != StatusCode::OK {
        return Err(format!("HTTP status {}", status.as_u16()));
    }
    let body = Limited::new(response.into_body(), MAX_DOCUMENT_BYTES);
    let body = body.collect().await.map_err(|error| {
        match error.downcast_ref::<http_body_util::LengthLimitError>() {
            Some(_) => "the document is larger than 4 MiB".to_owned(),
            None => error.to_string(),
        }
    })?;
    Ok(Got::Document(body.to_bytes()))
}
