//! Each rule once where it fires and once where it does not.

use crate::codes::DiagnosticCode as Code;
use crate::config::diagnostic::Severity;
use crate::config::loader::parse_bytes;

fn lints(inside: &str) -> Vec<(Code, String)> {
    let text = format!(
        "<definitions xmlns=\"http://ws.apache.org/ns/synapse\" xmlns:ax=\"urn:axon:1\">{inside}</definitions>"
    );
    let (_, diagnostics) = parse_bytes("t.xml", text.as_bytes());
    assert!(
        !diagnostics.has_errors(),
        "{inside}: {:?}",
        diagnostics.list()
    );
    diagnostics
        .into_sorted()
        .into_iter()
        .filter(|d| d.code.is_lint())
        .map(|d| {
            assert_eq!(d.severity, Severity::Warning);
            (
                d.code,
                text[d.span.start as usize..d.span.end as usize].to_owned(),
            )
        })
        .collect()
}

/// What is said, and about which piece of the text.
fn fires(inside: &str, code: Code, marked: &str) {
    assert_eq!(lints(inside), [(code, marked.to_owned())], "{inside}");
}

fn quiet(inside: &str) {
    assert_eq!(lints(inside), [], "{inside}");
}

fn lone(block: &str) -> String {
    format!("<endpoint name=\"e\"><address uri=\"http://h/\">{block}</address></endpoint>")
}

fn child(settings: &str, nth: usize) -> String {
    format!("<endpoint><address uri=\"http://h{nth}/\">{settings}</address></endpoint>")
}

fn suspend(settings: &str) -> String {
    format!("<suspendOnFailure>{settings}</suspendOnFailure>")
}

#[test]
fn a_lone_endpoint_is_suspended_for_long() {
    let grows =
        suspend("<initialDuration>1000</initialDuration><progressionFactor>2</progressionFactor>");
    fires(&lone(&grows), Code::LoneSuspension, "<suspendOnFailure");
    let long = suspend(
        "<initialDuration>1000</initialDuration><progressionFactor>2</progressionFactor><maximumDuration>600000</maximumDuration>",
    );
    fires(&lone(&long), Code::LoneSuspension, "<suspendOnFailure");
    fires(
        &format!(
            "<sequence name=\"main\"><in><send>{}</send></in></sequence>",
            lone(&long)
        ),
        Code::LoneSuspension,
        "<suspendOnFailure",
    );

    let short = suspend(
        "<initialDuration>1000</initialDuration><progressionFactor>2</progressionFactor><maximumDuration>60000</maximumDuration>",
    );
    quiet(&lone(&short));
    quiet(&lone(""));
    quiet(&lone(&suspend("<progressionFactor>2</progressionFactor>")));
    quiet(&lone(&suspend(
        "<errorCodes>-1</errorCodes><initialDuration>100000</initialDuration>",
    )));
    // In a group, named by key as well, somebody takes over.
    quiet(&format!(
        "{}<endpoint name=\"f\"><failover><endpoint key=\"e\"/>{}</failover></endpoint>",
        lone(&grows),
        child(&grows, 1)
    ));
}

#[test]
fn the_longest_suspension_is_below_the_first() {
    let inside = |maximum: u32| {
        lone(&suspend(&format!(
            "<initialDuration>5000</initialDuration><maximumDuration>{maximum}</maximumDuration>"
        )))
    };
    fires(&inside(4999), Code::MaximumBelowInitial, "4999");
    quiet(&inside(5000));
}

#[test]
fn the_same_target_stands_in_a_group_twice() {
    let group = |second: &str| {
        format!(
            "{}<endpoint name=\"g\"><loadbalance><endpoint><address uri=\"http://h/\"/></endpoint>{second}</loadbalance></endpoint>",
            lone("")
        )
    };
    fires(&group("<endpoint key=\"e\"/>"), Code::SameTargetTwice, "e");
    fires(
        &group(&child("", 1).replace("h1", "h")),
        Code::SameTargetTwice,
        "http://h/",
    );
    quiet(&group(&child("", 1)));
    let members = |port: u16| {
        format!(
            "<endpoint name=\"m\"><loadbalance><member hostName=\"h\" httpPort=\"80\"/><member hostName=\"h\" httpPort=\"{port}\"/></loadbalance></endpoint>"
        )
    };
    fires(&members(80), Code::SameTargetTwice, "h");
    quiet(&members(81));
}

