//! `task`: messages that nobody sends, at their times (spec/mediation.md 6). Of the classes the built-in `MessageInjector` is run.

use std::time::Duration;

use super::cron::{Cron, Schedule};
use super::diagnostic::Diagnostics;
use super::model::{TaskDef, TaskFormat, TaskTarget};
use super::proxy::{lacks, strangers};
use super::source::Spanned;
use super::xml::{Element, write};
use crate::codes::DiagnosticCode;

/// The class that puts a message into the mediation.
const INJECTOR: &str = "org.apache.synapse.startup.tasks.MessageInjector";
/// Longest pause between two messages of a task.
const INTERVAL_MAX: u64 = 365 * 24 * 3600;

const FORMATS: &[(&str, TaskFormat)] = &[
    ("soap12", TaskFormat::Soap12),
    ("soap11", TaskFormat::Soap11),
    ("pox", TaskFormat::Pox),
    ("get", TaskFormat::Get),
];

/// Reads a task; `None` when it is not run, which was reported.
pub fn parse(
    element: &Element,
    name: Spanned<String>,
    diagnostics: &mut Diagnostics,
) -> Option<TaskDef> {
    let before = diagnostics.errors();
    let attributes = ["name", "class", "group", "pinnedServers"];
    let children = ["trigger", "property", "description"];
    strangers(element, &attributes, &children, diagnostics);
    let class = element.req_attr("class", diagnostics)?;
    if class.value.trim() != INJECTOR {
        diagnostics.unsupported(
            DiagnosticCode::NotSupportedYet,
            class.span,
            "the task is a Java class, which axon does not run",
            format!("of the built-in ones {INJECTOR} is run"),
        );
        return None;
    }
    let trigger = trigger(element, diagnostics);
    let property = |name: &str| {
        let mut found = element.elements().filter(|e| e.name == "property");
        found.find(|e| e.attribute("name").is_some_and(|n| n.value.trim() == name))
    };
    let text = |name: &str| {
        let value = property(name)?.attribute("value")?;
        let text = value.value.trim();
        (!text.is_empty()).then(|| Spanned::new(text.to_owned(), value.span))
    };
    let format = match text("format") {
        None => Some(TaskFormat::Soap12),
        Some(word) => one_of(&word, FORMATS, diagnostics),
    };
    let target = target(element, &text, diagnostics);
    let message = property("message").and_then(|e| match e.elements().next() {
        Some(inside) => Some(write(inside)),
        None => e.attribute("value").map(|v| v.value.clone()),
    });
    if message.is_none() && format != Some(TaskFormat::Get) {
        let help = "add <property name=\"message\"> with an element inside";
        lacks(element, "message", help, diagnostics);
    }
    let to = text("to");
    if to.is_none() && matches!(target, Some(TaskTarget::Main)) {
        let help = "add <property name=\"to\" value=\"http://...\"/>";
        lacks(element, "to", help, diagnostics);
    }
    if diagnostics.errors() > before {
        return None;
    }
    let (schedule, count) = trigger?;
    Some(TaskDef {
        name,
        schedule,
        count,
        message: message.unwrap_or_default(),
        to: to.map(|to| to.value),
        action: text("soapAction").map(|action| action.value),
        format: format?,
        target: target?,
        span: element.span,
    })
}

fn one_of<T: Copy>(
    word: &Spanned<String>,
    words: &[(&str, T)],
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let found = words.iter().find(|(known, _)| *known == word.value);
    if found.is_none() {
        let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
        let message = format!("`{}` is not known here", word.value);
        let help = format!("write one of {}", known.join(", "));
        diagnostics.error_help(DiagnosticCode::BadValue, word.span, message, help);
    }
    found.map(|(_, value)| *value)
}

fn target(
    element: &Element,
    text: &dyn Fn(&str) -> Option<Spanned<String>>,
    diagnostics: &mut Diagnostics,
) -> Option<TaskTarget> {
    const KINDS: &[(&str, &str)] = &[
        ("main", ""),
        ("sequence", "sequenceName"),
        ("proxy", "proxyName"),
    ];
    let kind = match text("injectTo") {
        None => "",
        Some(word) => one_of(&word, KINDS, diagnostics)?,
    };
    if kind.is_empty() {
        return Some(TaskTarget::Main);
    }
    let Some(name) = text(kind) else {
        let help = format!("add <property name=\"{kind}\" value=\"...\"/>");
        lacks(element, kind, &help, diagnostics);
        return None;
    };
    Some(match kind {
        "sequenceName" => TaskTarget::Sequence(name),
        _ => TaskTarget::Proxy(name),
    })
}

