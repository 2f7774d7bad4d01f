//! JSONPath for `json-eval(...)`: the part of RFC 9535 that configurations use, written here because the crates for it bring
//! parser generators and none has `length()`, which the library of the originals has.
//!
//! `$`, `.name`, `['name']`, `[0]`, `[-1]`, `[0,2]`, `[1:3]`, `*`, `..`, filters `[?(@.a == 'x' && @.b)]` with the six
//! comparisons, `!`, `&&`, `||`, and `.length()` at the end.

use serde_json::Value;

mod parse;

/// Most values that one evaluation visits.
const VISITS_MAX: usize = 1_000_000;
/// Longest path, in bytes.
const PATH_MAX: usize = 4096;

/// A compiled path.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
    /// It ends with `.length()`.
    length: bool,
}

/// Why a path cannot be compiled or evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPathError {
    /// It is none.
    #[error("the JSONPath is wrong here: {message}")]
    Syntax {
        /// What is wrong.
        message: &'static str,
        /// Where, in bytes of the path.
        at: usize,
    },
    /// It visits too many values.
    #[error("the JSONPath visits more than {VISITS_MAX} values")]
    Visits,
}

#[derive(Clone, Debug, PartialEq)]
struct Step {
    /// `..`: of everything below, too.
    below: bool,
    selectors: Vec<Selector>,
}

#[derive(Clone, Debug, PartialEq)]
enum Selector {
    Name(String),
    All,
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    Filter(Filter),
}

#[derive(Clone, Debug, PartialEq)]
enum Filter {
    Any(Vec<Filter>),
    Every(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    /// From the value that is tested.
    Here(JsonPath),
    /// From the outermost value.
    Root(JsonPath),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Other,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

/// A walk through a value, and what is left of its bound.
struct Walk<'v> {
    root: &'v Value,
    left: usize,
}

impl JsonPath {
    /// Compiles a path.
    ///
    /// # Errors
    /// [`JsonPathError::Syntax`].
    pub fn compile(path: &str) -> Result<JsonPath, JsonPathError> {
        if path.len() > PATH_MAX {
            return Err(JsonPathError::Syntax {
                message: "it is too long",
                at: PATH_MAX,
            });
        }
        parse::path(path)
    }

    /// What the path selects, as the text that WSO2 makes of it: a string without quotes, other values as JSON, several of them as an
    /// array, nothing as the empty text.
    ///
    /// # Errors
    /// [`JsonPathError::Visits`].
    pub fn text(&self, root: &Value) -> Result<String, JsonPathError> {
        let mut walk = Walk {
            root,
            left: VISITS_MAX,
        };
        let found = self.select(&mut walk, root)?;
        if self.length {
            return Ok(match found.first() {
                Some(Value::Array(values)) => values.len().to_string(),
                Some(Value::Object(members)) => members.len().to_string(),
                Some(Value::String(text)) => text.chars().count().to_string(),
                _ => String::new(),
            });
        }
        Ok(match (&found[..], self.is_definite()) {
            ([], true) => String::new(),
            ([Value::String(text)], true) => text.clone(),
            ([value], true) => value.to_string(),
            (values, _) => {
                let texts: Vec<String> = values.iter().map(|value| value.to_string()).collect();
                format!("[{}]", texts.join(","))
            }
        })
    }

    /// Whether the path selects something that is not `false`, `null` or empty.
    ///
    /// # Errors
    /// [`JsonPathError::Visits`].
    pub fn holds(&self, root: &Value) -> Result<bool, JsonPathError> {
        Ok(Self::is_true(&self.text(root)?))
    }

    /// Whether a text that a path has led to counts as true.
    pub fn is_true(text: &str) -> bool {
        !matches!(text, "" | "false" | "null" | "[]")
    }

    /// True when it selects one value at most.
    fn is_definite(&self) -> bool {
        self.steps.iter().all(|step| {
            let one = matches!(
                &step.selectors[..],
                [Selector::Name(_) | Selector::Index(_)]
            );
            one && !step.below
        })
    }

