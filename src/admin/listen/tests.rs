use super::super::double::Double;
use super::*;
use std::os::unix::fs::PermissionsExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

const LONG: Duration = Duration::from_secs(30);

fn tcp(text: &str) -> AdminAddr {
    text.parse().unwrap()
}

async fn exchange(stream: impl AsyncRead + AsyncWrite, request: &[u8]) -> String {
    let mut stream = pin!(stream);
    stream.write_all(request).await.unwrap();
    let mut out = Vec::new();
    tokio::time::timeout(LONG, stream.read_to_end(&mut out))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn addresses_are_read_and_written_the_same_way() {
    for text in ["127.0.0.1:8080", "[::1]:0", "unix:/run/axon.sock"] {
        assert_eq!(tcp(text).to_string(), text);
    }
    assert_eq!(tcp("localhost:1").to_string(), "127.0.0.1:1");
    for text in ["", "8080", "unix:", "example.org:80"] {
        assert!(text.parse::<AdminAddr>().is_err(), "{text}");
    }
}

#[test]
fn an_address_open_to_the_network_needs_a_token() {
    let refused = Admin::bind(&tcp("0.0.0.0:0"), None).unwrap_err();
    assert!(
        refused.to_string().contains("AXON_ADMIN_TOKEN"),
        "{refused}"
    );
    assert!(Admin::bind(&tcp("0.0.0.0:0"), Token::new("0123456789abcdef")).is_ok());
    assert!(Admin::bind_probes(&tcp("0.0.0.0:0")).is_ok());
}

#[test]
fn a_port_in_use_is_named() {
    let first = Admin::bind(&tcp("127.0.0.1:0"), None).unwrap();
    let refused = Admin::bind(first.address(), None).unwrap_err();
    assert!(refused.to_string().contains(&first.address().to_string()));
}

#[tokio::test]
async fn requests_are_answered_over_tcp_until_stopped() {
    let admin = Admin::bind(&tcp("127.0.0.1:0"), None).unwrap();
    let AdminAddr::Tcp(at) = *admin.address() else {
        panic!()
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(admin.serve(Double::shared(), async {
        let _ = stopped.await;
    }));
    let stream = TcpStream::connect(at).await.unwrap();
    let answer = exchange(
        stream,
        b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(!answer.to_lowercase().contains("\r\nserver:"));
    let stream = TcpStream::connect(at).await.unwrap();
    let answer = exchange(
        stream,
        b"GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    let mut huge = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ".to_vec();
    huge.resize(huge.len() + HEAD_MAX, b'a');
    let stream = TcpStream::connect(at).await.unwrap();
    assert!(exchange(stream, &huge).await.starts_with("HTTP/1.1 431 "));
    // A connection that says nothing does not hold up the end.
    let _idle = TcpStream::connect(at).await.unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(LONG, serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(at).await.is_err());
}

#[tokio::test]
async fn a_unix_socket_is_private_replaces_a_stale_one_and_is_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("axon.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let admin = Admin::bind(&AdminAddr::Unix(path.clone()), None).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let taken = Admin::bind(&AdminAddr::Unix(path.clone()), None);
    assert!(matches!(taken, Err(BindError::Listen { .. })));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(admin.serve(Double::shared(), async {
        let _ = stopped.await;
    }));
    let stream = UnixStream::connect(&path).await.unwrap();
    let answer = exchange(
        stream,
        b"POST /api/v1/config:reload HTTP/1.1\r\nHost: axon\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stop.send(()).unwrap();
    tokio::time::timeout(LONG, serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "text").unwrap();
    assert!(Admin::bind(&AdminAddr::Unix(path.clone()), None).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
}
