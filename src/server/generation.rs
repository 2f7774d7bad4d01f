//! Everything that one configuration compiles to.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::members::{Filling, Found, Members};
use super::{cluster, keystore, tls};
use crate::cluster::{Plan, Standing};
use crate::codes::{DiagnosticCode, ErrorCode};
use crate::config::diagnostic::{Diagnostics, Severity};
use crate::config::endpoint::template::Templates;
use crate::config::gateway::protection::Versions;
use crate::config::model::{
    EndpointDef, EndpointKind, LeafDef, Model, PropertyValue, RegistryDef, Scope,
};
use crate::config::source::{FileId, Sources, Span, Spanned};
use crate::config::wsdl::{FileSeen, Library};
use crate::config::xml::Element;
use crate::config::{endpoint, loader};
use crate::endpoint::allow::AllowList;
use crate::endpoint::dispatch::{PropertyValues, SendPolicy};
use crate::endpoint::tree::{NodeId, NodeKind};
use crate::endpoint::{Builder, Endpoints, ReloadReport};
use crate::exchange::{Entries, Exchange, Fault};
use crate::gateway::{Gateway, Outside};
use crate::mediation::expression::{Expression, Need};
use crate::mediation::{EndpointNames, Mediation, entries_of};
use crate::observe::{Event, EventLog};
use crate::settings::{self, Settings};
use crate::soap::content::Extent;
use crate::transport::tls::{Material, TlsSet};

/// Path of the endpoint of a `send` without one; no position of a mediator is called so.
const TO_OF_MESSAGE: &str = "send/To";
/// Most errors that are named one by one.
const LEFT_OUT_MAX: usize = 100;

/// Where a configuration comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Files and folders given.
    pub paths: Vec<PathBuf>,
    /// The folder used when none is given.
    pub default_root: PathBuf,
    /// A settings file that was named.
    pub settings: Option<PathBuf>,
    /// `--default`.
    pub default: Option<String>,
    /// `--cert`.
    pub cert: Vec<PathBuf>,
    /// `--key`.
    pub key: Vec<PathBuf>,
}

/// What was read, before anything is compiled.
#[derive(Debug)]
pub struct Loaded {
    /// The files as data.
    pub model: Model,
    /// What is wrong with them.
    pub diagnostics: Diagnostics,
    /// `axon.toml` and the environment.
    pub settings: Settings,
    /// What the TLS profiles are made of.
    pub material: Material,
}

impl Origin {
    /// Reads the files and the settings beside them.
    pub fn load(&self) -> Loaded {
        let (mut model, mut diagnostics) = loader::load(&self.paths, &self.default_root);
        let root = model.root.clone();
        let mut settings = settings::load(
            self.settings.as_deref(),
            &root,
            std::env::vars(),
            &mut model.sources,
            &mut diagnostics,
        );
        tls::add_flags(&mut settings, &self.cert, &self.key, &mut model.sources);
        keystore::add(&mut settings, model.gateway.as_ref(), &mut diagnostics);
        let material = Material::read(&settings);
        Loaded {
            model,
            diagnostics,
            settings,
            material,
        }
    }
}

/// One compiled configuration.
pub struct Generation {
    /// Number, from 1.
    pub number: u64,
    /// The files, for naming places.
    pub sources: Sources,
    /// The services of the gateway-config, when there is one.
    pub gateway: Option<Gateway>,
    /// The endpoint tree.
    pub endpoints: Endpoints,
    /// Sequences and routes.
    pub mediation: Mediation,
    /// What holds for all sends.
    pub policy: SendPolicy,
    /// Files that were read besides the configuration's own.
    pub read: Vec<FileSeen>,
    /// TLS profiles.
    pub tls: Arc<TlsSet>,
    /// Problems by severity: warnings, unsupported, errors.
    pub problems: [u64; 3],
    /// The first of the errors, with their places: whatever they are about is left out (`--lenient`).
    pub left_out: Vec<String>,
    /// Texts that messages look up, when there are any.
    pub entries: Option<Arc<Entries>>,
    /// The registry.
    pub registry: Option<RegistryDef>,
    /// The members that were put into dynamic groups.
    pub members: Found,
    /// The endpoint of a `send` without one.
    pub to_of_message: NodeId,
    /// The endpoints with states of their own, for message processors; made when one sends.
    deliveries: OnceLock<Endpoints>,
    properties: HashMap<NodeId, Vec<Property>>,
    /// What is read of a message before it is sent to an endpoint, where that is anything.
    needs: HashMap<NodeId, Need>,
    /// Of nodes whose target each message computes.
    keys: HashMap<NodeId, Expression>,
}

