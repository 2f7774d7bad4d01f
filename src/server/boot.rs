//! Boot order: load, bind, serve, and at the end drain.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::control::Running;
use super::counters::Counters;
use super::generation::{Around, Built, Generation, Origin};
use super::heavy::Heavy;
use super::members::{self, Members};
use super::reload::{Reloads, Shared};
use super::reloader::Reloader;
use super::watch::Watch;
use super::worker::Listening;
use super::{cluster, doors, health, listen, registry, systemd, tokens, worker, wsdl};
use crate::admin::{Admin, AdminAddr, Token};
use crate::cluster::{LEAVING_TIME, Plan, Standing};
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::render;
use crate::endpoint::allow::AllowList;
use crate::endpoint::dispatch::auth::TokenFetches;
use crate::observe::{EventLog, LineWriter, LogFormat};
use crate::settings::{self, Settings};
use crate::transport::http1::parse::{FIELDS_MAX, HeadLimits};
use crate::transport::limits::Limits;
use crate::transport::listener;
use crate::transport::replay::ReplayLimits;
use crate::util::clock;

/// For the last answers of the administration when the stop has begun.
const LAST_ANSWERS: std::time::Duration = std::time::Duration::from_secs(1);
/// How often expired sessions are dropped.
const SESSION_SWEEP: std::time::Duration = std::time::Duration::from_secs(5);
/// Deployment folder when no path is given.
const DEFAULT_ROOT: &str = "synapse-configs/default";

/// What `axon run` was asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Files and folders; empty = the deployment folder.
    pub paths: Vec<PathBuf>,
    /// `--http`.
    pub http: Vec<String>,
    /// `--https`.
    pub https: Vec<String>,
    /// `--cert`.
    pub cert: Vec<PathBuf>,
    /// `--key`.
    pub key: Vec<PathBuf>,
    /// `--admin`.
    pub admin: Option<String>,
    /// `--probes`.
    pub probes: Option<String>,
    /// `--workers`.
    pub workers: Option<usize>,
    /// `--default`.
    pub default: Option<String>,
    /// `--no-watch`.
    pub no_watch: bool,
    /// `--lenient`.
    pub lenient: bool,
    /// `--settings`.
    pub settings: Option<PathBuf>,
    /// Lines to print once everything listens: gets the HTTP and the administration address.
    pub greeting: Option<Greeting>,
}

/// A text from the HTTP and the administration address.
type Compose = dyn Fn(&str, &str) -> String + Send + Sync;

/// Makes a text from the HTTP and the administration address.
#[derive(Clone)]
pub struct Greeting(pub Arc<Compose>);

impl std::fmt::Debug for Greeting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Greeting")
    }
}

