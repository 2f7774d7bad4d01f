//! XML Schema 1.0 (W3C Recommendation, second edition) for the mediator `validate`: the crate `xsd-schema` behind a type of
//! our own.
//!
//! Nothing is fetched: what a schema includes or imports is one of the texts that were given with it, or missing. A
//! compiled set cannot be shared between threads, so [`Schemas`] is made once per worker ([`SchemaTexts::on_this_thread`]);
//! the texts are shared. Bounds: nesting of schemas and instances, the errors that are kept of one message; how large an
//! instance is, its reader has bounded.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use xsd_schema::parser::parse::ParserConfig;
use xsd_schema::validation::{
    SchemaValidator, ValidationError, ValidationFlags, ValidationSink, ValidationWarning,
    drive_quick_xml,
};
use xsd_schema::xml::ParseLimits;
use xsd_schema::{
    EmbeddedLoader, LoaderChain, LocationRequest, ResolverConfig, SchemaError, SchemaLoader,
    SchemaResolver, SchemaSet, SchemaSetBuilder, XsdVersion,
};

use super::tree::{NodeId, Tree};

/// Deepest nesting of an instance, and of a schema.
const DEPTH_MAX: usize = 128;
/// Most documents that include each other in a row.
const CHAIN_MAX: usize = 64;
/// Most errors of one instance that are told.
const ERRORS_MAX: usize = 20;
/// Compiled sets that a worker keeps; those of configurations that are gone go first.
const KEPT_MAX: usize = 256;
/// The namespace of schemas.
const XS: &str = "http://www.w3.org/2001/XMLSchema";
/// Scheme of the texts given with a schema.
const RESOURCE: &str = "axon-resource:/";
/// Scheme of what was not given.
const MISSING: &str = "axon-missing:/";

/// The texts of one set: schemas, and what they include or import by the location that they name it by.
#[derive(Debug, PartialEq, Eq)]
pub struct SchemaTexts {
    /// Name (for errors) and text of each schema.
    pub schemas: Vec<(String, Arc<str>)>,
    /// Location, as the schemas write it, and text.
    pub resources: Vec<(String, Arc<str>)>,
}

/// Why a set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSchema(String);

/// What is wrong with an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The first error.
    pub first: String,
    /// All of them, a line each, as many as are told.
    pub all: String,
}

/// A compiled set.
pub struct Schemas {
    set: SchemaSet,
}

impl fmt::Debug for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schemas")
    }
}

/// Gives out the texts of one set and nothing else.
#[derive(Debug)]
struct Given(Vec<(String, Arc<str>)>);

impl SchemaLoader for Given {
    fn load(&self, location: &str) -> Result<String, SchemaError> {
        let number = location.strip_prefix(RESOURCE);
        let number = number.and_then(|n| n.parse::<usize>().ok());
        match number.and_then(|n| self.0.get(n)) {
            Some((_, text)) => Ok(text.to_string()),
            None => {
                let named = location.strip_prefix(MISSING).unwrap_or(location);
                let text = format!("`{named}` is the location of no resource");
                Err(SchemaError::ResolutionError { message: text })
            }
        }
    }

    fn can_load(&self, _: &str) -> bool {
        true
    }
}