struct Property {
    scope: Scope,
    name: String,
    value: Value,
}

enum Value {
    Literal(String),
    Expression(Expression),
}

/// What a configuration meets in the process that runs it.
pub struct Around<'a> {
    /// What is known of listeners and administration, for targets that messages name.
    pub network: &'a AllowList,
    /// What is known of the members of dynamic groups.
    pub members: &'a Members,
    /// Where the process stands in the cluster.
    pub standing: &'a Standing,
}

/// A generation, what the reload carried over, and what is wrong with the configuration.
pub struct Built {
    /// The generation.
    pub generation: Generation,
    /// What was kept, reset, added, dropped.
    pub report: ReloadReport,
    /// What makes the process a member of a cluster.
    pub plan: Option<Plan>,
}

impl Generation {
    /// Compiles what was loaded; state, sessions and counters of `previous` go on by identity. Adds to the diagnostics.
    pub fn build(
        loaded: Loaded,
        default: Option<&str>,
        previous: Option<&Generation>,
        around: &Around<'_>,
    ) -> (Built, Diagnostics, Settings) {
        let Loaded {
            model,
            mut diagnostics,
            settings,
            material,
        } = loaded;
        let library = Library::new(&model.sources, &model.root);
        let previous_tls = previous.map(|p| &*p.tls);
        let tls = tls::build(&settings, &material, previous_tls, &mut diagnostics);
        let mut builder = Builder::new(previous.map(|p| &p.endpoints))
            .library(&library)
            .sessions_per_group(settings.sessions.per_group)
            .session_timeout(settings.sessions.timeout)
            .tls(tls.clone());
        let number = previous.map_or(1, |p| p.number + 1);
        let previous_gateway = previous.and_then(|p| p.gateway.as_ref());
        let plan = cluster::plan(
            model.gateway.as_ref().and_then(|g| g.cluster.as_ref()),
            &settings,
            &mut diagnostics,
        );
        let gateway = gateway(
            &model,
            previous_gateway,
            &tls,
            around.standing,
            &mut diagnostics,
        );
        let filling = Filling::new(&model, Some(around.members), number);
        let mut names = Names::define(&mut builder, &model, filling);
        let mediation = Mediation::build(
            &model,
            default,
            &mut names,
            endpoint::parse,
            &library,
            &mut diagnostics,
        );
        if let Some(previous) = previous {
            mediation.inherit(&previous.mediation);
        }
        let members = names.done(&mut diagnostics);
        let to_of_message = builder.hidden(TO_OF_MESSAGE, &to_of_message());
        let (endpoints, report) = builder.finish(&mut diagnostics);
        let properties = compile_properties(&endpoints, &model.sources, &mut diagnostics);
        let keys = compile_keys(&endpoints, &model.sources, &mut diagnostics);
        let needs = compile_needs(&endpoints, &properties, &keys);
        let allowed = allow_list(&settings, around.network, &model, &mut diagnostics);
        let policy = SendPolicy {
            retry_non_idempotent: settings.retry.non_idempotent,
            allowed,
            get_form: settings.requests.get_form,
            relabel_answers: settings.answers.own_media_type,
        };
        let count = |severity| {
            diagnostics
                .list()
                .iter()
                .filter(|d| d.severity == severity)
                .count() as u64
        };
        let problems = [
            count(Severity::Warning),
            count(Severity::Unsupported),
            count(Severity::Error),
        ];
        let errors = diagnostics.list().iter();
        let mut errors: Vec<_> = errors
            .filter(|d| d.severity == Severity::Error)
            .take(LEFT_OUT_MAX)
            .collect();
        errors.sort_by_key(|d| (d.span.file, d.span.start));
        let sources = &model.sources;
        let left_out = errors
            .iter()
            .map(|d| format!("{}: {} [{}]", sources.locate(d.span), d.message, d.code))
            .collect();
        let mut read = library.into_seen();
        read.extend(settings.cluster.key_file.as_deref().map(FileSeen::of));
        let entries = entries_of(&model).map(Arc::new);
        let registry = model.registry.clone();
        let generation = Generation {
            number,
            sources: model.sources,
            gateway,
            endpoints,
            mediation,
            policy,
            read,
            tls,
            problems,
            left_out,
            entries,
            registry,
            members,
            to_of_message,
            deliveries: OnceLock::new(),
            properties,
            needs,
            keys,
        };
        let built = Built {
            generation,
            report,
            plan,
        };
        (built, diagnostics, settings)
    }

