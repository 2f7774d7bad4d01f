//! `axon schema --xsd`: the language as an XML schema (XSD 1.0), for editors and for checks before axon is at hand.
//!
//! Elements, attributes and children of the endpoint language come from the reader's own table
//! ([`vocabulary`](super::endpoint::vocabulary)), what a value looks like and the sentences for people from [`words`]; artifacts and mediators
//! are described as far as their lists reach ([`rest`]).
//!
//! What a schema cannot say it does not say: that an endpoint has exactly one kind, that `filter` needs `xpath` or `source` with `regex`, that an XPath
//! is valid, that a key leads somewhere. Those are for `axon check`. Children stand in any order, as the readers take them.
//! Attributes and elements of other namespaces, axon's own among them, may stand everywhere.

mod rest;
mod values;
mod words;

#[cfg(test)]
mod tests;

use self::rest::{Inside, Row};
use self::words::{Kind, Who};
use super::SYNAPSE_NS;
use super::endpoint::vocabulary::{self, Vocabulary};
use super::language::{self, Artifact, Support};
use super::serialise::Writer;

/// Whose language a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// What Apache Synapse 3.0 reads.
    Synapse,
    /// What WSO2's products read, which is more.
    Wso2,
}

impl Dialect {
    fn knows(self, who: Who) -> bool {
        match who {
            Who::Both => true,
            Who::Wso2 => self == Dialect::Wso2,
            // Neither reads it, but both ignore it, and axon takes it.
            Who::Axon => true,
        }
    }
}

/// Mediators that only WSO2 knows.
const WSO2_MEDIATORS: &[&str] = &[
    "builder",
    "call",
    "dataServiceCall",
    "datamapper",
    "entitlementService",
    "eventPublisher",
    "fastXSLT",
    "foreach",
    "jsontransform",
    "ntlm",
    "oauthService",
    "propertyGroup",
    "publishEvent",
    "rule",
    "scatter-gather",
    "smooks",
    "throwError",
    "variable",
];
/// Artifacts that only WSO2 knows.
const WSO2_ARTIFACTS: &[&str] = &["inboundEndpoint", "taskManager"];
/// Kinds that published pages print without an endpoint around them.
const BARE: &[&str] = &["address", "failover", "loadbalance", "recipientlist"];
/// Namespace of schemas.
const XSD_NS: &str = "http://www.w3.org/2001/XMLSchema";

/// The schema of a dialect.
pub fn xsd(dialect: Dialect) -> String {
    let mut schema = Schema {
        out: Writer::default(),
        dialect,
    };
    schema.write();
    schema
        .out
        .document(&[("xmlns:xs", XSD_NS), ("xmlns", SYNAPSE_NS)], &[])
}

struct Schema {
    out: Writer,
    dialect: Dialect,
}

impl Schema {
    fn write(&mut self) {
        self.out.open("xs:schema");
        self.out.attribute("targetNamespace", SYNAPSE_NS);
        self.out.attribute("elementFormDefault", "qualified");
        self.documented(match self.dialect {
            Dialect::Synapse => "Configuration of Apache Synapse as axon reads it. Made by axon schema --xsd.",
            Dialect::Wso2 => "Configuration of Synapse and WSO2 as axon reads it. Made by axon schema --xsd --dialect wso2.",
        });
        self.roots();
        self.endpoints();
        self.definitions();
        self.artifacts();
        self.mediators();
        for part in rest::PARTS {
            self.row(part, part.name, &[]);
        }
        self.values();
        self.out.close();
    }

    /// Everything that a file may begin with.
    fn roots(&mut self) {
        self.element(
            "definitions",
            "definitions",
            "The artifacts of a configuration in one file.",
        );
        for artifact in self.known_artifacts() {
            let doc = match artifact.support {
                Support::Runs => "",
                Support::Later => "axon does not run it yet.",
                Support::Noted => "axon accepts it without effect.",
            };
            let (name, kind) = (artifact.element, self.artifact_type(artifact.element));
            self.element(name, &kind, doc);
        }
        // As published pages print them. The others' names mean something else elsewhere, where this schema is to judge nothing.
        for kind in self.kinds().into_iter().filter(|k| BARE.contains(k)) {
            let type_name = self.type_of(kind);
            self.element(kind, &type_name, "");
        }
        self.published_spelling();
    }

    fn published_spelling(&mut self) {
        let doc = "As published pages write loadbalance; axon fmt --upgrade corrects it.";
        self.element("loadBalance", "loadbalance", doc);
    }

