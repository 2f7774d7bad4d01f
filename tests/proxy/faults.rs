//! Who answers what when something fails: `docs/faults.md` is made of what the program answers to each kind of request.
//!
//! `UPDATE_EXPECTED=1 cargo test --test proxy faults` writes the page anew; read the difference before committing it.

use std::fmt::Write;
use std::path::Path;

use crate::support::{Act, Answer, Backend, Client, Down, Proxy, ok};

const NS: &str = "xmlns=\"http://ws.apache.org/ns/synapse\"";
const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const SETTINGS: &str = "[limits]\nmessage_bytes = 2000\n[timers]\nhold_ms = 0\n";

/// Where the services send to.
struct Places {
    fine: Backend,
    faulty: Backend,
    silent: Backend,
    closing: Backend,
    broken: Backend,
    garbled: Backend,
    dead: Down,
}

impl Places {
    fn new() -> Places {
        let soap = |inside: &str| {
            format!("<e:Envelope xmlns:e=\"{SOAP11}\"><e:Body>{inside}</e:Body></e:Envelope>")
        };
        let fault = soap(
            "<e:Fault><faultcode>e:Client</faultcode><faultstring>theirs</faultstring></e:Fault>",
        );
        let fault = format!(
            "HTTP/1.1 500 Oops\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{fault}",
            fault.len()
        );
        let fine = soap("<quote>1</quote>");
        Places {
            fine: Backend::start(move |_| Act::Write(ok(&fine))),
            faulty: Backend::start(move |_| Act::Write(fault.clone().into_bytes())),
            silent: Backend::start(|_| Act::Hang),
            closing: Backend::start(|_| Act::WriteAndClose(Vec::new())),
            broken: Backend::start(|_| {
                let part =
                    "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n<a>";
                Act::WriteAndClose(part.into())
            }),
            garbled: Backend::start(|_| Act::Write(ok("<a><b></a>"))),
            dead: Down::new(),
        }
    }

    /// A text with addresses in place of `{fine}` and its like.
    fn fill(&self, text: &str) -> String {
        [
            ("fine", self.fine.address),
            ("faulty", self.faulty.address),
            ("silent", self.silent.address),
            ("closing", self.closing.address),
            ("broken", self.broken.address),
            ("garbled", self.garbled.address),
            ("dead", self.dead.address),
        ]
        .iter()
        .fold(text.to_owned(), |text, (name, address)| {
            text.replace(&format!("{{{name}}}"), &format!("http://{address}/"))
        })
    }
}

/// One thing that fails.
struct Case {
    /// What fails, for people.
    what: &'static str,
    /// Name of its service.
    name: &'static str,
    request: &'static str,
    answer: &'static str,
    /// Content of the message, where it matters.
    payload: Option<&'static str>,
    /// A first message changes what comes after it.
    first: First,
}

/// What is done before the requests of a case.
#[derive(Clone, Copy, PartialEq)]
enum First {
    Nothing,
    /// A message fails.
    Fails,
    /// A message waits for its answer meanwhile.
    Waits,
}

const fn case(what: &'static str, name: &'static str, request: &'static str) -> Case {
    Case {
        what,
        name,
        request,
        answer: "<send/>",
        payload: None,
        first: First::Nothing,
    }
}

const LOOK: &str = "<filter xpath=\"//symbol\"><then/></filter>";

