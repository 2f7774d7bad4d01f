use super::*;
use crate::config::loader::parse_bytes;

/// Loads `definitions` around that; the problems as `code place message`.
fn load(inside: &str) -> (Model, Vec<String>) {
    let text = format!(
        "<definitions xmlns=\"http://ws.apache.org/ns/synapse\">\n{inside}\n</definitions>"
    );
    let (model, diagnostics) = parse_bytes("t.xml", text.as_bytes());
    let told = |d: &Diagnostic| {
        let marked = &text[d.span.start as usize..d.span.end as usize];
        format!("{} `{marked}` {}", d.code, d.message)
    };
    let problems = diagnostics.list().iter().map(told).collect();
    (model, problems)
}

fn clean(inside: &str) -> Vec<EndpointDef> {
    let (model, problems) = load(inside);
    assert_eq!(problems, [""; 0], "{inside}");
    model.endpoints
}

fn uri(def: &EndpointDef) -> String {
    match &def.behind().kind {
        EndpointKind::Address(address) => address.uri.value.clone(),
        other => panic!("{other:?}"),
    }
}

const T: &str = "<template name=\"T\"><parameter name=\"dur\"/><parameter name=\"path\"/>
  <endpoint name=\"$name\"><address uri=\"$uri\"><suspendOnFailure><initialDuration> $dur </initialDuration></suspendOnFailure></address>
  <property name=\"p\" value=\"x/${path}/${other}/$path\"/></endpoint></template>";

#[test]
fn a_use_is_what_its_template_gives_under_its_own_name() {
    let with = "<parameter name=\"dur\" value=\"1500\"/><parameter name=\"path\" value=\"a b\"/>";
    let used = format!(
        "{T}<endpoint name=\"e\" template=\"T\" uri=\"http://h/x\">{with}<property name=\"q\" value=\"1\"/></endpoint>"
    );
    let endpoints = clean(&used);
    let inner = endpoints[0].behind();
    assert_eq!(inner.name.as_ref().map(|n| n.value.as_str()), Some("e"));
    let EndpointKind::Address(address) = &inner.kind else {
        panic!("{inner:?}");
    };
    assert_eq!(address.uri.value, "http://h/x");
    let initial = address.leaf.suspend_initial.as_ref();
    assert_eq!(initial.map(|d| d.value.as_millis()), Some(1500));
    let properties: Vec<_> = inner
        .properties
        .iter()
        .map(|p| (p.name.value.as_str(), format!("{:?}", p.value)))
        .collect();
    // Inside a text `${path}` counts, `$path` does not (5.3), and what is not declared is left for the message.
    assert!(properties[0].1.contains("\"x/a b/${other}/$path\""));
    assert_eq!(properties[1].0, "q");
}

#[test]
fn a_template_may_come_later_stand_in_groups_and_use_another_one() {
    let outer = "<template name=\"O\"><parameter name=\"host\"/><endpoint template=\"T\" uri=\"http://${host}/\">
        <parameter name=\"dur\" value=\"1\"/><parameter name=\"path\" value=\"\"/></endpoint></template>";
    let group = "<endpoint name=\"g\"><failover><endpoint name=\"a\" template=\"O\"><parameter name=\"host\" value=\"h:1\"/></endpoint>
        <endpoint template=\"O\"><parameter name=\"host\" value=\"h:2\"/></endpoint></failover></endpoint>";
    let endpoints = clean(&format!("{group}{outer}{T}"));
    let EndpointKind::Failover(failover) = &endpoints[0].kind else {
        panic!("{endpoints:?}");
    };
    let [a, b] = &failover.children[..] else {
        panic!("{failover:?}");
    };
    assert_eq!(
        (uri(a).as_str(), uri(b).as_str()),
        ("http://h:1/", "http://h:2/")
    );
    let name = |def: &EndpointDef| def.behind().name.as_ref().map(|n| n.value.clone());
    assert_eq!((name(a).as_deref(), name(b)), (Some("a"), None));
}

