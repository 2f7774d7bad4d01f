//! `static`: the members stand in the file, in the property `members`.

use std::io;
use std::time::Duration;

use super::{Address, MEMBERS_MAX, Settings, Source, member};
use crate::codes::DiagnosticCode;
use crate::config::diagnostic::Diagnostics;

struct List(Vec<Address>);

impl Source for List {
    fn look(&self) -> io::Result<Vec<Address>> {
        Ok(self.0.clone())
    }

    fn period(&self) -> Option<Duration> {
        None
    }
}

pub(super) fn build(
    settings: &Settings<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Box<dyn Source>> {
    settings.only(&["members"], diagnostics);
    let text = settings.required("members", diagnostics)?;
    let words = text.value.split([',', ' ', '\t', '\r', '\n']);
    let mut members = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        let Some(address) = member(word) else {
            let message = format!("{word} is no member");
            let help = "write host:port, or host:httpPort:httpsPort, separated by commas";
            diagnostics.error_help(DiagnosticCode::BadAddress, text.span, message, help);
            return None;
        };
        if !members.contains(&address) && members.len() < MEMBERS_MAX {
            members.push(address);
        }
    }
    Some(Box::new(List(members)))
}
