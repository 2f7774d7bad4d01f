//! A worker's thread: its own event loop, accepting from every listener.

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Cache};
use tokio::sync::{mpsc, watch};

use super::copies::Home;
use super::counters::Counters;
use super::doors::{Fresh, OpenDoor};
use super::gateway::Doorman;
use super::generation::Generation;
use super::heavy::Heavy;
use super::processors::Processors;
use super::serve::Service;
use super::tasks;
use crate::endpoint::dispatch::auth::TokenFetches;
use crate::observe::{EventLog, Lines, LogFormat, RequestIds};
use crate::transport::limits::Limits;
use crate::transport::listener::{self, Protocol};
use crate::transport::local::{self, Calls};
use crate::transport::worker::Worker;

/// How often a worker tidies up and publishes its gauges.
const TICK: Duration = Duration::from_millis(500);

/// What a worker is made of.
pub struct Plan {
    /// Its number.
    pub index: usize,
    /// Bounds and timers.
    pub limits: Limits,
    /// Random seed.
    pub seed: u64,
    /// Sockets to accept from.
    pub listeners: Vec<Listening>,
    /// Sockets that are opened while it runs.
    pub to_open: mpsc::Receiver<Fresh>,
    /// The current generation.
    pub current: Arc<ArcSwap<Generation>>,
    /// Its counters.
    pub counters: Arc<Counters>,
    /// Takes events.
    pub events: Arc<EventLog>,
    /// Takes access lines, one handle per listener.
    pub access: Vec<Option<(LogFormat, Lines)>>,
    /// Where tokens are fetched.
    pub tokens: TokenFetches,
    /// Where long work is done.
    pub heavy: Arc<Heavy>,
    /// Turns true when the stop begins.
    pub stop: watch::Receiver<bool>,
}

/// A socket to accept from.
#[derive(Debug)]
pub struct Listening {
    /// Its address, as access lines name it.
    pub name: String,
    /// The TLS profile of an HTTPS listener.
    pub tls: Option<String>,
    /// The door of a gateway-config; `None` for a listener of the mediation.
    pub door: Option<OpenDoor>,
    /// The socket.
    pub socket: TcpListener,
}

impl Listening {
    /// What a person calls it.
    pub fn kind(&self) -> &'static str {
        match (&self.door, &self.tls) {
            (Some(door), _) => door.kind(),
            (None, None) => "http",
            (None, Some(_)) => "https",
        }
    }

    /// The same socket for another worker.
    pub fn try_clone(&self) -> std::io::Result<Listening> {
        Ok(Listening {
            name: self.name.clone(),
            tls: self.tls.clone(),
            door: self.door.clone(),
            socket: self.socket.try_clone()?,
        })
    }
}

/// Runs the worker until the stop is over.
pub fn run(plan: Plan) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(8)
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, serve(plan));
    Ok(())
}

/// What listeners of one worker are made of.
struct Opener {
    worker: Rc<Worker>,
    counters: Arc<Counters>,
    current: Arc<ArcSwap<Generation>>,
    home: Rc<Home>,
}

impl Opener {
    fn service(
        &self,
        listener: String,
        tls: Option<String>,
        access: Option<(LogFormat, Lines)>,
    ) -> Service {
        Service {
            worker: self.worker.clone(),
            counters: self.counters.clone(),
            current: RefCell::new(Cache::new(self.current.clone())),
            ids: RequestIds::new(),
            home: self.home.clone(),
            access,
            listener,
            tls,
        }
    }

    /// Accepts from a socket from now on.
    fn open(&self, listening: Listening, access: Option<(LogFormat, Lines)>) {
        let protocol = match listening.tls {
            Some(_) => Protocol::Https,
            None => Protocol::Http,
        };
        let service = Rc::new(self.service(listening.name, listening.tls, access));
        let (socket, worker) = (listening.socket, self.worker.clone());
        match listening.door {
            None => {
                let never = std::future::pending();
                let accept = listener::accept(socket, protocol, worker, service, never);
                tokio::task::spawn_local(accept);
            }
            Some(door) => {
                let closed = door.closed();
                let inward = Calls::default();
                let doorman = Rc::new(Doorman {
                    service,
                    door,
                    inward,
                    lasting: Cell::default(),
                });
                let (inside, own, over) = (doorman.clone(), worker.clone(), doorman.door.closed());
                tokio::task::spawn_local(async move {
                    tokio::select! {
                        () = local::serve(&inside.inward, own, inside.clone()) => {}
                        () = over => {}
                    }
                });
                let accept = listener::accept(socket, protocol, worker, doorman, closed);
                tokio::task::spawn_local(accept);
            }
        }
    }
}

async fn serve(plan: Plan) {
    let worker = Rc::new(Worker::new(plan.index, plan.limits, plan.seed));
    worker.follow_wall_clock();
    let home = Rc::new(Home {
        worker: worker.clone(),
        events: plan.events,
        space: Rc::default(),
        tokens: plan.tokens,
        heavy: plan.heavy,
        executors: Rc::default(),
    });
    let opener = Opener {
        worker: worker.clone(),
        counters: plan.counters,
        current: plan.current,
        home,
    };
    for (listening, access) in plan.listeners.into_iter().zip(plan.access) {
        opener.open(listening, access);
    }
    let inside = Rc::new(opener.service("local".to_owned(), None, None));
    let calling = worker.clone();
    tokio::task::spawn_local(async move {
        local::serve(&calling.calls, calling.clone(), inside).await;
    });
    // What runs beside listeners, and where there are none.
    let beside = Rc::new(opener.service(String::new(), None, None));
    let mut to_open = plan.to_open;
    tokio::task::spawn_local(async move {
        while let Some(Fresh { listening, access }) = to_open.recv().await {
            opener.open(listening, access);
        }
    });
    let mut processors = None;
    if plan.index == 0 {
        let own = Processors::new(beside.clone());
        tokio::task::spawn_local(own.clone().run());
        processors = Some(own);
        tokio::task::spawn_local(tasks::follow(beside.clone()));
    }
    tokio::task::spawn_local(tidy(worker.clone(), beside));
    let mut stop = plan.stop;
    // A closed channel means that the control plane is gone: stop as well.
    let _ = stop.wait_for(|stopping| *stopping).await;
    worker.drain.begin();
    // Whatever is still open after the drain time is cut by the end of the thread.
    let end = tokio::time::Instant::now() + plan.limits.drain;
    let _ = tokio::time::timeout_at(end, worker.drain.done()).await;
    if let Some(processors) = processors {
        processors.finish(end).await;
    }
}

/// Drops dead pooled connections, lets go of an old generation, measures how late its own timer comes.
async fn tidy(worker: Rc<Worker>, service: Rc<Service>) {
    loop {
        let due = Instant::now() + TICK;
        tokio::time::sleep(TICK).await;
        let late = due.elapsed();
        worker.follow_wall_clock();
        let counters = &service.counters;
        counters
            .stall_us
            .fetch_max(late.as_micros() as u64, Ordering::Relaxed);
        service.generation();
        let mut pool = worker.pool.borrow_mut();
        pool.sweep(worker.now());
        counters
            .pool_idle
            .store(pool.len() as u64, Ordering::Relaxed);
        counters.pool_reused.store(pool.reused, Ordering::Relaxed);
        counters.pool_stale.store(pool.stale, Ordering::Relaxed);
    }
}
