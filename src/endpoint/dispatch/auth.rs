//! How an `http` endpoint proves who it is: a fixed `Authorization`, or a token that is fetched and kept.
//!
//! Tokens are fetched by the control plane ([`TokenFetches`]): a worker only waits. One fetch at a time for each
//! endpoint; who comes meanwhile waits for it, and a failure stands for a moment, so that a token server that is down is
//! not asked once for each message. What is kept is one token for each endpoint. Rules: spec/endpoints.md 4.4, RFC 6749.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::config::model::{AuthDef, Grant, OAuthDef};
use crate::endpoint::tree::Address;
use crate::transport::tls::ClientTls;
use crate::util::base64;
use crate::util::clock::{self, Tick};

/// How long a token is kept when its server does not say when it ends (`synapse.endpoint.http.oauth.cache.timeout`).
pub const KEPT: Duration = Duration::from_secs(3000);
/// A token is not used any more so long before its end, as the message takes its time too.
const MARGIN: Duration = Duration::from_secs(5);
/// How long a failed fetch stands.
const FAILURE_STANDS: Duration = Duration::from_secs(1);
/// Longest token that is believed.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Largest answer of a token server that is read.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The authentication of a leaf.
#[derive(Clone, Debug)]
pub enum Auth {
    /// The same value for each message.
    Basic(Box<[u8]>),
    /// A token.
    Token(Arc<TokenSource>),
}

impl Auth {
    /// From a definition; a token source goes on over a reload that leaves it as it was.
    pub fn new(def: &AuthDef, old: Option<&Auth>, tls: &Arc<ClientTls>) -> Option<Self> {
        Some(match def {
            AuthDef::Basic { user, password } => {
                Self::Basic(basic(user, &password.0).into_bytes().into())
            }
            AuthDef::OAuth(oauth) => {
                let address = Address::parse(&oauth.token_url.value)?.protected(tls);
                match old {
                    Some(Self::Token(source))
                        if source.def == **oauth && source.address == address =>
                    {
                        Self::Token(source.clone())
                    }
                    _ => Self::Token(Arc::new(TokenSource::new(oauth, address))),
                }
            }
        })
    }
}

impl Auth {
    /// What stands for the secret where somebody reads it.
    pub fn placeholder(&self) -> &'static [u8] {
        match self {
            Self::Basic(_) => b"Basic ***",
            Self::Token(_) => b"Bearer ***",
        }
    }
}

fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        base64::encode(format!("{user}:{password}").as_bytes())
    )
}

/// Where the tokens of one endpoint come from, and the one that is kept.
pub struct TokenSource {
    def: OAuthDef,
    address: Address,
    kept: Mutex<Kept>,
    /// Held by whoever fetches.
    fetching: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tokens of {}", self.address)
    }
}

/// A token as the value of `Authorization`.
#[derive(Clone)]
pub struct Token {
    /// The value of the field.
    pub value: Arc<str>,
    number: u64,
}

#[derive(Default)]
struct Kept {
    token: Option<(Token, Tick)>,
    failure: Option<(String, Tick)>,
    /// How many tokens there were.
    fetched: u64,
}

/// What is known without asking the server.
enum Known {
    Token(Token),
    Failure(String),
    Nothing,
}

impl Kept {
    fn known(&self, now: Tick) -> Known {
        match (&self.token, &self.failure) {
            (Some((token, until)), _) if now < *until => Known::Token(token.clone()),
            (_, Some((text, until))) if now < *until => Known::Failure(text.clone()),
            _ => Known::Nothing,
        }
    }

    fn keep(&mut self, granted: Result<Granted, String>, now: Tick) -> Result<Token, String> {
        match granted {
            Ok(granted) => {
                self.fetched += 1;
                let token = Token {
                    value: granted.value.into(),
                    number: self.fetched,
                };
                self.token = Some((token.clone(), now + granted.kept));
                self.failure = None;
                Ok(token)
            }
            Err(text) => {
                self.token = None;
                self.failure = Some((text.clone(), now + FAILURE_STANDS));
                Err(text)
            }
        }
    }
}

