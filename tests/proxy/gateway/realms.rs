//! Realms: who may use a service. Statuses and challenges are those that the original was seen to give.

use axon::transport::websocket::frame::Opcode;

use super::{client, config, options, service};
use crate::support::socket::{Socket, ask};
use crate::support::{Answer, Proxy, eventually};

const HOST: &str = "a.test:8081";
const USERS: &str = r#"<jaas-config xmlns="http://xmlns.kaazing.com/jaas-config/centurion">
  <user><name>joe</name><password>welcome</password><role-name>USER</role-name></user>
  <user><name>ada</name><password>secret</password><role-name>ROOT</role-name></user>
  <user><name>odd</name><password>odd</password><role-name>NOBODY</role-name></user>
  <role><name>USER</name><description>a user</description></role>
  <role><name>ADMIN</name></role>
  <role><name>ROOT</name><role-name>ADMIN</role-name></role>
</jaas-config>"#;

const JOE: &str = "Authorization: Basic am9lOndlbGNvbWU=\r\n";
const ADA: &str = "Authorization: Basic YWRhOnNlY3JldA==\r\n";
const ODD: &str = "Authorization: Basic b2RkOm9kZA==\r\n";
/// `ada:welcome`
const WRONG: &str = "Authorization: Basic YWRhOndlbGNvbWU=\r\n";

fn realm(name: &str, scheme: &str, modules: &str) -> String {
    format!(
        "<realm><name>{name}</name><description>The {name} realm</description><authentication>\
         <http-challenge-scheme>{scheme}</http-challenge-scheme><login-modules>{modules}</login-modules></authentication></realm>"
    )
}

fn module(success: &str, file: &str) -> String {
    format!(
        "<login-module><type>file</type><success>{success}</success><options><file>{file}</file></options></login-module>"
    )
}

fn security() -> String {
    let module = module("required", "jaas-config.xml");
    let basic = realm("basic", "Basic", &module);
    let app = realm("app", "Application Basic", &module);
    format!("<security>{basic}{app}</security>")
}

/// Who may use a service.
fn only(realm: &str, roles: &[&str]) -> String {
    let of = |role: &&str| match *role {
        "" => {
            "<authorization-constraint><require-valid-user/></authorization-constraint>".to_owned()
        }
        role => format!(
            "<authorization-constraint><require-role>{role}</require-role></authorization-constraint>"
        ),
    };
    let roles: String = roles.iter().map(of).collect();
    format!("<realm-name>{realm}</realm-name>{roles}")
}

fn echo(path: &str, access: &str) -> String {
    let uri = format!("ws://{HOST}/{path}");
    service(path, &[&uri], "echo", &(options("") + access))
}

fn run(services: &str) -> Proxy {
    Proxy::start(&[
        (
            "gateway-config.xml",
            config(&(services.to_owned() + &security())).as_str(),
        ),
        ("jaas-config.xml", USERS),
    ])
}

fn answer(proxy: &Proxy, request: &str) -> Answer {
    let mut client = client(proxy);
    client.send(request);
    client.answer()
}

#[test]
fn basic_lets_in_who_has_every_role_and_challenges_all_others() {
    let proxy = run(&[
        echo("admin", &only("basic", &["ADMIN"])),
        echo("both", &only("basic", &["ADMIN", "USER"])),
        echo("star", &only("basic", &["*"])),
        echo("valid", &only("basic", &[""])),
        echo("bare", &only("basic", &[])),
        echo("byname", &only("basic", &["joe"])),
        echo(
            "open",
            &only("basic", &["ADMIN"]).replace("<realm-name>basic</realm-name>", ""),
        ),
    ]
    .concat());
    for (path, lines, status) in [
        ("/admin", "", 401),
        ("/admin", WRONG, 401),
        ("/admin", JOE, 401),
        // A role that nobody defined: such a user cannot log in.
        ("/star", ODD, 401),
        ("/admin", "Authorization: Bearer x\r\n", 401),
        ("/admin", "Authorization: Basic\r\n", 401),
        ("/admin", "Authorization: Basic !\r\n", 401),
        ("/admin", &ADA.replace("Basic", "bAsic"), 101),
        // One has the role by way of another one.
        ("/admin", ADA, 101),
        ("/both", ADA, 401),
        ("/both", JOE, 401),
        ("/star", JOE, 101),
        ("/star", "", 401),
        ("/valid", JOE, 101),
        ("/valid", "", 401),
        ("/bare", JOE, 101),
        ("/bare", "", 401),
        ("/byname", JOE, 101),
        ("/byname", ADA, 401),
        ("/open", "", 101),
    ] {
        let answer = answer(&proxy, &ask(path, HOST, lines));
        assert_eq!(answer.status, status, "{path} {lines}");
        if status == 401 {
            let challenge = answer.headers.value("WWW-Authenticate");
            assert_eq!(challenge, Some("Basic realm=\"The basic realm\""));
            assert!(answer.text().contains("<h1>401 Unauthorized</h1>"));
        }
    }
}

