//! Certificates made for a test, and TLS around what speaks plainly: a client's connection, a back end.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use socket2::SockRef;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::DEADLINE;

/// Signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Authority {
    /// A new one that nobody trusts yet.
    pub fn new() -> Authority {
        let mut asked = CertificateParams::new(vec![]).unwrap();
        asked.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        asked.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Authority {
            issuer: CertifiedIssuer::self_signed(asked, key).unwrap(),
        }
    }

    /// Its own certificate, in PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these names, good for years.
    pub fn sign(&self, names: &[&str]) -> Pair {
        self.sign_until(names, 2090)
    }

    /// A certificate for these names that ends with that year's first day.
    pub fn sign_until(&self, names: &[&str], year: i32) -> Pair {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut asked = CertificateParams::new(names).unwrap();
        asked.not_before = date_time_ymd(2001, 1, 1);
        asked.not_after = date_time_ymd(year, 1, 1);
        asked.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let cert = asked.signed_by(&key, &self.issuer).unwrap();
        Pair {
            cert: cert.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A certificate that is its own authority.
    pub fn self_signed(name: &str) -> Pair {
        let mut asked = CertificateParams::new(vec![name.to_owned()]).unwrap();
        asked.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Pair {
            cert: asked.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client's settings that trust this authority alone.
    pub fn client(&self) -> ClientConfig {
        self.client_with(None)
    }

    /// The same, showing a certificate.
    pub fn client_with(&self, pair: Option<&Pair>) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots());
        match pair {
            Some(pair) => builder
                .with_client_auth_cert(pair.chain(), pair.secret())
                .unwrap(),
            None => builder.with_no_client_auth(),
        }
    }

    /// A server's settings; with `clients` it wants their certificates signed by that authority.
    pub fn server(pair: &Pair, clients: Option<&Authority>) -> ServerConfig {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            Some(authority) => {
                let roots = Arc::new(authority.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        builder
            .with_single_cert(pair.chain(), pair.secret())
            .unwrap()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        roots
    }
}

impl Pair {
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()]
    }

    fn secret(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }

    /// Writes `NAME.pem` and `NAME.key`, each beside its place and renamed.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (cert, key) = (
            folder.join(format!("{name}.pem")),
            folder.join(format!("{name}.key")),
        );
        for (path, text) in [(&cert, &self.cert), (&key, &self.key)] {
            let beside = path.with_extension("new");
            std::fs::write(&beside, text).unwrap();
            std::fs::rename(beside, path).unwrap();
        }
        (cert, key)
    }
}

/// What a server showed in a handshake.
#[derive(Debug)]
pub struct Shown {
    /// Names in its certificate.
    pub names: Vec<String>,
    /// Its certificate.
    pub cert: CertificateDer<'static>,
    /// The protocol inside.
    pub alpn: Option<Vec<u8>>,
}

/// Makes a handshake and closes.
pub fn shake(to: SocketAddr, config: &ClientConfig, name: &str) -> Result<Shown, String> {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut session = ClientConnection::new(Arc::new(config.clone()), name).unwrap();
    while session.is_handshaking() {
        session
            .complete_io(&mut stream)
            .map_err(|e| e.to_string())?;
    }
    let cert = session.peer_certificates().unwrap()[0].clone().into_owned();
    let facts = axon::transport::tls::Facts::read(&cert).unwrap();
    session.send_close_notify();
    let _ = session.complete_io(&mut stream);
    Ok(Shown {
        names: facts.names,
        cert,
        alpn: session.alpn_protocol().map(<[u8]>::to_vec),
    })
}

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    });
    &RUNTIME
}

/// A plain port whose connections go on inside TLS: whoever can speak plainly can speak TLS through it. A stream that is
/// cut off in TLS is reset.
pub fn client_side(to: SocketAddr, config: ClientConfig, name: &str) -> SocketAddr {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    relay(move |plain| {
        let (connector, name) = (connector.clone(), name.clone());
        async move {
            let tcp = tokio::net::TcpStream::connect(to).await.unwrap();
            tcp.set_nodelay(true).unwrap();
            match connector.connect(name, tcp).await {
                Ok(secure) => both_ways(plain, secure).await,
                Err(_) => reset(&plain),
            }
        }
    })
}

/// A TLS port in front of a plain server.
pub fn server_side(to: SocketAddr, config: ServerConfig) -> SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    relay(move |tcp| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(secure) = acceptor.accept(tcp).await
                && let Ok(plain) = tokio::net::TcpStream::connect(to).await
            {
                plain.set_nodelay(true).unwrap();
                both_ways(plain, secure).await;
            }
        }
    })
}

fn relay<F, W>(mut serve: F) -> SocketAddr
where
    F: FnMut(tokio::net::TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    runtime().spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn both_ways<S>(mut plain: tokio::net::TcpStream, mut secure: S)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if tokio::io::copy_bidirectional(&mut plain, &mut secure)
        .await
        .is_err()
    {
        reset(&plain);
    }
}

fn reset(plain: &tokio::net::TcpStream) {
    let _ = SockRef::from(plain).set_linger(Some(std::time::Duration::ZERO));
}

/// Makes a handshake, asks for something so that tickets arrive, and tells whether a session was resumed.
pub fn resumes(to: SocketAddr, config: &ClientConfig, name: &str) -> bool {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut session = ClientConnection::new(Arc::new(config.clone()), name).unwrap();
    let mut tls = rustls::Stream::new(&mut session, &mut stream);
    tls.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut all = Vec::new();
    tls.read_to_end(&mut all).unwrap();
    assert!(all.starts_with(b"HTTP/1.1 "));
    session.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
}
