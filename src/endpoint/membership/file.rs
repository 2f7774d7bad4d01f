//! `file`: a member per line of the file that the property `path` names; what follows a `#` is a note.
//!
//! A file with a line that is no member changes nothing: the last good state stays, as when it cannot be read.

use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use super::{Address, MEMBERS_MAX, Settings, Source, member};
use crate::config::diagnostic::Diagnostics;

/// `refresh` when it is not given, in milliseconds.
const REFRESH_MS: u64 = 2_000;
/// Largest file.
const BYTES_MAX: u64 = 256 * 1024;

struct File {
    /// The places that the path may mean, in order.
    places: Vec<PathBuf>,
    refresh: Duration,
}

impl Source for File {
    fn look(&self) -> io::Result<Vec<Address>> {
        let place = self.places.iter().find(|place| place.is_file());
        let place = place.ok_or(io::ErrorKind::NotFound)?;
        let mut text = String::new();
        let file = std::fs::File::open(place)?;
        file.take(BYTES_MAX).read_to_string(&mut text)?;
        members(&text)
    }

    fn period(&self) -> Option<Duration> {
        Some(self.refresh)
    }
}

/// The members of a text.
pub(super) fn members(text: &str) -> io::Result<Vec<Address>> {
    let mut members = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let Some(address) = member(line) else {
            let text = format!("line {number} is no member: write host:port");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        };
        if !members.contains(&address) && members.len() < MEMBERS_MAX {
            members.push(address);
        }
    }
    Ok(members)
}

pub(super) fn build(
    settings: &Settings<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Box<dyn Source>> {
    settings.only(&["path", "refresh"], diagnostics);
    let path = settings.required("path", diagnostics)?;
    let path = path.value.strip_prefix("file:").unwrap_or(&path.value);
    let refresh = settings.number("refresh", REFRESH_MS, 500..=86_400_000, diagnostics)?;
    Some(Box::new(File {
        places: settings
            .folders
            .iter()
            .map(|folder| folder.join(path))
            .collect(),
        refresh: Duration::from_millis(refresh),
    }))
}
