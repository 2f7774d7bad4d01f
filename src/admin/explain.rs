//! `POST /api/v1/explain`: what is asked, and the way that a request would take.
//!
//! The same types come from `axon explain` over files, so that both are printed by the same code.

use serde::{Deserialize, Serialize};

use super::view::{PlaceView, SettingView};

/// A request to explain.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExplainRequest {
    /// Method; `GET`, or `POST` when there is a body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// Absolute, or from the first `/` on.
    pub url: String,
    /// Header lines, `Name: value`.
    pub headers: Vec<String>,
    /// The body.
    pub body: Option<String>,
    /// Tries that fail: `CHILD=CODE`.
    pub fail: Vec<String>,
}

/// The way that a request would take.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExplainView {
    /// Method and target.
    pub request: String,
    /// Generation of a running proxy; nothing for files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Through routes, sequences and mediators.
    pub steps: Vec<StepView>,
    /// What is sent where.
    pub sends: Vec<SendView>,
    /// What the client gets when nothing is sent, or everything failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerView>,
    /// If the tries fail: what comes next, and what the client gets in the end.
    pub ladder: Vec<RungView>,
    /// What cannot be known without sending, and why.
    pub unknown: Vec<String>,
}

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    /// `route`, `sequence`, `mediator`, `inside`, `fault`.
    pub kind: String,
    /// Which, in words.
    pub text: String,
    /// Its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<PlaceView>,
}

/// A message that is sent to an endpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SendView {
    /// Path of the endpoint.
    pub endpoint: String,
    /// Its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<PlaceView>,
    /// What the message is looked at or kept for.
    pub needs: Vec<NeedView>,
    /// The session's part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionUseView>,
    /// The endpoints that were looked at, groups before their children.
    pub nodes: Vec<NodeView>,
    /// The tries, in order.
    pub tries: Vec<TryView>,
    /// Where it ends: answered by, or failed with.
    pub outcome: String,
}

/// Something that the message is needed for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NeedView {
    /// What is needed: the SOAP header, the whole body, the bytes sent.
    pub what: String,
    /// Why.
    pub why: String,
    /// The element that needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<PlaceView>,
}

/// The session's part in the choice.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SessionUseView {
    /// `bound`, `new`, `follows`, `moves`, `unavailable`.
    pub how: String,
    /// In words.
    pub text: String,
    /// The `session` element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<PlaceView>,
}

/// An endpoint and why it was or was not chosen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NodeView {
    /// Its path.
    pub path: String,
    /// How deep below the one that was sent to.
    pub depth: u32,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its state before the message.
    pub state: String,
    /// Whether the message went there.
    pub chosen: bool,
    /// Why, or why not.
    pub why: String,
    /// Its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<PlaceView>,
}

/// One try.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TryView {
    /// Path of the endpoint.
    pub endpoint: String,
    /// Where the connection goes.
    pub target: String,
    /// The request's head as it is written.
    pub request: String,
    /// Times in force.
    pub timeouts: Vec<SettingView>,
    /// The code it fails with; nothing when it is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Name of that code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What the client gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerView {
    /// HTTP status.
    pub status: u16,
    /// The beginning of the body.
    pub body: String,
}

/// So many tries failed: what comes next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RungView {
    /// How many failed.
    pub failures: usize,
    /// The last of them.
    pub endpoint: String,
    /// With that code.
    pub code: i32,
    /// Its name.
    pub name: String,
    /// Path of the next one that is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What the client gets, when there is no next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerView>,
}
