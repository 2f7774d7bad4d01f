use super::*;
use std::path::Path;

fn explained(files: &[(&str, &str)], request: ExplainRequest) -> Result<ExplainView, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let origin = Origin {
        paths: vec![folder.path().to_owned()],
        default_root: Path::new("nowhere").to_owned(),
        settings: None,
        default: None,
        cert: Vec::new(),
        key: Vec::new(),
    };
    explain_files(&origin, &request)
}

fn of(url: &str) -> ExplainRequest {
    ExplainRequest {
        url: url.to_owned(),
        ..ExplainRequest::default()
    }
}

const FAILOVER: &str = r#"<endpoint xmlns="http://ws.apache.org/ns/synapse" name="g">
  <failover>
    <endpoint name="a"><address uri="http://a.test:9001/svc"><timeout><duration>700</duration><responseAction>fault</responseAction></timeout></address></endpoint>
    <endpoint name="b"><address uri="http://b.test:9002/svc"/></endpoint>
  </failover>
</endpoint>
"#;

#[test]
fn the_first_ready_child_is_sent_to_and_the_ladder_goes_down_the_others() {
    let view = explained(&[("g.xml", FAILOVER)], of("http://proxy:8280/x?y=1")).unwrap();
    assert_eq!(view.request, "GET /x?y=1");
    assert_eq!(view.steps[0].text, "endpoint g takes it");
    let send = &view.sends[0];
    let nodes: Vec<_> = send
        .nodes
        .iter()
        .map(|n| (n.path.as_str(), n.chosen, n.why.as_str()))
        .collect();
    assert_eq!(
        nodes,
        [
            ("g", true, ""),
            ("g/a", true, "the first child that is ready"),
            ("g/b", false, "ready; comes after")
        ]
    );
    let this = &send.tries[0];
    assert_eq!(this.target, "http://a.test:9001");
    assert!(
        this.request
            .starts_with("GET /svc/x?y=1 HTTP/1.1\r\nHost: a.test:9001\r\n"),
        "{}",
        this.request
    );
    let answer = &this.timeouts[1];
    assert_eq!(
        (answer.value.as_str(), answer.origin.as_str()),
        ("700 ms", "explicit")
    );
    assert_eq!(answer.rule.as_ref().unwrap().line, 3);
    assert_eq!(send.needs[0].what, "the bytes sent");
    let rungs: Vec<_> = view
        .ladder
        .iter()
        .map(|r| (r.failures, r.endpoint.as_str(), r.code, r.next.as_deref()))
        .collect();
    assert_eq!(
        rungs,
        [(1, "g/a", 101_503, Some("g/b")), (2, "g/b", 101_503, None)]
    );
    assert_eq!(view.ladder[1].answer.as_ref().unwrap().status, 502);
}

