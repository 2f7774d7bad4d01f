use super::*;
use crate::admin::double::Double;
use crate::admin::{Admin, Token};
use clap::Parser;
use std::sync::Arc;
use tokio::sync::oneshot;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    verb: ClientVerb,
}

/// Runs each command line against one server in turn and returns the exit codes.
fn codes(control: Arc<Double>, token: Option<Token>, lines: &[&[&str]]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", folder.path().join("s").display());
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "0123456789abcdef\n").unwrap();
    let admin = Admin::bind(&address.parse().unwrap(), token.clone()).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(admin.serve(control, async {
            let _ = stopped.await;
        }))
    });
    let codes = lines.iter().map(|line| {
        let mut all = vec!["axon"];
        all.extend_from_slice(line);
        all.extend_from_slice(&["--admin", &address]);
        if token.is_some() {
            all.extend_from_slice(&["--token-file", token_file.to_str().unwrap()]);
        }
        run(&Line::try_parse_from(all)
            .unwrap_or_else(|e| panic!("{e}"))
            .verb)
    });
    let codes = codes.collect();
    stop.send(()).unwrap();
    server.join().unwrap().unwrap();
    codes
}

#[test]
fn exit_codes_say_done_refused_and_degraded() {
    let lines: &[(&[&str], u8)] = &[
        (&["status"], 0),
        (&["endpoint", "list"], 0),
        (&["endpoint", "list", "quotes/#0", "--format", "json"], 0),
        (&["endpoint", "list", "nobody"], 1),
        (&["cluster", "status"], 0),
        (&["cluster", "status", "--json"], 0),
        (&["cluster", "drain", "--reason", "patching"], 0),
        (&["cluster", "undrain"], 0),
        (
            &["endpoint", "off", "quotes/söder b", "--reason", "patching"],
            0,
        ),
        (&["status", "--format", "json"], 4),
        (&["endpoint", "on", "quotes/söder b"], 0),
        (&["status"], 0),
        (&["endpoint", "off", "quotes"], 1),
        (&["reload"], 0),
    ];
    let only: Vec<_> = lines.iter().map(|(line, _)| *line).collect();
    let wanted: Vec<_> = lines.iter().map(|(_, code)| *code).collect();
    assert_eq!(codes(Double::shared(), None, &only), wanted);
}

#[test]
fn a_refused_reload_exits_1_and_the_old_configuration_is_degraded() {
    let refusing = Arc::new(Double {
        reject: true,
        ..Double::default()
    });
    assert_eq!(codes(refusing, None, &[&["reload"], &["status"]]), [1, 4]);
}

#[test]
fn a_token_file_opens_a_guarded_server() {
    let token = Token::new("0123456789abcdef");
    assert_eq!(codes(Double::shared(), token, &[&["status"]]), [0]);
}

#[test]
fn nobody_there_is_3() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", folder.path().join("none").display());
    let line = Line::try_parse_from(["axon", "status", "--admin", &address]);
    assert_eq!(run(&line.unwrap_or_else(|e| panic!("{e}")).verb), 3);
}