/// Why the proxy does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration has errors; the text lists them.
    #[error("{0}")]
    Configuration(String),
    /// An address cannot be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// A setting or flag means nothing.
    #[error("{0}")]
    Setting(String),
    /// The administration cannot be opened.
    #[error(transparent)]
    Admin(#[from] crate::admin::BindError),
    /// The system refused something.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// The folder that is used when no path is given.
pub fn default_root() -> PathBuf {
    PathBuf::from(DEFAULT_ROOT)
}

/// Runs the proxy until it is told to stop.
pub fn run(options: &Options) -> Result<(), RunError> {
    // The clock's line begins with the process.
    clock::now();
    raise_descriptor_limit();
    let origin = Origin {
        paths: options.paths.clone(),
        default_root: default_root(),
        settings: options.settings.clone(),
        default: options.default.clone(),
        cert: options.cert.clone(),
        key: options.key.clone(),
    };
    let mut loaded = origin.load();
    let mediates = loaded.model.gateway.is_none() || loaded.model.mediates();
    let addresses = listen::addresses(options, &loaded.settings, mediates)?;
    doors::check(&loaded.model, &mut loaded.diagnostics);
    let admin_address = parse_admin(
        options
            .admin
            .as_deref()
            .unwrap_or(&loaded.settings.admin.address),
    )?;
    // Opened first: where port 0 was asked for, only now is it known which address messages may not name.
    let admin = Admin::bind(&admin_address, token(&loaded.settings)?)?;
    let own = match admin.address() {
        AdminAddr::Tcp(address) => vec![*address],
        AdminAddr::Unix(_) => Vec::new(),
    };
    let network = AllowList::for_network(addresses.iter().all(|a| a.at.ip().is_loopback()), own);
    let members = Members::default();
    let standing = Standing::default();
    let around = Around {
        network: &network,
        members: &members,
        standing: &standing,
    };
    let (
        Built {
            generation, plan, ..
        },
        mut diagnostics,
        settings,
    ) = Generation::build(loaded, options.default.as_deref(), None, &around);
    if options.lenient || !diagnostics.has_errors() {
        wsdl::first_round(&generation, &mut diagnostics)?;
    }
    let problems = diagnostics.into_sorted();
    report(&problems, &generation, options.lenient)?;

    // Before anybody can know that it runs: a SIGHUP without its handler would end the process.
    let control = ControlRuntime::start()?;
    let mut opened = Vec::new();
    let mut sockets = Vec::new();
    for address in addresses {
        let listen = |source| RunError::Listen {
            address: address.at.to_string(),
            source,
        };
        let socket = listener::bind(address.at).map_err(listen)?;
        let name = socket.local_addr().map_err(listen)?.to_string();
        opened.push((address.kind().to_owned(), name.clone()));
        sockets.push(Listening {
            name,
            tls: address.tls,
            door: None,
            socket,
        });
    }
    if let Some(gateway) = &generation.gateway {
        for listening in doors::open(gateway, |door| generation.locate(door.span))? {
            opened.push((listening.kind().to_owned(), listening.name.clone()));
            sockets.push(listening);
        }
    }
    opened.push(("admin".to_owned(), admin.address().to_string()));
    let probes_address = options
        .probes
        .clone()
        .or_else(|| settings.admin.probes.clone());
    let probes = match probes_address {
        Some(text) => Some(Admin::bind_probes(&parse_admin(&text)?)?),
        None => None,
    };
    if let Some(probes) = &probes {
        opened.push(("probes".to_owned(), probes.address().to_string()));
    }
    serve(
        options,
        origin,
        generation,
        &settings,
        (network, members, standing),
        plan,
        Opened {
            opened,
            sockets,
            admin,
            probes,
            control,
        },
    )
}

/// The threads of the control plane, and the signals that they take.
struct ControlRuntime {
    runtime: tokio::runtime::Runtime,
    signals: Signals,
}

/// What a signal asks for.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl ControlRuntime {
    fn start() -> std::io::Result<ControlRuntime> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(8)
            .thread_name("axon-control")
            .enable_all()
            .build()?;
        let inside = runtime.enter();
        let signals = Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        drop(inside);
        Ok(ControlRuntime { runtime, signals })
    }
}

/// What is known of the world around the process, across generations.
type Known = (AllowList, Members, Standing);

/// Everything that listens.
struct Opened {
    opened: Vec<(String, String)>,
    sockets: Vec<Listening>,
    admin: Admin,
    probes: Option<Admin>,
    control: ControlRuntime,
}