    fn select<'v>(
        &self,
        walk: &mut Walk<'v>,
        from: &'v Value,
    ) -> Result<Vec<&'v Value>, JsonPathError> {
        let mut found = vec![from];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                match step.below {
                    false => step.apply(walk, value, &mut next)?,
                    true => {
                        // Depth first, in the order of the document.
                        let mut open = vec![value];
                        while let Some(value) = open.pop() {
                            step.apply(walk, value, &mut next)?;
                            match value {
                                Value::Array(values) => open.extend(values.iter().rev()),
                                Value::Object(members) => {
                                    let inner: Vec<&Value> = members.values().collect();
                                    open.extend(inner.into_iter().rev());
                                }
                                _ => {}
                            }
                        }
                    }
                }
            }
            found = next;
        }
        Ok(found)
    }
}

impl Step {
    fn apply<'v>(
        &self,
        walk: &mut Walk<'v>,
        value: &'v Value,
        out: &mut Vec<&'v Value>,
    ) -> Result<(), JsonPathError> {
        for selector in &self.selectors {
            walk.visit(1)?;
            match (selector, value) {
                (Selector::Name(name), Value::Object(members)) => out.extend(members.get(name)),
                (Selector::All, Value::Object(members)) => {
                    walk.visit(members.len())?;
                    out.extend(members.values());
                }
                (Selector::All, Value::Array(values)) => {
                    walk.visit(values.len())?;
                    out.extend(values);
                }
                (Selector::Index(index), Value::Array(values)) => {
                    out.extend(place(*index, values.len()).and_then(|at| values.get(at)));
                }
                (Selector::Slice(from, to), Value::Array(values)) => {
                    let bound = |at: Option<i64>, or: usize| match at {
                        None => or,
                        Some(at) if at < 0 => {
                            values.len().saturating_sub(at.unsigned_abs() as usize)
                        }
                        Some(at) => (at as usize).min(values.len()),
                    };
                    let (from, to) = (bound(*from, 0), bound(*to, values.len()));
                    walk.visit(values.len())?;
                    out.extend(values.get(from..to).unwrap_or_default());
                }
                (Selector::Filter(filter), Value::Array(values)) => {
                    for value in values {
                        if filter.holds(walk, value)? {
                            out.push(value);
                        }
                    }
                }
                (Selector::Filter(filter), Value::Object(members)) => {
                    for value in members.values() {
                        if filter.holds(walk, value)? {
                            out.push(value);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Walk<'_> {
    fn visit(&mut self, count: usize) -> Result<(), JsonPathError> {
        self.left = self.left.checked_sub(count).ok_or(JsonPathError::Visits)?;
        Ok(())
    }
}

fn place(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

impl Filter {
    fn holds<'v>(&self, walk: &mut Walk<'v>, value: &'v Value) -> Result<bool, JsonPathError> {
        walk.visit(1)?;
        Ok(match self {
            Filter::Any(filters) => {
                for filter in filters {
                    if filter.holds(walk, value)? {
                        return Ok(true);
                    }
                }
                false
            }
            Filter::Every(filters) => {
                for filter in filters {
                    if !filter.holds(walk, value)? {
                        return Ok(false);
                    }
                }
                true
            }
            Filter::Not(filter) => !filter.holds(walk, value)?,
            Filter::Exists(operand) => operand.value(walk, value)?.is_some(),
            Filter::Compare(left, comparison, right) => {
                let left = left.value(walk, value)?;
                let right = right.value(walk, value)?;
                comparison.holds(left.as_ref(), right.as_ref())
            }
        })
    }
}

impl Operand {
    fn value<'v>(
        &self,
        walk: &mut Walk<'v>,
        here: &'v Value,
    ) -> Result<Option<Value>, JsonPathError> {
        let (path, from) = match self {
            Operand::Literal(value) => return Ok(Some(value.clone())),
            Operand::Here(path) => (path, here),
            Operand::Root(path) => (path, walk.root),
        };
        let found = path.select(walk, from)?;
        if path.length {
            let count = match found.first() {
                Some(Value::Array(values)) => values.len(),
                Some(Value::Object(members)) => members.len(),
                Some(Value::String(text)) => text.chars().count(),
                _ => return Ok(None),
            };
            return Ok(Some(Value::from(count)));
        }
        // Larger values are compared with nothing, so they need not be copied.
        Ok(found.first().map(|value| match value {
            Value::Array(_) => Value::Array(Vec::new()),
            Value::Object(_) => Value::Object(serde_json::Map::new()),
            value => (*value).clone(),
        }))
    }
}

impl Comparison {
    fn holds(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        let order = match (left, right) {
            (Some(Value::Number(left)), Some(Value::Number(right))) => {
                let number = |n: &serde_json::Number| n.to_string().parse::<f64>().ok();
                number(left)
                    .zip(number(right))
                    .and_then(|(left, right)| left.partial_cmp(&right))
            }
            (Some(Value::String(left)), Some(Value::String(right))) => Some(left.cmp(right)),
            (left, right) => {
                let equal = left == right;
                return match self {
                    Comparison::Equal => equal,
                    Comparison::Other => !equal,
                    _ => false,
                };
            }
        };
        let Some(order) = order else {
            return self == Comparison::Other;
        };
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Other => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::More => order.is_gt(),
            Comparison::MoreOrEqual => order.is_ge(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> String {
        let json = r#"{"store":{"book":[{"t":"A","p":8.95,"s":"x"},{"t":"B","p":12,"i":"0-1"},{"t":"C","p":22.99,"i":"0-2"}],
            "bike":{"p":19.95,"on":true,"none":null}},"a b":"odd"}"#;
        let value: Value = serde_json::from_str(json).unwrap();
        JsonPath::compile(path).unwrap().text(&value).unwrap()
    }

    #[test]
    fn paths_select_what_they_say() {
        for (path, want) in [
            ("$.store.book[0].t", "A"),
            ("$['store']['bike'].p", "19.95"),
            ("$.store.bike.on", "true"),
            ("$.store.bike.none", "null"),
            ("$.store.nothing.t", ""),
            ("$['a b']", "odd"),
            ("$.store.book[-1].t", "C"),
            ("$.store.book[9].t", ""),
            ("$.store.bike", r#"{"p":19.95,"on":true,"none":null}"#),
            ("$.store.book[*].t", r#"["A","B","C"]"#),
            ("$..t", r#"["A","B","C"]"#),
            ("$.store..p", "[8.95,12,22.99,19.95]"),
            ("$.store.book[0,2].t", r#"["A","C"]"#),
            ("$.store.book[1:].t", r#"["B","C"]"#),
            ("$.store.book[:-1].t", r#"["A","B"]"#),
            ("$.store.book[?(@.p < 10)].t", r#"["A"]"#),
            ("$.store.book[?(@.i)].t", r#"["B","C"]"#),
            ("$.store.book[?(!@.i)].t", r#"["A"]"#),
            (
                "$.store.book[?(@.t == 'B' || @.p >= 22.99)].t",
                r#"["B","C"]"#,
            ),
            ("$.store.book[?(@.i && @.t != \"B\")].t", r#"["C"]"#),
            ("$.store.book[?(@.p > $.store.bike.p)].t", r#"["C"]"#),
            ("$.store.book[?(@.t == 'none')].t", "[]"),
            ("$.store.book.length()", "3"),
            ("$.store.*.p", "[19.95]"),
            ("$['store','a b']['bike']['p']", "[19.95]"),
        ] {
            assert_eq!(text(path), want, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_says_where() {
        for (path, at) in [
            ("", 0),
            ("store", 0),
            ("$.", 2),
            ("$[", 2),
            ("$['a", 2),
            ("$[?(@.a ==)]", 10),
            ("$[?(@.a]", 7),
            ("$.a b", 3),
            ("$[99999999999999999999]", 2),
        ] {
            match JsonPath::compile(path) {
                Err(JsonPathError::Syntax { at: found, .. }) => assert_eq!(found, at, "{path}"),
                other => panic!("{path}: {other:?}"),
            }
        }
        let deep = format!("$[?({}@{})]", "(".repeat(500), ")".repeat(500));
        assert!(JsonPath::compile(&deep).is_err());
    }

    #[test]
    fn an_evaluation_has_an_end() {
        let value = Value::Array(vec![Value::Array(vec![Value::Null; 2000]); 2000]);
        let path = JsonPath::compile("$..*").unwrap();
        assert_eq!(path.text(&value), Err(JsonPathError::Visits));
    }

    #[test]
    fn what_holds_is_there_and_true() {
        let value: Value = serde_json::from_str(r#"{"a":true,"b":false,"c":""}"#).unwrap();
        for (path, want) in [
            ("$.a", true),
            ("$.b", false),
            ("$.c", false),
            ("$.d", false),
        ] {
            assert_eq!(JsonPath::compile(path).unwrap().holds(&value), Ok(want));
        }
    }
}