    /// Writes into the log what is left out.
    pub fn tell_left_out(&self, events: &EventLog) {
        for text in &self.left_out {
            events.emit(Event {
                text: Some(format!("left out: {text}")),
                ..Event::new("config.left_out")
            });
        }
    }

    /// Writes into the log how the gateway-config was read.
    pub fn tell_gateway(&self, events: &EventLog) {
        let Some(gateway) = &self.gateway else { return };
        let (namespace, span) = gateway.namespace();
        let text = format!(
            "{}: gateway-config in the namespace {namespace}, services: {}",
            self.locate(span),
            gateway.service_count()
        );
        events.emit(Event {
            text: Some(text),
            ..Event::new("config.gateway")
        });
    }

    /// The endpoints as message processors use them.
    pub fn deliveries(&self) -> &Endpoints {
        self.deliveries.get_or_init(|| self.endpoints.fork())
    }

    /// `file:line:column`.
    pub fn locate(&self, span: Span) -> String {
        self.sources.locate(span)
    }
}

/// What a `send` without an endpoint sends to: the `To` of the message. It has no state, as many hosts hide behind it.
fn to_of_message() -> EndpointDef {
    let leaf = LeafDef {
        suspend_codes: vec![-1],
        mark_codes: vec![-1],
        ..LeafDef::default()
    };
    EndpointDef {
        name: None,
        kind: EndpointKind::Default(leaf),
        on_error: None,
        properties: Vec::new(),
        description: None,
        span: Span {
            file: FileId(0),
            start: 0,
            end: 0,
        },
    }
}

/// The gateway-config, compiled.
fn gateway(
    model: &Model,
    previous: Option<&Gateway>,
    tls: &TlsSet,
    standing: &Standing,
    diagnostics: &mut Diagnostics,
) -> Option<Gateway> {
    let def = model.gateway.as_ref()?;
    keystore::check_names(def, tls, diagnostics);
    Some(Gateway::build(
        def,
        previous,
        &Outside {
            trust: Versions::EACH.map(|versions| (versions, keystore::trust(tls, versions))),
            standing: standing.clone(),
        },
        diagnostics,
    ))
}

/// Adds the problems that only compiling finds, for `axon check`.
pub fn check_more(model: &Model, settings: &Settings, diagnostics: &mut Diagnostics) {
    let mut settings = settings.clone();
    keystore::add(&mut settings, model.gateway.as_ref(), diagnostics);
    let settings = &settings;
    let material = Material::read(settings);
    let profiles = tls::build(settings, &material, None, diagnostics);
    let cluster_def = model.gateway.as_ref().and_then(|g| g.cluster.as_ref());
    cluster::plan(cluster_def, settings, diagnostics);
    gateway(model, None, &profiles, &Standing::default(), diagnostics);
    let library = Library::new(&model.sources, &model.root);
    let mut builder = Builder::new(None).library(&library).tls(profiles);
    let filling = Filling::new(model, None, 0);
    let mut names = Names::define(&mut builder, model, filling);
    // Only its diagnostics matter here.
    let _ = Mediation::build(
        model,
        None,
        &mut names,
        endpoint::parse,
        &library,
        diagnostics,
    );
    names.done(diagnostics);
    let (endpoints, _) = builder.finish(diagnostics);
    compile_properties(&endpoints, &model.sources, diagnostics);
    compile_keys(&endpoints, &model.sources, diagnostics);
}

