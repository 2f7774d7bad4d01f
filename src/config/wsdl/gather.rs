//! A definition with everything that its readers need of it, schemas included: what to read next, for publishing.
//!
//! What the configuration names as a `resource` stands for the reference of that location. Absolute URLs to elsewhere are
//! left to the client; those to the host that the definition came from are read, as that host may be out of its reach.
//! What cannot be read is a note, and its reference stays as it is. Bounds: as for [`Collector`](super::Collector).

use std::collections::{HashMap, HashSet, VecDeque};

use super::document::text_of;
use super::location::Location;
use super::publish::{Part, Published, references};
use super::{Collect, MAX_DOCUMENTS, MAX_TOTAL_BYTES};

/// Gathers what a proxy service publishes.
#[derive(Debug)]
pub struct Gatherer {
    root: Location,
    wanted: VecDeque<Location>,
    seen: HashSet<Location>,
    /// Texts by the location that refers to them.
    resources: HashMap<String, String>,
    parts: Vec<Part>,
    notes: Vec<String>,
    bytes: usize,
    failed: Option<String>,
}

impl Gatherer {
    /// Starts with the definition at a place; `resources` are texts by the location that refers to them.
    pub fn new(root: Location, resources: HashMap<String, String>) -> Self {
        Self {
            seen: HashSet::from([root.clone()]),
            wanted: VecDeque::from([root.clone()]),
            root,
            resources,
            parts: Vec::new(),
            notes: Vec::new(),
            bytes: 0,
            failed: None,
        }
    }

    fn take(&mut self, location: Location, text: String, from: &Location) -> Result<(), String> {
        self.bytes += text.len();
        if self.bytes > MAX_TOTAL_BYTES {
            return Err("the definition is larger than 16 MiB with its imports".to_owned());
        }
        let mut part = Part {
            location,
            references: HashMap::new(),
            text,
        };
        for reference in references(&part.text)? {
            if part.references.contains_key(&reference) {
                continue;
            }
            if let Some(to) = self.lead(from, &reference) {
                part.references.insert(reference, to);
            }
        }
        self.parts.push(part);
        Ok(())
    }

    /// Where a reference leads, and a note to read that.
    fn lead(&mut self, from: &Location, reference: &str) -> Option<Location> {
        let to = if self.resources.contains_key(reference) {
            Location::Resource(reference.to_owned())
        } else {
            match from.refer(reference) {
                Ok(to) => to,
                Err(why) => {
                    self.notes.push(format!("{reference}: {why}"));
                    return None;
                }
            }
        };
        if let (Location::Url(url), true) = (&to, is_absolute(reference))
            && origin(url) != self.root_origin()
        {
            return None;
        }
        if self.seen.contains(&to) {
            return Some(to);
        }
        if self.seen.len() >= MAX_DOCUMENTS {
            self.notes
                .push(format!("{reference}: more than {MAX_DOCUMENTS} documents"));
            return None;
        }
        self.seen.insert(to.clone());
        self.wanted.push_back(to.clone());
        Some(to)
    }

    fn root_origin(&self) -> Option<&str> {
        match &self.root {
            Location::Url(url) => origin(url),
            _ => None,
        }
    }

    /// Takes what the configuration itself brings.
    fn own(&mut self) {
        while let Some(Location::Resource(name)) = self.wanted.front() {
            let (here, text) = (
                Location::Resource(name.clone()),
                self.resources.get(name).cloned(),
            );
            self.wanted.pop_front();
            if let Some(text) = text
                && let Err(why) = self.take(here.clone(), text, &here)
            {
                self.notes.push(format!("{here}: {why}"));
            }
        }
    }
}

impl Collect for Gatherer {
    type Out = (Published, Vec<String>);

    fn next(&self) -> Option<&Location> {
        self.wanted.front()
    }

    fn supply(&mut self, bytes: Result<(&[u8], &Location), String>) {
        let Some(location) = self.wanted.pop_front() else {
            return;
        };
        let taken = bytes.and_then(|(bytes, from)| {
            let text = text_of(bytes)?;
            self.take(location.clone(), text, from)
        });
        match taken {
            Ok(()) => {}
            Err(why) if self.parts.is_empty() => {
                self.wanted.clear();
                self.failed = Some(format!("{location}: {why}"));
            }
            Err(why) => self.notes.push(format!("{location}: {why}")),
        }
        self.own();
    }

    fn finish(mut self) -> Result<Self::Out, String> {
        if let Some(why) = self.failed {
            return Err(why);
        }
        // References to what could not be read stay as they are.
        let read: HashSet<Location> = self.parts.iter().map(|p| p.location.clone()).collect();
        for part in &mut self.parts {
            part.references.retain(|_, to| read.contains(to));
        }
        Ok((Published::new(self.parts)?, self.notes))
    }
}