#[test]
fn an_emulated_websocket_is_for_who_has_its_id_once_it_was_made() {
    let proxy = run(&echo("echo", &only("basic", &["ADMIN"])));
    let post = |path: &str, lines: &str, body: &str| {
        let length = body.len();
        answer(
            &proxy,
            &format!(
                "POST {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}Content-Length: {length}\r\n\r\n{body}"
            ),
        )
    };
    let create = "X-WebSocket-Version: wseb-1.0\r\nX-Sequence-No: 1\r\n";
    assert_eq!(post("/echo/;e/ct", create, "").status, 401);
    let made = post("/echo/;e/ct", &format!("{create}{ADA}"), "");
    assert_eq!(made.status, 201, "{}", made.head);
    let text = made.text();
    let up = text.lines().next().unwrap();
    let up = up.strip_prefix(&format!("http://{HOST}")).unwrap();
    let next = "X-Sequence-No: 2\r\nContent-Type: text/plain; charset=utf-8\r\n";
    // A frame of text that is `a`, and the command that the client will send more.
    assert_eq!(
        post(up, next, "\u{81}\u{1}a\u{1}\u{30}\u{31}\u{ff}").status,
        200
    );
    let (_, id) = up.rsplit_once('/').unwrap();
    let other = up.replace(id, "0000000000000000");
    assert_eq!(post(&other, next, "").status, 404);
}

/// What a KAAZING client says inside.
fn inner(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nWebSocket-Protocol:\r\n{lines}\r\n")
}

const EXTENDED: &str = "Sec-WebSocket-Protocol: x-kaazing-handshake\r\n";
const CHALLENGED: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nWWW-Authenticate: Application Basic realm=\"The app realm\"\r\nContent-Length: 64\r\n\r\n<html><head></head><body><h1>401 Unauthorized</h1></body></html>";

#[test]
fn a_challenge_for_the_client_program_is_made_in_the_second_handshake() {
    let proxy = run(&echo("app", &only("app", &["ADMIN"])));
    let (mut socket, _) = Socket::open(client(&proxy), &ask("/app?.kl=Y", HOST, EXTENDED));
    socket.expect(Opcode::Binary, b"\xef\x83\xbfN");
    for lines in ["", WRONG, JOE, "Authorization: Basic !\r\n"] {
        socket.send(Opcode::Text, inner("/app?.kl=Y", lines).as_bytes());
        socket.expect(Opcode::Binary, CHALLENGED.as_bytes());
        socket.expect(Opcode::Binary, b"");
    }
    socket.send(Opcode::Text, inner("/app?.kl=Y", ADA).as_bytes());
    let (_, _, agreed) = socket.frame().unwrap();
    assert!(agreed.starts_with(b"HTTP/1.1 101 "));
    socket.expect(Opcode::Binary, b"");
    socket.expect(Opcode::Binary, b"\xef\x83\xbfN");
    socket.send(Opcode::Text, b"hello");
    socket.expect(Opcode::Text, b"hello");

    // Whoever has logged in outside need not do it again.
    let lines = format!("{EXTENDED}{ADA}");
    let (mut socket, _) = Socket::open(client(&proxy), &ask("/app", HOST, &lines));
    socket.send(Opcode::Text, inner("/app", "").as_bytes());
    let (_, _, agreed) = socket.frame().unwrap();
    assert!(agreed.starts_with(b"HTTP/1.1 101 "));
}

#[test]
fn nobody_guesses_for_ever() {
    let proxy = run(&echo("app", &only("app", &["ADMIN"])));
    let (mut socket, _) = Socket::open(client(&proxy), &ask("/app", HOST, EXTENDED));
    for _ in 0..8 {
        socket.send(Opcode::Text, inner("/app", WRONG).as_bytes());
        socket.expect(Opcode::Binary, CHALLENGED.as_bytes());
    }
    socket.expect_close(1008);
}

