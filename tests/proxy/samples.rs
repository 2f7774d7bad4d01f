//! The mediation samples, served by the real program with back ends that answer as SimpleStockQuoteService does.

use crate::support::{Act, Answer, Backend, Proxy, eventually, ok};

/// The ports of the sample back ends, in the files.
const PORTS: [&str; 2] = ["127.0.0.1:9000", "127.0.0.1:9001"];

/// A proxy on one sample, and the servers that it knows.
struct World {
    proxy: Proxy,
    servers: [Backend; 2],
}

/// Answers with the quote of the symbol that it was asked for; an order is taken.
fn server(last: &'static str) -> Backend {
    Backend::start(move |request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let symbol = body.split("symbol>").nth(1).unwrap_or_default();
        let symbol = symbol.split('<').next().unwrap_or_default();
        match body.contains("placeOrder") {
            true => Act::Write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_vec()),
            false => Act::Write(ok(&envelope(&format!(
                "<n:getQuoteResponse xmlns:n=\"http://services.samples\"><n:return><n:symbol>{symbol}</n:symbol><n:last>{last}</n:last></n:return></n:getQuoteResponse>"
            )))),
        }
    })
}

fn envelope(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header/><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn quote_of(symbols: &[&str]) -> String {
    let request = |symbol: &&str| format!("<q:request><q:symbol>{symbol}</q:symbol></q:request>");
    let requests: String = symbols.iter().map(request).collect();
    envelope(&format!(
        "<q:getQuote xmlns:q=\"http://services.samples\">{requests}</q:getQuote>"
    ))
}

fn order_of(symbol: &str) -> String {
    envelope(&format!(
        "<q:placeOrder xmlns:q=\"http://services.samples\"><q:order><q:symbol>{symbol}</q:symbol></q:order></q:placeOrder>"
    ))
}

impl World {
    fn of(sample: &str) -> World {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(root.join("samples").join(sample)).unwrap();
        let servers = [server("100.5"), server("200.5")];
        let text = PORTS
            .iter()
            .zip(&servers)
            .fold(text, |text, (port, server)| {
                // A port may stand by itself.
                let own = server.address.port().to_string();
                let text = text.replace(port, &server.address.to_string());
                text.replace(&format!("\"{}\"", &port[10..]), &format!("\"{own}\""))
            });
        World {
            proxy: Proxy::serving(&text),
            servers,
        }
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        let action = "SOAPAction: \"urn:getQuote\"\r\n";
        self.proxy.client().post_with(path, action, body)
    }

    fn with(&self, path: &str, fields: &str) -> Answer {
        let mut client = self.proxy.client();
        client.post_with(path, fields, &quote_of(&["IBM"]))
    }

    /// Of the requests that a server got.
    fn seen(&self, server: usize) -> Vec<String> {
        let seen = self.servers[server].seen();
        let text = |body: &Vec<u8>| String::from_utf8_lossy(body).into_owned();
        seen.iter().map(|r| text(&r.body)).collect()
    }

    fn hits(&self) -> [usize; 2] {
        [self.servers[0].hits(), self.servers[1].hits()]
    }

    fn logged(&self, text: &str) {
        self.proxy.line(text, |line| {
            line["text"].as_str().is_some_and(|t| t.contains(text))
        });
    }
}

#[track_caller]
fn says(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(text), "{}", answer.text());
}

#[test]
fn routes_by_the_body_by_fields_and_by_the_query() {
    let world = World::of("45-content-routing.xml");
    let path = "/services/quotes-by-symbol";
    says(&world.post(path, &quote_of(&["IBM"])), 200, "100.5");
    says(&world.post(path, &quote_of(&["SUN"])), 200, "200.5");
    says(
        &world.post(path, &quote_of(&["no symbol"])),
        500,
        "no symbol",
    );
    world.logged("desk = all others: SUN");

    let world = World::of("60-conditional-router.xml");
    let path = "/services/routed-quotes";
    says(&world.with(path, "X-Desk: first\r\n"), 200, "100.5");
    says(&world.with(path, "X-Desk: second\r\n"), 200, "200.5");
    says(
        &world.with(&format!("{path}?dry=yes"), "X-Desk: second\r\n"),
        202,
        "",
    );
    assert_eq!(world.hits(), [1, 1]);
}

#[test]
fn errors_are_taken_where_they_happen() {
    let world = World::of("46-fault-sequences.xml");
    says(
        &world.post("/services/nobody-answers", &quote_of(&["IBM"])),
        500,
        "no quotes today: 101503",
    );
    let missing = world.with("/services/nowhere-to-go", "X-Endpoint: none\r\n");
    says(&missing, 500, "no quotes today: 305100");
    world.logged("code = 305100");
}

#[test]
fn entries_addresses_and_templates_are_shared() {
    let world = World::of("47-local-entries.xml");
    let answer = world.post("/services/delayed-quotes", &quote_of(&["IBM"]));
    says(&answer, 200, "100.5");
    let rules = answer.headers.value("X-Rules");
    assert_eq!(rules, Some("quotes are delayed by 15 minutes"));

    let world = World::of("48-to-header.xml");
    says(
        &world.post("/services/addressed", &quote_of(&["IBM"])),
        200,
        "100.5",
    );

    let world = World::of("52-sequence-template.xml");
    says(
        &world.post("/services/noted-quotes", &quote_of(&["IBM"])),
        200,
        "100.5",
    );
    world.logged("what = asked, symbol = IBM");
    world.logged("what = answered, symbol = IBM");

    let world = World::of("59-rewrite.xml");
    let answer = world.post("/services/old-address/now", &quote_of(&["IBM"]));
    says(&answer, 200, "100.5");
    let target = world.servers[0].seen()[0].target().to_owned();
    assert_eq!(target, "/services/SimpleStockQuoteService/now");

    let world = World::of("66-local-services.xml");
    says(
        &world.post("/services/front-desk", &quote_of(&["IBM"])),
        200,
        "100.5",
    );
    assert_eq!(
        world.servers[0].seen()[0].headers.value("X-Office"),
        Some("back")
    );
    assert_eq!(
        world
            .post("/services/back-office", &quote_of(&["IBM"]))
            .status,
        500
    );
}

