//! `axon fmt --upgrade`: what old versions or published pages write becomes what both code bases read today.
//!
//! | written | becomes |
//! |---|---|
//! | `loadBalance`, `dynamicLoadBalance`, `serviceDynamicLoadBalance`, `recipientList` | `loadbalance`, `dynamicLoadbalance`, ... |
//! | `suspendDurationOnFailure` (seconds) | `suspendOnFailure` with `initialDuration` (milliseconds) and `progressionFactor` 1.0 |
//! | `timeout/action` | `timeout/responseAction` |
//! | `policy` of a load-balance group | `algorithm` |
//! | no namespace on the root, `xmlns=""` inside | the namespace |
//! | a bare group | an `endpoint` around it, called like the file |
//! | a lone endpoint without a name | the file's name |

use super::tag::Tag;
use super::{Edit, Pen};
use crate::config::SYNAPSE_NS;
use crate::config::endpoint::{is_kind, vocabulary};
use crate::config::serialise;
use crate::config::xml::Element;

/// Java class of the only policy that there ever was.
pub(super) const ROUND_ROBIN: &str = "org.apache.synapse.endpoints.algorithms.RoundRobin";

/// Changes name and attributes of one tag.
pub(super) fn tag(element: &Element, tag: &mut Tag) {
    let canonical = match element.name.as_str() {
        "action" => "responseAction",
        name => vocabulary::canonical(name),
    };
    if canonical != element.name && tag.name.ends_with(element.name.as_str()) {
        tag.name.truncate(tag.name.len() - element.name.len());
        tag.name.push_str(canonical);
    }
    if element.namespace.is_empty() && tag.value("xmlns") == Some("") {
        tag.remove("xmlns");
    }
    let is_policy = tag
        .value("policy")
        .is_some_and(|p| p.trim().eq_ignore_ascii_case("roundRobin"));
    if canonical == "loadbalance" && is_policy && tag.value("algorithm").is_none() {
        tag.remove("policy");
        tag.add("algorithm", ROUND_ROBIN);
    }
}

impl Pen<'_> {
    /// Puts a namespace, an endpoint and a name around what a lone file leaves out.
    pub(super) fn upgrade_roots(&mut self, roots: &[Element], stem: &str) {
        let (Some(first), Some(last)) = (roots.first(), roots.last()) else {
            return;
        };
        let start = first.span.start as usize;
        let mut name = String::new();
        serialise::escape(stem, true, &mut name);
        if is_kind(&last.name) {
            let line = self.line_break;
            let around = format!("<endpoint xmlns=\"{SYNAPSE_NS}\" name=\"{name}\">{line}");
            self.insert(start, around);
            self.insert(last.span.end as usize, format!("{line}</endpoint>"));
            return;
        }
        let Some(tag) = Tag::read(self.text, start) else {
            return;
        };
        let mut words = Vec::new();
        if first.namespace.is_empty() && tag.value("xmlns").is_none() {
            words.push(("xmlns", SYNAPSE_NS.to_owned()));
        }
        let nameless = first.attribute("name").is_none() && first.attribute("key").is_none();
        if first.name == "endpoint" && nameless {
            words.push(("name", name));
        }
        if first.name == "endpoint" {
            // Its tag is written anew anyway.
            self.root_words = words;
            return;
        }
        let words: String = words.iter().map(|(n, v)| format!(" {n}=\"{v}\"")).collect();
        if !words.is_empty() {
            self.insert(start + 1 + tag.name.len(), words);
        }
    }

    fn insert(&mut self, at: usize, text: String) {
        self.edits.push(Edit {
            range: at..at,
            text,
        });
    }

    /// Rewrites an element as a whole; false when it stays.
    pub(super) fn replaced(&mut self, element: &Element, parent: Option<&Element>) -> bool {
        if element.name != "suspendDurationOnFailure" {
            return false;
        }
        let Ok(seconds) = element.text().parse::<u32>() else {
            return false;
        };
        let (start, end) = (element.span.start as usize, element.span.end as usize);
        // The new block, where both stand, is read later and wins.
        let superseded = parent.is_some_and(|p| p.child("suspendOnFailure").is_some());
        let edit = match superseded {
            true => Edit {
                range: self.with_its_line(start, end),
                text: String::new(),
            },
            false => Edit {
                range: start..end,
                text: self.suspension(start, u64::from(seconds)),
            },
        };
        self.edits.push(edit);
        true
    }

    /// The range of something that goes, with the line when nothing else stands in it.
    fn with_its_line(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        let line_start = self.text[..start].rfind('\n').unwrap_or(start);
        let line_end = self.text[end..].find('\n').map_or(end, |at| end + at);
        let alone = self.text[line_start..start].trim().is_empty()
            && self.text[end..line_end].trim().is_empty();
        match alone {
            true => line_start..line_end.max(end),
            false => start..end,
        }
    }

    /// The block in place of `suspendDurationOnFailure`, laid out as its surroundings are.
    fn suspension(&self, start: usize, seconds: u64) -> String {
        let prefix = Tag::read(self.text, start)
            .and_then(|tag| tag.name.split_once(':').map(|(p, _)| format!("{p}:")))
            .unwrap_or_default();
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let before = &self.text[line_start..start];
        let (line, inner) = match before.trim().is_empty() && line_start > 0 {
            true => {
                let step = if before.contains('\t') { "\t" } else { "  " };
                (format!("{}{before}", self.line_break), step)
            }
            false => (String::new(), ""),
        };
        let milliseconds = seconds * 1000;
        format!(
            "<{prefix}suspendOnFailure>{line}{inner}<{prefix}initialDuration>{milliseconds}</{prefix}initialDuration>\
             {line}{inner}<{prefix}progressionFactor>1.0</{prefix}progressionFactor>{line}</{prefix}suspendOnFailure>"
        )
    }
}