impl TokenSource {
    fn new(def: &OAuthDef, address: Address) -> Self {
        Self {
            address,
            def: def.clone(),
            kept: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// A token that is good now: the kept one, else a new one. The error is one line for people.
    pub async fn token(&self, fetches: &TokenFetches) -> Result<Token, String> {
        if let Some(known) = self.known() {
            return known;
        }
        let _one_at_a_time = self.fetching.lock().await;
        // Whoever held it before may have brought what is wanted here.
        if let Some(known) = self.known() {
            return known;
        }
        let answer = fetches.fetch(self.request()).await;
        let granted = answer.and_then(|answer| Granted::read(&answer));
        self.kept.lock().keep(granted, clock::now())
    }

    /// Forgets a token that a back end refused, unless another one took its place already.
    pub fn refused(&self, token: &Token) {
        let mut kept = self.kept.lock();
        if kept
            .token
            .as_ref()
            .is_some_and(|(t, _)| t.number == token.number)
        {
            kept.token = None;
        }
    }

    fn known(&self) -> Option<Result<Token, String>> {
        match self.kept.lock().known(clock::now()) {
            Known::Token(token) => Some(Ok(token)),
            Known::Failure(text) => Some(Err(text)),
            Known::Nothing => None,
        }
    }

    /// The request for a token (RFC 6749 sections 2.3.1, 4.3.2, 4.4.2, 6).
    fn request(&self) -> TokenRequest {
        let def = &self.def;
        let mut form = Form::default();
        match &def.grant {
            Grant::ClientCredentials => form.add("grant_type", "client_credentials"),
            Grant::RefreshToken(token) => {
                form.add("grant_type", "refresh_token");
                form.add("refresh_token", &token.0);
            }
            Grant::Password { user, password } => {
                form.add("grant_type", "password");
                form.add("username", user);
                form.add("password", &password.0);
            }
        }
        let mut headers = Vec::new();
        if def.in_header {
            headers.push((
                "Authorization".to_owned(),
                basic(&def.client_id, &def.client_secret.0),
            ));
        } else {
            form.add("client_id", &def.client_id);
            form.add("client_secret", &def.client_secret.0);
        }
        for (name, value) in &def.parameters {
            form.add(name, &value.0);
        }
        let own = def.headers.iter();
        headers.extend(own.map(|(name, value)| (name.clone(), value.0.clone())));
        TokenRequest {
            address: self.address.clone(),
            headers,
            body: form.0,
            connect_timeout: def.connect_timeout,
            response_timeout: def.response_timeout,
        }
    }
}

#[derive(Default)]
struct Form(String);

impl Form {
    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.text(name);
        self.0.push('=');
        self.text(value);
    }

    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b' ' => self.0.push('+'),
                _ if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) => {
                    self.0.push(char::from(byte));
                }
                _ => crate::config::uri_template::percent(&mut self.0, byte),
            }
        }
    }
}

/// A request for a token, for whoever fetches it: `POST` of a form.
pub struct TokenRequest {
    /// Where to.
    pub address: Address,
    /// Fields beside those of the form.
    pub headers: Vec<(String, String)>,
    /// The form.
    pub body: String,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Longest time from then on to the end of the answer.
    pub response_timeout: Duration,
}

/// What a token server answered.
pub struct TokenAnswer {
    /// Status code.
    pub status: u16,
    /// At most [`ANSWER_BYTES_MAX`].
    pub body: Vec<u8>,
}

/// A token out of an answer, and how long it may be kept.
struct Granted {
    value: String,
    kept: Duration,
}

