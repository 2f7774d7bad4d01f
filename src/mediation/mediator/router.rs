//! `conditionalRouter` and the older `router`: run the target of the first route that fits, or of each (spec/mediation.md 9).
//!
//! A route is a mediator that goes on with its target and, unless it breaks, with the next route; else with the next route
//! alone. So the routes are a chain of lists, and the runner needs to know nothing of them.

use std::sync::Arc;

use super::filter::Branch;
use super::send::Send;
use super::{List, Mediator, Scene, Step, most};
use crate::config::source::Spanned;
use crate::config::xml::Element;
use crate::exchange::{Exchange, Fault};
use crate::mediation::evaluator::Condition;
use crate::mediation::expression::Expression;
use crate::mediation::message;
use crate::mediation::parse::Parse;
use crate::mediation::url::Url;
use crate::mediation::whole_pattern::WholePattern;

/// Most routes of one router.
const ROUTES_MAX: usize = 1000;

/// All routes, and what comes behind them.
#[derive(Debug)]
struct Router(List);

#[derive(Debug)]
struct Route {
    when: When,
    /// The target, and the next route unless this one breaks.
    hit: List,
    /// The next route.
    miss: List,
}

#[derive(Debug)]
enum When {
    Always,
    Holds(Condition),
    Exists(Expression),
    Matches(Expression, WholePattern),
}

/// One mediator in two lists.
#[derive(Debug)]
struct Shared(Arc<Route>);

/// Goes on with a list or a sequence.
#[derive(Debug)]
struct Go(Branch);

/// Sends to an endpoint.
#[derive(Debug)]
struct SendOn(Send);

/// Ends the flow.
#[derive(Debug)]
struct End;

/// What is known of a route before the next one is there.
struct Parts {
    when: When,
    target: Vec<Box<dyn Mediator>>,
    breaks: bool,
    place: Spanned<Box<str>>,
}

const BOOLEAN: &[(&str, bool)] = &[("true", true), ("false", false)];

/// What follows the condition of a route, the same for both routers but for the name of one attribute.
fn parts(
    route: &Element,
    when: Option<When>,
    break_word: &str,
    parse: &mut Parse<'_>,
) -> Option<Parts> {
    let breaks = parse.word(route, break_word, BOOLEAN);
    let target = target(route, parse);
    Some(Parts {
        when: when?,
        target: target?,
        breaks: breaks?,
        place: place(route),
    })
}

pub(super) fn parse_conditional(
    element: &Element,
    parse: &mut Parse<'_>,
) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["continueAfter"], &["conditionalRoute"]);
    let routes: Vec<&Element> = element
        .elements()
        .filter(|e| e.is("conditionalRoute"))
        .collect();
    let all = routes.into_iter().map(|route| {
        parse.only(
            route,
            &["breakRoute", "asynchronous"],
            &["condition", "target"],
        );
        let when = match route.child("condition") {
            Some(condition) => Condition::inside(condition, parse).map(When::Holds),
            None => {
                parse.bad(route.name_span, "`conditionalRoute` has no `condition`");
                None
            }
        };
        parts(route, when, "breakRoute", parse)
    });
    let all: Vec<Option<Parts>> = all.collect();
    let after = parse.word(element, "continueAfter", BOOLEAN)?;
    router(
        element,
        all.into_iter().collect::<Option<_>>()?,
        after,
        parse,
    )
}

pub(super) fn parse_router(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &["continueAfter"], &["route"]);
    let routes: Vec<&Element> = element.elements().filter(|e| e.is("route")).collect();
    let all = routes.into_iter().map(|route| {
        parse.only(route, &["expression", "match", "breakRouter"], &["target"]);
        let expression = route.attribute("expression");
        let expression = expression.map(|text| parse.expression(route, text));
        let pattern = route
            .attribute("match")
            .map(|text| parse.whole_pattern(text));
        let when = match (expression, pattern) {
            (None, None) => Some(When::Always),
            (Some(Some(expression)), None) => Some(When::Exists(expression)),
            (Some(Some(expression)), Some(Some(regex))) => Some(When::Matches(expression, regex)),
            (None, Some(_)) => {
                parse.bad(route.name_span, "`match` of a route needs `expression`");
                None
            }
            _ => None,
        };
        parts(route, when, "breakRouter", parse)
    });
    let all: Vec<Option<Parts>> = all.collect();
    let words = [BOOLEAN[1], BOOLEAN[0]];
    let after = parse.word(element, "continueAfter", &words)?;
    router(
        element,
        all.into_iter().collect::<Option<_>>()?,
        after,
        parse,
    )
}

fn place(element: &Element) -> Spanned<Box<str>> {
    Spanned::new(element.name.as_str().into(), element.name_span)
}