fn serve(
    options: &Options,
    origin: Origin,
    generation: Generation,
    settings: &Settings,
    (network, members, standing): Known,
    plan: Option<Plan>,
    opened: Opened,
) -> Result<(), RunError> {
    let format = log_format(settings);
    let writer = Arc::new(LineWriter::start(Box::new(std::io::stdout()))?);
    let event_format = if format == LogFormat::Off {
        LogFormat::Text
    } else {
        format
    };
    let events = Arc::new(EventLog::new(event_format, Some(writer.lines())));
    let workers = options
        .workers
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
        .max(1);
    let counters: Vec<Arc<Counters>> = (0..workers)
        .map(|_| Arc::new(Counters::default()))
        .collect();
    let current = Arc::new(ArcSwap::from_pointee(generation));
    let (fresh, to_open): (Vec<_>, Vec<_>) = counters
        .iter()
        .map(|_| mpsc::channel(doors::FRESH_MAX))
        .unzip();
    let doors = opened.sockets.iter().filter_map(|l| l.door.clone());
    let shared = Arc::new(Shared {
        current: current.clone(),
        origin,
        lenient: options.lenient,
        limits: limits(settings),
        network,
        members,
        standing,
        plan: watch::channel(plan.map(Arc::new)).0,
        doors: doors::Doors::new(doors, fresh, format, writer.clone()),
        counters: counters.clone(),
        events: events.clone(),
        reloads: parking_lot::Mutex::new(Reloads::default()),
    });
    shared.current.load().tell_left_out(&events);
    shared.current.load().tell_gateway(&events);
    let (stop, stopping) = watch::channel(false);
    for (kind, address) in &opened.opened {
        println!("listening {kind} {address}");
    }
    let (fetches, asked_for) = TokenFetches::channel(tokens::WAITING_MAX);
    let heavy = Heavy::start()?;
    let mut threads = Vec::new();
    for ((index, counters), to_open) in counters.into_iter().enumerate().zip(to_open) {
        let listeners = opened
            .sockets
            .iter()
            .map(Listening::try_clone)
            .collect::<std::io::Result<Vec<_>>>()?;
        let access = listeners
            .iter()
            .map(|_| (format != LogFormat::Off).then(|| (format, writer.lines())))
            .collect();
        let plan = worker::Plan {
            index,
            limits: limits(settings),
            seed: seed(index),
            listeners,
            to_open,
            current: current.clone(),
            counters,
            events: events.clone(),
            access,
            tokens: fetches.clone(),
            heavy: heavy.clone(),
            stop: stopping.clone(),
        };
        threads.push(
            std::thread::Builder::new()
                .name(format!("axon-{index}"))
                .spawn(move || worker::run(plan))?,
        );
    }
    let own = opened.sockets.iter().filter(|l| l.door.is_none());
    let tls_listeners = own
        .filter_map(|l| Some((l.tls.clone()?, l.name.clone())))
        .collect();
    // The workers hold sockets of their own; when they let go of theirs the port is free.
    drop(opened.sockets);
    if let Some(greeting) = &options.greeting {
        let address = |kind: &str| {
            opened
                .opened
                .iter()
                .find(|(k, _)| k == kind)
                .map_or("", |(_, a)| a.as_str())
        };
        println!("{}", (greeting.0)(address("http"), address("admin")));
    }
    let dropped = writer.clone();
    let running = Arc::new(Running {
        shared: shared.clone(),
        reloader: Reloader::start(shared.clone())?,
        started_unix_ms: crate::observe::stamp::unix_ms(),
        listeners: opened
            .opened
            .into_iter()
            .filter(|(kind, _)| !doors::KINDS.contains(&kind.as_str()))
            .collect(),
        stop: Arc::default(),
        tls_listeners,
        stopping: stopping.clone(),
        dropped_lines: Box::new(move || dropped.dropped()),
    });
    let ControlRuntime { runtime, signals } = opened.control;
    // It ends with the last worker, which may still need a token while it drains.
    drop(fetches);
    runtime.spawn(tokens::serve(asked_for));
    let member = runtime.spawn(cluster::follow(shared.clone(), running.stopping.clone()));
    runtime.block_on(control_plane(
        options,
        shared,
        running,
        opened.admin,
        opened.probes,
        stop,
        signals,
    ));
    for thread in threads {
        // A worker that panicked has said so; the others still get their drain time.
        let _ = thread.join();
    }
    // The others are to hear of it from this member, and not from its silence.
    let _ = runtime.block_on(async { tokio::time::timeout(LEAVING_TIME, member).await });
    Ok(())
}

/// Serves the administration and waits for signals; returns when the stop has begun.
async fn control_plane(
    options: &Options,
    shared: Arc<Shared>,
    running: Arc<Running>,
    admin: Admin,
    probes: Option<Admin>,
    stop: watch::Sender<bool>,
    mut signals: Signals,
) {
    let stopped = |mut stopping: watch::Receiver<bool>| async move {
        let _ = stopping.wait_for(|s| *s).await;
    };
    let mut servers = tokio::task::JoinSet::new();
    for server in [Some(admin), probes].into_iter().flatten() {
        let (control, stopping) = (running.clone(), running.stopping.clone());
        let events = shared.events.clone();
        let stop = async move {
            stopped(stopping).await;
            // Followers would hold the connections of the administration open.
            events.end_followers();
        };
        servers.spawn(async move { server.serve(control, stop).await });
    }
    if !options.no_watch {
        tokio::spawn(watch_files(shared.clone(), running.reloader.clone()));
    }
    tokio::spawn(super::orders::end_orders(shared.clone()));
    tokio::spawn(sweep_sessions(shared.clone()));
    tokio::spawn(wsdl::keep_reading(shared.clone()));
    tokio::spawn(health::supervise(shared.clone()));
    tokio::spawn(members::follow(shared.clone(), running.reloader.clone()));
    tokio::spawn(registry::follow(shared.clone(), running.reloader.clone()));
    systemd::notify("READY=1");
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => {
                systemd::notify("RELOADING=1");
                running.reloader.reload().await;
                systemd::notify("READY=1");
            }
            _ = signals.terminate.recv() => break,
            () = running.stop.notified() => break,
            _ = signals.interrupt.recv() => break,
        }
    }
    systemd::notify("STOPPING=1");
    // Nobody listening means that all workers are gone already.
    let _ = stop.send(true);
    // Answers under way, and the end of streams, get out before the process ends; a reader that does not read is not
    // waited for.
    let _ = tokio::time::timeout(LAST_ANSWERS, servers.join_all()).await;
}

