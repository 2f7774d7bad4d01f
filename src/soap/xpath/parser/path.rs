//! Location paths, steps, predicates (sections 2 and 3.3).

use super::*;
use crate::soap::xpath::expr::{Axis, Filter, Path, Start, Step, Test};

impl Parser<'_, '_> {
    pub(super) fn path(&mut self) -> Result<Expr, XPathError> {
        let from = self.place();
        match self.peek() {
            Token::Operator("/") => {
                self.at += 1;
                let mut steps = Vec::new();
                if self.at_step() {
                    self.steps(&mut steps)?;
                }
                Ok(self.located(Start::Root, steps, from))
            }
            Token::Operator("//") => {
                let mut steps = Vec::new();
                self.descend(&mut steps)?;
                self.steps(&mut steps)?;
                Ok(self.located(Start::Root, steps, from))
            }
            _ if self.at_step() => {
                let mut steps = Vec::new();
                self.steps(&mut steps)?;
                Ok(self.located(Start::Context, steps, from))
            }
            _ => self.filtered(from),
        }
    }

    /// A primary expression with predicates, and steps from there.
    fn filtered(&mut self, from: Range<usize>) -> Result<Expr, XPathError> {
        let mut inner = self.primary()?;
        if self.peek() == Token::Sign("[") {
            self.nodes(&inner, from.start)?;
            let predicates = self.predicates()?;
            inner = Expr::Filter(Box::new(Filter {
                inner,
                predicates,
                at: from.clone(),
            }));
        }
        if !matches!(self.peek(), Token::Operator("/" | "//")) {
            return Ok(inner);
        }
        self.nodes(&inner, from.start)?;
        let mut steps = Vec::new();
        if self.peek() == Token::Operator("//") {
            self.descend(&mut steps)?;
        } else {
            self.at += 1;
        }
        self.steps(&mut steps)?;
        Ok(self.located(Start::Expr(inner), steps, from))
    }

    fn located(&self, start: Start, steps: Vec<Step>, from: Range<usize>) -> Expr {
        let end = self.behind();
        Expr::Path(Box::new(Path {
            start,
            steps,
            at: from.start..end,
        }))
    }

    /// True where a step begins. A name in front of a bracket is a function, unless it is the type of a node.
    fn at_step(&self) -> bool {
        match self.peek() {
            Token::Star(_) | Token::Sign("@" | "." | "..") => true,
            Token::Name(name) => match self.ahead(1) {
                Token::Sign("(") => name.prefix.is_empty() && is_node_type(name.local),
                _ => true,
            },
            _ => false,
        }
    }

    fn steps(&mut self, steps: &mut Vec<Step>) -> Result<(), XPathError> {
        loop {
            let step = self.step()?;
            steps.push(step);
            match self.peek() {
                Token::Operator("/") => {
                    self.count_operator()?;
                    self.at += 1;
                }
                Token::Operator("//") => self.descend(steps)?,
                _ => return Ok(()),
            }
        }
    }

    /// `//`: `/descendant-or-self::node()/`.
    fn descend(&mut self, steps: &mut Vec<Step>) -> Result<(), XPathError> {
        self.count_operator()?;
        steps.push(Step {
            axis: Axis::DescendantOrSelf,
            test: Test::Node,
            predicates: Vec::new(),
            at: self.place(),
        });
        self.at += 1;
        Ok(())
    }

    fn step(&mut self) -> Result<Step, XPathError> {
        let from = self.place();
        for (sign, axis) in [(".", Axis::SelfNode), ("..", Axis::Parent)] {
            if self.takes(Token::Sign(sign)) {
                return Ok(Step {
                    axis,
                    test: Test::Node,
                    predicates: Vec::new(),
                    at: from,
                });
            }
        }
        let axis = self.axis()?;
        let test = self.test()?;
        let end = self.behind();
        let predicates = self.predicates()?;
        Ok(Step {
            axis,
            test,
            predicates,
            at: from.start..end,
        })
    }

    fn axis(&mut self) -> Result<Axis, XPathError> {
        if self.takes(Token::Sign("@")) {
            return Ok(Axis::Attribute);
        }
        let Token::Name(name) = self.peek() else {
            return Ok(Axis::Child);
        };
        if self.ahead(1) != Token::Sign("::") {
            return Ok(Axis::Child);
        }
        let at = self.place();
        self.at += 2;
        let axis = Axis::named(name.local).filter(|_| name.prefix.is_empty());
        axis.ok_or_else(|| {
            let message = format!("`{}` is no axis", name.local);
            XPathError::new(ErrorKind::Syntax, message, at)
        })
    }

    fn test(&mut self) -> Result<Test, XPathError> {
        let at = self.place();
        match self.peek() {
            Token::Star("") => {
                self.at += 1;
                Ok(Test::Any)
            }
            Token::Star(prefix) => {
                self.at += 1;
                self.namespace(prefix, &at).map(Test::Namespace)
            }
            Token::Name(name)
                if self.ahead(1) == Token::Sign("(")
                    && name.prefix.is_empty()
                    && is_node_type(name.local) =>
            {
                self.at += 2;
                self.node_type(name.local)
            }
            Token::Name(name) if self.ahead(1) != Token::Sign("(") => {
                self.at += 1;
                Ok(Test::Name {
                    namespace: self.namespace(name.prefix, &at)?,
                    local: name.local.into(),
                })
            }
            Token::End => Err(self.unexpected()),
            _ => Err(XPathError::new(
                ErrorKind::Syntax,
                "a name, `*` or the type of a node was expected here",
                at,
            )),
        }
    }

    /// The type of a node; its opening bracket is taken.
    fn node_type(&mut self, name: &str) -> Result<Test, XPathError> {
        let test = match name {
            "text" => Test::Text,
            "comment" => Test::Comment,
            "node" => Test::Node,
            _ => match self.peek() {
                Token::Literal(target) => {
                    self.at += 1;
                    Test::Instruction(Some(target.into()))
                }
                _ => Test::Instruction(None),
            },
        };
        self.expect(")")?;
        Ok(test)
    }

    fn predicates(&mut self) -> Result<Vec<Expr>, XPathError> {
        let mut predicates = Vec::new();
        while self.takes(Token::Sign("[")) {
            self.count_operator()?;
            predicates.push(self.nested(|parser| parser.binary(0))?);
            self.expect("]")?;
        }
        Ok(predicates)
    }
}

fn is_node_type(name: &str) -> bool {
    matches!(name, "text" | "comment" | "node" | "processing-instruction")
}
