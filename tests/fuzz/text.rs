//! What the readers of text must keep: the scan of a SOAP header, configuration files, cookies.

use axon::config::loader;
use axon::config::model::{SessionDef, SessionKind};
use axon::config::render;
use axon::config::source::{FileId, Span, Spanned};
use axon::endpoint::session::http::{Cookies, without_cookies};
use axon::endpoint::session::{
    Affinity, Facts, ID_BYTES_MAX, IDS_MAX, Ids, Learned, ResponseFacts, SessionSpec,
};
use axon::settings::Settings;
use axon::soap::scan::{self, HeaderScan, Limits, Progress, Wanted};

use crate::mutate::Random;

pub const XML_WORDS: &[&[u8]] = &[
    b"<",
    b">",
    b"/>",
    b"<a>",
    b"</a>",
    b"<s:Header>",
    b"</s:Header>",
    b"<s:Body>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
    b"<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
    b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"&lt;",
    b"&#x41;",
    b"&#xD800;",
    b"&undefined;",
    b" xmlns=\"\"",
    b" xmlns:s=\"urn:x\"",
    b" xmlns=\"http://ws.apache.org/ns/synapse\"",
    b"<syn:ClientID>",
    b"</syn:ClientID>",
    b"<endpoint name=\"a\">",
    b"</endpoint>",
    b"<loadbalance>",
    b"</loadbalance>",
    b"<endpoint key=\"a\"/>",
    b"<address uri=\"http://h/\"/>",
    b"<initialDuration>-1</initialDuration>",
    b"${env.X:-1}",
    b"$SYSTEM:X",
];

pub const COOKIE_WORDS: &[&[u8]] = &[
    b";",
    b"; ",
    b"=",
    b"\n",
    b"JSESSIONID=a",
    b"JSESSIONID=",
    b"PHPSESSID=b",
    b"; Max-Age=0",
    b"; Max-Age=-1",
    b"; Max-Age=99999999999999999999",
    b"; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    b"; Expires=Thu, 99 Jan 99999 00:00:00 GMT",
    b"; Path=/",
    b"\"",
    b"%00",
    b"\xc3\xa4",
];

/// The scan of a SOAP header: the same answer whatever the cuts, and an id that could be a header field.
pub fn scan(input: &[u8], random: &mut Random) {
    scan::fuzz(input);
    let wanted = Wanted {
        client_id: true,
        service_group: true,
        reply_service_group: false,
        to: true,
    };
    let limits = Limits {
        bytes: 2048,
        depth: 16,
        attributes: 16,
        namespaces: 16,
        name: 64,
        text: 64,
    };
    let whole = HeaderScan::new(wanted, limits).feed(input, true);
    let mut pieces = HeaderScan::new(wanted, limits);
    let mut end = 0;
    let piecewise = loop {
        end = (end + 1 + random.below(50)).min(input.len());
        match pieces.feed(&input[..end], end == input.len()) {
            Progress::NeedMore => assert!(end < input.len(), "more is wanted than there is"),
            other => break other,
        }
    };
    assert_eq!(whole, piecewise);
    if let Progress::Done(found) = whole {
        for text in [&found.client_id, &found.service_group]
            .into_iter()
            .flatten()
        {
            let text = text.as_str();
            assert!(!text.is_empty() && text.len() <= 2 * limits.text);
        }
        if let Some((start, end)) = found.service_group_block {
            let block = &input[start as usize..end as usize];
            assert!(block.starts_with(b"<") && block.ends_with(b">"));
        }
        if let Some(end) = found.header_end {
            assert!(input[..end as usize].ends_with(b">"));
        }
    }
}

/// A configuration file: every problem has a place in it, can be shown, and is the same the next time.
pub fn config(input: &[u8], _: &mut Random) {
    let show = || {
        let (model, mut diagnostics) = loader::parse_bytes("fuzz.xml", input);
        axon::server::check_more(&model, &Settings::default(), &mut diagnostics);
        let problems = diagnostics.into_sorted();
        for problem in &problems {
            let text = &model.sources.file(problem.span.file).text;
            let (start, end) = (problem.span.start as usize, problem.span.end as usize);
            assert!(text.get(start..end).is_some(), "{problem:?}");
            assert!(!problem.message.is_empty());
        }
        for endpoint in &model.endpoints {
            let text = &model.sources.file(endpoint.span.file).text;
            let (start, end) = (endpoint.span.start as usize, endpoint.span.end as usize);
            assert!(text.get(start..end).is_some_and(|t| t.starts_with('<')));
        }
        let json = render::json(1, &model.sources, &problems);
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
        render::human(&model.sources, &problems) + &json
    };
    assert_eq!(show(), show());
}

/// Cookies: what is learned is recognised in the next request, what is taken out is gone, the rest stays.
pub fn cookies(input: &[u8], _: &mut Random) {
    let text = String::from_utf8_lossy(input);
    let lines: Vec<&str> = text.lines().take(64).collect();
    let place = Span {
        file: FileId(0),
        start: 0,
        end: 0,
    };
    let spec = SessionSpec::new(&SessionDef {
        kind: Spanned::new(SessionKind::Http, place),
        timeout: None,
        fixed_expiry: false,
        rebind: false,
        forward_unknown: false,
        cookies: Vec::new(),
    });
    let requested = |cookies: &[&str]| {
        let facts = Facts {
            cookies,
            path_session: lines.first().copied(),
            ..Facts::default()
        };
        let mut ids = Ids::new();
        Cookies.requested(&facts, &spec, &mut ids);
        ids
    };
    let ids = requested(&lines);
    assert!(ids.len() <= IDS_MAX);
    assert!(
        ids.iter()
            .all(|id| id.len() <= ID_BYTES_MAX + "JSESSIONID=".len())
    );

    let mut learned = Vec::new();
    let answer = ResponseFacts {
        set_cookie: &lines,
        service_group_id: None,
        unix_seconds: 1_700_000_000,
    };
    Cookies.learned(&answer, &spec, &mut learned);
    for one in &learned {
        if let Learned::Id(pair) = one {
            let sent = format!("other=1; {pair}");
            assert!(requested(&[&sent]).contains(pair), "{pair:?}");
        }
    }

    for line in lines {
        let names = &spec.cookies;
        let Some(kept) = without_cookies(line, names) else {
            continue;
        };
        assert_eq!(without_cookies(&kept, names), None, "{kept:?}");
        let mut rest = line;
        for pair in kept.split("; ").filter(|pair| !pair.is_empty()) {
            let at = rest.find(pair).unwrap();
            rest = &rest[at + pair.len()..];
        }
    }
}
