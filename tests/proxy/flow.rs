//! How messages go on: to their own `To`, on to a second endpoint, back to the client, or one way (spec/mediation.md 3, 9).

use std::time::Duration;

use crate::support::{Act, Backend, Proxy, address, eventually, ok, quote};

const NS: &str = "xmlns=\"http://ws.apache.org/ns/synapse\"";

fn main_of(request: &str, answer: &str) -> String {
    format!(
        "<definitions {NS}><sequence name=\"main\"><in>{request}</in><out>{answer}</out></sequence></definitions>"
    )
}

fn to(backend: &Backend) -> String {
    format!(
        "<send><endpoint>{}</endpoint></send>",
        address(backend.address, "/svc")
    )
}

#[test]
fn a_request_line_in_absolute_form_says_where_to_send() {
    let a = Backend::named("a");
    let proxy = Proxy::serving(&main_of("<send/>", "<send/>"));
    let mut client = proxy.client();
    assert_eq!(
        client.get(&format!("http://{}/x/y?z=1", a.address)).text(),
        "a"
    );
    assert_eq!(a.seen()[0].target(), "/x/y?z=1");
    // No path to go by, and no message to itself.
    let port = proxy.http.port();
    for target in [
        "/x".to_owned(),
        format!("http://127.0.0.1:{port}/x"),
        format!("http://localhost:{port}/x"),
    ] {
        let answer = client.post(&target, &quote());
        assert_eq!(answer.status, 500, "{target}");
        let text = answer.text();
        assert!(
            text.contains("303001")
                && text.contains("without an endpoint at")
                && text.contains(".xml:1:"),
            "{text}"
        );
    }
    assert_eq!(a.hits(), 1);
}

#[test]
fn a_dead_host_does_not_stand_for_the_others() {
    let a = Backend::named("a");
    let dead = Backend::named("dead").down();
    let proxy = Proxy::serving(&main_of("<send/>", "<send/>"));
    let mut client = proxy.client();
    for _ in 0..2 {
        let answer = client.get(&format!("http://{}/", dead.address));
        assert_eq!(answer.status, 502);
        assert_eq!(client.get(&format!("http://{}/", a.address)).text(), "a");
    }
}

#[test]
fn an_answer_goes_on_to_a_second_back_end_and_the_connections_stay_in_use() {
    let a = Backend::start(|_| {
        Act::Write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nSet-Cookie: s=1\r\nContent-Length: 4\r\n\r\n<a/>".to_vec())
    });
    let b = Backend::named("b");
    let config = format!(
        "<definitions {NS}><sequence name=\"main\"><in><send receive=\"second\"><endpoint>{}</endpoint></send></in><out><send/></out></sequence>
         <sequence name=\"second\">{}</sequence></definitions>",
        address(a.address, "/svc"),
        to(&b)
    );
    let proxy = Proxy::serving(&config);
    let mut client = proxy.client();
    for _ in 0..2 {
        assert_eq!(client.post("/first?x=1", &quote()).text(), "b");
    }
    let seen = &b.seen()[0];
    assert_eq!((seen.target(), &seen.body[..]), ("/svc", &b"<a/>"[..]));
    assert_eq!(seen.headers.value("Set-Cookie"), None);
    assert_eq!((a.connections(), b.connections()), (1, 1));
}

#[test]
fn a_client_that_waits_for_nothing_is_answered_before_the_back_end_is() {
    let slow = Backend::start(|_| Act::Late(Duration::from_millis(700), ok("late")));
    let force = "<property name=\"FORCE_SC_ACCEPTED\" value=\"true\" scope=\"axis2\"/>";
    let log = "<log level=\"custom\"><property name=\"came\" value=\"back\"/></log>";
    let proxy = Proxy::serving(&main_of(&format!("{force}{}", to(&slow)), log));
    let begun = std::time::Instant::now();
    let answer = proxy.client().post("/", &quote());
    assert_eq!((answer.status, answer.text().as_str()), (202, ""));
    assert!(begun.elapsed() < Duration::from_millis(600));
    proxy.text_line("the answer in the response flow", |line| {
        line.contains("came = back")
    });
    assert_eq!(slow.seen()[0].body, quote().as_bytes());
}

#[test]
fn a_large_message_is_given_back_as_it_came() {
    let proxy = Proxy::serving(&main_of("<respond/>", ""));
    let large = quote().replace(
        "<soapenv:Body>",
        &format!("<soapenv:Body><!--{}-->", "x".repeat(300_000)),
    );
    let mut client = proxy.client();
    for _ in 0..2 {
        let answer = client.post("/", &large);
        assert_eq!((answer.status, answer.text() == large), (200, true));
    }
}

