//! The users and roles of a `file` login module: `jaas-config.xml` (spec/kaazing.md 2.2).
//!
//! A user has the roles that are named at it and those that are named at these, and so on. A user with a role that is not
//! defined cannot log in, as in the original. Names and passwords are taken with every blank in them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::children::{Order, Row, read};
use super::meant;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::{Span, Spanned};
use crate::config::xml::{Element, Node};

/// Root element.
pub const ROOT: &str = "jaas-config";
/// The namespace of the language; the two before it had other words.
const NAMESPACE: &str = "http://xmlns.kaazing.com/jaas-config/centurion";

/// The users of one file.
#[derive(Clone, Debug, Default)]
pub struct UsersDef {
    /// By name; of two of one name the last one counts.
    pub users: Vec<UserDef>,
}

/// One user.
#[derive(Clone)]
pub struct UserDef {
    /// Name.
    pub name: String,
    /// Password, in clear as the file has it.
    pub password: String,
    /// Every role, those of roles included.
    pub roles: BTreeSet<String>,
}

impl fmt::Debug for UserDef {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UserDef").field(&self.name).finish()
    }
}

/// Reads a file's root element.
pub(in crate::config) fn parse(root: &Element, diagnostics: &mut Diagnostics) -> UsersDef {
    if root.name != ROOT || root.namespace != NAMESPACE {
        let message = format!("{} is no {ROOT} in the namespace {NAMESPACE}", root.name);
        let help = format!("write <{ROOT} xmlns=\"{NAMESPACE}\">");
        let code = DiagnosticCode::Users;
        diagnostics.error_help(code, root.name_span, message, help);
        return UsersDef::default();
    }
    let rows = [Row::any("user"), Row::any("role")];
    let children = read(root, &rows, Order::Free, diagnostics);
    let roles: HashMap<String, Vec<Spanned<String>>> = children
        .all("role")
        .filter_map(|element| role(element, diagnostics))
        .collect();
    let mut users: Vec<(UserDef, Span)> = Vec::new();
    for element in children.all("user") {
        let Some(user) = user(element, &roles, diagnostics) else {
            continue;
        };
        if let Some(first) = users.iter().position(|(other, _)| other.name == user.name) {
            let message = format!("the user {} is defined twice; this one counts", user.name);
            let code = DiagnosticCode::DuplicateName;
            let span = element.name_span;
            diagnostics.warn(code, span, message, "remove one of the two");
            diagnostics.related(span, users[first].1);
            users.remove(first);
        }
        users.push((user, element.name_span));
    }
    UsersDef {
        users: users.into_iter().map(|(user, _)| user).collect(),
    }
}

fn role(
    element: &Element,
    diagnostics: &mut Diagnostics,
) -> Option<(String, Vec<Spanned<String>>)> {
    let rows = [
        Row::must("name"),
        Row::one("description"),
        Row::any("role-name"),
    ];
    let children = read(element, &rows, Order::Free, diagnostics);
    let more = children.all("role-name").map(exact).collect();
    Some((exact(children.one("name")?).value, more))
}

/// A user; none for one who cannot log in.
fn user(
    element: &Element,
    roles: &HashMap<String, Vec<Spanned<String>>>,
    diagnostics: &mut Diagnostics,
) -> Option<UserDef> {
    let rows = [
        Row::must("name"),
        Row::must("password"),
        Row::any("role-name"),
    ];
    let children = read(element, &rows, Order::Free, diagnostics);
    let name = exact(children.one("name")?).value;
    let password = exact(children.one("password")?).value;
    let mut own = BTreeSet::new();
    let mut asked: Vec<Spanned<String>> = children.all("role-name").map(exact).collect();
    while let Some(role) = asked.pop() {
        let Some(more) = roles.get(&role.value) else {
            let message = format!(
                "Unrecognized role {}: the user {name} cannot log in",
                role.value
            );
            let help = match roles.is_empty() {
                true => "define it: <role><name>NAME</name></role>".to_owned(),
                false => meant(&role.value, roles.keys().map(String::as_str)),
            };
            diagnostics.warn(DiagnosticCode::Users, role.span, message, help);
            return None;
        };
        if own.insert(role.value) {
            asked.extend(more.iter().cloned());
        }
    }
    Some(UserDef {
        name,
        password,
        roles: own,
    })
}

/// The text with all its blanks.
fn exact(element: &Element) -> Spanned<String> {
    let texts = element.children.iter().filter_map(|node| match node {
        Node::Text(text) => Some(text.value.as_str()),
        Node::Element(_) => None,
    });
    Spanned::new(texts.collect(), element.text_spanned().span)
}
