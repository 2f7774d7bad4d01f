//! Which test shows which item of the checklist of spec/endpoints.md 24. A test that is renamed or removed is missed here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use axon::config::diagnostic::Diagnostics;
use axon::config::loader::parse_bytes;
use axon::endpoint::Builder;
use axon::endpoint::tree::{NodeKind, Target};

/// A file, and the tests in it.
type Tests = (&'static str, &'static [&'static str]);

/// Number and words of the item, and the tests that show it.
const CHECKLIST: &[(u8, &str, &[Tests])] = &[
    (
        1,
        "parse table 2.1, 2.3 and 3",
        &[
            (
                "src/config/endpoint/tests.rs",
                &[
                    "each_slip_has_its_code",
                    "all_settings_of_a_leaf_are_read",
                    "both_spellings_of_the_group_and_both_orders_of_the_session_are_read",
                    "a_policy_is_round_robin_unless_the_file_is_for_axon",
                ],
            ),
            ("tests/check/main.rs", &["every_faulty_file_gets_its_words"]),
        ],
    ),
    (
        2,
        "T-A to T-K with a virtual clock",
        &[(
            "tests/simulate.rs",
            &[
                "t_a_defaults",
                "t_b_progression",
                "t_c_tolerated_timeouts",
                "t_d_mixed_lists",
                "t_e_concurrency",
                "t_f_failover",
                "t_g_round_robin_with_failover",
                "t_h_nested",
                "t_i_session_life",
                "t_j_timeout",
                "t_k_weights",
            ],
        )],
    ),
    (
        3,
        "classification",
        &[("src/endpoint/rules.rs", &["classification_truth_table"])],
    ),
    (
        4,
        "state x event, with Off and epochs",
        &[("src/endpoint/state/tests.rs", &["state_event_matrix"])],
    ),
    (
        5,
        "1000 parallel failures are one step; Off stays",
        &[(
            "src/endpoint/state/tests.rs",
            &[
                "a_thousand_parallel_failures_on_threads_are_one_suspension_step",
                "off_stays_off_whatever_comes_back",
            ],
        )],
    ),
    (
        6,
        "retry lists, the budget, bodies sent again",
        &[
            (
                "src/endpoint/walk/tests/groups.rs",
                &[
                    "the_failed_childs_retry_rules_stop_the_group",
                    "max_attempts_bounds_one_message",
                    "a_child_is_tried_once_even_when_its_error_is_ignored",
                ],
            ),
            (
                "tests/proxy/replay.rs",
                &[
                    "an_empty_body",
                    "a_body_of_one_byte",
                    "a_body_of_one_mebibyte_of_which_all_was_read",
                    "ten_mebibytes_in_chunks_of_which_half_was_read",
                    "a_message_with_attachments",
                ],
            ),
        ],
    ),
    (
        7,
        "members: IPv6, query, missing ports, https",
        &[
            (
                "src/endpoint/tree/target.rs",
                &["member_ports_fall_back_to_the_other_scheme_then_to_the_standard"],
            ),
            (
                "tests/proxy/load_balance.rs",
                &["members_are_a_host_and_a_port_and_keep_the_path"],
            ),
            (
                "tests/proxy/tls/back_ends.rs",
                &["members_are_asked_with_the_scheme_that_the_message_came_in_on"],
            ),
            ("tests/conformance.rs", &["a_member_may_be_an_ipv6_address"]),
        ],
    ),
    (
        8,
        "algorithms: shares over 6000 picks, readiness, concurrency, reload",
        &[
            (
                "src/endpoint/algorithm.rs",
                &[
                    "every_algorithm_keeps_to_the_weights_when_all_children_are_alike",
                    "every_algorithm_picks_ready_children_only_and_none_when_there_is_none",
                ],
            ),
            (
                "src/endpoint/algorithm/round_robin.rs",
                &["ten_callers_at_once_on_ten_children_get_ten_different_ones"],
            ),
            (
                "src/endpoint/tree/tests.rs",
                &["round_robin_goes_on_where_it_was"],
            ),
            (
                "tests/proxy/balancing.rs",
                &[
                    "a_busy_server_is_left_alone",
                    "of_two_by_chance_the_one_that_answers_sooner",
                    "weights_follow_the_open_connections",
                    "a_server_that_came_back_gets_its_share_slowly",
                ],
            ),
        ],
    ),
    (
        9,
        "sessions",
        &[
            (
                "src/endpoint/walk/tests/sessions.rs",
                &[
                    "the_same_id_in_two_groups_is_two_sessions",
                    "a_renewed_cookie_keeps_the_session_and_the_old_one_leads_there_for_a_while",
                    "a_deleted_cookie_ends_the_session",
                    "two_first_messages_of_one_client_bind_once",
                    "an_established_session_does_not_move_when_its_child_dies",
                ],
            ),
            (
                "src/endpoint/session/http.rs",
                &["every_set_cookie_header_is_read"],
            ),
            (
                "src/endpoint/session/table/tests.rs",
                &["a_full_table_stays_full_under_100_000_ids_with_everything_in_use"],
            ),
            (
                "tests/proxy/reload.rs",
                &["sessions_stay_with_their_children_when_others_come_and_go"],
            ),
        ],
    ),
    (
        10,
        "WSDL 1.1 and 2.0, by uri and inline, wrong service or port",
        &[
            (
                "src/config/wsdl/document.rs",
                &[
                    "ports_of_wsdl_11_have_address_and_kind",
                    "endpoints_of_wsdl_20_have_their_address_as_an_attribute",
                ],
            ),
            (
                "src/config/wsdl/choose.rs",
                &["what_is_not_there_is_answered_with_what_is"],
            ),
            ("tests/proxy/wsdl.rs", &["an_inline_document_is_used"]),
        ],
    ),
    (
        11,
        "HTTP templates, legacy prefix, reserved expansion",
        &[
            (
                "src/endpoint/tree/target.rs",
                &["legacy_values_are_decoded_and_only_what_is_illegal_is_encoded_again"],
            ),
            (
                "tests/proxy/http_endpoint.rs",
                &["a_whole_url_may_be_one_variable_encoded_or_not"],
            ),
        ],
    ),
    (
        12,
        "property scopes, for each attempt anew",
        &[(
            "tests/proxy/formats.rs",
            &["properties_of_a_child_that_failed_are_gone_with_it"],
        )],
    ),
    (
        13,
        "time-outs of many at once",
        &[(
            "tests/proxy/timeout.rs",
            &["many_that_are_due_at_once_are_answered_in_time"],
        )],
    ),
    (
        14,
        "error codes of a back end that misbehaves",
        &[(
            "tests/proxy/why.rs",
            &[
                "refused",
                "not_connected_in_time",
                "closed_without_an_answer",
                "reset",
                "an_answer_that_is_no_http",
                "silent_until_the_timeout",
                "no_tls_where_https_is_asked_for",
            ],
        )],
    ),
    (
        15,
        "round trip",
        &[(
            "src/config/serialise/tests.rs",
            &[
                "any_model_comes_back_from_its_xml",
                "every_sample_comes_back",
            ],
        )],
    ),
    (
        16,
        "samples 50 to 59, 61 and 62 of the user guide",
        &[
            (
                "tests/proxy/formats.rs",
                &[
                    "a_soap_11_client_of_a_soap_12_service_gets_soap_11",
                    "attachments_pass_and_long_binary_texts_become_some",
                ],
            ),
            (
                "tests/proxy/load_balance.rs",
                &["round_robin_takes_turns", "weights_are_shares"],
            ),
            (
                "tests/proxy/failover.rs",
                &["moves_on_after_connect_refused_and_returns_when_suspension_ends"],
            ),
            (
                "tests/proxy/affinity.rs",
                &["a_client_id_stays_and_clients_without_one_are_balanced"],
            ),
            (
                "src/endpoint/walk/tests/sessions.rs",
                &["t_h_a_failover_child_moves_inside_and_the_session_stays"],
            ),
            (
                "tests/proxy/wsdl.rs",
                &["address_and_path_come_from_a_file_beside_the_configuration"],
            ),
            (
                "tests/proxy/recipients.rs",
                &["the_answers_of_all_become_one"],
            ),
        ],
    ),
];

#[test]
fn each_item_of_the_checklist_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let numbers: Vec<u8> = CHECKLIST.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=16).collect::<Vec<_>>());
    let mut missing = Vec::new();
    for (number, words, places) in CHECKLIST {
        assert!(!places.is_empty(), "{number} {words}");
        for (file, tests) in *places {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            let is_there = |test: &str| {
                let at = text.find(&format!("fn {test}("));
                at.is_some_and(|at| text[..at].trim_end().ends_with("test]"))
            };
            let gone = tests.iter().filter(|test| !is_there(test));
            missing.extend(gone.map(|test| format!("{number} {words}: {file}: {test}")));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_member_may_be_an_ipv6_address() {
    for host in ["::1", "[::1]"] {
        let text = format!(
            "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" name=\"g\"><loadbalance><member hostName=\"{host}\" httpPort=\"9\"/></loadbalance></endpoint>"
        );
        let (model, diagnostics) = parse_bytes("g.xml", text.as_bytes());
        assert!(
            !diagnostics.has_errors(),
            "{host}: {:?}",
            diagnostics.list()
        );
        let mut builder = Builder::new(None);
        builder.define(&model.endpoints[0]);
        let (endpoints, _) = builder.finish(&mut Diagnostics::default());
        let member = endpoints.nodes().find_map(|(_, node)| match &node.kind {
            NodeKind::Leaf(leaf) => match &leaf.target {
                Target::Member(member) => Some(member.http.target.to_string()),
                _ => None,
            },
            _ => None,
        });
        assert_eq!(member.as_deref(), Some("http://[::1]:9"));
    }
}
