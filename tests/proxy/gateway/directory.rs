//! `directory`: files.

use super::{client, config, options, service};
use crate::support::{Answer, Proxy};

fn files() -> Proxy {
    let properties = "<properties><directory>/base</directory><welcome-file>index.html</welcome-file>\
         <error-pages-directory>/errors</error-pages-directory><options>indexes</options>\
         <location><patterns>**/*.css</patterns><cache-control>max-age=1 minute</cache-control></location></properties>";
    let mapping =
        "<mime-mapping><extension>foo</extension><mime-type>text/x-foo</mime-type></mime-mapping>";
    let more = format!("{properties}{}{mapping}", options(""));
    let service = service("files", &["http://a.test:8081/"], "directory", &more);
    let large = "0123456789".repeat(60_000);
    Proxy::start(&[
        ("gateway-config.xml", config(&service).as_str()),
        ("base/index.html", "welcome"),
        ("base/style.css", "body{}"),
        ("base/x.foo", "foo"),
        ("base/large.txt", large.as_str()),
        ("base/sub/one.txt", "one"),
        ("errors/404.html", "nothing here"),
        ("secret.txt", "secret"),
    ])
}

fn ask(proxy: &Proxy, request: &str) -> Answer {
    let mut client = client(proxy);
    client.send(format!("{request} HTTP/1.1\r\nHost: a.test:8081\r\n\r\n"));
    match request.starts_with("HEAD") {
        true => client.answer_to_head(),
        false => client.answer(),
    }
}

#[test]
fn files_are_given_out_and_nothing_outside_the_folder() {
    let proxy = files();
    for (request, status, text) in [
        ("GET /", 200, "welcome"),
        ("GET /style.css", 200, "body{}"),
        ("GET /x.foo?q", 200, "foo"),
        ("GET /sub", 302, ""),
        ("GET /nope", 404, "nothing here"),
        ("GET /sub/one.txt/", 404, "nothing here"),
        ("HEAD /style.css", 200, ""),
    ] {
        let answer = ask(&proxy, request);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, text),
            "{request}"
        );
    }
    for request in [
        "GET /../secret.txt",
        "GET /%2e%2e/secret.txt",
        "GET /sub/..%2f..%2fsecret.txt",
    ] {
        assert_eq!(ask(&proxy, request).status, 400, "{request}");
    }
    assert_eq!(ask(&proxy, "DELETE /style.css").status, 405);
    let list = ask(&proxy, "GET /sub/");
    assert!(
        list.status == 200 && list.text().contains("./one.txt"),
        "{}",
        list.text()
    );
    assert_eq!(
        ask(&proxy, "GET /sub").headers.value("Location"),
        Some("/sub/")
    );
}

#[test]
fn a_large_file_comes_whole_and_the_connection_goes_on() {
    let proxy = files();
    let mut client = client(&proxy);
    for _ in 0..3 {
        client.send("GET /large.txt HTTP/1.1\r\nHost: a.test:8081\r\n\r\n");
        let answer = client.answer();
        assert_eq!(answer.body.len(), 600_000);
    }
}

#[test]
fn types_ages_and_validators_are_told() {
    let proxy = files();
    let answer = ask(&proxy, "GET /style.css");
    let field = |name| answer.headers.value(name).unwrap_or_default().to_owned();
    assert_eq!(field("Content-Type"), "text/css");
    assert_eq!(field("Cache-Control"), "max-age=60");
    assert!(field("Expires").ends_with(" GMT"));
    assert_eq!(
        ask(&proxy, "GET /x.foo").headers.value("Content-Type"),
        Some("text/x-foo")
    );
    for (name, value) in [
        ("If-None-Match", field("ETag")),
        ("If-Modified-Since", field("Last-Modified")),
    ] {
        let mut client = client(&proxy);
        client.send(format!(
            "GET /style.css HTTP/1.1\r\nHost: a.test:8081\r\n{name}: {value}\r\n\r\n"
        ));
        assert_eq!(client.answer().status, 304, "{name}");
    }
}
