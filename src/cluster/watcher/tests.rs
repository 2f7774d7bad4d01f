use super::*;

const PUBLIC: &str = "ws://public.test:8081/echo";

fn offers(of: &str) -> String {
    let offer = Offer {
        public: PUBLIC.to_owned(),
        uri: format!("ws://{of}.test:8081/echo"),
        load: 3,
    };
    serde_json::to_string(&[offer]).unwrap()
}

/// All of it on the second page.
fn page(offers: &str) -> [&str; KEYS.len()] {
    let mut pages = [""; KEYS.len()];
    pages[1] = offers;
    pages
}

fn config(hash: &str, accept: &str) -> String {
    serde_json::json!({
        "hash": hash,
        "services": {"Echo": {"hash": hash, "facts": {"type": "echo", "accept": accept}}}
    })
    .to_string()
}

fn own(config: &str) -> Own {
    Own {
        name: "node1".to_owned(),
        description: Arc::new(Description::read(config).unwrap()),
    }
}

fn at(ms: u64) -> Moment {
    Moment {
        line: Duration::from_millis(ms),
        unix_ms: 1_000_000 + ms,
    }
}

fn uris(view: &View) -> Vec<String> {
    let list = view.offered.get(PUBLIC).into_iter().flatten();
    list.map(|o| o.uri.to_string()).collect()
}

/// A member that says these things, looked at again and again.
struct Cluster {
    watcher: Watcher,
    view: View,
    own: Own,
    offers: String,
}

impl Cluster {
    fn new() -> Cluster {
        Cluster {
            watcher: Watcher::default(),
            view: View::default(),
            own: own(&config("1", "ws://*:1/")),
            offers: offers("node2"),
        }
    }

    fn look(&mut self, other: State<'_>, ms: u64) -> Look {
        let one = State {
            name: "node1",
            start: 1,
            heartbeat: ms,
            ..State::default()
        };
        let offers = self.offers.clone();
        let other = State {
            name: "node2",
            offers: page(&offers),
            ..other
        };
        let states = [one, other];
        let look = self.watcher.look(&self.own, &states, &self.view, at(ms));
        self.view = look.view.clone();
        look
    }

    fn hear(&mut self, start: u64, heartbeat: u64, ms: u64) -> Look {
        let state = State {
            start,
            heartbeat,
            ..State::default()
        };
        self.look(state, ms)
    }
}

#[test]
fn a_member_is_offered_until_it_is_silent_and_again_when_it_is_heard() {
    let mut cluster = Cluster::new();
    // What somebody else remembers of it is not enough.
    assert!(uris(&cluster.hear(1, 6, 0).view).is_empty());
    let first = cluster.hear(1, 7, 100);
    assert_eq!(uris(&first.view), ["ws://node2.test:8081/echo"]);
    let online = "Cluster member node2 is now online".to_owned();
    assert!(first.news.contains(&online), "{:?}", first.news);
    assert!(cluster.hear(1, 7, 2_099).news.is_empty());
    let silent = cluster.hear(1, 7, 2_100);
    assert_eq!(silent.view.present().collect::<Vec<_>>(), ["node1"]);
    assert!(uris(&silent.view).is_empty());
    let gone = "Cluster member node2 has gone down".to_owned();
    assert!(silent.news.contains(&gone), "{:?}", silent.news);
    let down = silent.view.member("node2").unwrap();
    assert_eq!(
        (down.presence, down.since_unix_ms),
        (Presence::Down, 1_002_100)
    );
    assert_eq!(cluster.hear(1, 8, 2_200).view.present().count(), 2);
    // Started anew: its heartbeat begins anew too.
    assert_eq!(cluster.hear(1, 8, 9_000).view.present().count(), 1);
    assert_eq!(cluster.hear(2, 1, 9_100).view.present().count(), 2);
}

#[test]
fn one_that_is_gone_is_shown_for_an_hour_after_everybody_has_forgotten_it() {
    let mut cluster = Cluster::new();
    cluster.hear(1, 1, 0);
    cluster.hear(1, 2, 100);
    let alone = |cluster: &mut Cluster, ms| {
        let one = State {
            name: "node1",
            ..State::default()
        };
        cluster
            .watcher
            .look(&cluster.own, &[one], &cluster.view, at(ms))
    };
    let look = alone(&mut cluster, 200);
    assert_eq!(look.view.member("node2").unwrap().presence, Presence::Down);
    assert!(uris(&look.view).is_empty());
    assert!(
        alone(&mut cluster, 3_599_000)
            .view
            .member("node2")
            .is_some()
    );
    alone(&mut cluster, 3_601_000);
    assert!(
        alone(&mut cluster, 3_601_200)
            .view
            .member("node2")
            .is_none()
    );
}