#[test]
fn a_drain_waits_for_what_is_sent_beside() {
    let slow = Backend::start(|_| Act::Late(Duration::from_millis(700), ok("late")));
    let one_way = "<property name=\"OUT_ONLY\" value=\"true\"/>";
    let mut proxy = Proxy::serving(&main_of(&format!("{one_way}{}", to(&slow)), ""));
    assert_eq!(proxy.client().post("/", &quote()).status, 202);
    eventually("the message is sent", || (slow.hits() == 1).then_some(()));
    let begun = std::time::Instant::now();
    proxy.signal(rustix::process::Signal::TERM);
    assert!(proxy.ended().success());
    assert!(begun.elapsed() > Duration::from_millis(300));
}

fn target(backend: &Backend) -> String {
    format!("<target><sequence>{}</sequence></target>", to(backend))
}

#[test]
fn copies_go_side_by_side_or_one_after_the_other() {
    let late = |name: &'static str| {
        Backend::start(move |_| {
            Act::Late(Duration::from_millis(300), ok(&format!("<a><{name}/></a>")))
        })
    };
    let (a, b) = (late("a"), late("b"));
    let both = format!("{}{}", target(&a), target(&b));
    let out = "<aggregate><onComplete expression=\"/a/*\"><send/></onComplete></aggregate>";
    for (sequential, least, most) in [("false", 250, 580), ("true", 590, 5000)] {
        let clone = format!("<clone sequential=\"{sequential}\">{both}</clone>");
        let proxy = Proxy::serving(&main_of(&clone, out));
        let begun = std::time::Instant::now();
        let text = proxy.client().post("/", &quote()).text();
        let took = begun.elapsed();
        assert!(text.contains("<a/>") && text.contains("<b/>"), "{text}");
        assert!(
            took >= Duration::from_millis(least),
            "{sequential}: {took:?}"
        );
        assert!(
            took <= Duration::from_millis(most),
            "{sequential}: {took:?}"
        );
    }
    assert_eq!(a.seen()[0].body, quote().as_bytes());
}

#[test]
fn one_message_has_no_more_parts_than_are_allowed() {
    let a = Backend::named("a");
    let iterate = format!("<iterate expression=\"//i\">{}</iterate>", target(&a));
    let proxy = Proxy::serving(&main_of(&iterate, "<send/>"));
    let of = |n: usize| {
        quote().replace(
            "<soapenv:Body>",
            &format!("<soapenv:Body>{}", "<i/>".repeat(n)),
        )
    };
    let mut client = proxy.client();
    let answer = client.post("/", &of(4097));
    assert!(answer.status == 500 && answer.text().contains("more than 4096"));
    assert_eq!(a.hits(), 0);
    assert_eq!(client.post("/", &of(20)).text(), "a");
    eventually("all parts are sent", || (a.hits() == 20).then_some(()));
}

#[test]
fn a_call_goes_on_with_the_answer_over_the_same_connections() {
    let a = Backend::start(|_| Act::Write(ok("<first/>")));
    let b = Backend::named("b");
    let call = |backend: &Backend| to(backend).replace("send>", "call>");
    let proxy = Proxy::serving(&main_of(&format!("{}{}<respond/>", call(&a), call(&b)), ""));
    let mut client = proxy.client();
    for _ in 0..3 {
        assert_eq!(client.post("/x?y", &quote()).text(), "b");
    }
    assert_eq!((a.connections(), b.connections()), (1, 1));
    assert_eq!(
        (&b.seen()[2].body[..], b.seen()[2].target()),
        (&b"<first/>"[..], "/svc")
    );
}

#[test]
fn a_fault_is_made_before_the_body_is_there_unless_it_is_about_the_body() {
    let fault = |reason: &str, response: &str| {
        format!(
            "<makefault version=\"soap11\" {response}><code xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" value=\"s:Client\"/><reason {reason}/></makefault>"
        )
    };
    let soap = "xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"";
    let begin = format!("<e:Envelope {soap}><e:Header><who>me</who></e:Header><e:Body><a>");
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\nContent-Length: 900000\r\n";
    for (reason, told) in [
        ("value=\"no\"", "no"),
        ("expression=\"$trp:X-Why\"", "because"),
        ("expression=\"$header//who\"", "me"),
    ] {
        for (response, then) in [("response=\"true\"", "<send/>"), ("", "<respond/>")] {
            let proxy = Proxy::serving(&main_of(&(fault(reason, response) + then), ""));
            let mut client = proxy.client();
            client.send(format!("{head}X-Why: because\r\n\r\n{begin}"));
            // Most of the body has not been sent, and never is.
            let answer = client.answer();
            let text = answer.text();
            assert_eq!(answer.status, 500, "{text}");
            assert!(text.contains(&format!("<faultstring>{told}<")), "{text}");
        }
    }
}
