//! What the options say of TLS: whether clients show a certificate, and which versions are spoken.

/// `ssl.verify-client`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Clients {
    /// Nobody is asked for a certificate.
    #[default]
    None,
    /// Clients are asked; those without one are served too.
    Optional,
    /// Only clients with a certificate that the truststore trusts are served.
    Required,
}

impl Clients {
    /// Reads its name.
    pub fn parse(text: &str) -> Result<Clients, String> {
        match text {
            "none" => Ok(Clients::None),
            "optional" => Ok(Clients::Optional),
            "required" => Ok(Clients::Required),
            _ => Err(format!("{text} is none of none, optional and required")),
        }
    }
}

/// The versions of TLS that are spoken, of those that axon has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    All,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

/// Names that the original takes, besides those of versions that axon speaks.
const OLD: [&str; 5] = ["SSLv2Hello", "SSLv2", "SSLv3", "TLSv1", "TLSv1.1"];

impl Versions {
    /// All of them.
    pub const EACH: [Versions; 3] = [Versions::All, Versions::Tls12, Versions::Tls13];

    /// Reads a list; with it whether older versions were in it, which nobody speaks any more.
    pub fn parse(text: &str) -> Result<(Versions, bool), String> {
        let names = text.split([',', ' ', '\t', '\n', '\r']);
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        let known = |name: &&str| ["TLSv1.2", "TLSv1.3"].contains(name) || OLD.contains(name);
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            return Err(format!(
                "{unknown} is no protocol: write TLSv1.2, TLSv1.3 or both, with a comma between them"
            ));
        }
        let old = names.iter().any(|name| OLD.contains(name));
        match (names.contains(&"TLSv1.2"), names.contains(&"TLSv1.3")) {
            (true, true) => Ok((Versions::All, old)),
            (true, false) => Ok((Versions::Tls12, old)),
            (false, true) => Ok((Versions::Tls13, old)),
            (false, false) => Err(
                "axon speaks TLS 1.2 and 1.3, and none of these: add TLSv1.2 or TLSv1.3".to_owned(),
            ),
        }
    }
}

/// How an address is protected that speaks TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protection {
    /// Whether clients show a certificate.
    pub clients: Clients,
    /// What is spoken.
    pub versions: Versions,
}

impl Protection {
    /// What is added to the name of the keystore's profile, so that each has its own.
    pub fn suffix(self) -> String {
        let clients = match self.clients {
            Clients::None => "",
            Clients::Optional => "-client-optional",
            Clients::Required => "-client-required",
        };
        format!("{clients}{}", self.versions.suffix())
    }
}

impl Versions {
    /// What is added to the name of a profile.
    pub fn suffix(self) -> &'static str {
        match self {
            Versions::All => "",
            Versions::Tls12 => "-tls12",
            Versions::Tls13 => "-tls13",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_those_of_the_list_that_are_spoken() {
        for (text, want) in [
            ("TLSv1.2", (Versions::Tls12, false)),
            ("TLSv1.3", (Versions::Tls13, false)),
            ("TLSv1.2,TLSv1.3", (Versions::All, false)),
            ("TLSv1,TLSv1.1,TLSv1.2", (Versions::Tls12, true)),
            ("SSLv3, TLSv1.3 TLSv1.2", (Versions::All, true)),
        ] {
            assert_eq!(Versions::parse(text), Ok(want), "{text}");
        }
        for text in ["", "SSLv3", "TLSv1,TLSv1.1", "tls", "TLSv1.2;TLSv1.3"] {
            assert!(Versions::parse(text).is_err(), "{text}");
        }
    }
}