    fn kinds(&self) -> Vec<&'static str> {
        let known = |kind: &&str| words::row(kind, "").is_none_or(|w| self.dialect.knows(w.who));
        vocabulary::KINDS.iter().copied().filter(known).collect()
    }

    /// The types of the endpoint language, one for each table.
    fn endpoints(&mut self) {
        for table in vocabulary::ALL {
            let known = words::row(table.element, "").is_none_or(|w| self.dialect.knows(w.who));
            if known {
                self.table(table, table.element, &[]);
            }
        }
        // In `definitions` a name is a must.
        self.table(&vocabulary::ENDPOINT, "named-endpoint", &["name"]);
    }

    fn table(&mut self, table: &Vocabulary, type_name: &str, must: &[&str]) {
        self.out.open("xs:complexType");
        self.out.attribute("name", type_name);
        if let Some(row) = words::row(table.element, "") {
            self.documented(row.doc);
        }
        self.out.open("xs:choice");
        self.out.attribute("minOccurs", "0");
        self.out.attribute("maxOccurs", "unbounded");
        for child in table.once.iter().chain(table.many) {
            self.child(child);
        }
        if table.element == "endpoint" {
            self.published_spelling();
        }
        self.others();
        self.out.close();
        for attribute in table.attributes {
            self.table_attribute(table.element, attribute, must.contains(attribute));
        }
        self.any_attribute("##other");
        self.out.close();
    }

    fn child(&mut self, name: &str) {
        let row = words::row(name, "");
        if row.is_some_and(|w| !self.dialect.knows(w.who)) {
            return;
        }
        let type_name = self.type_of(name);
        self.element(name, &type_name, row.map_or("", |w| w.doc));
    }

    /// The type of an element of the endpoint language: its table's, its value's, or free.
    fn type_of(&self, element: &str) -> String {
        if vocabulary::of(element).is_some() {
            return element.to_owned();
        }
        match words::row(element, "").map(|w| w.kind) {
            Some(Kind::Text) | None if element == "description" => "text".to_owned(),
            Some(Kind::Text) | None => "free".to_owned(),
            Some(kind) => self.value_type(element, kind),
        }
    }

    /// The type of a value: one of the common ones, or one of the element's own.
    fn value_type(&self, element: &str, kind: Kind) -> String {
        match kind {
            Kind::Text => "text".to_owned(),
            Kind::Number => "number".to_owned(),
            Kind::NumberOrExpression => match self.dialect {
                Dialect::Synapse => "number".to_owned(),
                Dialect::Wso2 => "numberOrExpression".to_owned(),
            },
            Kind::Factor => "factor".to_owned(),
            Kind::Codes => "codes".to_owned(),
            Kind::Words(_) | Kind::AnyCase(_) => format!("{element}-value"),
        }
    }

    fn table_attribute(&mut self, element: &str, name: &str, must: bool) {
        let Some(row) = words::row(element, name) else {
            return self.attribute(name, Kind::Text, must, "");
        };
        if self.dialect.knows(row.who) {
            self.attribute(name, row.kind, must || row.required, row.doc);
        }
    }

    fn definitions(&mut self) {
        self.out.open("xs:complexType");
        self.out.attribute("name", "definitions");
        self.out.open("xs:choice");
        self.out.attribute("minOccurs", "0");
        self.out.attribute("maxOccurs", "unbounded");
        self.element("description", "text", "");
        for artifact in self.known_artifacts() {
            let name = artifact.element;
            match name {
                "endpoint" => self.element(name, "named-endpoint", ""),
                "sequence" => self.element(name, "named-sequence", ""),
                _ => {
                    let type_name = self.artifact_type(name);
                    self.element(name, &type_name, "");
                }
            }
        }
        self.others();
        self.out.close();
        self.any_attribute("##any");
        self.out.close();
    }

    fn known_artifacts(&self) -> Vec<&'static Artifact> {
        let known =
            |a: &&Artifact| self.dialect == Dialect::Wso2 || !WSO2_ARTIFACTS.contains(&a.element);
        language::ARTIFACTS.iter().filter(known).collect()
    }

    fn artifact_type(&self, element: &str) -> String {
        match element {
            "endpoint" | "sequence" => element.to_owned(),
            _ => format!("{element}-artifact"),
        }
    }

    fn artifacts(&mut self) {
        for artifact in self.known_artifacts() {
            let type_name = self.artifact_type(artifact.element);
            // Those of that name have a type of their own.
            if type_name == artifact.element {
                continue;
            }
            let must: Vec<&str> = [artifact.named_by]
                .iter()
                .chain(artifact.required)
                .copied()
                .collect();
            let free = Row {
                name: artifact.element,
                attributes: &[],
                inside: Inside::Data,
            };
            let known = rest::ARTIFACTS
                .iter()
                .find(|row| row.name == artifact.element);
            self.row(known.unwrap_or(&free), &type_name, &must);
        }
    }

    /// The group of all mediators, and their types.
    fn mediators(&mut self) {
        let later = language::LATER.iter().map(|row| row.name);
        let all: Vec<&str> = rest::MEDIATORS
            .iter()
            .map(|row| row.name)
            .chain(later)
            .chain(language::JAVA.iter().copied())
            .filter(|name| self.dialect == Dialect::Wso2 || !WSO2_MEDIATORS.contains(name))
            .collect();
        self.out.open("xs:group");
        self.out.attribute("name", "mediators");
        self.out.open("xs:choice");
        for name in &all {
            let own = rest::MEDIATORS.iter().any(|row| row.name == *name)
                || language::later_mediator(name).is_some_and(|row| !row.attributes.is_empty());
            let type_name = match *name {
                "sequence" => "sequence".to_owned(),
                _ if own => format!("{name}-mediator"),
                name if rest::HOLD_MORE.contains(&name) => "free".to_owned(),
                _ => "data".to_owned(),
            };
            self.element(name, &type_name, "");
        }
        self.element("description", "text", "");
        self.others();
        self.out.close();
        self.out.close();
        for row in rest::MEDIATORS.iter().filter(|row| all.contains(&row.name)) {
            let type_name = match row.name {
                "sequence" => "sequence".to_owned(),
                name => format!("{name}-mediator"),
            };
            self.row(row, &type_name, &[]);
            if row.name == "sequence" {
                self.row(row, "named-sequence", &["name"]);
            }
        }
        for later in language::LATER
            .iter()
            .filter(|row| !row.attributes.is_empty())
        {
            let row = Row {
                name: later.name,
                attributes: &[],
                inside: match rest::HOLD_MORE.contains(&later.name) {
                    true => Inside::Free,
                    false => Inside::Data,
                },
            };
            self.row(&row, &format!("{}-mediator", later.name), later.attributes);
        }
    }

    fn row(&mut self, row: &Row, type_name: &str, must: &[&str]) {
        self.out.open("xs:complexType");
        self.out.attribute("name", type_name);
        if [Inside::Free, Inside::Data].contains(&row.inside) {
            self.out.attribute("mixed", "true");
        }
        self.inside(row.inside);
        for name in must {
            self.attribute(name, Kind::Text, true, "");
        }
        for attribute in row.attributes {
            self.attribute(attribute.name, attribute.kind, attribute.required, "");
        }
        self.any_attribute("##any");
        self.out.close();
    }

    fn inside(&mut self, inside: Inside) {
        if let Inside::OneAmong(one, others) = inside {
            self.out.open("xs:sequence");
            self.choice(others);
            self.element(one, one, "");
            self.choice(others);
            self.out.close();
            return;
        }
        self.out.open("xs:choice");
        self.out.attribute("minOccurs", "0");
        self.out.attribute("maxOccurs", "unbounded");
        match inside {
            Inside::Free | Inside::Data => {
                self.out.open("xs:any");
                self.out.attribute("namespace", "##any");
                let judged = inside == Inside::Free;
                self.out
                    .attribute("processContents", if judged { "lax" } else { "skip" });
                self.out.close();
            }
            Inside::Only(children) => {
                for (name, type_name) in children {
                    self.element(name, type_name, "");
                }
                self.others();
            }
            Inside::Mediators => self.group(),
            Inside::MediatorsAnd(lists) => {
                self.group();
                for name in lists {
                    self.element(name, "list", "");
                }
            }
            Inside::OneAmong(..) => {}
        }
        self.out.close();
    }

    fn choice(&mut self, children: &[(&str, &str)]) {
        self.out.open("xs:choice");
        self.out.attribute("minOccurs", "0");
        self.out.attribute("maxOccurs", "unbounded");
        for (name, type_name) in children {
            self.element(name, type_name, "");
        }
        self.others();
        self.out.close();
    }

    fn group(&mut self) {
        self.out.open("xs:group");
        self.out.attribute("ref", "mediators");
        self.out.close();
    }

    fn element(&mut self, name: &str, type_name: &str, doc: &str) {
        self.out.open("xs:element");
        self.out.attribute("name", name);
        self.out.attribute("type", type_name);
        self.documented(doc);
        self.out.close();
    }

    fn attribute(&mut self, name: &str, kind: Kind, must: bool, doc: &str) {
        self.out.open("xs:attribute");
        self.out.attribute("name", name);
        let own = matches!(kind, Kind::Words(_) | Kind::AnyCase(_));
        if !own {
            let type_name = self.value_type("", kind);
            self.out.attribute("type", &type_name);
        }
        if must {
            self.out.attribute("use", "required");
        }
        self.documented(doc);
        if own {
            self.out.open("xs:simpleType");
            self.restriction(kind);
            self.out.close();
        }
        self.out.close();
    }

    /// Elements of other namespaces.
    fn others(&mut self) {
        self.out.open("xs:any");
        self.out.attribute("namespace", "##other");
        self.out.attribute("processContents", "lax");
        self.out.close();
    }

    fn any_attribute(&mut self, namespace: &str) {
        self.out.open("xs:anyAttribute");
        self.out.attribute("namespace", namespace);
        self.out.attribute("processContents", "lax");
        self.out.close();
    }

    fn documented(&mut self, doc: &str) {
        if !doc.is_empty() {
            self.out.open("xs:annotation");
            self.out.leaf("xs:documentation", doc);
            self.out.close();
        }
    }
}
