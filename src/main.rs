//! The `axon` program: flags in, exit code out. Everything else is in the library.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use axon::admin::explain::ExplainRequest;
use axon::cli::{
    AnswerFormat, CheckFormat, Cli, DemoArgs, ExplainArgs, SchemaDialect, SimulateArgs, Verb,
};
use axon::config::format::Style;
use axon::config::schema::{self, Dialect};
use axon::server::{self, Greeting, Options};
use axon::{backend, check, client_cli, demo, simulate};
use clap::Parser;

// Many small allocations per message: measured cheaper than the system's allocator.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().verb {
        Verb::Run(args) => serve(&Options {
            paths: args.paths,
            http: args.http,
            https: args.https,
            cert: args.cert,
            key: args.key,
            admin: args.admin,
            probes: args.probes,
            workers: args.workers,
            default: args.default,
            no_watch: args.no_watch,
            lenient: args.lenient,
            settings: args.settings,
            greeting: None,
        }),
        Verb::Check(args) => {
            let request = check::Request {
                paths: &args.paths,
                default_root: &server::default_root(),
                settings: args.settings.as_deref(),
                format: match args.format {
                    CheckFormat::Human => check::Format::Human,
                    CheckFormat::Json => check::Format::Json,
                    CheckFormat::Sarif => check::Format::Sarif,
                },
                deny: &args.deny,
                allow: &args.allow,
            };
            print(&check::check(
                &request,
                std::env::vars(),
                server::check_more,
            ))
        }
        Verb::Compat(args) => {
            let request = check::CompatRequest {
                paths: &args.paths,
                default_root: &server::default_root(),
                format: match (args.json, args.format) {
                    (false, AnswerFormat::Human) => check::Format::Human,
                    _ => check::Format::Json,
                },
            };
            print(&check::compat(
                &request,
                std::env::vars(),
                server::check_more,
            ))
        }
        Verb::Fmt(args) => print(&check::fmt(&check::FmtRequest {
            paths: &args.paths,
            default_root: &server::default_root(),
            check: args.check,
            style: Style {
                upgrade: args.upgrade,
                indent: args.indent.map(usize::from),
            },
        })),
        Verb::Schema(args) => {
            let text = schema::xsd(match args.dialect {
                SchemaDialect::Synapse => Dialect::Synapse,
                SchemaDialect::Wso2 => Dialect::Wso2,
            });
            print(&check::Answer { text, exit_code: 0 })
        }
        Verb::ExplainCode(args) => print(&check::explain_code(
            &args.code,
            match args.format {
                AnswerFormat::Human => check::Format::Human,
                AnswerFormat::Json => check::Format::Json,
            },
        )),
        Verb::Explain(args) => explain(args),
        Verb::Simulate(args) => run_simulation(&args),
        Verb::Demo(args) => run_demo(args),
        Verb::Backend(args) => match tokio::runtime::Runtime::new() {
            Ok(runtime) => ExitCode::from(runtime.block_on(backend::run(&args.port))),
            Err(error) => failed(&error),
        },
        Verb::Client(verb) => ExitCode::from(client_cli::run(&verb)),
    }
}

/// Prints an answer and gives its exit code.
fn print(answer: &check::Answer) -> ExitCode {
    // Whoever reads may have seen enough: a closed pipe is no failure.
    let _ = writeln!(std::io::stdout(), "{}", answer.text.trim_end());
    ExitCode::from(answer.exit_code)
}

/// Over files, or by asking a running axon.
fn explain(args: ExplainArgs) -> ExitCode {
    let body = match args
        .data
        .as_deref()
        .map(|data| data.strip_prefix('@').ok_or(data))
    {
        None => None,
        Some(Err(text)) => Some(text.to_owned()),
        Some(Ok(file)) => match std::fs::read_to_string(file) {
            Ok(text) => Some(text),
            Err(error) => {
                eprintln!("axon: {file}: {error}");
                return ExitCode::from(2);
            }
        },
    };
    let request = ExplainRequest {
        method: args.method.unwrap_or_default(),
        url: args.url,
        headers: args.headers,
        body,
        fail: args.fail,
    };
    if args.from_node {
        return ExitCode::from(client_cli::explain(&args.target, &request));
    }
    let origin = server::Origin {
        paths: args.paths,
        default_root: server::default_root(),
        settings: args.settings,
        default: args.default,
        cert: Vec::new(),
        key: Vec::new(),
    };
    match server::explain_files(&origin, &request) {
        Ok(view) => ExitCode::from(client_cli::print_explained(&view, &args.target)),
        Err(text) => {
            eprintln!("axon: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run_simulation(args: &SimulateArgs) -> ExitCode {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let print = match args.format {
        AnswerFormat::Human => simulate::human,
        AnswerFormat::Json => simulate::json,
    };
    // A reader that has seen enough closes the pipe: nothing is left to say to it.
    let mut tell = |entry: &simulate::Entry| drop(writeln!(out, "{}", print(entry)));
    let ran = simulate::Scenario::read(&args.scenario).and_then(|scenario| {
        simulate::run(
            std::slice::from_ref(&args.tree),
            &scenario,
            args.seed,
            &mut tell,
        )
    });
    drop(out.flush());
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("axon: {text}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options) -> ExitCode {
    match server::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// The sample back ends live on a runtime of their own beside the proxy.
fn run_demo(args: DemoArgs) -> ExitCode {
    let ports = match <[u16; 4]>::try_from(args.port) {
        Ok(ports) => ports,
        Err(given) if given.is_empty() => backend::DEFAULT_PORTS,
        Err(_) => {
            eprintln!(
                "axon: the demonstration has four back ends: give --port four times, or not at all"
            );
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let prepared = runtime.block_on(async { demo::Demo::prepare(ports) });
    let demo = match prepared {
        Ok(demo) => Arc::new(demo),
        Err(error) => return failed(&error),
    };
    let shown = demo.clone();
    serve(&Options {
        paths: vec![demo.folder().to_owned()],
        http: vec![args.http],
        admin: Some(args.admin),
        greeting: Some(Greeting(Arc::new(move |http, admin| {
            shown.text(http, admin)
        }))),
        ..Options::default()
    })
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("axon: {error}");
    ExitCode::FAILURE
}
