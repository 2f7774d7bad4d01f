//! `axon fmt`: a configuration's text in a canonical form, as edits of single places.
//!
//! Only elements of the endpoint language are looked at, wherever they stand; comments, the order of elements, white space and everything
//! else stay byte for byte what they were. Three degrees:
//!
//! - always: attributes in the order of the vocabulary, one space between them where they stand in one line, double quotes;
//! - `upgrade`: old spellings and elements become what replaced them, a missing namespace or name is added ([`upgrade`]);
//! - `indent`: each element in a line of its own ([`indent`]).
//!
//! Whoever applies the edits compares what both texts mean ([`format`] does): a text that would mean something else is never given out.

mod indent;
mod tag;
mod upgrade;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::Path;

use self::tag::Tag;
use super::decode::{decode, encode_like};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::endpoint::{self, vocabulary};
use super::model::EndpointDef;
use super::source::Sources;
use super::substitution::Substitution;
use super::xml::{self, Element};
use super::{AXON_NS, SYNAPSE_NS, loader, serialise};

/// How far a text is changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Old spellings and elements become what replaced them.
    pub upgrade: bool,
    /// Spaces per level; `None` leaves the white space between elements as it is.
    pub indent: Option<usize>,
}

/// One change of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    /// The bytes that go.
    range: Range<usize>,
    /// What comes in their place.
    text: String,
}

/// What became of a file.
#[derive(Debug)]
pub struct Formatted {
    /// The text as it was, decoded.
    pub before: String,
    /// The text as it is to be; the same when there is nothing to do.
    pub after: String,
    /// The new file, in the encoding that it had.
    pub bytes: Vec<u8>,
}

/// Why a file is not formatted.
#[derive(Debug)]
pub enum Refusal {
    /// It is not a configuration that can be read.
    Faulty(Sources, Vec<Diagnostic>),
    /// It holds no configuration.
    NotOurs,
    /// The change would have altered what it means: a mistake of axon's, for which the file must not pay.
    Meaning,
    /// The new text cannot be written in the file's encoding.
    Encoding,
}

/// Formats one file.
pub fn format(path: &Path, bytes: &[u8], style: Style) -> Result<Formatted, Refusal> {
    let before = decode(bytes).text;
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned());
    let stem = stem.unwrap_or_default();
    let name = path.to_string_lossy();
    let Some(mut after) = pass(
        &before,
        |pen, roots| {
            if pen.style.upgrade {
                pen.upgrade_roots(roots, &stem);
            }
            for root in roots {
                pen.find(root, &mut |pen, element| pen.element(element, None));
            }
        },
        style,
    )?
    else {
        let (model, problems) = loader::parse_bytes(&name, bytes);
        return Err(Refusal::Faulty(model.sources, problems.into_sorted()));
    };
    if let Some(width) = style.indent {
        let indented = pass(
            &after,
            |pen, roots| {
                for root in roots {
                    pen.find(root, &mut |pen, element| pen.indent(element, width));
                }
            },
            style,
        )?;
        after = indented.unwrap_or(after);
    }
    let new = encode_like(&after, &before, bytes).ok_or(Refusal::Encoding)?;
    let (old, now) = (Meaning::of(&name, bytes), Meaning::of(&name, &new));
    if old.endpoints != now.endpoints || old.others != now.others || now.errors > old.errors {
        return Err(Refusal::Meaning);
    }
    Ok(Formatted {
        before,
        after,
        bytes: new,
    })
}

