//! The services themselves: what each operation answers.

use std::sync::atomic::Ordering;

use http::{Method, header};

use super::message::{Asked, Wrapping, escaped};
use super::{Reply, Server, attachments};

/// Namespace of the sample services.
pub(super) const NAMESPACE: &str = "http://services.samples";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    Quote,
    LoadBalance,
    Attachments,
}

impl Server {
    pub(super) fn call(&self, head: &http::request::Parts, body: &[u8]) -> Reply {
        let path = head.uri.path();
        let service = if path.contains("LBService") {
            Service::LoadBalance
        } else if path.contains("MTOMSwASampleService") {
            Service::Attachments
        } else {
            Service::Quote
        };
        let query = head.uri.query().unwrap_or("");
        let mut reply = match head.method {
            Method::GET | Method::HEAD if query.eq_ignore_ascii_case("wsdl") => {
                self.wsdl(path, head)
            }
            Method::GET | Method::HEAD => {
                let symbol = query
                    .split('&')
                    .find_map(|pair| pair.strip_prefix("symbol="));
                self.look(service, symbol)
            }
            Method::POST => self.post(service, head, body),
            _ => Reply::text(405, "the services are asked with POST or GET\n"),
        };
        let has_session = head.headers.get_all(header::COOKIE).iter().any(|cookie| {
            let cookie = cookie.as_bytes();
            cookie.windows(11).any(|w| w == b"JSESSIONID=")
        });
        if service == Service::LoadBalance && !has_session {
            let number = self.sessions.fetch_add(1, Ordering::Relaxed) + 1;
            reply.set_cookie = Some(format!(
                "JSESSIONID={}.{number}; Path=/; HttpOnly",
                self.name
            ));
        }
        reply
    }

    fn post(&self, service: Service, head: &http::request::Parts, body: &[u8]) -> Reply {
        let text = |name| {
            head.headers
                .get(name)
                .and_then(|v: &http::HeaderValue| v.to_str().ok())
        };
        let content_type = text("content-type").unwrap_or("");
        if service == Service::Attachments {
            self.count("upload");
            return attachments::reply(content_type, body);
        }
        let asked = std::str::from_utf8(body)
            .map_err(|_| "the message is not UTF-8".to_owned())
            .and_then(Asked::parse);
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => return message(500, Wrapping::Soap11, Wrapping::Soap11.fault(&error)),
        };
        if service == Service::LoadBalance {
            self.count("sampleOperation");
            return message(200, asked.wrapping, asked.wrapping.wrap(&self.echo(&asked)));
        }
        match asked.operation.as_str() {
            "placeOrder" => {
                self.count("placeOrder");
                Reply {
                    status: 202,
                    ..Reply::default()
                }
            }
            "getQuote" => {
                self.count("getQuote");
                let quote = self.quote(asked.value("symbol").unwrap_or(""));
                message(200, asked.wrapping, asked.wrapping.wrap(&quote))
            }
            other => {
                let reason = format!("the service has no operation \"{other}\"");
                message(500, asked.wrapping, asked.wrapping.fault(&reason))
            }
        }
    }

    fn look(&self, service: Service, symbol: Option<&str>) -> Reply {
        let payload = match service {
            Service::Quote => {
                self.count("getQuote");
                self.quote(symbol.unwrap_or("IBM"))
            }
            _ => {
                self.count("sampleOperation");
                format!("<Value>{}</Value>", self.who())
            }
        };
        message(200, Wrapping::Plain, payload)
    }

    fn count(&self, operation: &'static str) {
        *self.calls.lock().entry(operation).or_default() += 1;
    }

    fn who(&self) -> String {
        format!("Response from server: {}", escaped(&self.name))
    }

    /// The payload element again, with who answered as its text.
    fn echo(&self, asked: &Asked) -> String {
        let (who, name) = (self.who(), asked.operation.as_str());
        match (name, asked.namespace.as_str()) {
            ("", _) => format!("<Value>{who}</Value>"),
            (name, "") => format!("<{name}>{who}</{name}>"),
            (name, namespace) => format!("<{name} xmlns=\"{}\">{who}</{name}>", escaped(namespace)),
        }
    }

    /// A quote whose price tells the port: a test can see who answered.
    fn quote(&self, symbol: &str) -> String {
        let symbol = escaped(symbol);
        let last = 100.0 + f64::from(self.port % 100) + 0.5;
        let fields = [
            ("change", "-2.5".to_owned()),
            ("earnings", "12.4".to_owned()),
            ("high", (last + 4.0).to_string()),
            ("last", last.to_string()),
            ("lastTradeTimestamp", "2026-01-02T03:04:05Z".to_owned()),
            ("low", (last - 4.0).to_string()),
            ("marketCap", "5619352.6".to_owned()),
            ("name", format!("{symbol} Company")),
            ("open", (last + 1.0).to_string()),
            ("peRatio", "25.5".to_owned()),
            ("percentageChange", "-1.5".to_owned()),
            ("prevClose", (last + 2.5).to_string()),
            ("symbol", symbol.clone()),
            ("volume", "7618".to_owned()),
        ];
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("<m:{name}>{value}</m:{name}>"))
            .collect();
        format!(
            "<m:getQuoteResponse xmlns:m=\"{NAMESPACE}\"><m:return>{fields}</m:return></m:getQuoteResponse>"
        )
    }

    fn wsdl(&self, path: &str, head: &http::request::Parts) -> Reply {
        let host = head.headers.get(header::HOST).and_then(|h| h.to_str().ok());
        let own = format!("127.0.0.1:{}", self.port);
        let address = format!("http://{}{path}", host.unwrap_or(&own));
        let text = include_str!("service.wsdl").replace("{address}", &escaped(&address));
        Reply {
            status: 200,
            content_type: Some("text/xml; charset=UTF-8".to_owned()),
            body: text.into_bytes(),
            set_cookie: None,
        }
    }
}

fn message(status: u16, wrapping: Wrapping, text: String) -> Reply {
    Reply {
        status,
        content_type: Some(wrapping.content_type().to_owned()),
        body: text.into_bytes(),
        set_cookie: None,
    }
}

#[cfg(test)]
mod tests;