#[test]
fn one_that_stops_is_left_out_at_once() {
    let mut cluster = Cluster::new();
    cluster.hear(1, 1, 0);
    cluster.hear(1, 2, 100);
    let leaving = State {
        start: 1,
        heartbeat: 3,
        leaving: true,
        ..State::default()
    };
    let look = cluster.look(leaving, 200);
    assert_eq!(look.view.present().collect::<Vec<_>>(), ["node1"]);
    assert!(uris(&look.view).is_empty());
}

#[test]
fn one_that_drains_is_there_and_not_offered() {
    let mut cluster = Cluster::new();
    cluster.hear(1, 1, 0);
    cluster.hear(1, 2, 100);
    let draining = State {
        start: 1,
        heartbeat: 3,
        draining: true,
        open: 5,
        ..State::default()
    };
    let look = cluster.look(draining, 200);
    let member = look.view.member("node2").unwrap();
    assert_eq!((member.presence, member.open), (Presence::Draining, 5));
    assert!(uris(&look.view).is_empty());
    assert!(
        look.news[0].starts_with("Cluster member node2 is draining"),
        "{:?}",
        look.news
    );
    let back = cluster.hear(1, 4, 300);
    assert_eq!(uris(&back.view).len(), 1);
    assert_eq!(back.news[0], "Cluster member node2 is offered again");
}

#[test]
fn what_is_configured_otherwise_is_told_once_and_changes_no_offer() {
    let mut cluster = Cluster::new();
    let (same, other) = (config("1", "ws://*:1/"), config("2", "ws://*:2/"));
    let mut said = |config: &str, heartbeat: u64| {
        let state = State {
            start: 1,
            heartbeat,
            config,
            ..State::default()
        };
        cluster.look(state, heartbeat * 100)
    };
    said(&same, 1);
    assert!(!said(&same, 2).news.iter().any(|n| n.contains("otherwise")));
    let look = said(&other, 3);
    assert_eq!(
        look.news,
        [
            "Cluster member node2 is configured otherwise (it is offered all the same): \
             service 'Echo', accept: ws://*:1/ here, ws://*:2/ there"
        ]
    );
    assert_eq!(uris(&look.view).len(), 1);
    assert!(!look.view.member("node2").unwrap().is_alike(Some("1")));
    assert!(said(&other, 4).news.is_empty());
    assert_eq!(
        said(&same, 5).news,
        ["Cluster member node2 is configured alike again"]
    );
    assert!(
        said("nonsense", 6)
            .view
            .member("node2")
            .unwrap()
            .config
            .is_none()
    );
}

#[test]
fn what_makes_no_sense_is_not_offered_and_of_two_starts_the_newer_counts() {
    let own = own(&config("1", ""));
    let wrong = serde_json::json!([
        {"public": PUBLIC, "uri": "ws://node3.test:9999/other", "load": 0},
        {"public": "nonsense", "uri": "", "load": 0},
    ])
    .to_string();
    let good = offers("node2");
    let state = |name, start, heartbeat, offers| State {
        name,
        start,
        heartbeat,
        offers: page(offers),
        ..State::default()
    };
    let mut watcher = Watcher::default();
    let mut look = |heartbeat, leaving| {
        let states = [
            state("node1", 1, heartbeat, ""),
            state("node2", 1, 100, ""),
            State {
                leaving,
                ..state("node2", 2, heartbeat, &good)
            },
            state("node3", 1, heartbeat, &wrong),
        ];
        watcher.look(&own, &states, &View::default(), at(heartbeat))
    };
    look(1, false);
    let there = look(2, false);
    assert_eq!(there.view.present().count(), 3);
    assert_eq!(uris(&there.view), ["ws://node2.test:8081/echo"]);
    assert_eq!(there.view.offered.len(), 1);
    // What the newer one says of its end counts as well.
    assert_eq!(look(3, true).view.present().count(), 2);
}
