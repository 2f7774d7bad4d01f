//! The code of a fault: a qualified name, with the prefixes of the element that writes it.
//!
//! `version="soap12"`, and no version at all, take only the five codes of SOAP 1.2 (measured on the original, which refuses
//! everything else when it loads); `soap11` takes any namespace.

use crate::codes::ErrorCode;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::expression::Expression;
use crate::mediation::parse::Parse;
use crate::soap::envelope::SOAP12_NS;
use crate::soap::fault::{FaultCode, FaultVersion};

/// SOAP 1.2 part 1, section 5.4.6.
const SOAP12_CODES: &[&str] = &[
    "DataEncodingUnknown",
    "MustUnderstand",
    "Receiver",
    "Sender",
    "VersionMismatch",
];

#[derive(Debug)]
pub(super) enum CodeOf {
    Fixed(FaultCode),
    Computed(Expression, Vec<(String, String)>),
}

impl CodeOf {
    /// Compiles a `code` element; `None` when it cannot be, which has been reported then.
    pub(super) fn parse(
        element: &Element,
        version: Option<FaultVersion>,
        parse: &mut Parse<'_>,
    ) -> Option<CodeOf> {
        if element.attribute("value").is_none()
            && let Some(expression) = element.attribute("expression")
        {
            let expression = parse.expression(element, expression)?;
            return Some(CodeOf::Computed(expression, element.prefixes.clone()));
        }
        let value = parse.required(element, "value")?;
        let code = match qualified(&value.value, &element.prefixes) {
            Ok(code) => code,
            Err(text) => {
                parse.bad(value.span, text);
                return None;
            }
        };
        let only_soap12 = matches!(version, None | Some(FaultVersion::Soap12));
        if only_soap12
            && (code.namespace != SOAP12_NS || !SOAP12_CODES.contains(&code.local.as_str()))
        {
            let written = match version {
                None => "without a version",
                _ => "of version soap12",
            };
            let text = format!(
                "`{}` is no SOAP 1.2 code, and a fault {written} takes no other",
                value.value
            );
            parse.bad(value.span, text);
            return None;
        }
        Some(CodeOf::Fixed(code))
    }

    pub(super) fn expression(&self) -> Option<&Expression> {
        match self {
            CodeOf::Computed(expression, _) => Some(expression),
            CodeOf::Fixed(_) => None,
        }
    }

    pub(super) fn resolve(&self, x: &Exchange) -> Result<FaultCode, Fault> {
        match self {
            CodeOf::Fixed(code) => Ok(code.clone()),
            CodeOf::Computed(expression, prefixes) => qualified(&expression.string(x)?, prefixes)
                .map_err(|text| Fault::new(ErrorCode::NONE, text)),
        }
    }
}

fn qualified(text: &str, prefixes: &[(String, String)]) -> Result<FaultCode, String> {
    let text = text.trim();
    let Some((prefix, local)) = text.split_once(':') else {
        return Err(format!(
            "the fault code `{text}` needs a prefix, and with it a namespace"
        ));
    };
    let name = |s: &str| {
        !s.is_empty()
            && s.chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    if !name(prefix) || !name(local) {
        return Err(format!("the fault code `{text}` is no qualified name"));
    }
    let bound = prefixes
        .iter()
        .rev()
        .find(|(p, uri)| p == prefix && !uri.is_empty());
    match bound {
        Some((_, namespace)) => Ok(FaultCode {
            prefix: prefix.to_owned(),
            local: local.to_owned(),
            namespace: namespace.clone(),
        }),
        None => Err(format!(
            "the prefix `{prefix}` of the fault code is not declared here"
        )),
    }
}