impl Schemas {
    /// Compiles a set.
    ///
    /// # Errors
    /// [`BadSchema`]: the name of the schema, line, column and what is wrong.
    pub fn compile(texts: &SchemaTexts) -> Result<Schemas, BadSchema> {
        let mut loader = LoaderChain::new();
        loader.add(Box::new(EmbeddedLoader::new()));
        loader.add(Box::new(Given(texts.resources.clone())));
        let mut parser_config = ParserConfig::default();
        parser_config.max_depth = DEPTH_MAX;
        let config = ResolverConfig {
            max_depth: CHAIN_MAX,
            parser_config,
            ..ResolverConfig::default()
        };
        let mut resolver = SchemaResolver::with_config_and_loader(config, Box::new(loader));
        resolver.catalog_mut().add_xml_catalog();
        let locations: Vec<String> = texts.resources.iter().map(|(at, _)| at.clone()).collect();
        resolver.set_location_rewriter(move |asked: &LocationRequest<'_>, _: &SchemaResolver| {
            let own = asked.location.starts_with("embedded:") || asked.kind.is_none();
            let known = locations.iter().position(|at| at == asked.location);
            match known {
                _ if own => None,
                Some(n) => Some(format!("{RESOURCE}{n}")),
                None => Some(format!("{MISSING}{}", asked.location)),
            }
        });
        let bad = |error: SchemaError| BadSchema(error.to_string());
        let mut builder = SchemaSetBuilder::with_resolver(resolver, XsdVersion::V1_0);
        for (name, text) in &texts.schemas {
            builder = builder.add_source(text, name).map_err(bad)?;
        }
        let compiled = builder.compile().map_err(bad)?;
        let schemas = Schemas {
            set: compiled.into_schema_set(),
        };
        schemas.check(&texts.schemas)?;
        Ok(schemas)
    }

    /// What else only an instance would bring to light: content that cannot be compiled, types that do not exist.
    fn check(&self, texts: &[(String, Arc<str>)]) -> Result<(), BadSchema> {
        let validator = SchemaValidator::new(&self.set, FLAGS);
        if let Some((_, reason)) = validator.content_model_failures().first() {
            return Err(BadSchema((*reason).to_owned()));
        }
        for (name, text) in texts {
            // What the validator has read is well-formed; our own limits may be others.
            let tree = Tree::parse_str(text).map_err(|e| BadSchema(format!("{name}: {e}")))?;
            for node in tree.descendants(Tree::DOCUMENT) {
                if tree.is_element(node) && tree.name(node).namespace == XS {
                    self.check_types(name, &tree, node)?;
                }
            }
        }
        Ok(())
    }

    /// The types that a declaration refers to.
    fn check_types(&self, name: &str, tree: &Tree, node: NodeId) -> Result<(), BadSchema> {
        for attribute in ["type", "base", "itemType", "memberTypes"] {
            let Some(value) = tree.attribute_value(node, "", attribute) else {
                continue;
            };
            for written in value.split_whitespace() {
                let (prefix, local) = written.split_once(':').unwrap_or(("", written));
                let namespace = tree.namespace_of(node, prefix).unwrap_or_default();
                let names = &self.set.name_table;
                let space = (!namespace.is_empty()).then(|| names.add(namespace));
                let known =
                    namespace == XS || self.set.lookup_type(space, names.add(local)).is_some();
                if !known {
                    let element = tree.name(node).local;
                    return Err(BadSchema(format!(
                        "{name}: the type `{written}` of an `{element}` does not exist"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Whether an instance is as the schemas say.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn validate(&self, instance: &str) -> Result<(), Invalid> {
        let mut found = Found::default();
        let validator = SchemaValidator::new(&self.set, FLAGS);
        let mut run = validator.start_run(&mut found);
        run.set_parse_limits(ParseLimits::none().with_max_depth(DEPTH_MAX));
        let driven = drive_quick_xml(instance.as_bytes(), &mut run, &self.set);
        drop(run);
        if let Err(error) = driven {
            found.add(error.to_string());
        }
        match found.errors.first() {
            None => Ok(()),
            Some(first) => Err(Invalid {
                first: first.clone(),
                all: found.errors.join("\n"),
            }),
        }
    }
}

/// Values are compared and thrown away: nobody asks for them.
const FLAGS: ValidationFlags = ValidationFlags::empty();

#[derive(Default)]
struct Found {
    errors: Vec<String>,
}

impl Found {
    fn add(&mut self, text: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(text);
        }
    }
}

impl ValidationSink for &mut Found {
    fn on_error(&mut self, error: ValidationError) {
        let place = error.element_path().map(|at| format!(" ({at})"));
        let text = format!(
            "{}: {}{}",
            error.constraint,
            error.message,
            place.unwrap_or_default()
        );
        self.add(text);
    }

    fn on_warning(&mut self, _: ValidationWarning) {}
}

type Kept = Vec<(Weak<SchemaTexts>, Rc<Schemas>)>;

thread_local! {
    static KEPT: RefCell<Kept> = const { RefCell::new(Vec::new()) };
}

impl SchemaTexts {
    /// The set, compiled once per thread.
    ///
    /// # Errors
    /// [`BadSchema`].
    pub fn on_this_thread(self: &Arc<Self>) -> Result<Rc<Schemas>, BadSchema> {
        let known = KEPT.with_borrow(|kept| {
            let mut own = kept.iter();
            let own = own.find(|(texts, _)| std::ptr::eq(texts.as_ptr(), Arc::as_ptr(self)));
            own.map(|(_, schemas)| schemas.clone())
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let schemas = Rc::new(Schemas::compile(self)?);
        KEPT.with_borrow_mut(|kept| {
            kept.retain(|(texts, _)| texts.strong_count() > 0);
            if kept.len() >= KEPT_MAX {
                kept.remove(0);
            }
            kept.push((Arc::downgrade(self), schemas.clone()));
        });
        Ok(schemas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(schema: &str, resources: &[(&str, &str)]) -> SchemaTexts {
        let owned = |list: &[(&str, &str)]| -> Vec<(String, Arc<str>)> {
            let owned = list
                .iter()
                .map(|(at, text)| ((*at).to_owned(), Arc::from(*text)));
            owned.collect()
        };
        SchemaTexts {
            schemas: owned(&[("main", schema)]),
            resources: owned(resources),
        }
    }

    const DECLARED: &str = "xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"";

    #[test]
    fn an_instance_is_judged_and_the_first_error_has_its_path() {
        let schema = format!(
            "<xs:schema {DECLARED}><xs:element name=\"a\"><xs:complexType><xs:sequence>\
             <xs:element name=\"n\" type=\"xs:int\" maxOccurs=\"30\"/></xs:sequence></xs:complexType></xs:element></xs:schema>"
        );
        let schemas = Schemas::compile(&texts(&schema, &[])).unwrap();
        assert_eq!(schemas.validate("<a><n>1</n></a>"), Ok(()));
        let many = "<n>x</n>".repeat(30);
        let invalid = schemas.validate(&format!("<a>{many}</a>")).unwrap_err();
        assert!(
            invalid.first.contains("cvc-") && invalid.first.contains("/a"),
            "{invalid:?}"
        );
        assert_eq!(invalid.all.lines().count(), ERRORS_MAX);
        assert!(schemas.validate("<a>").is_err(), "not well-formed");
        assert!(schemas.validate("<b/>").is_err(), "not declared");
    }

    #[test]
    fn what_a_schema_includes_comes_from_the_resources_and_nowhere_else() {
        let schema = format!(
            "<xs:schema {DECLARED}><xs:include schemaLocation=\"sub/part.xsd\"/><xs:element name=\"a\" type=\"t\"/></xs:schema>"
        );
        let part = format!(
            "<xs:schema {DECLARED}><xs:include schemaLocation=\"other.xsd\"/><xs:complexType name=\"t\"><xs:attribute name=\"k\" type=\"u\"/></xs:complexType></xs:schema>"
        );
        let other = format!(
            "<xs:schema {DECLARED}><xs:simpleType name=\"u\"><xs:restriction base=\"xs:string\"><xs:maxLength value=\"2\"/></xs:restriction></xs:simpleType></xs:schema>"
        );
        let given = [
            ("sub/part.xsd", part.as_str()),
            ("other.xsd", other.as_str()),
        ];
        let schemas = Schemas::compile(&texts(&schema, &given)).unwrap();
        assert_eq!(schemas.validate("<a k=\"ok\"/>"), Ok(()));
        assert!(schemas.validate("<a k=\"long\"/>").is_err());
        let missing = Schemas::compile(&texts(&schema, &[])).unwrap_err();
        assert!(missing.0.contains('t'), "{missing}");
        for location in [
            "/etc/hostname",
            "file:///etc/hostname",
            "http://127.0.0.1:1/x",
        ] {
            let schema = schema.replace("sub/part.xsd", location);
            assert!(
                Schemas::compile(&texts(&schema, &[])).is_err(),
                "{location}"
            );
        }
    }

    #[test]
    fn a_wrong_schema_is_refused_with_its_place() {
        for schema in [
            "<xs:schema".to_owned(),
            format!("<xs:schema {DECLARED}>\n<xs:element name=\"a\" type=\"gone\"/></xs:schema>"),
            format!("<xs:schema {DECLARED}>\n<xs:wrong/></xs:schema>"),
            "<a/>".to_owned(),
        ] {
            let error = Schemas::compile(&texts(&schema, &[])).unwrap_err();
            assert!(!error.0.is_empty(), "{schema}");
        }
        let error = Schemas::compile(&texts(
            &format!("<xs:schema {DECLARED}>\n<xs:wrong/></xs:schema>"),
            &[],
        ));
        assert!(error.unwrap_err().0.contains("main:2:"), "its place");
    }

    #[test]
    fn a_thread_compiles_once_and_lets_go_of_what_is_gone() {
        let schema = format!("<xs:schema {DECLARED}><xs:element name=\"a\"/></xs:schema>");
        let one = Arc::new(texts(&schema, &[]));
        let first = one.on_this_thread().unwrap();
        assert!(Rc::ptr_eq(&first, &one.on_this_thread().unwrap()));
        drop(first);
        drop(one);
        let two = Arc::new(texts(&schema, &[]));
        two.on_this_thread().unwrap();
        assert_eq!(KEPT.with_borrow(Vec::len), 1);
    }
}