/// What a target does: a sequence by key or inside, then an endpoint by key or inside.
fn target(route: &Element, parse: &mut Parse<'_>) -> Option<Vec<Box<dyn Mediator>>> {
    let Some(target) = route.child("target") else {
        let text = format!("`{}` has no `target`", route.name);
        parse.bad(route.name_span, text);
        return None;
    };
    parse.only(
        target,
        &["sequence", "endpoint", "to", "soapAction"],
        &["sequence", "endpoint"],
    );
    let mut does: Vec<Box<dyn Mediator>> = Vec::new();
    match (target.attribute("sequence"), target.child("sequence")) {
        (Some(key), _) => {
            let key = parse.sequence(target, key)?;
            does.push(Box::new(Go(Branch::Sequence(key))));
        }
        (None, Some(inside)) => does.push(Box::new(Go(Branch::List(parse.list(inside))))),
        (None, None) => {}
    }
    match (target.attribute("endpoint"), target.child("endpoint")) {
        (Some(key), _) => does.push(Box::new(SendOn(Send::to(parse.endpoint_by_key(key))))),
        (None, Some(inside)) => does.push(Box::new(SendOn(Send::to(parse.endpoint(inside)?)))),
        (None, None) => {}
    }
    if does.is_empty() {
        parse.bad(
            target.name_span,
            "`target` names neither a sequence nor an endpoint",
        );
        return None;
    }
    Some(does)
}

fn router(
    element: &Element,
    parts: Vec<Parts>,
    after: bool,
    parse: &mut Parse<'_>,
) -> Option<Box<dyn Mediator>> {
    if parts.len() > ROUTES_MAX {
        let text = format!("`{}` has more than {ROUTES_MAX} routes", element.name);
        parse.bad(element.name_span, text);
        return None;
    }
    let here = place(element);
    let list = |does: Vec<Box<dyn Mediator>>, place: &Spanned<Box<str>>| {
        let places = vec![place.clone(); does.len() + 1];
        List::new(does, places)
    };
    let mut next: Option<Arc<Route>> = None;
    for route in parts.into_iter().rev() {
        let following = || -> Vec<Box<dyn Mediator>> {
            let next = next.iter().cloned();
            next.map(|next| Box::new(Shared(next)) as Box<dyn Mediator>)
                .collect()
        };
        let mut hit = route.target;
        if !route.breaks {
            hit.extend(following());
        }
        let miss = list(following(), &route.place);
        next = Some(Arc::new(Route {
            when: route.when,
            hit: list(hit, &route.place),
            miss,
        }));
    }
    let mut all: Vec<Box<dyn Mediator>> = Vec::new();
    all.extend(next.map(|first| Box::new(Shared(first)) as Box<dyn Mediator>));
    if !after {
        all.push(Box::new(End));
    }
    Some(Box::new(Router(list(all, &here))))
}

impl Route {
    fn fits(&self, x: &Exchange) -> Result<bool, Fault> {
        match &self.when {
            When::Always => Ok(true),
            When::Holds(condition) => condition.holds(x, &Url::parse(&message::to(x))),
            When::Exists(expression) => expression.boolean(x),
            When::Matches(expression, regex) => Ok(regex.is_match(&expression.string(x)?)),
        }
    }
}

impl Mediator for Shared {
    fn mediate<'a>(&'a self, x: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        let list = match self.0.fits(x) {
            Ok(true) => &self.0.hit,
            Ok(false) => &self.0.miss,
            Err(fault) => return Step::Fail(fault),
        };
        match list.is_empty() {
            true => Step::Next,
            false => Step::Enter(list),
        }
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        match &self.0.when {
            When::Always => None,
            When::Holds(condition) => {
                let mut found = Vec::new();
                condition.expressions(&mut found);
                most(found.into_iter().map(Some))
            }
            When::Exists(expression) | When::Matches(expression, _) => Some(expression),
        }
    }
}

impl Mediator for Router {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        match self.0.is_empty() {
            true => Step::Next,
            false => Step::Enter(&self.0),
        }
    }
}

impl Mediator for Go {
    fn mediate<'a>(&'a self, x: &mut Exchange, scene: &Scene<'a>) -> Step<'a> {
        self.0.step(x, scene)
    }

    fn looks<'a>(&'a self, _: &Scene<'a>) -> Option<&'a Expression> {
        self.0.expression()
    }
}

impl Mediator for SendOn {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Send(&self.0)
    }
}

impl Mediator for End {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Stop
    }
}

#[cfg(test)]
mod tests {
    use crate::codes::DiagnosticCode;
    use crate::exchange::Exchange;
    use crate::mediation::testing::{Sent, request, soap11_with, world};

