//! From spec/mediation.md 5 and the recordings of the topic api.

use crate::codes::{DiagnosticCode, ErrorCode};
use crate::mediation::testing::{Seen, Sent, World, request, world};

fn line(text: &str) -> String {
    format!(
        r#"<inSequence><log level="custom"><property name="in" value="{text}"/></log></inSequence>"#
    )
}

fn resource(attributes: &str, name: &str) -> String {
    format!("<resource {attributes}>{}</resource>", line(name))
}

fn ask(world: &World, method: &str, target: &str) -> Seen {
    let media = ["POST", "PUT", "PATCH"]
        .contains(&method)
        .then_some("application/json");
    world.run(&mut request(method, target, media), vec![])
}

/// What was logged, else the status.
fn goes(world: &World, method: &str, target: &str) -> String {
    let seen = ask(world, method, target);
    match seen.log.first() {
        Some(line) => line.trim_start_matches("INFO in = ").to_owned(),
        None => seen.status.to_string(),
    }
}

#[test]
fn mappings_go_before_templates_and_the_closer_one_wins() {
    let resources = [
        resource("", "default"),
        resource(r#"uri-template="/t/{x}""#, "template"),
        resource(r#"uri-template="/t/{other}/""#, "later"),
        resource(r#"url-mapping="*.jsp""#, "extension"),
        resource(r#"url-mapping="/a/*""#, "prefix"),
        resource(r#"url-mapping="/a/b/*""#, "longer"),
        resource(r#"url-mapping="/a/b/c""#, "exact"),
    ];
    let world = world(&format!(
        r#"<api name="a" context="/m">{}</api>"#,
        resources.concat()
    ))
    .clean();
    for (target, want) in [
        ("/m/a/b/c", "exact"),
        ("/m/a/b/c?q=1", "exact"),
        ("/m/a/b/d", "longer"),
        ("/m/a/x", "prefix"),
        ("/m/a", "prefix"),
        ("/m/a/", "prefix"),
        ("/m/ab", "default"),
        ("/m/x.jsp", "extension"),
        ("/m/a/x.jsp", "prefix"),
        ("/m/t/1", "template"),
        ("/m/zz", "default"),
        ("/m", "default"),
        ("/m?x", "default"),
        ("/mm", "404"),
        ("/M", "404"),
    ] {
        assert_eq!(goes(&world, "GET", target), want, "{target}");
    }
}

#[test]
fn what_no_resource_takes_is_answered_as_http_says() {
    let resources = [
        resource(r#"methods="GET" url-mapping="/r""#, "get"),
        resource(r#"methods="POST PUT" url-mapping="/r""#, "post"),
        resource(
            r#"methods="POST" url-mapping="/x" content-type="text/xml""#,
            "xml",
        ),
        resource(r#"methods="OPTIONS" url-mapping="/o""#, "options"),
        resource(r#"url-mapping="/all""#, "all"),
    ];
    let api = format!(r#"<api name="a" context="/m">{}</api>"#, resources.concat());
    let alone = world(&api).clean();
    for (method, target, want) in [
        ("GET", "/m/r", "get"),
        ("PUT", "/m/r", "post"),
        ("DELETE", "/m/r", "405"),
        ("HEAD", "/m/r", "405"),
        ("PATCH", "/m/r", "405"),
        ("GET", "/m/none", "404"),
        ("POST", "/m/x", "415"),
        ("OPTIONS", "/m/r", "200"),
        ("OPTIONS", "/m/o", "options"),
        ("OPTIONS", "/m/none", "404"),
        ("OPTIONS", "/m/all", "200"),
        ("PATCH", "/m/all", "all"),
        ("FETCH", "/m/all", "all"),
    ] {
        assert_eq!(goes(&alone, method, target), want, "{method} {target}");
    }
    for (method, target, want) in [
        ("OPTIONS", "/m/r", "GET, POST, PUT, OPTIONS"),
        ("DELETE", "/m/r", "GET, POST, PUT, OPTIONS"),
        (
            "OPTIONS",
            "/m/all",
            "GET, POST, PUT, DELETE, HEAD, OPTIONS, PATCH",
        ),
    ] {
        let mut x = request(method, target, None);
        alone.run(&mut x, vec![]);
        let allow = x.response.unwrap().headers.find("Allow").unwrap().to_vec();
        assert_eq!(String::from_utf8(allow).unwrap(), want, "{method} {target}");
    }
    let handler = r#"<sequence name="_resource_mismatch_handler_">
        <property name="HTTP_SC" value="410" scope="axis2"/><respond/></sequence>"#;
    let handled = world(&format!("{api}{handler}")).clean();
    assert_eq!(ask(&handled, "GET", "/m/none").status, 410);
    assert_eq!(ask(&handled, "DELETE", "/m/r").status, 410);
    assert_eq!(ask(&handled, "OPTIONS", "/m/r").status, 200);
}

#[test]
fn the_longest_context_takes_it_and_a_proxy_service_goes_first() {
    let api = |name: &str, context: &str| {
        format!(
            r#"<api name="{name}" context="{context}">{}</api>"#,
            resource("", name)
        )
    };
    let proxy = format!(
        r#"<proxy name="p"><target>{}</target></proxy>"#,
        line("proxy")
    );
    let apis = [
        api("root", "/"),
        api("a", "/a"),
        api("ab", "/a/b"),
        api("p", "/services/p"),
    ];
    let world = world(&format!("{}{proxy}", apis.concat())).clean();
    for (target, want) in [
        ("/a/x", "a"),
        ("/a/b/x", "ab"),
        ("/a/bc", "a"),
        ("/zz", "root"),
        ("/services/p", "proxy"),
        ("/services/q", "root"),
    ] {
        assert_eq!(goes(&world, "GET", target), want, "{target}");
    }
}

#[test]
fn versions_hosts_ports_and_protocols_tell_apis_apart() {
    let api = |name: &str, more: &str| {
        format!(
            r#"<api name="{name}" context="/a" {more}>{}</api>"#,
            resource("", name)
        )
    };
    let apis = [
        api("plain", ""),
        api("one", r#"version="1.0" version-type="url""#),
        api("host", r#"hostname="H.example""#),
        api("port", r#"port="8280""#),
        api("both", r#"hostname="h.example" port="81""#),
        api("tls", r#"version="t" version-type="url" transport="https""#),
    ];
    let world = world(&apis.concat()).clean();
    for (host, target, want) in [
        ("x", "/a/b", "plain"),
        ("x", "/a/1.0/b", "one"),
        ("h.example", "/a/b", "host"),
        ("h.example:8280", "/a/b", "host"),
        ("h.example:81", "/a/b", "both"),
        ("[::1]:8280", "/a/b", "port"),
        ("[::1]", "/a/b", "plain"),
        ("x", "/a/t", "plain"),
    ] {
        let mut x = request("GET", target, None);
        x.request.headers.set("Host", host.as_bytes());
        let seen = world.run(&mut x, vec![]);
        assert_eq!(seen.log, [format!("INFO in = {want}")], "{host} {target}");
    }
}

#[test]
fn agents_are_told_apart_by_an_expression_for_the_whole_name() {
    let resources = [
        resource(
            r#"user-agent="curl/.*" methods="GET" url-mapping="/a""#,
            "curl",
        ),
        resource("", "others"),
    ];
    let world = world(&format!(
        r#"<api name="a" context="/m">{}</api>"#,
        resources.concat()
    ))
    .clean();
    for (agent, want) in [("curl/8.1", "curl"), ("xcurl/8.1", "others")] {
        let mut x = request("GET", "/m/a", None);
        x.request.headers.set("User-Agent", agent.as_bytes());
        assert_eq!(world.run(&mut x, vec![]).log, [format!("INFO in = {want}")]);
    }
    assert_eq!(goes(&world, "GET", "/m/a"), "others");
}

#[test]
fn a_message_knows_its_api() {
    let names = [
        "REST_METHOD",
        "REST_FULL_REQUEST_PATH",
        "REST_SUB_REQUEST_PATH",
        "REST_API_CONTEXT",
        "REST_URL_PREFIX",
        "SYNAPSE_REST_API",
        "SYNAPSE_REST_API_VERSION",
        "SYNAPSE_RESOURCE",
        "query.param.a",
        "query.param.b",
        "uri.var.id",
        "To",
    ];
    let properties: String = names
        .iter()
        .map(|n| format!(r#"<property name="{n}" expression="get-property('{n}')"/>"#))
        .collect();
    let world = world(&format!(
        r#"<api name="a" context="/p/q" version="2" version-type="url"><resource uri-template="/x/{{id}}"><inSequence>
           <log level="custom" separator="|">{properties}<property name="s" expression="get-property('axis2', 'REST_URL_POSTFIX')"/></log>
           </inSequence></resource></api>"#
    ))
    .clean();
    let seen = ask(&world, "GET", "/p/q/2/x/1?a=1&b=two%20words+x&a=2");
    let line = seen.log[0].replace("INFO ", "");
    let values: Vec<&str> = line
        .split('|')
        .map(|pair| pair.split_once(" = ").unwrap().1)
        .collect();
    let full = "/p/q/2/x/1?a=1&b=two%20words+x&a=2";
    let below = &full[6..];
    assert_eq!(
        values,
        [
            "GET",
            full,
            below,
            "/p/q/2",
            "http://axon",
            "a",
            "2",
            "/x/{id}",
            "2",
            "two words x",
            "1",
            full,
            below
        ]
    );
}

#[test]
fn a_resource_has_its_own_sequences_or_names_them() {
    let world = world(
        r#"<api name="a" context="/s">
             <resource url-mapping="/own"><inSequence><send><endpoint key="e"/></send></inSequence>
               <outSequence><property name="X-Out" value="1" scope="transport"/><send/></outSequence>
               <faultSequence><property name="HTTP_SC" value="418" scope="axis2"/><respond/></faultSequence></resource>
             <resource url-mapping="/keys" inSequence="in" outSequence="out"/>
             <resource url-mapping="/none" inSequence="missing"/>
             <resource url-mapping="/straight"><inSequence><send><endpoint><address uri="http://b"/></endpoint></send></inSequence></resource>
           </api>
           <sequence name="in"><send><endpoint key="e"/></send></sequence>
           <sequence name="out"><property name="X-Out" value="key" scope="transport"/><send/></sequence>"#,
    );
    let codes: Vec<_> = world.problems().iter().map(|p| p.0).collect();
    assert_eq!(codes, [DiagnosticCode::UnknownSequence]);
    let out = |path: &str| {
        let mut x = request("GET", path, None);
        let seen = world.run(&mut x, vec![Sent::Answer(200)]);
        let head = x.response.unwrap();
        let out = head.headers.find("X-Out").map(<[u8]>::to_vec);
        (
            seen.sent[0].clone(),
            out.map(|v| String::from_utf8(v).unwrap()),
        )
    };
    assert_eq!(out("/s/own"), ("key:e".to_owned(), Some("1".to_owned())));
    assert_eq!(out("/s/keys"), ("key:e".to_owned(), Some("key".to_owned())));
    let inline = "inline:api:a/straight/inSequence/send";
    assert_eq!(out("/s/straight"), (inline.to_owned(), None));
    let fails = vec![Sent::Fails(ErrorCode::CONNECT_FAILED)];
    let seen = world.run(&mut request("GET", "/s/own", None), fails);
    assert_eq!(seen.status, 418);
    assert_eq!(ask(&world, "GET", "/s/none").status, 500);
}

#[test]
fn an_api_that_cannot_be_served_answers_for_its_paths() {
    let handlers = r#"<handlers><handler class="x.Y"/></handlers>"#;
    let world = world(&format!(
        r#"<api name="a" context="/a"><resource/>{handlers}</api><sequence name="main"/>"#
    ));
    assert_eq!(ask(&world, "GET", "/a/b").status, 501);
    assert_eq!(ask(&world, "GET", "/b").status, 202);
    let agent = r#"<api name="a" context="/a"><resource user-agent="(?=a)"/></api>"#;
    let world = self::world(agent);
    assert_eq!(world.problems()[0].0, DiagnosticCode::NotSupportedYet);
    let mut x = request("POST", "/a", Some("application/json"));
    let seen = world.run(&mut x, vec![]);
    assert!(seen.body.contains("user-agent"), "{}", seen.body);
}