#[test]
fn a_missing_template_is_a_warning_and_gives_no_endpoint() {
    let (model, problems) = load(&format!(
        "{T}<endpoint name=\"e\" template=\"S\" uri=\"http://h/\"/>"
    ));
    assert_eq!(problems, ["AX0306 `S` no endpoint template is named S"]);
    let EndpointKind::Template(used) = &model.endpoints[0].kind else {
        panic!();
    };
    assert!(used.endpoint.is_none());
}

#[test]
fn what_is_wrong_is_told_at_the_use_with_the_place_in_the_template() {
    let with = "<parameter name=\"dur\" value=\"ten\"/><parameter name=\"path\" value=\"\"/>";
    let (_, problems) = load(&format!(
        "{T}<endpoint name=\"e\" template=\"T\" uri=\"http://h/\">{with}</endpoint>"
    ));
    assert_eq!(
        problems,
        ["AX0401 `ten` initialDuration is not a whole number (in the template T, t.xml:3:81)"]
    );
    // Without a value the placeholder stays, which is no number either.
    let (_, problems) = load(&format!(
        "{T}<endpoint name=\"e\" template=\"T\" uri=\"http://h/\"><parameter name=\"path\" value=\"\"/></endpoint>"
    ));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("AX0401 `T` "), "{problems:?}");
}

#[test]
fn wrong_definitions_and_uses_are_told() {
    for (inside, code) in [
        ("<template name=\"t\"/>", "AX0214"),
        (
            "<template><endpoint><address uri=\"http://h/\"/></endpoint></template>",
            "AX0205",
        ),
        (
            "<template name=\"t\"><parameter/><endpoint><address uri=\"http://h/\"/></endpoint></template>",
            "AX0204",
        ),
        (
            "<template name=\"t\"><parameter/><sequence/></template>",
            "AX0204",
        ),
        ("<endpoint name=\"e\" template=\"\"/>", "AX0204"),
        (
            "<template name=\"t\"><endpoint template=\"t\"/></template><endpoint name=\"e\" template=\"t\"/>",
            "AX0304",
        ),
    ] {
        let (_, problems) = load(inside);
        assert!(problems[0].starts_with(code), "{inside}: {problems:?}");
    }
    let (_, problems) = load(&format!(
        "{T}<endpoint name=\"e\" template=\"T\" uri=\"http://h/\"><parameter name=\"dur\" value=\"1\"/><parameter name=\"paths\" value=\"\"/><parameter name=\"path\"/></endpoint>"
    ));
    assert!(problems[0].starts_with("AX0204"), "{problems:?}");
}

#[test]
fn system_properties_are_the_environment() {
    let env = |name: &str| (name == "HOST").then(|| "back".to_owned());
    let sources = Sources::default();
    let mut templates = Templates::of(&[], &sources, &env);
    templates.left = 0;
    let span = Span {
        file: crate::config::source::FileId(0),
        start: 0,
        end: 0,
    };
    let template = TemplateDef {
        name: Spanned::new("t".to_owned(), span),
        parameters: Vec::new(),
        endpoint: Element {
            name: "endpoint".to_owned(),
            namespace: String::new(),
            attributes: Vec::new(),
            children: Vec::new(),
            prefixes: Vec::new(),
            name_span: span,
            span,
        },
    };
    let filling = Filling {
        template: &template,
        values: &[],
        env: templates.env,
        places: Vec::new(),
    };
    for (text, filled) in [
        ("http://{system.prop.HOST}:80/", "http://back:80/"),
        (
            "{system.prop.NONE}/{system.prop.HOST}",
            "{system.prop.NONE}/back",
        ),
        ("{system.prop.HOST", "{system.prop.HOST"),
        ("{system.prop.}", "{system.prop.}"),
        ("plain", "plain"),
    ] {
        assert_eq!(filling.system(text), filled);
    }
}