const CASES: &[Case] = &[
    case(
        "a mediator: an expression that cannot be evaluated",
        "expression",
        "<property name=\"p\" expression=\"$nobody:knows\"/>",
    ),
    case(
        "a mediator: a `sequence` whose key leads nowhere",
        "key",
        "<sequence key=\"nowhere\"/>",
    ),
    case(
        "a mediator that axon does not run",
        "java",
        "<class name=\"com.example.Own\"/>",
    ),
    case(
        "`validate`, whose `on-fail` makes a fault and answers",
        "validate",
        "<validate><schema key=\"schema\"/><on-fail>{fault}<respond/></on-fail></validate>",
    ),
    case(
        "`makefault` without a version, with a code of SOAP 1.2, then `respond`",
        "makefault",
        "<makefault response=\"true\"><code xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" value=\"s:Receiver\"/><reason value=\"made\"/></makefault><respond/>",
    ),
    Case {
        payload: Some("<a><b></a>"),
        ..case(
            "the message is malformed, and a mediator looks into it",
            "malformed",
            LOOK,
        )
    },
    Case {
        payload: Some("long"),
        ..case(
            "the message is longer than `[limits] message_bytes`, and a mediator looks into it",
            "long",
            LOOK,
        )
    },
    case(
        "an endpoint whose key leads nowhere",
        "missing",
        "<send><endpoint key=\"nowhere\"/></send>",
    ),
    case(
        "an endpoint that axon does not run",
        "class",
        "<send><endpoint><class name=\"com.example.Own\"/></endpoint></send>",
    ),
    case(
        "the back end refuses the connection",
        "refused",
        "<send><endpoint><address uri=\"{dead}\">{never}</address></endpoint></send>",
    ),
    case(
        "no answer within the `timeout`, action `fault`",
        "silent",
        "<send><endpoint><address uri=\"{silent}\"><timeout><duration>100</duration><responseAction>fault</responseAction></timeout>{never}</address></endpoint></send>",
    ),
    case(
        "no answer within the `timeout`, action `discard`",
        "discard",
        "<send><endpoint><address uri=\"{silent}\"><timeout><duration>100</duration><responseAction>discard</responseAction></timeout>{never}</address></endpoint></send>",
    ),
    Case {
        first: First::Fails,
        ..case(
            "the endpoint is suspended",
            "suspended",
            "<send><endpoint><address uri=\"{dead}\">{suspend}</address></endpoint></send>",
        )
    },
    Case {
        first: First::Fails,
        ..case(
            "all children of a group are suspended",
            "group",
            "<send><endpoint><failover><endpoint name=\"x\"><address uri=\"{dead}\">{suspend}</address></endpoint><endpoint name=\"y\"><address uri=\"{dead}y\">{suspend}</address></endpoint></failover></endpoint></send>",
        )
    },
    Case {
        first: First::Waits,
        ..case(
            "`ax:maxConnections` are in use and `ax:maxPending` wait",
            "overload",
            "<send><endpoint><address uri=\"{silent}\" ax:maxConnections=\"1\" ax:maxPending=\"0\"/></endpoint></send>",
        )
    },
    case(
        "the back end closes without an answer",
        "closing",
        "<send><endpoint><address uri=\"{closing}\">{never}</address></endpoint></send>",
    ),
    case(
        "the back end closes within its answer, which passes through",
        "broken",
        "<send><endpoint><address uri=\"{broken}\">{never}</address></endpoint></send>",
    ),
    Case {
        answer: "<filter xpath=\"//symbol\"><then/></filter><send/>",
        ..case(
            "the back end closes within its answer, which a mediator looks into",
            "broken-read",
            "<send><endpoint><address uri=\"{broken}\">{never}</address></endpoint></send>",
        )
    },
    Case {
        answer: "<filter xpath=\"//symbol\"><then/></filter><send/>",
        ..case(
            "the answer is malformed, and a mediator looks into it",
            "garbled",
            "<send><endpoint><address uri=\"{garbled}\"/></endpoint></send>",
        )
    },
    Case {
        answer: "<property name=\"p\" expression=\"$nobody:knows\"/><send/>",
        ..case(
            "a mediator of the response flow",
            "response",
            "<send><endpoint><address uri=\"{fine}\"/></endpoint></send>",
        )
    },
    case(
        "the back end answers 500 with a fault of SOAP 1.1",
        "faulty",
        "<send><endpoint><address uri=\"{faulty}\"/></endpoint></send>",
    ),
];

