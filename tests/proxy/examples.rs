//! The examples of the pages in `docs/mediators`, `docs/artifacts` and `docs/endpoints`: each is served by the real program, its
//! requests are sent, and the client, the back end and the log see what the files beside it say.
//!
//! A folder below `docs/examples` holds `synapse.xml`, files in folders beside it, `request.http` (requests, a line `###` between two;
//! empty when nobody asks) and what comes of it: `answer.http`, `sent.http` (what a back end at 127.0.0.1:9000 got; nobody listens on port 9009) and `log.txt`. `UPDATE_EXPECTED=1 cargo test --test
//! proxy examples` writes these anew; read the difference before committing it.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Backend, Down, Proxy, eventually, ok};

const ADDRESS: &str = "127.0.0.1:9000";
const DEAD: &str = "127.0.0.1:9009";
const OURS: &str = "127.0.0.1:8280";
/// What the back end says unless the example has a `back-end.xml`.
const QUOTE: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><quote><symbol>IBM</symbol><last>100</last></quote></e:Body></e:Envelope>";
const BETWEEN: &str = "\n###\n";

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|e| e.unwrap().path()).collect()
    };
    let mut found: Vec<PathBuf> = list(&root).iter().flat_map(|kind| list(kind)).collect();
    found.sort();
    found
}

/// The files in folders of an example, with their paths.
fn beside(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(&inside).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if inside != folder {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                found.push((name.to_owned(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// A request as it is written, with the fields that a client adds.
fn wire(request: &str) -> String {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let (head, body) = (head.trim(), body.trim());
    let mut out = head.lines().collect::<Vec<_>>().join("\r\n");
    write!(out, "\r\nHost: {OURS}").unwrap();
    if !body.is_empty() {
        write!(out, "\r\nContent-Length: {}", body.len()).unwrap();
    }
    out + "\r\n\r\n" + body
}

/// The fields that are shown of a message.
fn shown(fields: &[(String, String)], body: &str) -> String {
    let is = |name: &str| {
        // Without a body it says nothing.
        if name.eq_ignore_ascii_case("content-type") && body.is_empty() {
            return false;
        }
        let known = ["content-type", "soapaction", "allow", "location"];
        let name = name.to_lowercase();
        known.contains(&name.as_str()) || name.starts_with("x-")
    };
    let shown = fields.iter().filter(|(name, _)| is(name));
    shown.fold(String::new(), |out, (name, value)| {
        out + &format!("{name}: {value}\n")
    })
}

fn message(first: &str, fields: &[(String, String)], body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let text = format!("{first}\n{}\n{}", shown(fields, &body), body.trim());
    text.trim_end().to_owned() + "\n"
}

#[test]
fn each_example_does_what_its_files_say() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for folder in folders() {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let answer = match read("back-end.xml") {
            text if text.is_empty() => QUOTE.to_owned(),
            text => text.trim().to_owned(),
        };
        let back_end = Backend::start(move |_| crate::support::Act::Write(ok(&answer)));
        let dead = Down::new();
        let mut files = beside(&folder);
        files.push(("synapse.xml".to_owned(), read("synapse.xml")));
        for (_, text) in &mut files {
            *text = text
                .replace(ADDRESS, &back_end.address.to_string())
                .replace(DEAD, &dead.address.to_string());
        }
        let files: Vec<_> = files.iter().map(|(name, text)| (&**name, text)).collect();
        let proxy = Proxy::start(&files);
        let plain = |text: &str| {
            text.replace(&back_end.address.to_string(), ADDRESS)
                .replace(&dead.address.to_string(), DEAD)
                .replace(&proxy.http.to_string(), OURS)
        };
        let mut answers = Vec::new();
        let requests = read("request.http");
        let requests = requests.split(BETWEEN).filter(|r| !r.trim().is_empty());
        for request in requests {
            let mut client = proxy.client();
            client.send(wire(request));
            let answer = client.answer();
            let first = answer.head.lines().next().unwrap();
            answers.push(plain(&message(first, &answer.headers.0, &answer.body)));
        }
        let wanted = read("log.txt");
        if update {
            // How much there will be is what is to be found out.
            std::thread::sleep(Duration::from_millis(500));
        } else if !read("sent.http").is_empty() {
            // A message that nobody waits for comes when it comes.
            let count = read("sent.http").split(BETWEEN).count();
            eventually("what the back end gets", || {
                (back_end.hits() >= count).then_some(())
            });
        }
        let sent: Vec<String> = back_end
            .seen()
            .iter()
            .map(|seen| {
                let first = seen.head.lines().next().unwrap().replace(" HTTP/1.1", "");
                plain(&message(&first, &seen.headers.0, &seen.body))
            })
            .collect();
        let log = proxy.logged(if update { 0 } else { wanted.lines().count() });
        for (name, text) in [
            ("answer.http", answers.join(&BETWEEN[1..])),
            ("sent.http", sent.join(&BETWEEN[1..])),
            ("log.txt", plain(&log)),
        ] {
            match (update, text.is_empty()) {
                (true, true) => drop(std::fs::remove_file(folder.join(name))),
                (true, false) => std::fs::write(folder.join(name), text).unwrap(),
                (false, _) if text != read(name) => wrong.push(format!(
                    "{}/{name}:\n{text}--- instead of\n{}",
                    folder.display(),
                    read(name)
                )),
                (false, _) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
