//! Health checks and authentication.

use super::Writer;
use crate::config::model::{AuthDef, Grant, HealthDef, HealthKind};

pub(super) fn health(check: &HealthDef, out: &mut Writer) {
    out.open("ax:healthCheck");
    let (path, statuses): (_, &[_]) = match &check.kind {
        HealthKind::Tcp => {
            out.attribute("type", "tcp");
            (None, &[])
        }
        HealthKind::Http(http) => {
            out.attribute("type", "http");
            out.attribute("method", &http.method);
            (http.path.as_deref(), &http.statuses)
        }
        HealthKind::Soap(soap) => {
            for (prefix, uri) in soap.expect.iter().flat_map(|expect| &expect.prefixes) {
                out.attribute(&format!("xmlns:{prefix}"), uri);
            }
            out.attribute("type", "soap");
            out.attribute("version", if soap.soap12 { "1.2" } else { "1.1" });
            out.attribute("action", &soap.action);
            let expect = soap.expect.as_ref();
            out.optional("expect", expect.map(|expect| expect.text.value.as_str()));
            (soap.path.as_deref(), &soap.statuses)
        }
    };
    out.optional("path", path);
    if !statuses.is_empty() {
        let words: Vec<String> = statuses
            .iter()
            .map(|(from, to)| format!("{from}-{to}"))
            .collect();
        out.attribute("status", &words.join(","));
    }
    out.number("interval", Some(check.interval.as_millis()));
    out.number("timeout", Some(check.timeout.as_millis()));
    out.number("rise", Some(check.rise));
    out.number("fall", Some(check.fall));
    if let HealthKind::Soap(soap) = &check.kind
        && !soap.inside.is_empty()
    {
        out.open("ax:body");
        out.raw(&soap.inside);
        out.close();
    }
    out.close();
}

/// Secrets included: what is written means the same.
pub(super) fn authentication(auth: &AuthDef, out: &mut Writer) {
    out.open("authentication");
    match auth {
        AuthDef::Basic { user, password } => {
            out.open("basicAuth");
            out.leaf("username", user);
            out.leaf("password", &password.0);
        }
        AuthDef::OAuth(oauth) => {
            out.open("oauth");
            out.open(match &oauth.grant {
                Grant::ClientCredentials => "clientCredentials",
                Grant::RefreshToken(_) => "authorizationCode",
                Grant::Password { .. } => "passwordCredentials",
            });
            out.leaf("tokenUrl", &oauth.token_url.value);
            out.leaf("clientId", &oauth.client_id);
            out.leaf("clientSecret", &oauth.client_secret.0);
            match &oauth.grant {
                Grant::ClientCredentials => {}
                Grant::RefreshToken(token) => out.leaf("refreshToken", &token.0),
                Grant::Password { user, password } => {
                    out.leaf("username", user);
                    out.leaf("password", &password.0);
                }
            }
            out.leaf(
                "authMode",
                if oauth.in_header { "header" } else { "payload" },
            );
            for (parent, child, fields) in [
                ("requestParameters", "parameter", &oauth.parameters),
                ("customHeaders", "header", &oauth.headers),
            ] {
                if fields.is_empty() {
                    continue;
                }
                out.open(parent);
                for (name, value) in fields {
                    out.named(child, name, &value.0);
                }
                out.close();
            }
            let millis = |time: std::time::Duration| time.as_millis().to_string();
            out.leaf("connectionTimeout", &millis(oauth.connect_timeout));
            out.leaf("socketTimeout", &millis(oauth.response_timeout));
            out.close();
        }
    }
    out.close();
    out.close();
}
