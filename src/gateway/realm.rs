//! Who may use a service: the realm that its clients log in to, and the roles that it asks for (spec/kaazing.md 2.2).
//!
//! Pure: the value of `Authorization` in, a verdict out. The login modules of a realm are asked in the order of the file and
//! count as JAAS has it. A client has to have every role of the service; his name is one of them, as in the original, and `*` stands
//! for whoever can log in. What did not succeed is challenged again, whatever the reason: so the original does it, and its
//! clients count on it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{Digest, SHA256, digest};

use crate::config::gateway::jaas::UsersDef;
use crate::config::gateway::model::{GatewayDef, ServiceDef, Success};
use crate::util::base64;

/// The role that everybody has who can log in.
const ANYBODY: &str = "*";

/// Who may use a service.
#[derive(Debug)]
pub(super) struct Access {
    modules: Vec<(Success, Users)>,
    /// Every one of them is needed; none: whoever can log in.
    roles: Vec<String>,
    /// What `WWW-Authenticate` says.
    challenge: String,
    /// The challenge is for the client program: it is told inside the second handshake, never to a browser.
    application: bool,
}

impl Access {
    /// Of a service that asks its clients who they are.
    pub fn of(def: &GatewayDef, service: &ServiceDef) -> Option<Access> {
        let realm = def.security.realm(&service.realm.as_ref()?.value)?;
        let users = |users: &Option<Arc<UsersDef>>| users.as_deref().map(Users::of);
        let modules = realm
            .modules
            .iter()
            .map(|m| (m.success, users(&m.users).unwrap_or_default()));
        let roles: Vec<_> = service.roles.iter().map(|r| r.value.clone()).collect();
        let anybody = roles.iter().any(|role| role == ANYBODY);
        let shown = realm.description.as_ref().unwrap_or(&realm.name.value);
        Some(Access {
            modules: modules.collect(),
            roles: if anybody { Vec::new() } else { roles },
            challenge: format!("Basic realm=\"{}\"", quoted(shown)),
            application: realm.application,
        })
    }

    /// True when a client with this value of `Authorization` may use the service.
    pub fn admits(&self, authorization: Option<&[u8]>) -> bool {
        let Some((name, password)) = authorization.and_then(credentials) else {
            return false;
        };
        let tried = self
            .modules
            .iter()
            .map(|(success, users)| (*success, users.login(&name, &password)));
        let Some(logged_in) = chain(tried) else {
            return false;
        };
        self.roles
            .iter()
            .all(|role| *role == name || logged_in.iter().any(|roles| roles.contains(role)))
    }

    /// True when the challenge is for the client program.
    pub fn is_application(&self) -> bool {
        self.application
    }

    /// The challenge for whoever speaks plain HTTP.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// The challenge for a KAAZING client.
    pub fn inner_challenge(&self) -> String {
        let prefix = if self.application { "Application " } else { "" };
        format!("{prefix}{}", self.challenge)
    }
}

/// A text between quotation marks (RFC 9110 section 5.6.4); what no header may hold is left out.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Name and password of `Basic` (RFC 7617).
fn credentials(authorization: &[u8]) -> Option<(String, String)> {
    let value = authorization.trim_ascii();
    let end = value.iter().position(u8::is_ascii_whitespace)?;
    let (scheme, token) = value.split_at(end);
    if !scheme.eq_ignore_ascii_case(b"Basic") {
        return None;
    }
    let text = String::from_utf8(base64::decode(token.trim_ascii())?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// What the login modules make of it together; what those that succeeded gave. Nobody is asked before it is his turn.
fn chain<T>(tried: impl Iterator<Item = (Success, Option<T>)>) -> Option<Vec<T>> {
    let (mut succeeded, mut failed) = (Vec::new(), false);
    for (success, outcome) in tried {
        match outcome {
            Some(gave) => {
                succeeded.push(gave);
                if success == Success::Sufficient && !failed {
                    return Some(succeeded);
                }
            }
            None if success == Success::Requisite => return None,
            None => failed |= success == Success::Required,
        }
    }
    (!failed && !succeeded.is_empty()).then_some(succeeded)
}

/// The users of one login module. Of a password only a hash is kept.
#[derive(Default)]
struct Users(HashMap<String, (Hashed, BTreeSet<String>)>);

#[derive(Clone)]
struct Hashed(Digest);

impl Hashed {
    fn of(text: &str) -> Hashed {
        Hashed(digest(&SHA256, text.as_bytes()))
    }

    /// Takes the same time whatever differs.
    fn is(&self, other: &Hashed) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_ref(), other.0.as_ref()).is_ok()
    }
}