/// What happens before a sequence could: the path, and what else there is to say.
const OUTSIDE: &[(&str, &str)] = &[
    ("no service has that path", "/services/nobody"),
    ("the service is inactive", "/services/inactive"),
    ("no resource of the API takes that path", "/api/other"),
    ("no resource of the API takes that method", "/api/method"),
    (
        "the service holds an artifact that axon does not run",
        "/api-java",
    ),
];

const SUSPEND: &str =
    "<suspendOnFailure><initialDuration>600000</initialDuration></suspendOnFailure>";
const NEVER: &str = "<suspendOnFailure><errorCodes>1</errorCodes><initialDuration>0</initialDuration></suspendOnFailure>";
const OWN_FAULT: &str = "<makefault version=\"soap11\" response=\"true\"><code xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" value=\"s:Server\"/><reason expression=\"concat('code ', get-property('ERROR_CODE'))\"/></makefault>";

/// The fault sequences that there may be.
#[derive(Clone, Copy, PartialEq)]
enum Handler {
    None,
    Global,
    Answers,
    Drops,
}

const HANDLERS: &[(Handler, &str)] = &[
    (Handler::None, "none"),
    (Handler::Global, "`fault`: `log`, `drop`"),
    (Handler::Answers, "own: `makefault` SOAP 1.1, `send`"),
    (Handler::Drops, "own: `drop`"),
];

fn configuration(handler: Handler, places: &Places) -> String {
    let mut out = format!("<definitions {NS} xmlns:ax=\"urn:axon:1\">");
    out += "<localEntry key=\"schema\"><xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element name=\"a\"/></xs:schema></localEntry>";
    for case in CASES {
        let own = match handler {
            Handler::Answers => format!("<faultSequence>{OWN_FAULT}<send/></faultSequence>"),
            Handler::Drops => "<faultSequence><drop/></faultSequence>".to_owned(),
            Handler::None | Handler::Global => String::new(),
        };
        write!(
            out,
            "<proxy name=\"{}\"><target><inSequence>{}</inSequence><outSequence>{}</outSequence>{own}</target></proxy>",
            case.name, case.request, case.answer
        )
        .unwrap();
    }
    if handler == Handler::Global {
        out += "<sequence name=\"fault\"><log level=\"custom\"/><drop/></sequence>";
    }
    out += "<proxy name=\"inactive\" startOnLoad=\"false\"><target><inSequence><drop/></inSequence></target></proxy>";
    out += "<api name=\"api\" context=\"/api\"><resource url-mapping=\"/method\" methods=\"DELETE\"><inSequence><drop/></inSequence></resource></api>";
    out += "<api name=\"api-java\" context=\"/api-java\"><resource><inSequence><drop/></inSequence></resource><handlers><handler class=\"com.example.Own\"/></handlers></api>";
    out += "</definitions>";
    let out = out
        .replace("{suspend}", SUSPEND)
        .replace("{never}", NEVER)
        .replace("{fault}", OWN_FAULT);
    places.fill(&out)
}

/// The kinds of requests: title, media type, and a body around a payload.
const KINDS: &[(&str, &str)] = &[
    ("SOAP 1.1", "text/xml"),
    ("SOAP 1.2", "application/soap+xml"),
    ("XML", "application/xml"),
    ("JSON", "application/json"),
    ("text", "text/plain"),
    ("GET", ""),
];

fn request(path: &str, media: &str, payload: Option<&str>) -> String {
    let long = format!("<m>{}</m>", "x".repeat(3000));
    let payload = match payload {
        None => "<symbol>IBM</symbol>",
        Some("long") => &long,
        Some(other) => other,
    };
    let envelope = |namespace: &str| {
        format!("<e:Envelope xmlns:e=\"{namespace}\"><e:Body>{payload}</e:Body></e:Envelope>")
    };
    let body = match media {
        "text/xml" => envelope(SOAP11),
        "application/soap+xml" => envelope(SOAP12),
        "application/xml" => payload.to_owned(),
        // `<` is as malformed as JSON can be.
        "application/json" if payload == "<a><b></a>" => payload.to_owned(),
        "application/json" => format!("{{\"m\":\"{payload}\"}}"),
        _ => payload.to_owned(),
    };
    match media {
        "" => format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"),
        media => format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    }
}