async fn watch_files(shared: Arc<Shared>, reloader: Reloader) {
    let mut paths = shared.origin.paths.clone();
    if paths.is_empty() {
        paths.push(shared.origin.default_root.clone());
    }
    match Watch::start(&paths) {
        Ok(mut watch) => {
            // An edit between the first load and the beginning of the watch would be missed.
            let mut files = shared.current.load().tls.files().to_vec();
            files.extend(shared.origin.settings.clone());
            watch.also(files.iter().map(PathBuf::as_path));
            loop {
                reloader.reload().await;
                let files = shared.reloads.lock().files.clone();
                watch.also(files.iter().map(PathBuf::as_path));
                if !watch.changed().await {
                    break;
                }
            }
        }
        Err(error) => {
            let text =
                format!("files are not watched: {error}; SIGHUP or `axon reload` take changes");
            shared.events.emit(crate::observe::Event {
                text: Some(text),
                ..crate::observe::Event::new("config.watch")
            });
        }
    }
}

async fn sweep_sessions(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(SESSION_SWEEP).await;
        shared.current.load().endpoints.sweep_sessions(clock::now());
    }
}

/// Prints what is wrong; an error stops the start unless it may not.
fn report(problems: &[Diagnostic], generation: &Generation, lenient: bool) -> Result<(), RunError> {
    let text = render::human(&generation.sources, problems);
    let refused = !lenient && problems.iter().any(|d| d.severity == Severity::Error);
    if refused {
        return Err(RunError::Configuration(format!(
            "{text}\nthe configuration has errors; --lenient starts without the faulty artifacts"
        )));
    }
    if !problems.is_empty() {
        eprint!("{text}");
    }
    Ok(())
}

fn parse_admin(text: &str) -> Result<AdminAddr, RunError> {
    text.parse().map_err(RunError::Setting)
}

fn token(settings: &Settings) -> Result<Option<Token>, RunError> {
    let text = match (
        std::env::var("AXON_ADMIN_TOKEN"),
        &settings.admin.token_file,
    ) {
        (Ok(text), _) => Some(text),
        (Err(_), Some(path)) => {
            let read = std::fs::read_to_string(path).map_err(|e| {
                RunError::Setting(format!("[admin] token_file {}: {e}", path.display()))
            })?;
            Some(read)
        }
        (Err(_), None) => None,
    };
    match text.as_deref().map(str::trim) {
        None => Ok(None),
        Some(text) => match Token::new(text) {
            Some(token) => Ok(Some(token)),
            None => Err(RunError::Setting(
                "the administration token is shorter than 16 characters".to_owned(),
            )),
        },
    }
}

fn log_format(settings: &Settings) -> LogFormat {
    let name = match settings.access_log.format {
        settings::LogFormat::Auto => "auto",
        settings::LogFormat::Text => "text",
        settings::LogFormat::Json => "json",
        settings::LogFormat::Off => "off",
    };
    LogFormat::parse(name).unwrap_or(LogFormat::Json)
}

pub(super) fn limits(settings: &Settings) -> Limits {
    let (limits, timers) = (&settings.limits, &settings.timers);
    Limits {
        head: HeadLimits {
            bytes: limits.head_bytes,
            fields: limits.headers.min(FIELDS_MAX),
        },
        soap_header_bytes: limits.soap_header_bytes,
        message_bytes: limits.message_bytes,
        replay: ReplayLimits {
            memory: limits.replay_memory_bytes as u64,
            disk: limits.replay_disk_bytes as u64,
            disk_total: limits.replay_disk_total_bytes as u64,
        },
        head_time: timers.head,
        tls_handshake: timers.tls_handshake,
        client_idle: timers.client_idle,
        body_progress: timers.body_progress,
        connect: timers.connect,
        response: timers.response,
        pool_idle: timers.pool_idle,
        hold: timers.hold,
        drain: timers.drain,
    }
}

/// A seed that differs from worker to worker and from start to start.
fn seed(index: usize) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(index)
}

/// Takes as many descriptors as the system gives: each connection needs one, and a relayed one two.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where that is not allowed the old limit stays.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}