impl Users {
    fn of(def: &UsersDef) -> Users {
        let users = def.users.iter();
        let of = users.map(|u| (u.name.clone(), (Hashed::of(&u.password), u.roles.clone())));
        Users(of.collect())
    }

    /// The roles of a user with that password.
    fn login(&self, name: &str, password: &str) -> Option<&BTreeSet<String>> {
        let given = Hashed::of(password);
        let user = self.0.get(name);
        // Whoever is not there has no password; as much is compared as for who is.
        let nobody = Hashed::of("");
        let right = user.map_or(&nobody, |(own, _)| own).is(&given);
        user.filter(|_| right).map(|(_, roles)| roles)
    }
}

impl fmt::Debug for Users {
    /// Without what is known of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Success::{Optional, Required, Requisite, Sufficient};

    #[test]
    fn modules_count_as_jaas_has_it() {
        let (yes, no) = (true, false);
        for (modules, want) in [
            (&[][..], None),
            (&[(Required, yes)], Some(1)),
            (&[(Required, no)], None),
            (&[(Required, yes), (Required, no)], None),
            (&[(Required, no), (Required, yes)], None),
            (&[(Required, yes), (Optional, no)], Some(1)),
            (&[(Required, no), (Optional, yes)], None),
            (&[(Requisite, no), (Sufficient, yes)], None),
            (&[(Requisite, yes), (Required, yes)], Some(2)),
            (&[(Sufficient, yes), (Required, no)], Some(1)),
            (&[(Sufficient, no), (Required, yes)], Some(1)),
            (&[(Sufficient, no)], None),
            (&[(Sufficient, no), (Optional, yes)], Some(1)),
            // A required one that failed before is not made good.
            (&[(Required, no), (Sufficient, yes)], None),
            (&[(Optional, no), (Optional, no)], None),
            (&[(Optional, yes), (Optional, yes)], Some(2)),
        ] {
            let tried = modules
                .iter()
                .map(|(success, ok)| (*success, ok.then_some(())));
            assert_eq!(chain(tried).map(|all| all.len()), want, "{modules:?}");
        }
        // Nobody is asked behind the one that decided.
        let asked = std::cell::Cell::new(0);
        let tried = [(Sufficient, Some(())), (Required, None)].into_iter();
        chain(tried.inspect(|_| asked.set(asked.get() + 1)));
        assert_eq!(asked.get(), 1);
    }

    #[test]
    fn credentials_are_basic_in_any_case_and_nothing_else() {
        let of = |text: &str| credentials(text.as_bytes());
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(of("Basic YWRhOnNlY3JldA=="), pair("ada", "secret"));
        assert_eq!(of("basic  YWRhOnNlOmNyZXQ="), pair("ada", "se:cret"));
        assert_eq!(of(" Basic Og== "), pair("", ""));
        for text in [
            "",
            "Basic",
            "Basic ",
            "Basic !!!",
            "Basic YWRh",
            "Bearer YWRhOnNlY3JldA==",
            "Application Basic YWRhOnNlY3JldA==",
            "Basic YWRhOnNlY3JldA== more",
            "Basic /zo=",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_description_cannot_break_out_of_its_quotes() {
        assert_eq!(quoted("a \"b\" \\ c\r\nd"), "a \\\"b\\\" \\\\ cd");
    }
}