#[test]
fn a_failure_that_is_asked_for_is_followed() {
    let request = ExplainRequest {
        fail: vec!["a=connection_timeout".to_owned()],
        ..of("/")
    };
    let view = explained(&[("g.xml", FAILOVER)], request).unwrap();
    let tries: Vec<_> = view.sends[0]
        .tries
        .iter()
        .map(|t| (t.endpoint.as_str(), t.code))
        .collect();
    assert_eq!(tries, [("g/a", Some(101_504)), ("g/b", None)]);
    assert_eq!(view.sends[0].outcome, "g/b answers");
    for (fail, part) in [
        ("a", "CHILD=CODE"),
        ("x=101503", "`x`"),
        ("a=nonsense", "no error code"),
    ] {
        let request = ExplainRequest {
            fail: vec![fail.to_owned()],
            ..of("/")
        };
        let error = explained(&[("g.xml", FAILOVER)], request).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

const SEQUENCES: &str = r#"<definitions xmlns="http://ws.apache.org/ns/synapse">
  <sequence name="main">
    <in>
      <filter source="get-property('To')" regex=".*stock.*">
        <then><send><endpoint key="stock"/></send></then>
        <else><sequence key="other"/></else>
      </filter>
    </in>
    <out><send/></out>
  </sequence>
  <sequence name="other"><drop/></sequence>
  <endpoint name="stock"><address uri="http://stock.test:81/"/></endpoint>
</definitions>
"#;

#[test]
fn sequences_are_followed_through_their_branches() {
    let steps = |url: &str| {
        let view = explained(&[("synapse.xml", SEQUENCES)], of(url)).unwrap();
        let steps: Vec<String> = view
            .steps
            .iter()
            .map(|s| format!("{} {}", s.kind, s.text))
            .collect();
        (steps.join(", "), view.sends.len())
    };
    let (to_stock, sends) = steps("/stock");
    assert!(
        to_stock.ends_with("mediator filter, inside then, mediator send"),
        "{to_stock}"
    );
    assert_eq!(sends, 1);
    let (dropped, sends) = steps("/nothing");
    assert!(
        dropped.ends_with("inside else, mediator sequence, sequence other, mediator drop"),
        "{dropped}"
    );
    assert_eq!(sends, 0);
}

#[test]
fn each_copy_of_a_message_is_followed() {
    const COPIES: &str = r#"<definitions xmlns="http://ws.apache.org/ns/synapse">
        <endpoint name="a"><address uri="http://a.test:9001/"/></endpoint>
        <sequence name="main"><in>
          <clone continueParent="true"><target><endpoint key="a"/></target><target sequence="own"/></clone>
          <iterate expression="//i"><target><endpoint key="a"/></target></iterate>
        </in><out><send/></out></sequence>
        <sequence name="own"><send><endpoint><address uri="http://b.test:9002/"/></endpoint></send></sequence>
      </definitions>"#;
    let request = |parts: usize| ExplainRequest {
        headers: vec!["Content-Type: application/xml".to_owned()],
        body: Some(format!("<l>{}</l>", "<i/>".repeat(parts))),
        ..of("/x")
    };
    let view = explained(&[("synapse.xml", COPIES)], request(2)).unwrap();
    let steps: Vec<String> = view
        .steps
        .iter()
        .map(|s| format!("{} {}", s.kind, s.text))
        .collect();
    assert_eq!(
        steps,
        [
            "route the sequence main takes it",
            "sequence main",
            "mediator in",
            "inside in",
            "mediator clone",
            "copy 1 of 2",
            "copy 2 of 2",
            "sequence own",
            "mediator send",
            "mediator iterate",
            "copy 1 of 2",
            "copy 2 of 2",
        ]
    );
    let targets: Vec<&str> = view
        .sends
        .iter()
        .map(|s| s.tries[0].target.as_str())
        .collect();
    let (a, b) = ("http://a.test:9001", "http://b.test:9002");
    assert_eq!(targets, [a, b, a, a]);
    let many = explained(&[("synapse.xml", COPIES)], request(20)).unwrap();
    let told = many
        .unknown
        .iter()
        .any(|text| text == "4 more copies are not followed");
    assert!(told, "{:?}", many.unknown);
}

#[test]
fn what_is_refused_or_leads_nowhere_has_an_answer() {
    let two = [
        (
            "a.xml",
            r#"<endpoint xmlns="http://ws.apache.org/ns/synapse" name="a"><address uri="http://h:1/"/></endpoint>"#,
        ),
        (
            "b.xml",
            r#"<endpoint xmlns="http://ws.apache.org/ns/synapse" name="b"><address uri="http://h:2/"/></endpoint>"#,
        ),
    ];
    let view = explained(&two, of("/c")).unwrap();
    assert_eq!(view.answer.unwrap().status, 404);
    let request = ExplainRequest {
        headers: vec![
            "Content-Length: 1".to_owned(),
            "Transfer-Encoding: chunked".to_owned(),
        ],
        ..of("/a")
    };
    assert_eq!(
        explained(&two, request).unwrap().answer.unwrap().status,
        400
    );
    let request = ExplainRequest {
        headers: vec!["no colon".to_owned()],
        ..of("/a")
    };
    assert!(explained(&two, request).is_err());
    assert!(
        explained(&[("a.xml", "<endpoint")], of("/"))
            .unwrap_err()
            .contains("a.xml")
    );
}