/// How long between two messages, and how many there are; the first one comes at once.
fn trigger(element: &Element, diagnostics: &mut Diagnostics) -> Option<(Schedule, Option<u32>)> {
    let Some(trigger) = element.child("trigger") else {
        let help = "add <trigger interval=\"seconds\"/> or <trigger once=\"true\"/>";
        lacks(element, "trigger", help, diagnostics);
        return None;
    };
    strangers(
        trigger,
        &["interval", "count", "once", "cron"],
        &[],
        diagnostics,
    );
    if let Some(cron) = trigger.attribute("cron") {
        return match Cron::parse(&cron.value) {
            Ok(cron) => Some((Schedule::At(cron), None)),
            Err(why) => {
                let help = "write it as Quartz reads it, as in 0 0/5 * * * ?";
                let code = DiagnosticCode::BadValue;
                diagnostics.error_help(code, cron.span, why, help);
                None
            }
        };
    }
    let mut number = |name: &str, most: u64| {
        let written = trigger.attribute(name)?;
        let value = written.value.trim().parse::<u64>().ok();
        let value = value.filter(|n| (1..=most).contains(n));
        if value.is_none() {
            let message = format!("{name} is not a whole number from 1 to {most}");
            diagnostics.error(DiagnosticCode::BadNumber, written.span, message);
        }
        value
    };
    let (interval, count) = (
        number("interval", INTERVAL_MAX),
        number("count", u64::from(u32::MAX)),
    );
    let once = trigger
        .attribute("once")
        .is_some_and(|once| once.value.trim().eq_ignore_ascii_case("true"));
    match (once, interval) {
        (true, _) => Some((Schedule::Every(Duration::ZERO), Some(1))),
        (false, Some(seconds)) => {
            let count = count.and_then(|count| u32::try_from(count).ok());
            Some((Schedule::Every(Duration::from_secs(seconds)), count))
        }
        (false, None) => {
            if trigger.attribute("interval").is_none() {
                let help = "add interval=\"seconds\" or once=\"true\"";
                lacks(trigger, "interval", help, diagnostics);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::loader::parse_bytes;

    fn load(class: &str, inside: &str) -> (Option<TaskDef>, Vec<DiagnosticCode>) {
        let text = format!(
            "<task xmlns='http://ws.apache.org/ns/synapse' name='t' class='{class}'>{inside}</task>"
        );
        let (mut model, diagnostics) = parse_bytes("t.xml", text.as_bytes());
        let codes = diagnostics.into_sorted().iter().map(|d| d.code).collect();
        (model.tasks.pop(), codes)
    }

    const MESSAGE: &str = "<property name='message'><a xmlns='urn:a'/></property>";
    const TO: &str = "<property name='to' value='http://h/'/>";

    #[test]
    fn triggers_say_how_often_and_properties_what() {
        for (trigger, interval, count) in [
            ("interval='5'", 5, None),
            ("interval='1' count='2'", 1, Some(2)),
            ("once='true'", 0, Some(1)),
        ] {
            let (def, codes) = load(INJECTOR, &format!("<trigger {trigger}/>{MESSAGE}{TO}"));
            assert_eq!(codes, [], "{trigger}");
            let def = def.unwrap();
            let every = Schedule::Every(Duration::from_secs(interval));
            assert_eq!((def.schedule, def.count), (every, count));
            assert_eq!(def.message, "<a xmlns=\"urn:a\"/>");
            assert_eq!(def.format, TaskFormat::Soap12);
            assert!(matches!(def.target, TaskTarget::Main));
        }
        let cron = format!("<trigger cron='0 0/5 * * * ?'/>{MESSAGE}{TO}");
        let def = load(INJECTOR, &cron).0.unwrap();
        assert!(matches!(def.schedule, Schedule::At(_)));
        let more = "<trigger once='true'/><property name='message' value='&lt;a/>'/><property name='format' value='pox'/>
            <property name='injectTo' value='proxy'/><property name='proxyName' value='p'/>";
        let def = load(INJECTOR, more).0.unwrap();
        assert_eq!(def.message, "<a/>");
        assert!(matches!(def.target, TaskTarget::Proxy(name) if name.value == "p"));
    }

    #[test]
    fn what_cannot_run_is_told() {
        use DiagnosticCode as Code;
        let once = "<trigger once='true'/>";
        for (class, inside, code) in [
            ("x.Y", format!("{once}{MESSAGE}{TO}"), Code::NotSupportedYet),
            (INJECTOR, format!("{MESSAGE}{TO}"), Code::MissingElement),
            (
                INJECTOR,
                format!("<trigger/>{MESSAGE}{TO}"),
                Code::MissingElement,
            ),
            (
                INJECTOR,
                format!("<trigger interval='0'/>{MESSAGE}{TO}"),
                Code::BadNumber,
            ),
            (
                INJECTOR,
                format!("<trigger cron='* * * * *'/>{MESSAGE}{TO}"),
                Code::BadValue,
            ),
            (INJECTOR, format!("{once}{TO}"), Code::MissingElement),
            (INJECTOR, format!("{once}{MESSAGE}"), Code::MissingElement),
            (
                INJECTOR,
                format!("{once}{MESSAGE}<property name='injectTo' value='sequence'/>"),
                Code::MissingElement,
            ),
            (
                INJECTOR,
                format!("{once}{MESSAGE}{TO}<property name='format' value='soap13'/>"),
                Code::BadValue,
            ),
        ] {
            let (def, codes) = load(class, &inside);
            assert!(def.is_none() && codes == [code], "{inside}: {codes:?}");
        }
    }
}
