//! What a proxy service publishes, read while loading.

use std::collections::HashMap;

use super::Collect;
use super::gather::Gatherer;
use super::library::Library;
use super::location::Location;
use super::publish::Published;
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;
use crate::config::model::{EntryContent, EntryDef, PublishDef, PublishSource};
use crate::config::source::{Span, Spanned};

/// A definition to publish, as far as a load can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publishing {
    /// It was read.
    Known(Published),
    /// It is at a place that can be read later, with texts for references.
    Later(Location, HashMap<String, String>),
    /// There is none, which was reported.
    Nothing,
}

impl Library<'_> {
    /// Reads what a proxy service publishes. The service works without it, so that what is wrong is a warning.
    pub fn publish(
        &self,
        def: &PublishDef,
        entries: &[EntryDef],
        diagnostics: &mut Diagnostics,
    ) -> Publishing {
        let mut resources = HashMap::new();
        for (location, key) in &def.resources {
            let text = match self.entry(key, entries, diagnostics) {
                Some((Entry::Text(text), _)) => text,
                Some((Entry::Place(place), span)) => match self.text_at(&place) {
                    Ok(text) => text,
                    Err(problem) => {
                        unreadable(span, &format!("{place}: {problem}"), diagnostics);
                        continue;
                    }
                },
                None => continue,
            };
            resources.insert(location.clone(), text);
        }
        let (start, span) = match &def.source {
            PublishSource::Inline(text) => (Entry::Text(text.value.clone()), text.span),
            PublishSource::Uri(uri) => match self.place(uri) {
                Ok(place) => (Entry::Place(place), uri.span),
                Err(problem) => {
                    unreadable(uri.span, &problem, diagnostics);
                    return Publishing::Nothing;
                }
            },
            PublishSource::Key(key) => match self.entry(key, entries, diagnostics) {
                Some(found) => found,
                None => return Publishing::Nothing,
            },
        };
        let gathered = match start {
            Entry::Place(place @ Location::Url(_)) => return Publishing::Later(place, resources),
            Entry::Place(place) => self.collect(Gatherer::new(place, resources)),
            Entry::Text(text) => {
                let here = Location::File(self.path_of(span.file));
                let mut gatherer = Gatherer::new(here.clone(), resources);
                gatherer.supply(Ok((text.as_bytes(), &here)));
                self.collect(gatherer)
            }
        };
        match gathered {
            Ok((published, notes)) => {
                for note in notes {
                    let row = DiagnosticCode::WsdlImport.row();
                    diagnostics.warn(row.code, span, format!("{}: {note}", row.text), row.help);
                }
                Publishing::Known(published)
            }
            Err(problem) => {
                unreadable(span, &problem, diagnostics);
                Publishing::Nothing
            }
        }
    }

    /// The content of a local entry, and where that is written.
    fn entry(
        &self,
        key: &Spanned<String>,
        entries: &[EntryDef],
        diagnostics: &mut Diagnostics,
    ) -> Option<(Entry, Span)> {
        let Some(entry) = entries.iter().find(|e| e.key.value == key.value) else {
            let row = DiagnosticCode::UnknownEntry.row();
            let message = format!("there is no local entry {}", key.value);
            diagnostics.warn(row.code, key.span, message, row.help);
            return None;
        };
        self.use_entry(&entry.key.value);
        match &entry.content {
            EntryContent::Text(text) => Some((Entry::Text(text.clone()), entry.element.name_span)),
            EntryContent::Source(source) => match self.place(source) {
                Ok(place) => Some((Entry::Place(place), source.span)),
                Err(problem) => {
                    unreadable(source.span, &problem, diagnostics);
                    None
                }
            },
        }
    }
}

enum Entry {
    Text(String),
    Place(Location),
}

fn unreadable(span: Span, problem: &str, diagnostics: &mut Diagnostics) {
    let row = DiagnosticCode::WsdlUnreadable.row();
    let message = format!("the service is published without its WSDL: {problem}");
    diagnostics.warn(row.code, span, message, row.help);
}
