//! The words of the language outside endpoints: every artifact and mediator that Synapse or WSO2 know, with what each cannot do without.
//!
//! One table, so that a slip of the keyboard is told apart from something that this version does not run. What an element of the list
//! does when it runs is in the mediation room; the attributes of endpoints are in [`endpoint::vocabulary`](super::endpoint::vocabulary).
//!
//! Where a row goes: an artifact that axon learns to run keeps its row here with `run: true`; a mediator that it learns to run leaves
//! [`LATER`] and gets its entry in the mediation room, whose test keeps the two apart.

/// One artifact: what may stand in `definitions`, or be the root of a file.
#[derive(Debug)]
pub struct Artifact {
    /// Element name.
    pub element: &'static str,
    /// The attribute that names it.
    pub named_by: &'static str,
    /// Attributes that it cannot do without, besides its name.
    pub required: &'static [&'static str],
    /// What this version does with it.
    pub support: Support,
}

/// What this version does with an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is run.
    Runs,
    /// It is not run yet; its name is known, and what stands inside is read all the same.
    Later,
    /// Accepted without effect: nothing here depends on it.
    Noted,
}

const fn artifact(
    element: &'static str,
    named_by: &'static str,
    required: &'static [&'static str],
    support: Support,
) -> Artifact {
    Artifact {
        element,
        named_by,
        required,
        support,
    }
}

/// All artifacts.
pub const ARTIFACTS: &[Artifact] = &[
    artifact("endpoint", "name", &[], Support::Runs),
    artifact("sequence", "name", &[], Support::Runs),
    artifact("localEntry", "key", &[], Support::Runs),
    artifact("proxy", "name", &[], Support::Runs),
    artifact("task", "name", &["class"], Support::Runs),
    artifact("eventSource", "name", &[], Support::Later),
    artifact("priorityExecutor", "name", &[], Support::Runs),
    artifact("api", "name", &["context"], Support::Runs),
    artifact("template", "name", &[], Support::Runs),
    artifact("messageStore", "name", &[], Support::Runs),
    artifact(
        "messageProcessor",
        "name",
        &["class", "messageStore"],
        Support::Runs,
    ),
    artifact("inboundEndpoint", "name", &[], Support::Later),
    artifact("import", "name", &["package"], Support::Runs),
    artifact("registry", "provider", &[], Support::Runs),
    artifact("taskManager", "provider", &[], Support::Noted),
];

/// The artifact of an element name.
pub fn artifact_named(element: &str) -> Option<&'static Artifact> {
    ARTIFACTS.iter().find(|a| a.element == element)
}

/// A mediator of the language that this version does not run.
#[derive(Debug)]
pub struct LaterMediator {
    /// Element name.
    pub name: &'static str,
    /// Attributes that Synapse refuses to do without.
    pub attributes: &'static [&'static str],
    /// Children that Synapse refuses to do without.
    pub children: &'static [&'static str],
}

const fn later(name: &'static str) -> LaterMediator {
    needs(name, &[], &[])
}

const fn needs(
    name: &'static str,
    attributes: &'static [&'static str],
    children: &'static [&'static str],
) -> LaterMediator {
    LaterMediator {
        name,
        attributes,
        children,
    }
}

/// Mediators that are not run yet, in order. Both code bases ask for what stands beside the name.
pub const LATER: &[LaterMediator] = &[
    later("RMSequence"),
    later("builder"),
    later("cache"),
    later("dblookup"),
    later("dbreport"),
    later("eventPublisher"),
    later("jsontransform"),
    later("sampler"),
    later("scatter-gather"),
    later("script"),
    later("throttle"),
    later("throwError"),
    later("transaction"),
    #[cfg(not(feature = "xsd"))]
    needs("validate", &[], &["on-fail"]),
    later("variable"),
    later("xquery"),
    needs("xslt", &["key"], &[]),
];

/// Mediators that are Java code, in order.
pub const JAVA: &[&str] = &[
    "annotatedCommand",
    "bam",
    "bean",
    "class",
    "dataServiceCall",
    "datamapper",
    "ejb",
    "entitlementService",
    "fastXSLT",
    "ntlm",
    "oauthService",
    "pojoCommand",
    "publishEvent",
    "rule",
    "smooks",
    "spring",
];

/// Elements whose children are mediators, inside artifacts and mediators that are not run.
pub const LISTS: &[&str] = &[
    "sequence",
    "inSequence",
    "outSequence",
    "faultSequence",
    "onComplete",
    "on-fail",
    "onCacheHit",
    "onAccept",
    "onReject",
];

/// Elements around lists and endpoints, inside artifacts and mediators that are not run. Nothing else is entered: what stands there may
/// be the payload of a message, or another language.
pub const AROUND: &[&str] = &["target", "resource"];

/// The row of a mediator that is not run yet.
pub fn later_mediator(name: &str) -> Option<&'static LaterMediator> {
    LATER.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order_and_share_no_name() {
        assert!(LATER.windows(2).all(|w| w[0].name < w[1].name));
        assert!(JAVA.windows(2).all(|w| w[0] < w[1]));
        assert!(LATER.iter().all(|row| !JAVA.contains(&row.name)));
        let mut names: Vec<_> = ARTIFACTS.iter().map(|a| a.element).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ARTIFACTS.len());
    }
}