#[test]
fn a_child_is_never_reached() {
    let never = "<suspendOnFailure><errorCodes>-1</errorCodes></suspendOnFailure><markForSuspension><errorCodes>-1</errorCodes></markForSuspension>";
    let stay = "<retryConfig><enabledErrorCodes>-1</enabledErrorCodes></retryConfig>";
    let group = |first: &str| {
        format!(
            "<endpoint name=\"g\"><failover>{}{}</failover></endpoint>",
            child(first, 1),
            child("", 2)
        )
    };
    fires(
        &group(&format!("{never}{stay}")),
        Code::UnreachableChild,
        "<endpoint",
    );
    // Left after an error, though never suspended; and suspended, though not left at once.
    quiet(&group(never));
    quiet(&group(stay));
}

#[test]
fn a_cookie_session_has_websocket_children() {
    let group = |session: &str, scheme: &str| {
        format!(
            "<endpoint name=\"g\"><session type=\"{session}\"/><loadbalance><endpoint><address uri=\"{scheme}://h/\"/></endpoint></loadbalance></endpoint>"
        )
    };
    fires(&group("http", "ws"), Code::SessionWithoutHttp, "ws://h/");
    quiet(&group("http", "http"));
    quiet(&group("soap", "wss"));
}

#[test]
fn a_request_may_run_twice() {
    let timeout =
        "<timeout><duration>500</duration><responseAction>fault</responseAction></timeout>";
    let group = |attributes: &str, settings: &str| {
        format!(
            "<endpoint name=\"g\"><failover {attributes}>{}{}</failover></endpoint>",
            child(settings, 1),
            child(settings, 2)
        )
    };
    fires(&group("", timeout), Code::RequestMayRunTwice, "500");
    quiet(&group("", ""));
    quiet(&group("ax:retryNonIdempotent=\"true\"", timeout));
    quiet(&group("ax:retryNonIdempotent=\"false\"", timeout));
    let stay = "<retryConfig><disabledErrorCodes>101504</disabledErrorCodes></retryConfig>";
    quiet(&group("", &format!("{timeout}{stay}")));
    quiet(&group(
        "",
        "<timeout><duration>500</duration><responseAction>discard</responseAction></timeout>",
    ));
}

#[test]
fn a_plain_child_stands_beside_failover_groups() {
    let pair = format!(
        "<endpoint><failover>{}{}</failover></endpoint>",
        child("", 1),
        child("", 2)
    );
    let group = |session: &str, children: &str| {
        format!(
            "<endpoint name=\"g\"><session type=\"soap\" {session}/><loadbalance>{children}</loadbalance></endpoint>"
        )
    };
    fires(
        &group("", &format!("{pair}{}", child("", 3))),
        Code::PlainChildOfSession,
        "<endpoint",
    );
    quiet(&group("", &pair));
    quiet(&group("", &format!("{}{}", child("", 1), child("", 2))));
    quiet(&group(
        "ax:onUnavailable=\"rebind\"",
        &format!("{pair}{}", child("", 3)),
    ));
}

#[test]
fn of_nested_sessions_the_longer_timeout_never_fires() {
    let nested = |outer: u32, inner: u32| {
        format!(
            "<endpoint name=\"g\"><session type=\"soap\"><sessionTimeout>{outer}</sessionTimeout></session><loadbalance>
               <endpoint><session type=\"soap\"><sessionTimeout>{inner}</sessionTimeout></session><loadbalance>{}</loadbalance></endpoint>
             </loadbalance></endpoint>",
            child("", 1)
        )
    };
    fires(&nested(60_000, 50_000), Code::TimeoutNeverFires, "60000");
    fires(&nested(50_000, 60_000), Code::TimeoutNeverFires, "60000");
    quiet(&nested(50_000, 50_000));
}

#[test]
fn failover_is_written_on_a_session_group() {
    let group = |word: &str| {
        format!(
            "<endpoint name=\"g\"><session type=\"soap\"/><loadbalance failover=\"{word}\">{}</loadbalance></endpoint>",
            child("", 1)
        )
    };
    fires(&group("true"), Code::FailoverIgnored, "true");
    quiet(&group("false"));
}

#[test]
fn a_suspension_shrinks() {
    let inside = |factor: &str| {
        lone(&suspend(&format!(
            "<progressionFactor>{factor}</progressionFactor>"
        )))
    };
    fires(&inside("0.5"), Code::ShrinkingSuspension, "0.5");
    quiet(&inside("1.0"));
}

#[test]
fn a_list_names_a_code_that_nobody_reports() {
    let inside = |codes: &str| lone(&suspend(&format!("<errorCodes>{codes}</errorCodes>")));
    fires(&inside("101503, 110504"), Code::UnknownErrorCode, "110504");
    fires(&inside("10504"), Code::UnknownErrorCode, "10504");
    fires(&inside("303999"), Code::UnknownErrorCode, "303999");
    // Known, with the protocol state added, only known to the originals, or of somebody's own.
    quiet(&inside(
        "-1,101503,101507,101512,504,401002,911911,500000,601000,1,10",
    ));
}
