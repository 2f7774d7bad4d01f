//! A request that the first child took in part goes whole to the second (design: memory, then disk, then 303202).

use std::time::Duration;

use crate::support::{Act, Backend, Client, Proxy, child, endpoint};

const MIB: usize = 1024 * 1024;

/// A back end that reads so much of a body and then closes, one that takes all, and a proxy in front.
fn pair(takes: usize, settings: &str) -> (Backend, Backend, Proxy) {
    let first = Backend::at_head(move |_| Act::ReadAndClose(takes));
    let second = Backend::named("second");
    let children = child("a", first.address, "") + &child("b", second.address, "");
    let file = endpoint("g", &format!("<failover>{children}</failover>"));
    let proxy = Proxy::start(&[("e.xml", file.as_str()), ("axon.toml", settings)]);
    (first, second, proxy)
}

fn body(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| (n * 31 / 7) as u8).collect()
}

/// Sends in pieces from a thread of its own, so that an early answer does not block the sender.
fn send_in_background(client: &Client, pieces: Vec<Vec<u8>>) -> std::thread::JoinHandle<()> {
    let mut writer = Client::over(client.stream.try_clone().unwrap());
    std::thread::spawn(move || {
        use std::io::Write;
        for piece in pieces {
            if writer.stream.write_all(&piece).is_err() {
                return;
            }
        }
    })
}

fn post(proxy: &Proxy, body: &[u8]) -> crate::support::Answer {
    let mut client = proxy.client();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let sender = send_in_background(&client, vec![head.into_bytes(), body.to_vec()]);
    let answer = client.answer();
    sender.join().unwrap();
    answer
}

fn arrives_whole(bytes: usize, taken: usize) {
    let (first, second, proxy) = pair(taken, "");
    let body = body(bytes);
    assert_eq!(post(&proxy, &body).text(), "second");
    assert_eq!(first.hits(), 1);
    let seen = &second.seen()[0];
    assert_eq!(seen.body.len(), body.len());
    assert!(seen.body == body, "the bytes differ");
}

#[test]
fn an_empty_body() {
    arrives_whole(0, 0);
}

#[test]
fn a_body_of_one_byte() {
    arrives_whole(1, 1);
}

#[test]
fn a_body_of_one_mebibyte_of_which_a_part_was_read() {
    arrives_whole(MIB, 100_000);
}

#[test]
fn a_body_of_one_mebibyte_of_which_all_was_read() {
    arrives_whole(MIB, MIB);
}

#[test]
fn ten_mebibytes_in_chunks_of_which_half_was_read() {
    let (first, second, proxy) = pair(5 * MIB, "");
    let body = body(10 * MIB);
    let mut pieces =
        vec![b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()];
    for chunk in body.chunks(100_000) {
        pieces.push([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    pieces.push(b"0\r\n\r\n".to_vec());
    let mut client = proxy.client();
    let sender = send_in_background(&client, pieces);
    assert_eq!(client.answer().text(), "second");
    sender.join().unwrap();
    assert_eq!(first.hits(), 1);
    assert!(second.seen()[0].body == body, "the bytes differ");
}

#[test]
fn a_body_over_the_limits_is_not_sent_again_and_the_code_says_so() {
    let limits = "[limits]\nreplay_memory_bytes = 65536\nreplay_disk_bytes = 262144\n";
    let (first, second, proxy) = pair(2 * MIB, limits);
    let answer = post(&proxy, &body(4 * MIB));
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("303202"), "{}", answer.text());
    assert_eq!((first.hits(), second.hits()), (1, 0));
}

#[test]
fn a_slow_client_is_not_asked_to_send_again() {
    let (first, second, proxy) = pair(10, "");
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\n0123456789");
    crate::support::eventually("the first child to have the beginning", || {
        (first.hits() == 1).then_some(())
    });
    client.send("0123456789");
    std::thread::sleep(Duration::from_millis(20));
    client.send("0123456789");
    assert_eq!(client.answer().text(), "second");
    assert_eq!(second.seen()[0].body, b"012345678901234567890123456789");
}

#[test]
fn a_message_with_attachments() {
    let (first, second, proxy) = pair(4000, "");
    let soap = crate::support::quote();
    let mut body = format!(
        "--b\r\nContent-Type: text/xml\r\nContent-ID: <root>\r\n\r\n{soap}\r\n--b\r\n\
         Content-Type: application/octet-stream\r\nContent-ID: <file>\r\n\r\n"
    )
    .into_bytes();
    body.extend(self::body(MIB / 8));
    body.extend(b"\r\n--b--\r\n");
    let mut client = proxy.client();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/related; type=\"text/xml\"; boundary=b; start=\"<root>\"\r\n\
         SOAPAction: \"urn:getQuote\"\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let sender = send_in_background(&client, vec![head.into_bytes(), body.clone()]);
    assert_eq!(client.answer().text(), "second");
    sender.join().unwrap();
    assert_eq!(first.hits(), 1);
    let seen = &second.seen()[0];
    assert!(seen.body == body, "the bytes differ");
    let media = seen.headers.value("Content-Type").unwrap();
    assert!(
        media.contains("boundary=b") && media.starts_with("multipart/related"),
        "{media}"
    );
}