#[test]
fn a_client_without_the_second_handshake_is_refused_and_not_challenged() {
    let proxy = run(&echo("app", &only("app", &["ADMIN"])));
    for (lines, status) in [("", 403), (WRONG, 403), (JOE, 403), (ADA, 101)] {
        let answer = answer(&proxy, &ask("/app", HOST, lines));
        assert_eq!(answer.status, status, "{lines}");
        assert!(answer.headers.value("WWW-Authenticate").is_none());
    }
    let create = "POST /app/;e/ct HTTP/1.1\r\nHost: a.test:8081\r\nX-WebSocket-Version: wseb-1.0\r\nContent-Length: 0\r\n\r\n";
    let answer = answer(&proxy, create);
    assert_eq!(answer.status, 200);
    let wrapped = CHALLENGED.replace("Content-Length: 64\r\n", "");
    assert_eq!(answer.text(), wrapped);
}

#[test]
fn every_type_of_service_asks() {
    let backend = crate::support::Backend::named("from behind");
    let http = |path: &str| format!("http://{HOST}/{path}/");
    let access = only("app", &["ADMIN"]);
    let files = service(
        "files",
        &[&http("files")],
        "directory",
        &format!(
            "<properties><directory>.</directory></properties>{}{access}",
            options("")
        ),
    );
    let moved = service(
        "moved",
        &[&http("moved")],
        "http.redirect",
        &format!(
            "<properties><location>http://b.test/</location></properties>{}{access}",
            options("")
        ),
    );
    let passed = format!(
        "<service><name>passed</name><accept>{}</accept><connect>http://{}/</connect><type>http.proxy</type>{}{access}</service>",
        http("passed"),
        backend.address,
        options("")
    );
    let bridged = format!(
        "<service><name>bridged</name><accept>ws://{HOST}/bridged</accept><connect>tcp://{}</connect><type>proxy</type>{}{access}</service>",
        backend.address,
        options("")
    );
    let relayed = format!(
        "<service><name>relayed</name><accept>ws://{HOST}/relayed</accept><connect>ws://{}/</connect><type>proxy</type>{}{access}</service>",
        backend.address,
        options("")
    );
    let told = service(
        "told",
        &[&format!("ws://{HOST}/told")],
        "broadcast",
        &format!(
            "<properties><accept>tcp://127.0.0.1:0</accept></properties>{}{access}",
            options("")
        ),
    );
    let proxy = run(&[files, moved, passed, bridged, relayed, told].concat());
    for (path, right) in [
        ("/files/jaas-config.xml", 200),
        ("/moved/", 302),
        ("/passed/", 200),
    ] {
        let get = |lines: &str| format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}\r\n");
        let refused = answer(&proxy, &get(JOE));
        assert_eq!(refused.status, 401, "{path}");
        // Over plain HTTP it is a browser that asks.
        let challenge = refused.headers.value("WWW-Authenticate");
        assert_eq!(challenge, Some("Basic realm=\"The app realm\""));
        assert_eq!(answer(&proxy, &get(ADA)).status, right, "{path}");
    }
    for path in ["/bridged", "/relayed", "/told"] {
        assert_eq!(answer(&proxy, &ask(path, HOST, JOE)).status, 403, "{path}");
    }
    // Who passes an upgrade on cannot make the second handshake.
    let extended = answer(&proxy, &ask("/relayed", HOST, EXTENDED));
    assert_eq!(extended.status, 403);
    assert_eq!(backend.hits(), 1);
    // Nobody gets through to a back end before he has logged in.
    let before = backend.connections();
    let (mut socket, _) = Socket::open(client(&proxy), &ask("/bridged", HOST, EXTENDED));
    socket.send(Opcode::Text, inner("/bridged", "").as_bytes());
    socket.expect(Opcode::Binary, CHALLENGED.as_bytes());
    assert_eq!(backend.connections(), before);
    socket.send(Opcode::Text, inner("/bridged", ADA).as_bytes());
    assert!(socket.frame().unwrap().2.starts_with(b"HTTP/1.1 101 "));
    socket.expect(Opcode::Binary, b"");
    socket.send(Opcode::Text, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let (_, _, got) = socket.frame().unwrap();
    assert!(got.starts_with(b"HTTP/1.1 200 "));
}