impl Granted {
    /// Reads an answer (RFC 6749 section 5). What it holds is never part of an error: it may be a secret.
    fn read(answer: &TokenAnswer) -> Result<Self, String> {
        if !(200..300).contains(&answer.status) {
            return Err(format!("the token server answered {}", answer.status));
        }
        let no_token = || "the token server's answer holds no access_token".to_owned();
        let json: serde_json::Value =
            serde_json::from_slice(&answer.body).map_err(|_| no_token())?;
        let token = json["access_token"].as_str().ok_or_else(no_token)?;
        let usable = !token.is_empty()
            && token.len() <= TOKEN_BYTES_MAX
            && token.bytes().all(|b| (0x21..0x7f).contains(&b));
        if !usable {
            return Err("the token server's access_token cannot stand in a field".to_owned());
        }
        // Some servers write the number as a text.
        let seconds = &json["expires_in"];
        let seconds = seconds
            .as_u64()
            .or_else(|| seconds.as_str().and_then(|text| text.trim().parse().ok()));
        let kept = seconds.map_or(KEPT, |s| {
            let told = Duration::from_secs(s);
            told.saturating_sub(MARGIN).max(told / 2).min(KEPT)
        });
        Ok(Self {
            value: format!("Bearer {token}"),
            kept,
        })
    }
}

/// One fetch and where its outcome goes.
pub struct TokenFetch {
    /// What to ask for.
    pub request: TokenRequest,
    /// Takes the answer, or one line about why there is none.
    pub reply: oneshot::Sender<Result<TokenAnswer, String>>,
}

/// The way to the control plane, which fetches.
#[derive(Clone, Debug)]
pub struct TokenFetches(mpsc::Sender<TokenFetch>);

impl TokenFetches {
    /// The way, and its end: at most `waiting` fetches lie between.
    pub fn channel(waiting: usize) -> (Self, mpsc::Receiver<TokenFetch>) {
        let (sender, receiver) = mpsc::channel(waiting);
        (Self(sender), receiver)
    }