/// Goes once through a text and makes the edits; `None` when it cannot be parsed.
fn pass(
    text: &str,
    draw: impl FnOnce(&mut Pen<'_>, &[Element]),
    style: Style,
) -> Result<Option<String>, Refusal> {
    let file = Sources::default().add(Path::new(""), text.to_owned());
    // Placeholders stay as they are written.
    let substitution = Substitution {
        env: &|_| None,
        folders: &[],
    };
    let roots = xml::parse(file, text, &substitution, &mut Diagnostics::default());
    if roots.is_empty() {
        return Ok(None);
    }
    if !roots.iter().any(is_ours) {
        return Err(Refusal::NotOurs);
    }
    let mut pen = Pen {
        text,
        style,
        edits: Vec::new(),
        line_break: if text.contains("\r\n") { "\r\n" } else { "\n" },
        root_words: Vec::new(),
    };
    draw(&mut pen, &roots);
    let mut edits = pen.edits;
    edits.sort_by_key(|e| (e.range.start, e.range.end));
    Ok(Some(apply(text, &edits)))
}

/// A text with its changes made.
fn apply(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        out.push_str(&text[at..edit.range.start]);
        out.push_str(&edit.text);
        at = edit.range.end;
    }
    out + &text[at..]
}

/// What a file says, without how.
struct Meaning {
    /// Its endpoints in canonical form.
    endpoints: Vec<String>,
    others: usize,
    errors: usize,
}

impl Meaning {
    fn of(name: &str, bytes: &[u8]) -> Meaning {
        let (model, diagnostics) = loader::parse_bytes(name, bytes);
        Meaning {
            endpoints: model.endpoints.iter().map(canonical).collect(),
            others: model.sequences.len() + model.unsupported.len(),
            errors: diagnostics.errors(),
        }
    }
}

/// The one algorithm that has two names, of which `upgrade` prefers the one that Synapse knows.
fn canonical(def: &EndpointDef) -> String {
    let class = format!(" algorithm=\"{}\"", upgrade::ROUND_ROBIN);
    serialise::endpoint(def).replace(" algorithm=\"roundRobin\"", &class)
}

fn is_ours(root: &Element) -> bool {
    root.namespace == SYNAPSE_NS || (root.namespace.is_empty() && loader::is_root(&root.name))
}

/// Collects the edits of one file.
struct Pen<'t> {
    text: &'t str,
    style: Style,
    edits: Vec<Edit>,
    /// How the file ends its lines.
    line_break: &'static str,
    /// Attributes that the root lacks.
    root_words: Vec<(&'static str, String)>,
}

impl Pen<'_> {
    /// Looks for elements of the endpoint language, outermost first.
    fn find(&mut self, root: &Element, found: &mut impl FnMut(&mut Self, &Element)) {
        let bare = endpoint::is_kind(&root.name) || root.name == "session";
        if bare || root.is("endpoint") {
            return found(self, root);
        }
        for child in root.elements() {
            self.inside(child, found);
        }
    }

    fn inside(&mut self, element: &Element, found: &mut impl FnMut(&mut Self, &Element)) {
        if element.is("endpoint") {
            return found(self, element);
        }
        for child in element.elements() {
            self.inside(child, found);
        }
    }

    /// An element of the endpoint language and what is inside.
    fn element(&mut self, element: &Element, parent: Option<&Element>) {
        let ours = [SYNAPSE_NS, AXON_NS, ""].contains(&element.namespace.as_str());
        if !ours || (self.style.upgrade && self.replaced(element, parent)) {
            return;
        }
        self.tag(element);
        for child in element.elements() {
            self.element(child, Some(element));
        }
    }

    fn tag(&mut self, element: &Element) {
        let start = element.span.start as usize;
        let Some(tag) = Tag::read(self.text, start) else {
            return;
        };
        let mut new = tag.clone();
        if self.style.upgrade {
            upgrade::tag(element, &mut new);
            for (name, value) in std::mem::take(&mut self.root_words) {
                new.add(name, &value);
            }
        }
        let words = vocabulary::of(vocabulary::canonical(&element.name));
        new.sort(words);
        let written = new.write();
        if self.text[tag.range.clone()] != written {
            self.edits.push(Edit {
                range: tag.range.clone(),
                text: written,
            });
        }
        if new.name != tag.name && !tag.is_empty {
            let end = element.span.end as usize;
            if let Some(close) = self.text[..end].rfind("</") {
                let from = close + 2;
                self.edits.push(Edit {
                    range: from..from + tag.name.len(),
                    text: new.name,
                });
            }
        }
    }
}
