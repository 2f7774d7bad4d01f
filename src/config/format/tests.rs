use std::path::Path;

use proptest::prelude::*;

use super::*;

const UPGRADE: Style = Style {
    upgrade: true,
    indent: None,
};

fn formatted(text: &str, style: Style) -> String {
    let result = format(Path::new("dir/quotes.xml"), text.as_bytes(), style);
    let formatted = result.unwrap_or_else(|e| panic!("{text}\n{e:?}"));
    assert_eq!(formatted.before, text);
    assert_eq!(formatted.bytes, formatted.after.as_bytes());
    // A second time there is nothing to do.
    let again = format(Path::new("dir/quotes.xml"), &formatted.bytes, style).unwrap();
    assert_eq!(again.after, formatted.after);
    formatted.after
}

fn endpoint(inside: &str) -> String {
    format!("<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" name=\"e\">{inside}</endpoint>")
}

#[test]
fn attributes_get_their_order_and_nothing_else_moves() {
    let text = "<?xml version='1.0'?>\n<!-- a -->\n<endpoint  onError = 'f' xmlns='http://ws.apache.org/ns/synapse'\tname='e' >\n\
                \t<!-- b  --><address   format='rest'\n     uri='http://h/?a=1&amp;b=\"2\"'\n   /> <property value='v' name='n' x='1'/>\n</endpoint>\n<!-- c -->\n";
    let expected = "<?xml version='1.0'?>\n<!-- a -->\n<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" name=\"e\" onError=\"f\">\n\
                \t<!-- b  --><address   uri='http://h/?a=1&amp;b=\"2\"'\n     format=\"rest\"\n   /> <property name=\"n\" value=\"v\" x=\"1\"/>\n</endpoint>\n<!-- c -->\n";
    assert_eq!(formatted(text, Style::default()), expected);
}

#[test]
fn a_canonical_file_stays_as_it_is() {
    let text = endpoint("\n  <address uri=\"http://h/\"/>\n");
    assert_eq!(formatted(&text, UPGRADE), text);
}

#[test]
fn only_endpoints_are_touched_wherever_they_stand() {
    let text = |tag: &str| {
        format!(
            "<definitions xmlns=\"http://ws.apache.org/ns/synapse\"><proxy  name='p'><target><inSequence><log   level='full'/><call>{tag}</call></inSequence></target></proxy></definitions>"
        )
    };
    assert_eq!(
        formatted(
            &text("<endpoint  name='x'><default  trace='disable'/></endpoint>"),
            Style::default()
        ),
        text("<endpoint name=\"x\"><default trace=\"disable\"/></endpoint>")
    );
}

#[test]
fn old_spellings_become_new_ones() {
    let old = endpoint(
        "<loadBalance policy=\"roundRobin\"><endpoint><address uri=\"http://h/\"><timeout><duration>1</duration><action>fault</action></timeout></address></endpoint></loadBalance>",
    );
    let new = endpoint(
        "<loadbalance algorithm=\"org.apache.synapse.endpoints.algorithms.RoundRobin\"><endpoint><address uri=\"http://h/\"><timeout><duration>1</duration><responseAction>fault</responseAction></timeout></address></endpoint></loadbalance>",
    );
    assert_eq!(formatted(&old, UPGRADE), new);
    assert_eq!(
        formatted(&old, Style::default()),
        old,
        "not without being asked"
    );
}

#[test]
fn the_old_suspension_becomes_the_new_block() {
    let old = endpoint(
        "\n  <default>\n    <suspendDurationOnFailure>60</suspendDurationOnFailure>\n  </default>\n",
    );
    let new = endpoint(
        "\n  <default>\n    <suspendOnFailure>\n      <initialDuration>60000</initialDuration>\n      <progressionFactor>1.0</progressionFactor>\n    </suspendOnFailure>\n  </default>\n",
    );
    assert_eq!(formatted(&old, UPGRADE), new);
    let both = endpoint(
        "<default>\n  <suspendDurationOnFailure>60</suspendDurationOnFailure>\n  <suspendOnFailure><initialDuration>1</initialDuration></suspendOnFailure>\n</default>",
    );
    assert_eq!(
        formatted(&both, UPGRADE),
        endpoint(
            "<default>\n  <suspendOnFailure><initialDuration>1</initialDuration></suspendOnFailure>\n</default>"
        )
    );
}

#[test]
fn prefixes_are_kept() {
    let text = |name: &str| {
        format!(
            "<s:endpoint xmlns:s=\"http://ws.apache.org/ns/synapse\" name=\"e\"><s:{name}><s:endpoint key=\"a\"/></s:{name}></s:endpoint>"
        )
    };
    assert_eq!(
        formatted(&text("loadBalance"), UPGRADE),
        text("loadbalance")
    );
}