    async fn fetch(&self, request: TokenRequest) -> Result<TokenAnswer, String> {
        let longest = request.connect_timeout + request.response_timeout;
        let (reply, answer) = oneshot::channel();
        let fetch = async {
            let gone = || "no tokens are fetched while axon stops".to_owned();
            self.0
                .send(TokenFetch { request, reply })
                .await
                .map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        };
        let late = |_| format!("no token within {} ms", longest.as_millis());
        tokio::time::timeout(longest, fetch).await.map_err(late)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Secret;
    use crate::endpoint::rules::tests::spanned;

    fn def(grant: Grant, in_header: bool) -> OAuthDef {
        OAuthDef {
            grant,
            token_url: spanned("http://t:81/token?x".to_owned()),
            client_id: "me".to_owned(),
            client_secret: Secret("s&c ret".to_owned()),
            in_header,
            parameters: vec![("scope".to_owned(), Secret("a b".to_owned()))],
            headers: vec![("X-A".to_owned(), Secret("1".to_owned()))],
            connect_timeout: Duration::from_millis(100),
            response_timeout: Duration::from_millis(400),
        }
    }

    fn source(grant: Grant, in_header: bool) -> TokenSource {
        let def = def(grant, in_header);
        let address = Address::parse(&def.token_url.value).unwrap();
        TokenSource::new(&def, address)
    }

    fn request(grant: Grant, in_header: bool) -> (String, Vec<(String, String)>) {
        let request = source(grant, in_header).request();
        assert_eq!(request.address.to_string(), "http://t:81/token?x");
        (request.body, request.headers)
    }

    #[test]
    fn each_grant_asks_in_its_own_way() {
        let (body, headers) = request(Grant::ClientCredentials, true);
        assert_eq!(body, "grant_type=client_credentials&scope=a+b");
        let basic = format!("Basic {}", base64::encode(b"me:s&c ret"));
        assert_eq!(headers[0], ("Authorization".to_owned(), basic));
        assert_eq!(headers[1], ("X-A".to_owned(), "1".to_owned()));
        let (body, headers) = request(Grant::RefreshToken(Secret("r".to_owned())), false);
        assert_eq!(
            body,
            "grant_type=refresh_token&refresh_token=r&client_id=me&client_secret=s%26c+ret&scope=a+b"
        );
        assert_eq!(headers.len(), 1);
        let grant = Grant::Password {
            user: "u\u{fc}".to_owned(),
            password: Secret("p".to_owned()),
        };
        assert_eq!(
            request(grant, true).0,
            "grant_type=password&username=u%C3%BC&password=p&scope=a+b"
        );
    }

    fn granted(status: u16, body: &str) -> Result<(String, u64), String> {
        let answer = TokenAnswer {
            status,
            body: body.as_bytes().to_vec(),
        };
        Granted::read(&answer).map(|g| (g.value, g.kept.as_millis() as u64))
    }

    #[test]
    fn an_answer_gives_a_token_and_its_time() {
        let ok = |kept| Ok(("Bearer t".to_owned(), kept));
        assert_eq!(granted(200, r#"{"access_token":"t"}"#), ok(3_000_000));
        assert_eq!(
            granted(200, r#"{"access_token":"t","expires_in":60}"#),
            ok(55_000)
        );
        assert_eq!(
            granted(201, r#"{"access_token":"t","expires_in":"4"}"#),
            ok(2000)
        );
        assert_eq!(
            granted(200, r#"{"access_token":"t","expires_in":86400}"#),
            ok(3_000_000)
        );
        for (status, body) in [
            (401, r#"{"access_token":"t"}"#),
            (200, "<html/>"),
            (200, "{}"),
            (200, r#"{"access_token":"a b"}"#),
            (200, r#"{"access_token":""}"#),
        ] {
            let error = granted(status, body).unwrap_err();
            assert!(!error.contains("a b") && !error.contains("html"), "{error}");
        }
    }

    #[test]
    fn a_token_is_kept_until_its_end_and_a_failure_for_a_moment() {
        let mut kept = Kept::default();
        let token = |seconds| Granted {
            value: "Bearer t".to_owned(),
            kept: Duration::from_secs(seconds),
        };
        let first = kept.keep(Ok(token(10)), Tick(0)).ok().unwrap();
        assert!(matches!(kept.known(Tick(9_999)), Known::Token(t) if t.number == first.number));
        assert!(matches!(kept.known(Tick(10_000)), Known::Nothing));
        assert!(kept.keep(Err("down".to_owned()), Tick(10_000)).is_err());
        assert!(matches!(kept.known(Tick(10_999)), Known::Failure(text) if text == "down"));
        assert!(matches!(kept.known(Tick(11_000)), Known::Nothing));
    }

    #[tokio::test]
    async fn many_who_wait_are_one_fetch_and_a_refused_token_is_fetched_anew() {
        let (fetches, mut asked) = TokenFetches::channel(4);
        let server = tokio::spawn(async move {
            let mut count = 0;
            while let Some(fetch) = asked.recv().await {
                count += 1;
                let body = format!(r#"{{"access_token":"t{count}"}}"#).into_bytes();
                let _ = fetch.reply.send(Ok(TokenAnswer { status: 200, body }));
            }
            count
        });
        let source = source(Grant::ClientCredentials, true);
        let token = || async { source.token(&fetches).await.ok().unwrap() };
        let (a, b, c) = tokio::join!(token(), token(), token());
        assert_eq!(
            (&*a.value, &*b.value, &*c.value),
            ("Bearer t1", "Bearer t1", "Bearer t1")
        );
        source.refused(&a);
        assert_eq!(&*token().await.value, "Bearer t2");
        // The old one is refused once more, by a message that was under way: the new one stays.
        source.refused(&b);
        assert_eq!(&*token().await.value, "Bearer t2");
        drop(fetches);
        assert_eq!(server.await.unwrap(), 2);
    }
}
