use super::*;

#[test]
fn every_word_of_the_endpoint_language_is_described() {
    let mut bare = Vec::new();
    for table in vocabulary::ALL {
        let children = table
            .once
            .iter()
            .chain(table.many)
            .map(|child| (*child, ""));
        let attributes = table.attributes.iter().map(|a| (table.element, *a));
        for (element, attribute) in children.chain(attributes) {
            if words::row(element, attribute).is_none_or(|w| w.doc.is_empty()) {
                bare.push(format!("{element} {attribute}"));
            }
        }
    }
    assert!(
        bare.is_empty(),
        "give these a row in schema/words.rs: {bare:?}"
    );
}

#[test]
fn every_row_belongs_to_a_word_that_is_read() {
    for word in words::WORDS.iter().filter(|w| w.element != "*") {
        let table = vocabulary::of(word.element);
        let read = match word.attribute {
            "" => {
                table.is_some()
                    || vocabulary::ALL
                        .iter()
                        .any(|t| t.once.contains(&word.element) || t.many.contains(&word.element))
            }
            attribute => table.is_none_or(|t| t.attributes.contains(&attribute)),
        };
        assert!(read, "{} {}", word.element, word.attribute);
    }
}

#[test]
fn the_mediators_of_the_schema_have_their_names_in_order() {
    assert!(rest::MEDIATORS.windows(2).all(|w| w[0].name < w[1].name));
    let later =
        |name: &str| language::later_mediator(name).is_some() || language::JAVA.contains(&name);
    assert!(rest::MEDIATORS.iter().all(|row| !later(row.name)));
}

#[test]
fn both_schemas_are_xml_and_each_type_is_defined_once() {
    for dialect in [Dialect::Synapse, Dialect::Wso2] {
        let text = xsd(dialect);
        let document = roxmltree::Document::parse(&text).unwrap();
        let mut defined: Vec<&str> = document
            .root_element()
            .children()
            .filter(|n| ["complexType", "simpleType"].contains(&n.tag_name().name()))
            .map(|n| n.attribute("name").unwrap())
            .collect();
        defined.sort_unstable();
        let used: Vec<&str> = document
            .descendants()
            .filter_map(|n| n.attribute("type"))
            .collect();
        for name in used {
            assert!(defined.contains(&name), "{name}");
        }
        let count = defined.len();
        defined.dedup();
        assert_eq!(defined.len(), count);
        assert_eq!(text.contains("name=\"call\""), dialect == Dialect::Wso2);
    }
}