fn allow_list(
    settings: &Settings,
    network: &AllowList,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> AllowList {
    match network.with_entries(&settings.default_endpoint.allow) {
        Ok(list) => list,
        Err(entry) => {
            let file = FileId(model.sources.len().saturating_sub(1) as u32);
            let span = Span {
                file,
                start: 0,
                end: 0,
            };
            diagnostics.error_help(
                DiagnosticCode::BadSetting,
                span,
                format!("`{entry}` in [default_endpoint] allow is no target"),
                "write host, host:port, or a network such as 10.0.0.0/8",
            );
            network.clone()
        }
    }
}

impl PropertyValues for Generation {
    fn extent(&self, node: NodeId) -> Option<Extent> {
        self.needs.get(&node).and_then(|need| need.extent())
    }

    fn values(&self, node: NodeId, x: &Exchange) -> Vec<(Scope, String, String)> {
        let Some(list) = self.properties.get(&node) else {
            return Vec::new();
        };
        let text = |value: &Value| match value {
            Value::Literal(text) => Some(text.clone()),
            // A value that cannot be computed sets nothing, as in the originals.
            Value::Expression(expression) => {
                expression.string(x).ok().map(|text| text.into_owned())
            }
        };
        list.iter()
            .filter_map(|p| Some((p.scope, p.name.clone(), text(&p.value)?)))
            .collect()
    }

    fn key(&self, node: NodeId, x: &Exchange) -> Option<String> {
        let key = self.keys.get(&node)?.string(x).ok()?;
        Some(key.into_owned())
    }

    fn addresses(&self, node: NodeId, x: &Exchange) -> Result<String, Fault> {
        match self.keys.get(&node) {
            Some(expression) => expression.string(x).map(|text| text.into_owned()),
            None => Err(Fault::new(
                ErrorCode::NOT_SUPPORTED,
                "the expression of the recipient list cannot be evaluated; axon check says why",
            )),
        }
    }
}

fn compile_properties(
    endpoints: &Endpoints,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) -> HashMap<NodeId, Vec<Property>> {
    let mut all = HashMap::new();
    for (id, node) in endpoints.nodes() {
        let list: Vec<Property> = node
            .properties
            .iter()
            // They are read when the group is built; nobody else asks for them.
            .filter(|def| !def.name.value.starts_with("loadbalance."))
            .filter_map(|def| {
                let value = match &def.value {
                    PropertyValue::Literal(text) => Value::Literal(text.value.clone()),
                    PropertyValue::Expression(text) => {
                        let place = sources.locate(text.span);
                        let prefixes = &def.element.prefixes;
                        Value::Expression(Expression::load(text, prefixes, place, diagnostics)?)
                    }
                };
                Some(Property {
                    scope: def.scope,
                    name: def.name.value.clone(),
                    value,
                })
            })
            .collect();
        if !list.is_empty() {
            all.insert(id, list);
        }
    }
    all
}

/// What the expressions of an endpoint and of all below it need.
fn compile_needs(
    endpoints: &Endpoints,
    properties: &HashMap<NodeId, Vec<Property>>,
    keys: &HashMap<NodeId, Expression>,
) -> HashMap<NodeId, Need> {
    let own = |id: NodeId| {
        let list = properties.get(&id).map(Vec::as_slice).unwrap_or_default();
        let needs = list.iter().map(|property| match &property.value {
            Value::Literal(_) => Need::Nothing,
            Value::Expression(expression) => expression.need(),
        });
        let key = keys.get(&id).map(Expression::need);
        needs.chain(key).max().unwrap_or_default()
    };
    let mut all = HashMap::new();
    let mut with = properties.keys().chain(keys.keys());
    if with.all(|id| own(*id) <= Need::Properties) {
        return all;
    }
    for (root, _) in endpoints.nodes() {
        let mut need = Need::Nothing;
        let mut waiting = vec![root];
        let mut seen = HashSet::new();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            need = need.max(own(id));
            let resolved = endpoints.resolve(id);
            waiting.push(resolved);
            if let Some(group) = endpoints.node(resolved).group() {
                waiting.extend(&group.children);
            }
        }
        if need > Need::Properties {
            all.insert(root, need);
        }
    }
    all
}

