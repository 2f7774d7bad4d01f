use super::*;
use crate::observe::request_id::RequestIds;

fn record<'a>(id: &'a RequestId, attempts: &'a [Attempt<'a>]) -> AccessRecord<'a> {
    AccessRecord {
        unix_ms: 1_767_323_045_678,
        id,
        client: SocketAddr::from(([127, 0, 0, 1], 40123)),
        listener: "0.0.0.0:8280",
        tls: None,
        proto: "HTTP/1.1",
        method: b"POST",
        host: b"localhost:8280",
        path: b"/services/Quote?password=secret",
        route: "quotes",
        status: 200,
        outcome: "ok",
        code: None,
        bytes_in: 512,
        bytes_out: 820,
        total: Duration::from_micros(12_345),
        connect: Some(Duration::from_micros(7)),
        ttfb: Some(Duration::from_millis(11)),
        group: Some("quotes"),
        endpoint: Some("quotes/b"),
        upstream: Some("127.0.0.1:9002"),
        attempts,
        session: Some(SessionUse {
            key_hash: 0xbeef,
            how: SessionHow::Bound,
        }),
        generation: 3,
    }
}

fn two_tries() -> [Attempt<'static>; 2] {
    [
        Attempt {
            endpoint: "quotes/a",
            outcome: "connect_failed",
            code: Some(ErrorCode::CONNECT_FAILED),
            took: Duration::from_micros(300),
        },
        Attempt {
            endpoint: "quotes/b",
            outcome: "ok",
            code: None,
            took: Duration::from_millis(12),
        },
    ]
}

fn written(record: &AccessRecord<'_>, format: LogFormat) -> String {
    let mut out = Vec::new();
    record.write(format, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn json_keys_stand_in_the_fixed_order_with_the_right_values() {
    let id = RequestIds::with_prefix(1).next(None, Some(b"r-1"));
    let tries = two_tries();
    assert_eq!(
        written(&record(&id, &tries), LogFormat::Json),
        concat!(
            r#"{"ts":"2026-01-02T03:04:05.678Z","id":"r-1","client":"127.0.0.1:40123","listener":"0.0.0.0:8280","#,
            r#""proto":"HTTP/1.1","method":"POST","host":"localhost:8280","path":"/services/Quote","route":"quotes","#,
            r#""status":200,"outcome":"ok","bytes_in":512,"bytes_out":820,"t_total_ms":12.345,"t_connect_ms":0.007,"#,
            r#""t_ttfb_ms":11.000,"group":"quotes","endpoint":"quotes/b","upstream":"127.0.0.1:9002","#,
            r#""attempts":[{"endpoint":"quotes/a","outcome":"connect_failed","code":101503,"ms":0.300},"#,
            r#"{"endpoint":"quotes/b","outcome":"ok","ms":12.000}],"#,
            r#""session":{"key_hash":"000000000000beef","how":"bound"},"gen":3}"#,
            "\n"
        )
    );
}

#[test]
fn text_is_one_aligned_line_that_names_each_try() {
    let id = RequestIds::with_prefix(1).next(None, Some(b"r-1"));
    let tries = two_tries();
    let line = written(&record(&id, &tries), LogFormat::Text);
    assert!(
        line.starts_with(
            "2026-01-02T03:04:05.678Z 200 ok       POST localhost:8280/services/Quote "
        )
    );
    assert_eq!(line.find("12.345ms quotes/b to=127.0.0.1:9002"), Some(84));
    assert!(line.ends_with(
        " in=512 out=820 tries=quotes/a:101503,quotes/b:ok session=bound client=127.0.0.1:40123 id=r-1\n"
    ));
    assert!(!line.contains("secret"));
}

#[test]
fn hostile_bytes_cannot_forge_a_line() {
    let id = RequestIds::with_prefix(1).next(None, None);
    let mut hostile = record(&id, &[]);
    hostile.path = b"/a\"\n{\"ts\":\"x\xff\x1b[2J";
    hostile.host = b"h\r\nost";
    let json = written(&hostile, LogFormat::Json);
    assert_eq!(json.matches('\n').count(), 1);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["path"], "/a\"\n{\"ts\":\"x\u{fffd}\u{1b}[2J");
    let text = written(&hostile, LogFormat::Text);
    assert_eq!(text.matches('\n').count(), 1);
    assert!(
        text.bytes()
            .all(|b| b == b'\n' || (0x20..0x7f).contains(&b))
    );
}

#[test]
fn what_is_not_known_is_left_out() {
    let id = RequestIds::with_prefix(1).next(None, None);
    let bare = AccessRecord {
        connect: None,
        ttfb: None,
        group: None,
        endpoint: None,
        upstream: None,
        session: None,
        code: Some(ErrorCode::NOT_READY),
        ..record(&id, &[])
    };
    let value: serde_json::Value = serde_json::from_str(&written(&bare, LogFormat::Json)).unwrap();
    assert_eq!(value["code"], 303001);
    for key in [
        "trace",
        "t_connect_ms",
        "group",
        "endpoint",
        "attempts",
        "session",
    ] {
        assert!(value.get(key).is_none(), "{key}");
    }
    assert!(written(&bare, LogFormat::Text).contains("code=303001(not_ready)"));
    assert_eq!(written(&bare, LogFormat::Off), "");
}
