//! `template` around a sequence: what `call-template` runs (spec/mediation.md 6).

use super::diagnostic::Diagnostics;
use super::model::{ParameterDef, SequenceTemplateDef};
use super::proxy::strangers;
use super::source::Spanned;
use super::xml::Element;

/// Reads a template around a sequence; `None` when it is wrong, which was reported, or holds none.
pub fn define(
    element: &Element,
    name: Spanned<String>,
    diagnostics: &mut Diagnostics,
) -> Option<SequenceTemplateDef> {
    const CHILDREN: &[&str] = &["parameter", "sequence", "description"];
    let attributes = ["name", "onError", "trace", "statistics"];
    strangers(element, &attributes, CHILDREN, diagnostics);
    let sequence = element.child("sequence")?;
    let mut good = true;
    let mut parameters = Vec::new();
    for parameter in element.elements().filter(|e| e.is("parameter")) {
        // `default` and `optional` are Synapse's, the others those of the products.
        let known = ["name", "default", "defaultValue", "optional", "isMandatory"];
        strangers(parameter, &known, &["description"], diagnostics);
        let Some(name) = parameter.req_attr("name", diagnostics) else {
            good = false;
            continue;
        };
        let is = |name: &str, word: &str| {
            let value = parameter.attribute(name);
            value.is_some_and(|value| value.value.trim().eq_ignore_ascii_case(word))
        };
        let default = parameter
            .attribute("default")
            .or_else(|| parameter.attribute("defaultValue"));
        parameters.push(ParameterDef {
            name: name.value.trim().to_owned(),
            default: default.map(|value| value.value.clone()),
            mandatory: is("isMandatory", "true") || is("optional", "false"),
        });
    }
    let on_error = [sequence, element]
        .iter()
        .find_map(|e| e.attribute("onError"))
        .filter(|key| !key.value.trim().is_empty());
    good.then(|| SequenceTemplateDef {
        name,
        parameters,
        on_error: on_error.cloned(),
        sequence: sequence.clone(),
    })
}