/// What the client sees, in few words.
fn seen(answer: &Answer) -> String {
    let (text, media) = (answer.text(), answer.headers.value("Content-Type"));
    let media = media.unwrap_or_default().split(';').next().unwrap();
    let between = |open: &str, close: &str| {
        let from = text.find(open)? + open.len();
        let to = text[from..].find(close)?;
        Some(text[from..from + to].to_owned())
    };
    let envelope = |namespace| format!("<soapenv:Envelope xmlns:soapenv=\"{namespace}\"");
    let local = |code: Option<String>| {
        let code = code.unwrap_or_default();
        code.rsplit(':').next().unwrap_or_default().to_owned()
    };
    let what = if text.contains("theirs") || text.contains("<quote>") {
        "the back end's".to_owned()
    } else if text.contains(&envelope(SOAP12)) {
        format!("SOAP 1.2 {}", local(between(":Value>", "<")))
    } else if text.contains(&envelope(SOAP11)) {
        format!("SOAP 1.1 {}", local(between("<faultcode>", "<")))
    } else if text.contains("<faultcode>") {
        "XML `Fault`".to_owned()
    } else if text.starts_with("<Exception>") {
        "XML `Exception`".to_owned()
    } else if text.is_empty() {
        return format!("{} empty", answer.status);
    } else {
        media.to_owned()
    };
    let announced = match media {
        "text/xml" => "SOAP 1.1",
        "application/soap+xml" => "SOAP 1.2",
        "application/xml" => "XML",
        _ => "text",
    };
    // A body that its head does not announce would be told apart here.
    let fits = what.starts_with(announced) || what == media || what.starts_with("the back end");
    match fits {
        true => format!("{} {what}", answer.status),
        false => format!("{} {what} as `{media}`", answer.status),
    }
}

/// One exchange; a connection that ends within an answer is what the client sees too.
fn ask(proxy: &Proxy, request: &str) -> (String, String) {
    let mut client = Client::connect(proxy.http);
    client.send(request);
    let Some(head) = client.head() else {
        return ("closed".to_owned(), String::new());
    };
    let headers = crate::support::Headers::parse(&head);
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    let Some((body, _)) = client.body(headers.framing()) else {
        return (format!("{status}, then closed"), String::new());
    };
    let answer = Answer {
        status,
        headers,
        body,
        ..Answer::default()
    };
    (seen(&answer), answer.text())
}