#[test]
fn a_balancer_asks_for_itself_and_its_members_for_themselves() {
    let access = only("app", &["ADMIN"]);
    let balancer = service(
        "public",
        &["ws://public.test:8081/echo"],
        "balancer",
        &(options("") + &access),
    );
    let member = format!(
        "<service><name>node</name><accept>ws://{HOST}/echo</accept><balance>ws://public.test:8081/echo</balance><type>echo</type>{}{access}</service>",
        options("")
    );
    let proxy = run(&(balancer + &member));
    let public = "public.test:8081";
    let (mut socket, _) = Socket::open(client(&proxy), &ask("/echo?.kl=Y", public, EXTENDED));
    socket.expect(Opcode::Binary, b"\xef\x83\xbfN");
    socket.send(Opcode::Text, inner("/echo?.kl=Y", "").as_bytes());
    socket.expect(Opcode::Binary, CHALLENGED.as_bytes());
    socket.expect(Opcode::Binary, b"");
    socket.send(Opcode::Text, inner("/echo?.kl=Y", ADA).as_bytes());
    assert!(socket.frame().unwrap().2.starts_with(b"HTTP/1.1 101 "));
    socket.expect(Opcode::Binary, b"");
    socket.expect(Opcode::Binary, b"\xef\x83\xbfRws://a.test:8081/echo?.kl=Y");
    socket.expect_close(1000);
    for (lines, status) in [("", 403), (JOE, 403), (ADA, 302)] {
        let answer = answer(&proxy, &ask("/echo", public, lines));
        assert_eq!(answer.status, status, "{lines}");
    }
    // A browser is served on the spot, under the rules of the member.
    let browser = "Origin: http://public.test:8081\r\nUser-Agent: Mozilla/5.0 (X11)\r\n";
    for (lines, status) in [("", 403), (ADA, 101)] {
        let lines = format!("{browser}{lines}");
        assert_eq!(answer(&proxy, &ask("/echo", public, &lines)).status, status);
    }
}

#[test]
fn several_login_modules_count_together() {
    let modules = module("sufficient", "jaas-config.xml") + &module("required", "others.xml");
    let realm = realm("basic", "Basic", &modules);
    let services = echo("star", &only("basic", &["*"]));
    let others = USERS.replace("joe", "eve");
    let proxy = Proxy::start(&[
        (
            "gateway-config.xml",
            config(&format!("{services}<security>{realm}</security>")).as_str(),
        ),
        ("jaas-config.xml", USERS),
        ("others.xml", &others),
    ]);
    let eve = "Authorization: Basic ZXZlOndlbGNvbWU=\r\n";
    for (lines, status) in [(JOE, 101), (eve, 101), (WRONG, 401), ("", 401)] {
        assert_eq!(
            answer(&proxy, &ask("/star", HOST, lines)).status,
            status,
            "{lines}"
        );
    }
}

#[test]
fn changed_users_are_taken_while_it_runs() {
    let services = echo("star", &only("basic", &["*"])) + &security();
    let proxy = Proxy::with(
        &[
            ("gateway-config.xml", config(&services).as_str()),
            ("jaas-config.xml", USERS),
        ],
        &[],
    );
    let status = || answer(&proxy, &ask("/star", HOST, WRONG)).status;
    assert_eq!(status(), 401);
    proxy.write("jaas-config.xml", &USERS.replace("secret", "welcome"));
    eventually("the new password", || (status() == 101).then_some(()));
    // A file that is broken changes nothing.
    proxy.write("jaas-config.xml", "<jaas-config>");
    let (_, view) = proxy.change("/api/v1/config:reload");
    assert_eq!(view["result"], "rejected", "{view}");
    assert_eq!(status(), 101);
}

#[test]
fn what_cannot_protect_is_not_served() {
    let ldap = "<login-module><type>ldap</type><success>required</success></login-module>";
    let realms = [
        realm("ldap", "Basic", ldap),
        realm(
            "token",
            "Application Token",
            &module("required", "jaas-config.xml"),
        ),
    ];
    let services = echo("ldap", &only("ldap", &["*"])) + &echo("token", &only("token", &["*"]));
    let security = format!("<security>{}</security>", realms.concat());
    let proxy = Proxy::start(&[
        (
            "gateway-config.xml",
            config(&(services + &security)).as_str(),
        ),
        ("jaas-config.xml", USERS),
    ]);
    for (path, why) in [
        ("/ldap", "the login module ldap is not supported yet"),
        (
            "/token",
            "the challenge scheme Application Token is not supported yet",
        ),
    ] {
        let answer = answer(&proxy, &ask(path, HOST, ADA));
        assert_eq!(answer.status, 501);
        assert_eq!(answer.headers.value("X-Axon-Reason"), Some(why));
    }
}