fn compile_keys(
    endpoints: &Endpoints,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) -> HashMap<NodeId, Expression> {
    let mut compile = |text: &Spanned<String>, element: &Element| {
        Expression::load(
            text,
            &element.prefixes,
            sources.locate(text.span),
            diagnostics,
        )
    };
    let mut all = HashMap::new();
    for (id, node) in endpoints.nodes() {
        let found = match &node.kind {
            NodeKind::Resolving(def) => compile(&def.expression, &def.element),
            NodeKind::RecipientList(list) => {
                let computed = list.computed.as_ref().map(|computed| &computed.def);
                computed.and_then(|def| compile(&def.expression, &def.element))
            }
            _ => None,
        };
        all.extend(found.map(|expression| (id, expression)));
    }
    all
}

/// Gives the endpoints that sequences name their numbers in the tree.
struct Names<'b, 'p> {
    builder: &'b mut Builder<'p>,
    named: HashMap<String, NodeId>,
    templates: Templates<'b>,
    filling: Filling<'b>,
    problems: Diagnostics,
}

impl<'b, 'p> Names<'b, 'p> {
    fn define(builder: &'b mut Builder<'p>, model: &'b Model, filling: Filling<'b>) -> Self {
        let mut names = Self {
            builder,
            named: HashMap::new(),
            templates: Templates::new(model, &|name: &str| std::env::var(name).ok()),
            filling,
            problems: Diagnostics::default(),
        };
        for def in model.endpoints.iter().chain(&model.keyed) {
            let id = match &def.kind {
                // Nothing to be put into these.
                EndpointKind::Address(_) | EndpointKind::Default(_) | EndpointKind::Indirect(_) => {
                    names.builder.define(def)
                }
                _ => {
                    let mut def = def.clone();
                    names.filling.fill(&mut def, &mut names.problems);
                    names.builder.define(&def)
                }
            };
            if let Some(name) = &def.name {
                names.named.entry(name.value.clone()).or_insert(id);
            }
        }
        names
    }

    /// Adds what was found wrong, and gives the members that were put into dynamic groups.
    fn done(self, diagnostics: &mut Diagnostics) -> Found {
        for problem in self.problems.list() {
            diagnostics.push(problem.clone());
        }
        self.filling.done()
    }
}

impl EndpointNames for Names<'_, '_> {
    fn inline(&mut self, position: &str, def: &EndpointDef) -> u32 {
        let mut def = def.clone();
        self.templates.expand(&mut def, &mut self.problems);
        self.filling.fill(&mut def, &mut self.problems);
        self.builder.inline(position, &def).0
    }

    fn key(&mut self, key: &Spanned<String>) -> u32 {
        if let Some(id) = self.named.get(key.value.trim()) {
            return id.0;
        }
        // A reference that leads nowhere: the tree reports it, and sending to it fails with 305100.
        let def = EndpointDef {
            name: None,
            kind: EndpointKind::Indirect(key.clone()),
            on_error: None,
            properties: Vec::new(),
            description: None,
            span: key.span,
        };
        let id = self.builder.inline(key.value.trim(), &def);
        self.named.insert(key.value.trim().to_owned(), id);
        id.0
    }

    fn look(&mut self, def: &EndpointDef, diagnostics: &mut Diagnostics) {
        let mut alone = Builder::new(None);
        alone.inline("", def);
        let mut problems = Diagnostics::default();
        let _ = alone.finish(&mut problems);
        // Alone it sees no other endpoint, so that it cannot judge a key.
        for problem in problems.into_sorted() {
            if problem.code != DiagnosticCode::UnresolvedKey {
                diagnostics.push(problem);
            }
        }
    }
}
