//! Why a TLS connection was not made, in words that say what to do.

use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// Why no TLS connection came about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(pub String);

impl TlsError {
    /// From what a handshake ended with.
    pub(super) fn of(error: &io::Error) -> TlsError {
        match inner(error) {
            Some(error) => TlsError(of_rustls(error)),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                TlsError("it closed the connection during the handshake".to_owned())
            }
            None => TlsError(format!(
                "the connection broke during the handshake: {error}"
            )),
        }
    }
}

/// The reason why the other side took our handshake back, when that is what the error says. In TLS 1.3 a server looks at
/// the client's certificate after the client is done, so its refusal comes in place of an answer; no request was run.
pub fn rejected(error: &io::Error) -> Option<TlsError> {
    match inner(error)? {
        Error::AlertReceived(alert) => {
            alert_about_certificate(*alert).map(|text| TlsError(text.to_owned()))
        }
        _ => None,
    }
}

fn inner(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn of_rustls(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(problem) => of_certificate(problem),
        Error::AlertReceived(alert) => match alert_about_certificate(*alert) {
            Some(text) => text.to_owned(),
            None => format!("it refused the handshake ({})", Name(alert)),
        },
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "it does not speak TLS".to_owned()
        }
        Error::PeerIncompatible(why) => {
            format!(
                "it has no TLS version or cipher that axon takes ({})",
                Name(why)
            )
        }
        other => other.to_string(),
    }
}

fn of_certificate(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer => {
            "its certificate is signed by nobody who is trusted here (name the authority with ca in a TLS profile)".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate is over (expired)".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "its certificate is not for {}, only for {} (server_name in a TLS profile sets the name to expect)",
            expected.to_str(),
            names(presented)
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not made for servers (extended key usage)".to_owned()
        }
        CertificateError::BadSignature => "its certificate is not signed with the key of the authority that is trusted here".to_owned(),
        CertificateError::Revoked => "its certificate is revoked".to_owned(),
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is an authority's own (self-signed?); name exactly that certificate with ca in a TLS profile".to_owned()
        }
        other => format!("its certificate is not valid: {other}"),
    }
}

/// The names of a certificate, which rustls gives as `DnsName("a.test")`.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        let inner = name
            .split_once('(')
            .map_or(name.as_str(), |(_, inner)| inner);
        inner.trim_end_matches(')').trim_matches('"').to_owned()
    };
    match presented {
        [] => "no name".to_owned(),
        list => list.iter().map(plain).collect::<Vec<_>>().join(", "),
    }
}

fn alert_about_certificate(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "it wants a client certificate (give cert and key in a TLS profile)"
        }
        AlertDescription::BadCertificate | AlertDescription::UnsupportedCertificate => {
            "it does not take our client certificate"
        }
        AlertDescription::CertificateExpired => "it says that our client certificate is over",
        AlertDescription::CertificateRevoked => "it says that our client certificate is revoked",
        AlertDescription::CertificateUnknown => "it does not take our client certificate",
        AlertDescription::UnknownCA => "it does not trust the authority of our client certificate",
        AlertDescription::AccessDenied => "it denies access to our client certificate",
        _ => return None,
    })
}

/// The name of a variant, without what it holds.
struct Name<T>(T);

impl<T: fmt::Debug> fmt::Display for Name<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(error: Error) -> String {
        TlsError::of(&io::Error::new(io::ErrorKind::InvalidData, error)).0
    }

    #[test]
    fn each_reason_says_what_to_do() {
        assert!(
            said(Error::InvalidCertificate(CertificateError::UnknownIssuer)).contains("with ca in")
        );
        assert!(
            said(Error::InvalidMessage(InvalidMessage::InvalidContentType))
                .contains("does not speak TLS")
        );
        assert_eq!(
            said(Error::AlertReceived(AlertDescription::HandshakeFailure)),
            "it refused the handshake (HandshakeFailure)"
        );
        let closed = TlsError::of(&io::ErrorKind::UnexpectedEof.into());
        assert!(closed.0.contains("closed the connection"));
    }

    #[test]
    fn only_alerts_about_certificates_take_a_handshake_back() {
        let alert = |a| io::Error::new(io::ErrorKind::InvalidData, Error::AlertReceived(a));
        assert!(rejected(&alert(AlertDescription::CertificateRequired)).is_some());
        assert!(rejected(&alert(AlertDescription::UnknownCA)).is_some());
        assert!(rejected(&alert(AlertDescription::InternalError)).is_none());
        assert!(rejected(&io::ErrorKind::UnexpectedEof.into()).is_none());
    }
}
