//! Which endpoint takes a request where there are endpoint files only (design 13).

use crate::support::{Backend, Proxy, address, endpoint};

fn named(name: &str, server: &Backend) -> String {
    endpoint(name, &address(server.address, ""))
}

#[test]
fn a_single_endpoint_takes_everything_with_its_path() {
    let a = Backend::named("a");
    let proxy = Proxy::serving(&named("only", &a));
    let mut client = proxy.client();
    for path in ["/", "/x/y?q=1", "/services/other/z?q"] {
        assert_eq!(client.get(path).text(), "a");
    }
    let targets: Vec<String> = a.seen().iter().map(|r| r.target().to_owned()).collect();
    assert_eq!(targets, ["/svc/", "/svc/x/y?q=1", "/svc/z?q"]);
}

#[test]
fn of_several_the_name_in_the_path_decides_and_others_are_404_with_the_names() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::start(&[("a.xml", named("left", &a)), ("b.xml", named("right", &b))]);
    let mut client = proxy.client();
    assert_eq!(client.get("/services/left/rest?q").text(), "a");
    assert_eq!(client.get("/right").text(), "b");
    assert_eq!(a.seen()[0].target(), "/svc/rest?q");
    let nowhere = client.get("/leftish");
    assert_eq!(nowhere.status, 404);
    for name in ["left", "right"] {
        assert!(nowhere.text().contains(name), "{}", nowhere.text());
    }
}

#[test]
fn main_takes_the_rest() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let proxy = Proxy::start(&[("a.xml", named("other", &a)), ("b.xml", named("main", &b))]);
    let mut client = proxy.client();
    assert_eq!(client.get("/whatever").text(), "b");
    assert_eq!(client.get("/other").text(), "a");
}

#[test]
fn the_flag_says_who_takes_the_rest() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let files = [("a.xml", named("one", &a)), ("b.xml", named("two", &b))];
    let proxy = Proxy::with(&files, &["--no-watch", "--default", "two"]);
    let mut client = proxy.client();
    assert_eq!(client.get("/whatever").text(), "b");
    assert_eq!(client.get("/one").text(), "a");
}

#[test]
fn with_a_sequence_main_decides_and_endpoints_are_reached_by_key() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let main = "<sequence xmlns=\"http://ws.apache.org/ns/synapse\" name=\"main\"><in><send><endpoint key=\"left\"/></send></in><out><send/></out></sequence>";
    let proxy = Proxy::start(&[
        ("a.xml", named("left", &a)),
        ("b.xml", named("right", &b)),
        ("main.xml", main.to_owned()),
    ]);
    assert_eq!(proxy.client().get("/services/right").text(), "a");
    assert_eq!(b.hits(), 0);
}
