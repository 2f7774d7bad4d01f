use super::super::double::Double;
use super::*;
use http_body_util::Full;
use std::net::IpAddr;

fn router(control: &Arc<Double>) -> Router {
    Router {
        control: Arc::clone(control) as Arc<dyn Control>,
        exposition: Exposition::default(),
        gate: Some(Gate {
            bound: Some(IpAddr::from([127, 0, 0, 1])),
            token: None,
        }),
    }
}

fn ask(router: &Router, method: &str, target: &str, body: &str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "localhost:8080")
        .header("x-axon-request", "1")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let answer = router.answer(request).await;
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["x-frame-options"], "DENY");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    })
}

fn paths(body: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    let items = value["items"].as_array().unwrap();
    items
        .iter()
        .map(|e| e["path"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn looking_answers_every_listed_path() {
    let router = router(&Double::shared());
    for path in [
        "/",
        "/live",
        "/ready",
        "/metrics",
        "/api/v1/status",
        "/api/v1/endpoints",
        "/api/v1/events",
        "/api/v1/cluster",
    ] {
        assert_eq!(ask(&router, "GET", path, "").0, 200, "{path}");
    }
    assert_eq!(ask(&router, "GET", "/api/v1/nothing", "").0, 404);
    assert_eq!(ask(&router, "GET", "/%2e%2e/etc/passwd", "").0, 404);
}

#[test]
fn endpoints_are_filtered_by_state_type_and_part_of_the_path() {
    let control = Double::shared();
    let router = router(&control);
    ask(&router, "POST", "/api/v1/endpoints/quotes%2F%230:off", "");
    let list =
        |query: &str| paths(&ask(&router, "GET", &format!("/api/v1/endpoints?{query}"), "").1);
    assert_eq!(list("state=off"), ["quotes/#0"]);
    assert_eq!(list("type=loadbalance"), ["quotes"]);
    assert_eq!(list("type=address&q=s%C3%B6der"), ["quotes/söder b"]);
    assert_eq!(list("state=").len(), 3);
}

#[test]
fn a_path_is_percent_decoded_and_may_keep_its_slash() {
    let router = router(&Double::shared());
    for raw in ["quotes/%230", "quotes%2f%230"] {
        let (status, body) = ask(&router, "GET", &format!("/api/v1/endpoints/{raw}"), "");
        assert_eq!(status, 200);
        assert!(
            body.contains(r#""path":"quotes/#0","type":"address","state":"active""#),
            "{body}"
        );
    }
    for raw in ["nobody", "%zz", "%ff", "%2"] {
        assert_eq!(
            ask(&router, "GET", &format!("/api/v1/endpoints/{raw}"), "").0,
            404,
            "{raw}"
        );
    }
}

#[test]
fn a_switch_goes_through_with_its_reason_and_says_what_is_wrong_otherwise() {
    let control = Double::shared();
    let router = router(&control);
    let off = "/api/v1/endpoints/quotes%2F%230:off";
    let (status, body) = ask(&router, "POST", off, r#"{"reason":"patching"}"#);
    assert_eq!(status, 200);
    assert!(body.contains(r#""state":"off""#));
    assert_eq!(
        control.off.lock()[0],
        ("quotes/#0".into(), Some("patching".into()))
    );
    assert_eq!(
        ask(&router, "POST", "/api/v1/endpoints/quotes%2F%230:on", "").0,
        200
    );
    assert!(control.off.lock().is_empty());
    assert_eq!(
        ask(&router, "POST", "/api/v1/endpoints/nobody:off", "").0,
        404
    );
    assert_eq!(
        ask(&router, "POST", "/api/v1/endpoints/quotes:off", "").0,
        409
    );
    assert_eq!(ask(&router, "POST", off, "{").0, 400);
    assert_eq!(ask(&router, "POST", off, &"[".repeat(60_000)).0, 400);
    assert!(control.off.lock().is_empty());
}

#[test]
fn nothing_is_changed_by_looking_and_other_methods_are_refused() {
    let control = Double::shared();
    let router = router(&control);
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"] {
        for path in [
            "/api/v1/endpoints/quotes%2F%230:off",
            "/api/v1/config:reload",
        ] {
            assert_eq!(ask(&router, method, path, "").0, 405, "{method} {path}");
        }
    }
    assert!(control.off.lock().is_empty());
    assert_eq!(ask(&router, "POST", "/api/v1/status", "").0, 405);
    assert_eq!(ask(&router, "POST", "/api/v1/nothing", "").0, 404);
}

#[test]
fn a_body_above_the_limit_is_refused() {
    let router = router(&Double::shared());
    let long = " ".repeat(BODY_MAX + 1);
    assert_eq!(ask(&router, "POST", "/api/v1/config:reload", &long).0, 413);
}

#[test]
fn a_refused_reload_is_an_error_that_keeps_its_result() {
    let router = router(&Arc::new(Double {
        reject: true,
        ..Double::default()
    }));
    let (status, body) = ask(&router, "POST", "/api/v1/config:reload", "");
    assert_eq!(status, 422);
    assert!(body.contains(r#""result":"rejected""#));
}

#[test]
fn readiness_lists_its_reasons_when_asked() {
    let control = Double::shared();
    control.not_ready.lock().push("draining".into());
    let router = router(&control);
    assert_eq!(
        ask(&router, "GET", "/ready", ""),
        (503, "not ready\n".into())
    );
    assert_eq!(
        ask(&router, "GET", "/ready?verbose", ""),
        (503, "not ready\ndraining\n".into())
    );
    assert_eq!(ask(&router, "GET", "/live", "").0, 200);
}

#[test]
fn events_are_limited() {
    let router = router(&Double::shared());
    let body = ask(&router, "GET", "/api/v1/events?limit=2", "").1;
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(value["items"].as_array().unwrap().len(), 2);
}

#[test]
fn the_probes_listener_shows_nothing_else() {
    let probes = Router {
        gate: None,
        ..router(&Double::shared())
    };
    for path in ["/live", "/ready", "/metrics"] {
        assert_eq!(ask(&probes, "GET", path, "").0, 200, "{path}");
    }
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/api/v1/status"),
        ("POST", "/metrics"),
        ("POST", "/api/v1/config:reload"),
    ] {
        assert_eq!(ask(&probes, method, path, "").0, 404, "{method} {path}");
    }
}

#[test]
fn a_member_is_drained_and_offered_again_and_without_a_cluster_it_is_said_so() {
    let control = Double::shared();
    let inside = router(&control);
    let state = |what: &str| {
        let (status, body) = ask(&inside, "POST", &format!("/api/v1/cluster:{what}"), "{}");
        let view: serde_json::Value = serde_json::from_str(&body).unwrap();
        (status, view["members"][0]["state"].clone())
    };
    assert_eq!(state("drain"), (200, "draining".into()));
    assert_eq!(state("undrain"), (200, "online".into()));
    assert_eq!(ask(&inside, "POST", "/api/v1/cluster:nonsense", "").0, 404);
    assert_eq!(ask(&inside, "POST", "/api/v1/cluster", "").0, 405);
    assert_eq!(ask(&inside, "POST", "/api/v1/cluster:drain", "x").0, 400);
    let alone = router(&Arc::new(Double {
        reject: true,
        ..Double::default()
    }));
    let (status, body) = ask(&alone, "GET", "/api/v1/cluster", "");
    assert!(status == 404 && body.contains("no_cluster"), "{body}");
}
