//! Indented XML: one element a line, two spaces a level.

/// Spaces per level.
const INDENT: usize = 2;

/// Elements in the order in which they are opened.
#[derive(Debug, Default)]
pub(in crate::config) struct Writer {
    out: String,
    open: Vec<String>,
    /// The start tag of the innermost element has no `>` yet.
    in_tag: bool,
}

impl Writer {
    /// Opens an element inside the innermost one.
    pub(in crate::config) fn open(&mut self, name: &str) {
        self.line();
        self.out.push('<');
        self.out.push_str(name);
        self.open.push(name.to_owned());
        self.in_tag = true;
    }

    /// Closes the innermost element.
    pub(in crate::config) fn close(&mut self) {
        let Some(name) = self.open.pop() else { return };
        if self.in_tag {
            self.out.push_str("/>");
            self.in_tag = false;
            return;
        }
        self.indent();
        self.out.push_str(&format!("</{name}>"));
    }

    /// An element that holds text alone.
    pub(in crate::config) fn leaf(&mut self, name: &str, text: &str) {
        self.line();
        self.out.push_str(&format!("<{name}>"));
        escape(text, false, &mut self.out);
        self.out.push_str(&format!("</{name}>"));
    }

    /// A text that is markup already, as it stands.
    pub(in crate::config) fn raw(&mut self, markup: &str) {
        self.line();
        self.out.push_str(markup);
    }

    /// An element with a name that holds text alone.
    pub(in crate::config) fn named(&mut self, element: &str, name: &str, text: &str) {
        self.line();
        self.out.push_str(&format!("<{element} name=\""));
        escape(name, true, &mut self.out);
        self.out.push_str("\">");
        escape(text, false, &mut self.out);
        self.out.push_str(&format!("</{element}>"));
    }

    /// An attribute of the element that was opened last.
    pub(in crate::config) fn attribute(&mut self, name: &str, value: &str) {
        self.out.push_str(&format!(" {name}=\""));
        escape(value, true, &mut self.out);
        self.out.push('"');
    }

    /// An attribute that may be unset.
    pub(in crate::config) fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.attribute(name, value);
        }
    }

    /// A number that may be unset.
    pub(in crate::config) fn number<T: ToString>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.attribute(name, &value.to_string());
        }
    }

    /// A comment.
    pub(in crate::config) fn comment(&mut self, text: &str) {
        self.line();
        let text = text.replace("--", "- -");
        self.out
            .push_str(&format!("<!-- {} -->", text.trim_end_matches('-')));
    }

    /// The document, with declarations on its root: those that are always there, and those whose prefix is used.
    pub(in crate::config) fn document(
        self,
        always: &[(&str, &str)],
        used: &[(&str, &str)],
    ) -> String {
        let is_used = |name: &str| {
            let prefix = name.strip_prefix("xmlns:").unwrap_or(name);
            [' ', '<', '/']
                .iter()
                .any(|c| self.out.contains(&format!("{c}{prefix}:")))
        };
        let declared: String = always
            .iter()
            .chain(used.iter().filter(|(name, _)| is_used(name)))
            .map(|(name, uri)| format!(" {name}=\"{uri}\""))
            .collect();
        let name_end = self
            .out
            .find(|c: char| c.is_whitespace() || c == '/' || c == '>')
            .unwrap_or(self.out.len());
        format!(
            "{}{declared}{}\n",
            &self.out[..name_end],
            &self.out[name_end..]
        )
    }

    /// Ends the open start tag and begins a line.
    fn line(&mut self) {
        if self.in_tag {
            self.out.push('>');
            self.in_tag = false;
        }
        if !self.out.is_empty() {
            self.indent();
        }
    }

    fn indent(&mut self) {
        self.out.push('\n');
        self.out
            .extend(std::iter::repeat_n(' ', INDENT * self.open.len()));
    }
}

/// Character data; white space in an attribute would be normalised by the reader if it stood there as it is.
pub(in crate::config) fn escape(text: &str, attribute: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            '\n' | '\t' if attribute => out.push_str(&format!("&#{};", u32::from(c))),
            '\r' => out.push_str("&#13;"),
            _ => out.push(c),
        }
    }
}