    fn line(text: &str) -> String {
        format!(r#"<log level="custom"><property name="in" value="{text}"/></log>"#)
    }

    /// What was logged: routes by name, `after` for what comes behind the router.
    fn goes(router: &str, x: &mut Exchange) -> String {
        let text = format!(
            r#"<sequence name="main">{router}{}</sequence><sequence name="a">{}</sequence><sequence name="b">{}</sequence>"#,
            line("after"),
            line("a"),
            line("b")
        );
        let log = world(&text).clean().run(x, vec![]).log;
        let lines = log.iter().map(|l| l.trim_start_matches("INFO in = "));
        lines.collect::<Vec<_>>().join(" ")
    }

    fn route(attributes: &str, condition: &str, sequence: &str) -> String {
        format!(
            r#"<conditionalRoute {attributes}><condition>{condition}</condition><target sequence="{sequence}"/></conditionalRoute>"#
        )
    }

    fn get(target: &str, kind: &str) -> Exchange {
        let mut x = request("GET", target, None);
        x.request.headers.set("X-Kind", kind.as_bytes());
        x
    }

    const GOLD: &str = r#"<match xmlns="" type="header" source="x-kind" regex="gold.*"/>"#;
    const PARAM: &str = r#"<equal xmlns="" type="param" source="k" value="v"/>"#;

    #[test]
    fn the_first_route_that_holds_ends_the_router_unless_it_does_not_break() {
        let routes = |one: &str| route(one, GOLD, "a") + &route("", PARAM, "b");
        for (one, attributes, target, kind, want) in [
            ("", "", "/p", "golden", "a after"),
            ("", "", "/p?k=v", "golden", "a after"),
            ("", "", "/p?k=v", "x", "b after"),
            ("", "", "/p", "x", "after"),
            (r#"breakRoute="false""#, "", "/p?k=v", "golden", "a b after"),
            (r#"breakRoute="false""#, "", "/p", "golden", "a after"),
            ("", r#"continueAfter="false""#, "/p?k=v", "x", "b"),
            ("", r#"continueAfter="false""#, "/p", "x", ""),
            ("", r#"continueAfter="true""#, "/p", "x", "after"),
        ] {
            let router = format!(
                "<conditionalRouter {attributes}>{}</conditionalRouter>",
                routes(one)
            );
            let x = &mut get(target, kind);
            assert_eq!(goes(&router, x), want, "{router} {target} {kind}");
        }
    }

    #[test]
    fn conditions_are_put_together() {
        let deep = r#"<and xmlns=""><not><equal type="header" source="X-Kind" value="none"/></not><match type="url" regex=".*/deep.*"/></and>"#;
        let either = format!(r#"<or xmlns="">{GOLD}{deep}</or>"#);
        let router = format!(
            "<conditionalRouter>{}</conditionalRouter>",
            route("", &either, "a")
        );
        for (target, kind, want) in [
            ("/p/deep", "x", "a after"),
            ("/p/deep", "none", "after"),
            ("/p", "gold", "a after"),
            ("/p", "x", "after"),
        ] {
            assert_eq!(
                goes(&router, &mut get(target, kind)),
                want,
                "{target} {kind}"
            );
        }
    }

    #[test]
    fn the_older_router_goes_by_expressions_and_stops_behind() {
        let router = |attributes: &str, route: &str| {
            format!(
                r#"<router {attributes}><route expression="//symbol" match="I.*" {route}><target sequence="a"/></route>
                   <route expression="//symbol"><target><sequence>{}</sequence></target></route></router>"#,
                line("b")
            )
        };
        for (attributes, route, symbol, want) in [
            ("", "", "<symbol>IBM</symbol>", "a"),
            ("", "", "<symbol>SUN</symbol>", "b"),
            ("", "", "<x/>", ""),
            (r#"continueAfter="true""#, "", "<x/>", "after"),
            ("", r#"breakRouter="false""#, "<symbol>IBM</symbol>", "a b"),
        ] {
            let x = &mut soap11_with("", symbol);
            assert_eq!(goes(&router(attributes, route), x), want, "{symbol}");
        }
    }

    #[test]
    fn a_target_may_be_an_endpoint() {
        let text = format!(
            r#"<sequence name="main"><in><conditionalRouter><conditionalRoute><condition>{GOLD}</condition>
               <target sequence="a" endpoint="e"/></conditionalRoute></conditionalRouter></in><out><send/></out></sequence>
               <sequence name="a">{}</sequence>"#,
            line("a")
        );
        let seen = world(&text)
            .clean()
            .run(&mut get("/", "gold"), vec![Sent::Answer(200)]);
        assert_eq!((seen.sent, seen.log.len()), (vec!["key:e".to_owned()], 1));
    }

    #[test]
    fn slips_are_told() {
        for router in [
            "<conditionalRouter><conditionalRoute><target sequence='a'/></conditionalRoute></conditionalRouter>".to_owned(),
            format!("<conditionalRouter><conditionalRoute><condition>{GOLD}</condition></conditionalRoute></conditionalRouter>"),
            format!("<conditionalRouter><conditionalRoute><condition>{GOLD}</condition><target/></conditionalRoute></conditionalRouter>"),
            "<router><route match='a'><target sequence='main'/></route></router>".to_owned(),
            "<router><route breakRouter='x'><target sequence='main'/></route></router>".to_owned(),
        ] {
            let world = world(&format!("<sequence name=\"main\">{router}</sequence><sequence name='a'/>"));
            let codes: Vec<_> = world.problems().iter().map(|p| p.0).collect();
            assert_eq!(codes, [DiagnosticCode::BadMediator], "{router}");
        }
    }
}