#[test]
fn messages_are_changed_both_ways() {
    let world = World::of("49-enrich.xml");
    let answer = world.post("/services/enriched-quotes", &quote_of(&["IBM"]));
    says(&answer, 200, ">MSFT<");
    says(&answer, 200, "wanted");
    assert!(answer.text().contains(">IBM<"), "{}", answer.text());

    let world = World::of("50-payload-factory.xml");
    let check = envelope(
        "<p:CheckPriceRequest xmlns:p=\"http://services.samples/prices\"><p:Code>A&amp;B</p:Code></p:CheckPriceRequest>",
    );
    let answer = world.post("/services/check-price", &check);
    says(
        &answer,
        200,
        "<p:Code>A&amp;B</p:Code><p:Price>100.5</p:Price>",
    );
    assert!(world.seen(0)[0].contains("<q:symbol>A&amp;B</q:symbol>"));

    let world = World::of("51-json-to-soap.xml");
    let mut client = world.proxy.client();
    client.send("POST /services/json-quotes HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"symbol\":\"IBM\"}");
    says(&client.answer(), 200, r#"{"symbol": "IBM", "last": 100.5}"#);

    let world = World::of("58-mock.xml");
    says(
        &world.post("/services/mocked-quotes", &quote_of(&["IBM"])),
        200,
        "99.9",
    );
    assert_eq!(world.hits(), [0, 0]);
}

#[test]
fn an_api_reads_quotes_and_takes_orders() {
    let world = World::of("53-rest-api.xml");
    let answer = world.proxy.client().get("/stocks/quotes/IBM");
    says(&answer, 200, "100.5");
    let media = answer.headers.value("Content-Type");
    assert_eq!(media, Some("application/json"), "{}", answer.text());
    let order = "<q:placeOrder xmlns:q=\"http://services.samples\"><q:order><q:symbol>IBM</q:symbol></q:order></q:placeOrder>";
    let mut client = world.proxy.client();
    client.send(format!(
        "POST /stocks/orders HTTP/1.1\r\nHost: h\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n{order}",
        order.len()
    ));
    assert_eq!(client.answer().status, 202);
    eventually("the order is there", || {
        (world.hits()[0] == 2).then_some(())
    });
    assert!(world.seen(0)[1].contains("Envelope"), "{:?}", world.seen(0));
}

#[test]
fn messages_are_split_copied_and_sent_on() {
    let world = World::of("54-split-and-aggregate.xml");
    let answer = world.post(
        "/services/several-quotes",
        &quote_of(&["IBM", "SUN", "MSFT"]),
    );
    says(&answer, 200, ">SUN<");
    assert_eq!(
        answer.text().matches("100.5").count(),
        3,
        "{}",
        answer.text()
    );
    assert_eq!(world.hits(), [3, 0]);

    let world = World::of("55-wire-tap.xml");
    says(
        &world.post("/services/tapped-quotes", &quote_of(&["IBM"])),
        200,
        "100.5",
    );
    eventually("the copy is there", || (world.hits()[1] == 1).then_some(()));

    let world = World::of("56-service-chain.xml");
    let answer = world.post("/services/chained-quotes", &quote_of(&["IBM"]));
    says(&answer, 200, "200.5");
    assert_eq!(answer.headers.value("X-First"), Some("100.5"));

    let world = World::of("57-callout.xml");
    says(
        &world.post("/services/called-out", &quote_of(&["IBM"])),
        200,
        "100.5",
    );

    let world = World::of("61-priority-executor.xml");
    let gold = world.with("/services/queued-quotes", "X-Customer: gold\r\n");
    says(&gold, 200, "100.5");
    says(
        &world.post("/services/queued-quotes", &quote_of(&["IBM"])),
        200,
        "100.5",
    );
}

#[test]
fn stored_messages_and_tasks_reach_the_service() {
    for (sample, path) in [
        ("62-store-and-sample.xml", "/services/sampled-orders"),
        ("63-store-and-forward.xml", "/services/safe-orders"),
    ] {
        let world = World::of(sample);
        assert_eq!(world.post(path, &order_of("IBM")).status, 202, "{sample}");
        eventually(sample, || (world.hits()[0] == 1).then_some(()));
    }
    let world = World::of("64-resequence.xml");
    for symbol in ["IBM-3", "IBM-1", "IBM-2"] {
        world.post("/services/numbered-orders", &order_of(symbol));
    }
    eventually("all orders are there", || {
        (world.hits()[0] == 3).then_some(())
    });
    let seen = world.seen(0);
    let right = ["IBM-1", "IBM-2", "IBM-3"].iter().zip(&seen);
    assert!(
        right.clone().all(|(symbol, body)| body.contains(symbol)),
        "{seen:?}"
    );

    let world = World::of("65-task.xml");
    eventually("the task has run", || (world.hits()[0] == 1).then_some(()));
    world.logged("last = 100.5");
}