fn is_absolute(reference: &str) -> bool {
    reference.contains("://")
}

/// Scheme, host and port as written.
fn origin(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..]
        .find(['/', '?'])
        .map_or(url.len(), |at| start + at);
    Some(&url[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::wsdl::WSDL11;
    use crate::config::wsdl::publish::{Addresses, Asked, Place, SCHEMA};

    fn wsdl(references: &[&str]) -> String {
        let types: String = references
            .iter()
            .map(|r| format!("<x:include schemaLocation='{r}'/>"))
            .collect();
        format!(
            "<definitions xmlns='{WSDL11}' xmlns:x='{SCHEMA}'><types><x:schema>{types}</x:schema></types></definitions>"
        )
    }

    type Gathered = Result<(Published, Vec<String>), String>;

    fn gather(
        root: &str,
        resources: &[(&str, &str)],
        world: impl Fn(&str) -> Option<String>,
    ) -> (Vec<String>, Gathered) {
        let resources = resources
            .iter()
            .map(|(location, text)| ((*location).to_owned(), (*text).to_owned()))
            .collect();
        let mut gatherer = Gatherer::new(Location::Url(root.to_owned()), resources);
        let mut read = Vec::new();
        while let Some(location) = gatherer.next().cloned() {
            match world(&location.to_string()) {
                Some(text) => gatherer.supply(Ok((text.as_bytes(), &location))),
                None => gatherer.supply(Err("not found".to_owned())),
            }
            read.push(location.to_string());
        }
        (read, gatherer.finish())
    }

    fn shown(published: &Published, asked: &Asked) -> Option<String> {
        let place = Place {
            base: "http://p",
            service: "S",
            addresses: Addresses::Own,
        };
        published.show(asked, &place)
    }

    #[test]
    fn schemas_are_read_too_and_what_is_elsewhere_is_left_to_the_client() {
        let (read, gathered) = gather("http://h/a?wsdl", &[], |name| {
            Some(match name {
                "http://h/a?wsdl" => wsdl(&["t/b.xsd", "http://h/c.xsd", "http://w3/d.xsd"]),
                _ => format!("<schema xmlns='{SCHEMA}'><include schemaLocation='b.xsd'/></schema>"),
            })
        });
        assert_eq!(
            read,
            [
                "http://h/a?wsdl",
                "http://h/t/b.xsd",
                "http://h/c.xsd",
                "http://h/b.xsd"
            ]
        );
        let (published, notes) = gathered.unwrap();
        assert_eq!(notes, [] as [String; 0]);
        let text = shown(&published, &Asked::Wsdl).unwrap();
        assert!(text.contains("http://p/services/S?xsd=xsd0"), "{text}");
        assert!(text.contains("'http://w3/d.xsd'"), "{text}");
        assert!(shown(&published, &Asked::Schema(Some("xsd2".to_owned()))).is_some());
    }

    #[test]
    fn what_cannot_be_read_keeps_its_reference_and_is_noted() {
        let (_, gathered) = gather("http://h/a", &[], |name| {
            (name == "http://h/a").then(|| wsdl(&["b.xsd", "file:/etc/x"]))
        });
        let (published, notes) = gathered.unwrap();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(shown(&published, &Asked::Wsdl).unwrap().contains("'b.xsd'"));
        let (_, missing) = gather("http://h/a", &[], |_| None);
        assert_eq!(missing.unwrap_err(), "http://h/a: not found");
    }

    #[test]
    fn resources_of_the_configuration_stand_for_references() {
        let schema = format!(
            "<schema xmlns='{SCHEMA}' id='mine'><include schemaLocation='c.xsd'/></schema>"
        );
        let (read, gathered) = gather(
            "http://h/a",
            &[
                ("b.xsd", schema.as_str()),
                (
                    "c.xsd",
                    "<schema xmlns='http://www.w3.org/2001/XMLSchema' id='c'/>",
                ),
            ],
            |_| Some(wsdl(&["b.xsd"])),
        );
        assert_eq!(read, ["http://h/a"]);
        let (published, _) = gathered.unwrap();
        assert!(
            shown(&published, &Asked::Schema(None))
                .unwrap()
                .contains("mine")
        );
        assert!(
            shown(&published, &Asked::Schema(Some("xsd1".into())))
                .unwrap()
                .contains("id='c'")
        );
    }

    #[test]
    fn the_number_of_documents_is_bounded() {
        let many: Vec<String> = (0..100).map(|n| format!("{n}.xsd")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (read, _) = gather("http://h/a", &[], |name| {
            Some(if name == "http://h/a" {
                wsdl(&many)
            } else {
                format!("<schema xmlns='{SCHEMA}'/>")
            })
        });
        assert_eq!(read.len(), MAX_DOCUMENTS);
    }
}
