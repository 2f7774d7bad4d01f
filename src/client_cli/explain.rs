//! The way of a request, on one screen.

use std::fmt::Write;

use super::show::plain;
use crate::admin::PlaceView;
use crate::admin::explain::{AnswerView, ExplainView, RungView, SendView};

/// Most mediators that are shown before they are counted.
const STEPS_SHOWN: usize = 40;

/// For people.
pub fn human(view: &ExplainView) -> String {
    let mut out = plain(&view.request);
    match view.generation {
        Some(generation) => {
            let _ = writeln!(out, "   (running axon, generation {generation})");
        }
        None => out.push('\n'),
    }
    for step in view.steps.iter().take(STEPS_SHOWN) {
        let text = match step.kind.as_str() {
            "inside" => format!("  into `{}`", step.text),
            "copy" => format!("copy {}", step.text),
            "sequence" => format!("sequence {}", step.text),
            "fault" => format!("! {}", step.text),
            _ => step.text.clone(),
        };
        line(&mut out, "  ", &text, step.rule.as_ref());
    }
    if let Some(more) = view.steps.len().checked_sub(STEPS_SHOWN + 1) {
        let _ = writeln!(out, "  ... and {} steps more", more + 1);
    }
    for send in &view.sends {
        show_send(&mut out, send);
    }
    if let Some(answer) = &view.answer {
        let _ = writeln!(out, "the client gets {}", answer_text(answer));
    }
    if !view.ladder.is_empty() {
        out.push_str("if it fails\n");
        for rung in &view.ladder {
            show_rung(&mut out, rung);
        }
    }
    for text in &view.unknown {
        let _ = writeln!(out, "not known: {}", plain(text));
    }
    out
}

fn line(out: &mut String, indent: &str, text: &str, rule: Option<&PlaceView>) {
    let _ = write!(out, "{indent}{}", plain(text));
    if let Some(rule) = rule {
        let _ = write!(
            out,
            "   [{}:{}:{}]",
            plain(&rule.file),
            rule.line,
            rule.column
        );
    }
    out.push('\n');
}

fn show_send(out: &mut String, send: &SendView) {
    line(out, "send to ", &send.endpoint, send.rule.as_ref());
    for need in &send.needs {
        let text = format!("needs {}: {}", need.what, need.why);
        line(out, "  ", &text, need.rule.as_ref());
    }
    if let Some(session) = &send.session {
        line(out, "  session: ", &session.text, session.rule.as_ref());
    }
    for node in &send.nodes {
        let mark = if node.chosen { "->" } else { "  " };
        let indent = "  ".repeat(node.depth as usize + 1);
        let mut text = format!("{mark} {} ({}, {})", node.path, node.kind, node.state);
        if !node.why.is_empty() {
            text += &format!(": {}", node.why);
        }
        line(out, &indent, &text, node.rule.as_ref());
    }
    for (number, this) in send.tries.iter().enumerate() {
        let end = match (&this.code, &this.name) {
            (Some(code), Some(name)) => format!(" fails with {code} {name}"),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "  try {}: {} at {}{end}",
            number + 1,
            plain(&this.endpoint),
            plain(&this.target)
        );
        for header in this.request.trim_end().lines() {
            let _ = writeln!(out, "    | {}", plain(header));
        }
        let times: Vec<String> = this
            .timeouts
            .iter()
            .map(|t| format!("{} {} ({})", t.key, t.value, t.origin))
            .collect();
        let _ = writeln!(out, "    waits: {}", plain(&times.join(", ")));
    }
    let _ = writeln!(out, "  {}", plain(&send.outcome));
}

fn show_rung(out: &mut String, rung: &RungView) {
    let nth = match rung.failures {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    };
    let next = match (&rung.next, &rung.answer) {
        (Some(next), _) => format!("next is {}", plain(next)),
        (None, Some(answer)) => format!("the client gets {}", answer_text(answer)),
        (None, None) => "that is the end".to_owned(),
    };
    let _ = writeln!(
        out,
        "  {nth} ({} with {} {}): {next}",
        plain(&rung.endpoint),
        rung.code,
        plain(&rung.name)
    );
}

fn answer_text(answer: &AnswerView) -> String {
    let body = plain(reason(&answer.body).trim());
    match body.is_empty() {
        true => answer.status.to_string(),
        false => format!("{}: {body}", answer.status),
    }
}

/// What a SOAP fault says, of any other answer the whole.
fn reason(body: &str) -> &str {
    ["faultstring>", ":Text xml:lang=\"en\">", ":Text>"]
        .iter()
        .find_map(|open| body.split_once(open))
        .map_or(body, |(_, rest)| rest.split('<').next().unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::explain::{NodeView, TryView};

    #[test]
    fn of_a_fault_its_reason_is_shown() {
        for (body, shown) in [
            (
                "<f:Fault><faultcode>S</faultcode><faultstring>101503 no</faultstring></f:Fault>",
                "500: 101503 no",
            ),
            (
                "<s:Reason><s:Text xml:lang=\"en\">gone</s:Text></s:Reason>",
                "500: gone",
            ),
            ("plain\n", "500: plain"),
            ("", "500"),
        ] {
            let answer = AnswerView {
                status: 500,
                body: body.to_owned(),
            };
            assert_eq!(answer_text(&answer), shown);
        }
    }

    #[test]
    fn a_send_shows_the_tree_the_head_and_the_end() {
        let view = ExplainView {
            request: "GET /".into(),
            sends: vec![SendView {
                endpoint: "g".into(),
                nodes: vec![NodeView {
                    path: "g/a".into(),
                    depth: 1,
                    kind: "address".into(),
                    state: "active".into(),
                    chosen: true,
                    why: "the first child that is ready".into(),
                    rule: Some(PlaceView {
                        file: "g.xml".into(),
                        line: 2,
                        column: 3,
                    }),
                }],
                tries: vec![TryView {
                    endpoint: "g/a".into(),
                    target: "http://h:1".into(),
                    request: "GET /svc HTTP/1.1\r\nHost: h:1\r\n\r\n".into(),
                    ..TryView::default()
                }],
                outcome: "g/a answers".into(),
                ..SendView::default()
            }],
            ..ExplainView::default()
        };
        assert_eq!(
            human(&view),
            "GET /\nsend to g\n    -> g/a (address, active): the first child that is ready   [g.xml:2:3]\n  \
             try 1: g/a at http://h:1\n    | GET /svc HTTP/1.1\n    | Host: h:1\n    waits: \n  g/a answers\n"
        );
    }
}