/// The error code that a text of ours names.
fn code_of(text: &str) -> Option<String> {
    let from = text.find("<faultstring>code ")? + "<faultstring>code ".len();
    let digits: String = text[from..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    (!digits.is_empty()).then_some(digits)
}

struct Row {
    handlers: Vec<&'static str>,
    cells: Vec<String>,
}

fn page() -> String {
    let places = Places::new();
    let mut rows: Vec<Vec<Row>> = CASES.iter().map(|_| Vec::new()).collect();
    let mut codes: Vec<Option<String>> = CASES.iter().map(|_| None).collect();
    let mut outside = Vec::new();
    for (handler, title) in HANDLERS {
        let config = configuration(*handler, &places);
        let proxy = Proxy::start(&[("synapse.xml", config.as_str()), ("axon.toml", SETTINGS)]);
        for (nth, case) in CASES.iter().enumerate() {
            let path = format!("/services/{}", case.name);
            let mut waiting = Client::connect(proxy.http);
            match case.first {
                First::Nothing => {}
                First::Fails => drop(ask(&proxy, &request(&path, "text/xml", None))),
                First::Waits => {
                    let before = places.silent.hits();
                    waiting.send(request(&path, "text/xml", None));
                    crate::support::eventually("a message that waits", || {
                        (places.silent.hits() > before).then_some(())
                    });
                }
            }
            let mut cells = Vec::new();
            for (_, media) in KINDS {
                let fits = match case.payload {
                    None => true,
                    Some("long") => !media.is_empty(),
                    // A text cannot be malformed.
                    Some(_) => !["", "text/plain"].contains(media),
                };
                if !fits {
                    cells.push("-".to_owned());
                    continue;
                }
                let (cell, text) = ask(&proxy, &request(&path, media, case.payload));
                if *handler == Handler::Answers && cells.is_empty() {
                    codes[nth] = code_of(&text);
                }
                cells.push(cell);
            }
            match rows[nth].iter_mut().find(|row| row.cells == cells) {
                Some(row) => row.handlers.push(title),
                None => rows[nth].push(Row {
                    handlers: vec![title],
                    cells,
                }),
            }
        }
        if *handler == Handler::None {
            for (what, path) in OUTSIDE {
                let cells = KINDS
                    .iter()
                    .map(|(_, media)| ask(&proxy, &request(path, media, None)).0);
                outside.push((what, cells.collect::<Vec<_>>()));
            }
        }
    }
    let titles: Vec<&str> = KINDS.iter().map(|(title, _)| *title).collect();
    let titles = titles.join(" | ");
    let mut out = format!(
        "{HEAD}\n| what fails | code | fault sequence | {titles} |\n|---|---|---|---|---|---|---|---|---|\n"
    );
    for ((case, rows), code) in CASES.iter().zip(rows).zip(codes) {
        let all = rows.len() == 1;
        for (nth, row) in rows.iter().enumerate() {
            let (what, code) = match (nth, &code) {
                (0, Some(code)) => (case.what, code.as_str()),
                (0, None) => (case.what, "-"),
                _ => ("", ""),
            };
            let handlers = match all {
                true => "any".to_owned(),
                false => row.handlers.join("; "),
            };
            writeln!(
                out,
                "| {what} | {code} | {handlers} | {} |",
                row.cells.join(" | ")
            )
            .unwrap();
        }
    }
    for (what, cells) in outside {
        writeln!(out, "| {what} | - | any | {} |", cells.join(" | ")).unwrap();
    }
    out
}

const HEAD: &str = "# Faults

Made by `tests/proxy/faults.rs` of what the program answers; do not edit.

Who answers what when something fails: by the kind of the request, and by the fault sequence that there is (`faultSequence` of a
service or resource, `onError` of a sequence; else the sequence `fault`). The code is `ERROR_CODE` in the fault sequence; `-`:
there is none to take it.

- Without a fault sequence that answers, axon does: with a fault of the request's own SOAP version, an `Exception` for plain XML, text
  for the rest, the status alone for a GET. SOAP has the status 500 (400 in SOAP 1.2 for a message that is itself at fault), the
  rest the status that fits.
- A fault sequence that sends an answer has the last word: what it makes is what the client gets.
- A fault sequence that ends without an answer has dealt with an error of the configuration (0, 305100) that came before anything
  was sent: 202, as in the original. After any other error the client does not hear that its message was taken: it gets the
  fault that it would get without that sequence.
- An endpoint that is not ready gives the rest a `Retry-After` where it is known when it will be.
- What a back end answers is an answer, whatever its status: no fault sequence runs.
";

#[test]
fn the_page_of_faults_is_what_the_program_answers() {
    let made = page();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    for (line, (made, known)) in made.lines().zip(known.lines()).enumerate() {
        assert_eq!(made, known, "docs/faults.md:{}", line + 1);
    }
    assert_eq!(made.lines().count(), known.lines().count());
    // Nobody may hang for longer than a test waits, and nobody may be left without an answer but by a break within one.
    assert!(!known.contains("| closed"), "{known}");
}
