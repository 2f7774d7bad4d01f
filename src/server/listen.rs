//! Which addresses are listened on: flags, else settings, else the defaults.

use std::net::SocketAddr;

use super::boot::{Options, RunError};
use super::tls::FLAGS_PROFILE;
use crate::settings::Settings;

/// `[[listener]]` when neither a flag nor the settings name one.
const DEFAULT_HTTP: &str = "0.0.0.0:8280";
/// `--https` when there is only a certificate.
const DEFAULT_HTTPS: &str = "0.0.0.0:8243";

/// An address for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where.
    pub at: SocketAddr,
    /// The TLS profile, for HTTPS.
    pub tls: Option<String>,
}

impl Address {
    /// `http` or `https`.
    pub fn kind(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// The addresses for clients. A flag replaces what the settings say of its kind. The default address is for the
/// mediation: where there is none (`mediates` is false) nothing is opened that nobody asked for.
pub fn addresses(
    options: &Options,
    settings: &Settings,
    mediates: bool,
) -> Result<Vec<Address>, RunError> {
    let has_pair = !options.cert.is_empty() || !options.key.is_empty();
    let mut https = options.https.clone();
    if https.is_empty() && has_pair {
        https.push(DEFAULT_HTTPS.to_owned());
    }
    if !https.is_empty() && !has_pair {
        return Err(RunError::Setting(
            "--https needs a certificate: give --cert FILE and --key FILE, or write a [[listener]] with tls = \"NAME\" into axon.toml".to_owned(),
        ));
    }
    let mut all = Vec::new();
    for text in &options.http {
        all.push(plain(text)?);
    }
    for text in &https {
        let at = parse(text)?;
        all.push(Address {
            at,
            tls: Some(FLAGS_PROFILE.to_owned()),
        });
    }
    for listener in &settings.listeners {
        let replaced = match &listener.tls {
            Some(_) => !https.is_empty(),
            None => !options.http.is_empty(),
        };
        if !replaced {
            all.push(Address {
                at: parse(&listener.address)?,
                tls: listener.tls.as_ref().map(|name| name.value.clone()),
            });
        }
    }
    if mediates && options.http.is_empty() && settings.listeners.is_empty() {
        all.insert(0, plain(DEFAULT_HTTP)?);
    }
    Ok(all)
}

fn plain(text: &str) -> Result<Address, RunError> {
    Ok(Address {
        at: parse(text)?,
        tls: None,
    })
}

fn parse(text: &str) -> Result<SocketAddr, RunError> {
    let named = text.replacen(
        "localhost:",
        "127.0.0.1:",
        usize::from(text.starts_with("localhost:")),
    );
    named.parse().map_err(|_| RunError::Setting(format!("`{text}` is no address to listen on; write HOST:PORT with the host as a number, as in 0.0.0.0:8280")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::{FileId, Span, Spanned};
    use crate::settings::Listener;

    fn settings(listeners: &[(&str, Option<&str>)]) -> Settings {
        let span = Span {
            file: FileId(0),
            start: 0,
            end: 0,
        };
        let listener = |(address, tls): &(&str, Option<&str>)| Listener {
            address: (*address).to_owned(),
            tls: tls.map(|name| Spanned::new(name.to_owned(), span)),
        };
        Settings {
            listeners: listeners.iter().map(listener).collect(),
            ..Settings::default()
        }
    }

    fn said(options: &Options, settings: &Settings) -> Vec<String> {
        let all = addresses(options, settings, true).unwrap();
        all.iter()
            .map(|a| format!("{} {}", a.kind(), a.at))
            .collect()
    }

    #[test]
    fn without_anything_it_is_http_and_a_certificate_adds_https() {
        let mut options = Options::default();
        assert_eq!(said(&options, &settings(&[])), ["http 0.0.0.0:8280"]);
        options.cert = vec!["c".into()];
        options.key = vec!["k".into()];
        assert_eq!(
            said(&options, &settings(&[])),
            ["http 0.0.0.0:8280", "https 0.0.0.0:8243"]
        );
        options.http = vec!["localhost:1".into()];
        options.https = vec!["[::1]:2".into()];
        assert_eq!(
            said(&options, &settings(&[])),
            ["http 127.0.0.1:1", "https [::1]:2"]
        );
    }

    #[test]
    fn a_flag_replaces_the_listeners_of_its_kind() {
        let settings = settings(&[("1.1.1.1:1", None), ("1.1.1.1:2", Some("edge"))]);
        let mut options = Options::default();
        assert_eq!(
            said(&options, &settings),
            ["http 1.1.1.1:1", "https 1.1.1.1:2"]
        );
        options.http = vec!["2.2.2.2:1".into()];
        assert_eq!(
            said(&options, &settings),
            ["http 2.2.2.2:1", "https 1.1.1.1:2"]
        );
    }

    #[test]
    fn a_gateway_config_alone_opens_no_address_that_it_does_not_name() {
        let none = addresses(&Options::default(), &settings(&[]), false).unwrap();
        assert_eq!(none, []);
        let options = Options {
            http: vec!["1.1.1.1:1".into()],
            ..Options::default()
        };
        assert_eq!(addresses(&options, &settings(&[]), false).unwrap().len(), 1);
    }

    #[test]
    fn https_without_a_certificate_is_refused_with_the_way_out() {
        let options = Options {
            https: vec!["1.1.1.1:1".into()],
            ..Options::default()
        };
        let error = addresses(&options, &settings(&[]), true).unwrap_err();
        assert!(error.to_string().contains("--cert FILE"), "{error}");
    }
}
