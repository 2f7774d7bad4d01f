//! The command line (design 13).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::check::Which;
use crate::client_cli::{ClientVerb, Target};

/// Reverse proxy and HTTP/SOAP mediation proxy that reads Apache Synapse and WSO2 configuration as it is.
#[derive(Debug, Parser)]
#[command(name = "axon", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Serve a configuration
    Run(RunArgs),
    /// Look for everything that is wrong with a configuration
    Check(CheckArgs),
    /// Say of each artifact whether it runs as it did, differently, or not
    Compat(CompatArgs),
    /// Put configuration files into canonical form
    Fmt(FmtArgs),
    /// Print a schema of the configuration language, for editors
    Schema(SchemaArgs),
    /// Say what an error code, its name or a diagnostic means
    ExplainCode(ExplainCodeArgs),
    /// Show which way a request would take, and what comes next if it fails
    Explain(ExplainArgs),
    /// Run an endpoint tree on a virtual clock with made-up back ends
    Simulate(SimulateArgs),
    /// Sample back ends and a proxy in front of them on loopback, with lines to try
    Demo(DemoArgs),
    /// The sample SOAP back ends alone
    Backend(BackendArgs),
    /// Ask or tell a running axon
    #[command(flatten)]
    Client(ClientVerb),
}

/// `axon run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Files and folders with configuration [default: synapse-configs/default]
    pub paths: Vec<PathBuf>,
    /// Address for HTTP clients, may be repeated [default: 0.0.0.0:8280]
    #[arg(long, value_name = "ADDR")]
    pub http: Vec<String>,
    /// Address for HTTPS clients, may be repeated [default: 0.0.0.0:8243 when there is a --cert]
    #[arg(long, value_name = "ADDR")]
    pub https: Vec<String>,
    /// Certificate with its chain for HTTPS clients (PEM); repeated with --key: one for each name
    #[arg(long, value_name = "FILE")]
    pub cert: Vec<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE")]
    pub key: Vec<PathBuf>,
    /// Address of the administration, host:port or unix:PATH [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
    /// Address for /live, /ready and /metrics only
    #[arg(long, value_name = "ADDR")]
    pub probes: Option<String>,
    /// Worker threads [default: number of cores]
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Endpoint that takes what no other name matches, where there are only endpoints
    #[arg(long, value_name = "NAME")]
    pub default: Option<String>,
    /// Do not watch the files for changes
    #[arg(long)]
    pub no_watch: bool,
    /// Start although some artifacts are faulty; those answer with a fault
    #[arg(long)]
    pub lenient: bool,
    /// Settings file [default: axon.toml beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
}

/// `axon check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files and folders with configuration [default: synapse-configs/default]
    pub paths: Vec<PathBuf>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub format: CheckFormat,
    /// Count these as problems too: warnings, lints (AX09xx), or a code; may be repeated
    #[arg(long, value_name = "WHAT")]
    pub deny: Vec<Which>,
    /// Leave these warnings out: lints, or a code such as AX0906; may be repeated
    #[arg(long, value_name = "WHAT")]
    pub allow: Vec<Which>,
    /// Settings file [default: axon.toml beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
}

/// Form of `axon check`'s answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    Human,
    /// One JSON object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// `axon compat`.
#[derive(Debug, Args)]
pub struct CompatArgs {
    /// Files and folders with configuration [default: synapse-configs/default]
    pub paths: Vec<PathBuf>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = AnswerFormat::Human)]
    pub format: AnswerFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// `axon fmt`.
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Files and folders with configuration [default: synapse-configs/default]
    pub paths: Vec<PathBuf>,
    /// Write nothing: show what would change, and exit with 1 when something would
    #[arg(long)]
    pub check: bool,
    /// Rewrite old spellings and elements, add a missing namespace
    #[arg(long)]
    pub upgrade: bool,
    /// Give each element of an endpoint a line, with N spaces per level [default when given: 2]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "2")]
    pub indent: Option<u8>,
}

/// `axon schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// As XML schema, which is what there is
    #[arg(long)]
    pub xsd: bool,
    /// Whose language
    #[arg(long, value_enum, default_value_t = SchemaDialect::Wso2)]
    pub dialect: SchemaDialect,
}

/// Whose language a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaDialect {
    /// Apache Synapse
    Synapse,
    /// WSO2, which is more
    Wso2,
}

/// `axon explain-code`.
#[derive(Debug, Args)]
pub struct ExplainCodeArgs {
    /// An error code (101504), its name (connection_timeout), or a diagnostic (AX0301)
    pub code: String,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = AnswerFormat::Human)]
    pub format: AnswerFormat,
}

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AnswerFormat {
    /// For people
    Human,
    /// One JSON object
    Json,
}

/// `axon explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Method [default: GET, with a body POST]
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Header line, may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// Body, or @FILE
    #[arg(short, long, value_name = "TEXT|@FILE")]
    pub data: Option<String>,
    /// Have a try fail: an endpoint's path, name or address, and an error code; may be repeated
    #[arg(long, value_name = "CHILD=CODE")]
    pub fail: Vec<String>,
    /// Ask a running axon, with its live states and sessions; nothing is sent, changed or counted there
    #[arg(long)]
    pub from_node: bool,
    /// Endpoint that takes what no other name matches, where there are only endpoints
    #[arg(long, value_name = "NAME")]
    pub default: Option<String>,
    /// Settings file [default: axon.toml beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Where to ask, and how to print
    #[command(flatten)]
    pub target: Target,
    /// Path or URL of the request
    pub url: String,
    /// Files and folders with configuration [default: synapse-configs/default]
    pub paths: Vec<PathBuf>,
}

/// `axon simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// File or folder with the endpoints
    pub tree: PathBuf,
    /// What happens: TOML, or JSON lines when it is called .jsonl
    #[arg(long, value_name = "FILE")]
    pub scenario: PathBuf,
    /// The same seed gives the same lines
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Form of the lines
    #[arg(long, value_enum, default_value_t = AnswerFormat::Human)]
    pub format: AnswerFormat,
}

/// `axon demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Address of the proxy
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8280")]
    pub http: String,
    /// Address of the administration
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub admin: String,
    /// Port of a back end, given four times; 0 = any free one [default: 9000 to 9003]
    #[arg(long, value_name = "P")]
    pub port: Vec<u16>,
}

/// `axon backend`.
#[derive(Debug, Args)]
pub struct BackendArgs {
    /// Port, may be repeated [default: 9000 to 9003]
    #[arg(long, value_name = "P")]
    pub port: Vec<u16>,
}
