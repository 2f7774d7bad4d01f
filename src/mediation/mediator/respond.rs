//! `respond`: the current message goes back to the client, and the flow ends. In a response flow it works like `send`.

use super::{Mediator, Scene, Step};
use crate::config::xml::Element;
use crate::exchange::Exchange;
use crate::mediation::parse::Parse;

#[derive(Debug)]
struct Respond;

pub(super) fn parse(element: &Element, parse: &mut Parse<'_>) -> Option<Box<dyn Mediator>> {
    parse.only(element, &[], &[]);
    Some(Box::new(Respond))
}

impl Mediator for Respond {
    fn mediate<'a>(&'a self, _: &mut Exchange, _: &Scene<'a>) -> Step<'a> {
        Step::Respond
    }
}

#[cfg(test)]
mod tests {
    use crate::mediation::testing::{Sent, get, soap11, soap11_with, world};

    #[test]
    fn an_answer_goes_back_and_the_flow_ends() {
        let text = r#"<sequence name="main"><in><send><endpoint key="e"/></send></in><out><respond/><log/></out></sequence>"#;
        let seen = world(text)
            .clean()
            .run(&mut soap11(), vec![Sent::Answer(204)]);
        assert_eq!((seen.status, seen.log.len()), (204, 0));
    }

    #[test]
    fn a_request_goes_back_as_it_is_without_what_concerns_requests_only() {
        let respond = world(
            r#"<sequence name="main"><property name="X-Set" value="1" scope="transport"/><respond/><log/></sequence>"#,
        )
        .clean();
        let seen = respond.run(&mut get(), vec![]);
        assert_eq!((seen.status, seen.body.as_str()), (200, ""));
        let mut x = soap11_with("", "<a/>");
        x.request.headers.append(b"Cookie", b"a=b");
        let sent = x.request_body.clone();
        let seen = respond.run(&mut x, vec![]);
        assert_eq!((seen.status, seen.log.len()), (200, 0));
        assert_eq!(
            seen.content_type.as_deref(),
            Some("text/xml; charset=UTF-8")
        );
        assert_eq!(x.response_body, sent);
        let headers = &x.response.as_ref().unwrap().headers;
        assert_eq!(headers.find("X-Set"), Some(&b"1"[..]));
        for name in ["Cookie", "Host", "SOAPAction"] {
            assert_eq!(headers.find(name), None, "{name}");
        }
    }
}
