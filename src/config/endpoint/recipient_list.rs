//! `recipientlist`: each child gets a copy (spec/endpoints.md 16).
//!
//! The children are endpoints, members, or a list of addresses: one that is written out becomes endpoints here, one that
//! each message computes is kept as an expression.

use super::{address, group, member, vocabulary};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{
    AddressDef, ComputedRecipientsDef, EndpointDef, EndpointKind, LeafDef, RecipientListDef,
    RecipientsDef,
};
use crate::config::source::Spanned;
use crate::config::xml::Element;

/// `max-cache` when it is not given.
const CACHE: usize = 20;
/// Largest `max-cache`.
const CACHE_MAX: usize = 1000;

/// Reads the list.
pub(super) fn parse(element: &Element, diagnostics: &mut Diagnostics) -> Option<RecipientListDef> {
    vocabulary::check(element, &vocabulary::RECIPIENT_LIST, diagnostics);
    let forms = ["endpoint", "member", "endpoints"].map(|name| element.child(name));
    let mut given = forms.iter().flatten();
    let Some(first) = given.next() else {
        group::empty(element, element.name_span, diagnostics);
        return None;
    };
    if let Some(second) = given.next() {
        let code = DiagnosticCode::MixedChildren;
        let message = format!(
            "the list has both {} and {} children",
            first.name, second.name
        );
        diagnostics.error(code, second.name_span, message);
        return None;
    }
    let recipients = match first.name.as_str() {
        "endpoint" => RecipientsDef::Endpoints(group::children(element, diagnostics)),
        "member" => {
            let members = element.elements().filter(|e| e.is("member"));
            let members = members.filter_map(|e| member::parse(e, element, diagnostics));
            RecipientsDef::Members(members.collect())
        }
        _ => addresses(first, diagnostics)?,
    };
    Some(RecipientListDef {
        recipients,
        span: element.span,
    })
}

fn addresses(element: &Element, diagnostics: &mut Diagnostics) -> Option<RecipientsDef> {
    vocabulary::check(element, &vocabulary::ENDPOINTS, diagnostics);
    let max_cache = max_cache(element, diagnostics);
    let value = element.req_attr("value", diagnostics)?;
    let text = value.value.trim();
    if let Some(expression) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        return Some(RecipientsDef::Computed(ComputedRecipientsDef {
            expression: Spanned::new(expression.to_owned(), value.span),
            max_cache,
            element: element.clone(),
        }));
    }
    let mut children = Vec::new();
    for url in split(text) {
        let uri = Spanned::new(url, value.span);
        if let Some(message) = address::unusable(&uri.value) {
            let row = DiagnosticCode::BadAddress.row();
            diagnostics.error_help(row.code, uri.span, message, row.help);
            return None;
        }
        children.push(EndpointDef {
            name: None,
            kind: EndpointKind::Address(AddressDef {
                uri,
                leaf: LeafDef::default(),
            }),
            on_error: None,
            properties: Vec::new(),
            description: None,
            span: element.span,
        });
    }
    if children.is_empty() {
        group::empty(element, value.span, diagnostics);
        return None;
    }
    Some(RecipientsDef::Endpoints(children))
}

/// The addresses in a text: between commas, without any white space.
pub fn split(text: &str) -> impl Iterator<Item = String> {
    text.split(',')
        .map(|part| part.chars().filter(|c| !c.is_whitespace()).collect())
        .filter(|url: &String| !url.is_empty())
}

/// A number that cannot be is the default, as in the newer code base.
fn max_cache(element: &Element, diagnostics: &mut Diagnostics) -> usize {
    let Some(text) = element.attribute("max-cache") else {
        return CACHE;
    };
    let number = text.value.trim().parse().ok();
    match number.filter(|n| (1..=CACHE_MAX).contains(n)) {
        Some(number) => number,
        None => {
            diagnostics.warn(
                DiagnosticCode::BadValue,
                text.span,
                format!("max-cache is not a number from 1 to {CACHE_MAX}; {CACHE} is used"),
                "write how many addresses are to be remembered",
            );
            CACHE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::loader::parse_bytes;

    fn load(inside: &str) -> (Option<RecipientsDef>, Vec<String>) {
        let text = format!(
            "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" name=\"e\">{inside}</endpoint>"
        );
        let (mut model, diagnostics) = parse_bytes("e.xml", text.as_bytes());
        let problems = diagnostics.list().iter();
        let problems = problems.map(|d| format!("{} {}", d.code, d.severity.word()));
        match model.endpoints.remove(0).kind {
            EndpointKind::RecipientList(list) => (Some(list.recipients), problems.collect()),
            _ => (None, problems.collect()),
        }
    }

    const CHILD: &str = "<endpoint><address uri=\"http://h/\"/></endpoint>";
    const MEMBER: &str = "<member hostName=\"h\" httpPort=\"1\"/>";

    #[test]
    fn the_three_forms_are_read() {
        let two = load(&format!("<recipientlist>{CHILD}{CHILD}</recipientlist>"));
        assert!(
            matches!(two, (Some(RecipientsDef::Endpoints(list)), problems) if list.len() == 2 && problems.is_empty())
        );
        let one = load(&format!("<recipientlist>{MEMBER}</recipientlist>"));
        assert!(matches!(one.0, Some(RecipientsDef::Members(list)) if list.len() == 1));
        let literal =
            load("<recipientlist><endpoints value=\"http://a/x , ,http://b/\"/></recipientlist>");
        let Some(RecipientsDef::Endpoints(list)) = literal.0 else {
            panic!("{literal:?}");
        };
        let urls: Vec<_> = list
            .iter()
            .filter_map(|def| match &def.kind {
                EndpointKind::Address(address) => Some(address.uri.value.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(urls, ["http://a/x", "http://b/"]);
        let computed = load(
            "<recipientlist><endpoints value=\"{get-property('list')}\" max-cache=\"3\"/></recipientlist>",
        );
        let (Some(RecipientsDef::Computed(def)), problems) = computed else {
            panic!("computed");
        };
        assert_eq!(
            (def.expression.value.as_str(), def.max_cache, problems),
            ("get-property('list')", 3, vec![])
        );
    }

    #[test]
    fn what_cannot_be_is_refused_and_a_bad_cache_is_the_default() {
        for (inside, problem) in [
            ("<recipientlist/>".to_owned(), "AX0207 error"),
            (
                format!("<recipientlist>{CHILD}{MEMBER}</recipientlist>"),
                "AX0208 error",
            ),
            (
                format!("<recipientlist>{CHILD}<endpoints value=\"http://h/\"/></recipientlist>"),
                "AX0208 error",
            ),
            (
                "<recipientlist><endpoints/></recipientlist>".to_owned(),
                "AX0204 error",
            ),
            (
                "<recipientlist><endpoints value=\" , \"/></recipientlist>".to_owned(),
                "AX0207 error",
            ),
            (
                "<recipientlist><endpoints value=\"h:1\"/></recipientlist>".to_owned(),
                "AX0404 error",
            ),
        ] {
            let (list, problems) = load(&inside);
            assert!(list.is_none(), "{inside}");
            assert_eq!(problems, [problem], "{inside}");
        }
        for cache in ["0", "-1", "x", "1001"] {
            let (list, problems) = load(&format!(
                "<recipientlist><endpoints value=\"{{'a'}}\" max-cache=\"{cache}\"/></recipientlist>"
            ));
            assert!(matches!(list, Some(RecipientsDef::Computed(def)) if def.max_cache == CACHE));
            assert_eq!(problems, ["AX0403 warning"], "{cache}");
        }
    }
}
