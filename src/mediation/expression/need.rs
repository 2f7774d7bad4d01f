//! What has to be there before something can be evaluated (design 5).

use std::fmt;

use crate::soap::content::Extent;
use crate::soap::xpath::Reach;

/// What an expression, or a mediator with several, looks at; the later ones include the earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Nothing: its value is fixed.
    #[default]
    Nothing,
    /// Properties and header fields.
    Properties,
    /// The message up to the end of its SOAP header; the body streams on.
    Header,
    /// The whole message, which is held then.
    Whole,
}

impl Need {
    pub(super) fn of(reach: Reach, properties: bool) -> Need {
        match reach {
            Reach::Whole => Need::Whole,
            Reach::Header => Need::Header,
            Reach::Nothing if properties => Need::Properties,
            Reach::Nothing => Need::Nothing,
        }
    }

    /// How far the message has to be read, if at all.
    pub fn extent(self) -> Option<Extent> {
        match self {
            Need::Nothing | Need::Properties => None,
            Need::Header => Some(Extent::Header),
            Need::Whole => Some(Extent::Whole),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Nothing => "nothing",
            Need::Properties => "properties",
            Need::Header => "the SOAP header",
            Need::Whole => "the whole message",
        })
    }
}