#[test]
fn a_bare_group_and_a_nameless_endpoint_get_what_they_lack() {
    let bare = "<!-- from a page -->\n<session type=\"http\"/>\n<loadBalance><endpoint key=\"a\"/></loadBalance>\n";
    assert_eq!(
        formatted(bare, UPGRADE),
        "<!-- from a page -->\n<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" name=\"quotes\">\n<session type=\"http\"/>\n<loadbalance><endpoint key=\"a\"/></loadbalance>\n</endpoint>\n"
    );
    assert_eq!(
        formatted("<endpoint><default/></endpoint>", UPGRADE),
        "<endpoint xmlns=\"http://ws.apache.org/ns/synapse\" name=\"quotes\"><default/></endpoint>"
    );
    assert_eq!(
        formatted(
            "<definitions><endpoint name=\"a\"><default xmlns=\"\"/></endpoint></definitions>",
            UPGRADE
        ),
        "<definitions xmlns=\"http://ws.apache.org/ns/synapse\"><endpoint name=\"a\"><default/></endpoint></definitions>"
    );
}

#[test]
fn indentation_is_for_who_asks() {
    let text = endpoint(
        "<description>a\n b</description><!-- c --><failover><endpoint key=\"a\"/> <!-- the first -->\n\n\n<endpoint name=\"b\"><default/></endpoint>\n    </failover>",
    );
    let expected = endpoint(
        "\n  <description>a\n b</description>\n  <!-- c -->\n  <failover>\n    <endpoint key=\"a\"/> <!-- the first -->\n\n    <endpoint name=\"b\">\n      <default/>\n    </endpoint>\n  </failover>\n",
    );
    let style = Style {
        indent: Some(2),
        ..Style::default()
    };
    assert_eq!(formatted(&text, style), expected);
    let inner = format!(
        "<definitions xmlns=\"http://ws.apache.org/ns/synapse\">\r\n\t{text}\r\n</definitions>"
    );
    assert!(formatted(&inner, style).contains("\r\n\t    <endpoint key=\"a\"/>"));
}

#[test]
fn the_encoding_of_the_file_is_kept() {
    let text = "<?xml version='1.0' encoding='ISO-8859-1'?><endpoint xmlns='http://ws.apache.org/ns/synapse' name='\u{e9}'><default/></endpoint>";
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let formatted = format(Path::new("e.xml"), &latin, Style::default()).unwrap();
    assert!(formatted.bytes.windows(3).any(|w| w == b"\"\xE9\""));
}

#[test]
fn what_cannot_be_read_is_refused() {
    let refused = |text: &str| format(Path::new("e.xml"), text.as_bytes(), UPGRADE).unwrap_err();
    assert!(matches!(refused("<endpoint>"), Refusal::Faulty(_, list) if list.len() == 1));
    assert!(matches!(refused("<html xmlns='urn:x'/>"), Refusal::NotOurs));
}

#[test]
fn placeholders_are_not_filled_in() {
    let text = endpoint(
        "<address format='soap11' uri='http://${env.HOST}:$1/'/><property value='$SYSTEM:X' name='n'/>",
    );
    let formatted = formatted(&text, Style::default());
    assert!(formatted.contains("uri=\"http://${env.HOST}:$1/\""));
    assert!(formatted.contains("value=\"$SYSTEM:X\""));
}

proptest! {
    /// Whatever the layout: what comes out means the same, and a second look changes nothing.
    #[test]
    fn any_layout_is_survived(spaces in proptest::collection::vec("[ \n\t]{0,3}", 8), upgrade: bool, indent in proptest::option::of(0..5_usize)) {
        let s = |n: usize| spaces[n].as_str();
        let text = format!(
            "<definitions xmlns='http://ws.apache.org/ns/synapse'>{}<endpoint name='a' {}>{}<loadBalance{}\n failover='false'  policy='roundRobin'{}>{}<!--x-->{}<endpoint{} key='b'/></loadBalance><session type='soap'/></endpoint></definitions>",
            s(0), s(1), s(2), s(3), s(4), s(5), s(6), s(7)
        );
        let style = Style { upgrade, indent };
        let once = format(Path::new("e.xml"), text.as_bytes(), style).unwrap();
        let twice = format(Path::new("e.xml"), &once.bytes, style).unwrap();
        prop_assert_eq!(once.after, twice.after);
    }
}
