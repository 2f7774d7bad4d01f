use std::time::Duration;

use super::model::{GatewayDef, Origin};
use super::*;
use crate::config::diagnostic::Severity;
use crate::config::loader::parse_bytes;
use crate::config::source::Spanned;

fn load(inside: &str) -> (GatewayDef, Vec<(Severity, String)>) {
    let text = format!("<gateway-config xmlns=\"{NAMESPACE}\">{inside}</gateway-config>");
    let (model, diagnostics) = parse_bytes("conf/gateway-config.xml", text.as_bytes());
    let said = diagnostics.into_sorted().into_iter();
    let said = said.map(|d| (d.severity, d.message)).collect();
    (model.gateway.unwrap(), said)
}

/// The published page "Set Up KAAZING Gateway as a Load Balancer", its example.
const PUBLISHED: &str = "
  <cluster>
    <name>MyCluster</name>
    <accept>tcp://192.168.2.10:5942</accept>
    <connect>udp://224.2.2.44:54327</connect>
  </cluster>
  <service>
    <name>Echo balancer</name>
    <accept>ws://balancer.example.com:8081/echo</accept>
    <accept>wss://balancer.example.com:9091/echo</accept>
    <type>balancer</type>
    <accept-options>
      <ws.bind>192.168.2.10:8081</ws.bind>
      <wss.bind>192.168.2.10:9091</wss.bind>
    </accept-options>
  </service>
  <service>
    <name>Echo</name>
    <accept>ws://node1.example.com:8081/echo</accept>
    <accept>wss://node1.example.com:9091/echo</accept>
    <balance>ws://balancer.example.com:8081/echo</balance>
    <balance>wss://balancer.example.com:9091/echo</balance>
    <type>echo</type>
    <cross-site-constraint>
      <allow-origin>http://directory.example.com:8080</allow-origin>
    </cross-site-constraint>
    <cross-site-constraint>
      <allow-origin>https://directory.example.com:9090</allow-origin>
    </cross-site-constraint>
  </service>
  <security><keystore><type>JCEKS</type><file>keystore.db</file><password-file>keystore.pw</password-file></keystore></security>";

#[test]
fn the_published_example_is_read_as_it_is_printed() {
    let (def, said) = load(PUBLISHED);
    assert_eq!(said, []);
    let echo = &def.services[1];
    let texts = |list: &[Spanned<uri::Uri>]| -> Vec<String> {
        list.iter().map(|uri| uri.value.to_string()).collect()
    };
    assert_eq!(
        texts(&echo.balances),
        [
            "ws://balancer.example.com:8081/echo",
            "wss://balancer.example.com:9091/echo"
        ]
    );
    let bind = |scheme| {
        def.services[0]
            .accept_options
            .bind(scheme)
            .unwrap()
            .value
            .clone()
    };
    assert_eq!(bind("ws").host.as_deref(), Some("192.168.2.10"));
    assert_eq!(bind("wss").port, 9091);
    assert_eq!(
        echo.constraints[1].origin,
        Some(Origin {
            scheme: "https".to_owned(),
            host: "directory.example.com".to_owned(),
            port: 9090
        })
    );
    assert_eq!(def.cluster.unwrap().name.value, "MyCluster");
}

#[test]
fn every_release_and_both_publishers_are_read_and_others_are_not() {
    for namespace in [
        NAMESPACE,
        "http://xmlns.kaazing.org/2015/11/gateway",
        "http://xmlns.kaazing.com/2012/08/gateway",
        "http://xmlns.kaazing.com/2014/09/gateway/",
    ] {
        assert!(is_namespace(namespace), "{namespace}");
    }
    for namespace in [
        "",
        "http://xmlns.kaazing.org/2099/01/gateway",
        "http://kaazing.org/2016/06/gateway",
    ] {
        assert!(!is_namespace(namespace), "{namespace}");
    }
}

#[test]
fn an_option_of_a_service_wins_over_the_default_and_leaves_the_others() {
    let (def, said) = load(
        "<service><name>a</name><accept>ws://a.test:1/</accept><type>echo</type>
           <accept-options><ws.maximum.message.size>1k</ws.maximum.message.size></accept-options></service>
         <service-defaults><accept-options>
           <ws.maximum.message.size>2k</ws.maximum.message.size>
           <ws.inactivity.timeout>1.5 minutes</ws.inactivity.timeout>
           <tcp.bind>7</tcp.bind></accept-options>
           <mime-mapping><extension>FOO</extension><mime-type>text/x-foo</mime-type></mime-mapping></service-defaults>",
    );
    assert_eq!(said, []);
    let options = &def.services[0].accept_options;
    assert_eq!(options.maximum_message, Some(1024));
    assert_eq!(options.inactivity, Some(Duration::from_secs(90)));
    // What the nearest layer does not say the one below does.
    assert_eq!(options.bind("ws").unwrap().value.port, 7);
    assert_eq!(def.mime[0].extension, "foo");
}

#[test]
fn placeholders_come_from_properties_and_one_may_use_those_before_it() {
    let (def, said) = load(
        "<properties>
           <property><name>host</name><value>a.test</value></property>
           <property><name>base</name><value>ws://${host}:81</value></property>
         </properties>
         <service><name>a</name><accept>${base}/x</accept><type>echo</type></service>",
    );
    assert_eq!(said, []);
    assert_eq!(
        def.services[0].accepts[0].value.to_string(),
        "ws://a.test:81/x"
    );
}

#[test]
fn system_properties_come_from_the_options_of_the_gateway() {
    let root = {
        let text = format!(
            "<gateway-config xmlns=\"{NAMESPACE}\"><service><name>${{who}}</name></service></gateway-config>"
        );
        let substitution = crate::config::substitution::Substitution {
            env: &|_| None,
            folders: &[],
        };
        let mut none = Diagnostics::default();
        let file = crate::config::source::FileId(0);
        crate::config::xml::parse(file, &text, &substitution, &mut none).remove(0)
    };
    let env = |name: &str| (name == "GATEWAY_OPTS").then(|| "-Xmx512m -Dwho=\"me\"".to_owned());
    let mut diagnostics = Diagnostics::default();
    let filled = properties::fill(&root, &env, &mut diagnostics);
    let service = filled.elements().next().unwrap();
    assert_eq!(service.elements().next().unwrap().text(), "me");
    assert!(!diagnostics.has_errors());
}

#[test]
fn asking_for_what_is_not_there_takes_the_service_out_and_says_so() {
    let (def, said) = load(
        "<service><name>a</name><accept>ws://a.test:1/</accept><type>echo</type>
           <realm-name>r</realm-name><authorization-constraint><require-role>*</require-role></authorization-constraint></service>
         <security><realm><name>r</name><authentication><login-modules><login-module><type>ldap</type>
           <success>required</success></login-module></login-modules></authentication></realm></security>",
    );
    assert_eq!(
        said,
        [(
            Severity::Unsupported,
            "the login module ldap is not supported yet".to_owned()
        )]
    );
    assert!(def.services[0].unsupported.is_some());
    assert_eq!(def.services[0].roles[0].value, "*");
}

#[test]
fn a_service_may_be_for_roles_or_for_whoever_can_log_in() {
    let (def, said) = load(
        "<service><name>a</name><accept>ws://a.test:1/</accept><type>echo</type><realm-name>r</realm-name>
           <authorization-constraint><require-role>A</require-role><require-role>B</require-role></authorization-constraint>
           <authorization-constraint><require-valid-user/></authorization-constraint></service>
         <security><realm><name>r</name><description>Who are you?</description><authentication>
           <http-challenge-scheme>Application Basic</http-challenge-scheme><authorization-mode>challenge</authorization-mode>
           <login-modules><login-module><type>file</type><success>sufficient</success>
             <options><filename>users.xml</filename></options></login-module></login-modules></authentication></realm></security>",
    );
    assert_eq!(said, []);
    let roles = def.services[0].roles.iter().map(|r| r.value.as_str());
    assert_eq!(roles.collect::<Vec<_>>(), ["A", "B", "*"]);
    let realm = def.security.realm("r").unwrap();
    assert!(realm.application && realm.unsupported.is_none());
    assert_eq!(realm.description.as_deref(), Some("Who are you?"));
    assert_eq!(realm.modules[0].success, model::Success::Sufficient);
    assert_eq!(def.users_files().count(), 1);
}

#[test]
fn users_have_the_roles_of_their_roles_and_no_password_is_shown() {
    use crate::config::source::FileId;
    use crate::config::substitution::Substitution;
    let users = |inside: &str| {
        let text = format!(
            "<jaas-config xmlns=\"http://xmlns.kaazing.com/jaas-config/centurion\">{inside}</jaas-config>"
        );
        let (env, mut diagnostics) = (|_: &str| None, Diagnostics::default());
        let substitution = Substitution {
            env: &env,
            folders: &[],
        };
        let roots = crate::config::xml::parse(FileId(0), &text, &substitution, &mut diagnostics);
        let users = jaas::parse(&roots[0], &mut diagnostics).users;
        let said = diagnostics.list().iter().map(|d| d.message.clone());
        (users, said.collect::<Vec<_>>())
    };
    let roles = "<role><name>A</name><role-name>B</role-name></role>
        <role><name>B</name><description>x</description><role-name>C</role-name></role>
        <role><name>C</name><role-name>A</role-name></role>";
    let (all, said) = users(&format!(
        "<user><name>u</name><password> p </password><role-name>A</role-name></user>{roles}"
    ));
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(Vec::from_iter(&all[0].roles), ["A", "B", "C"]);
    assert_eq!(all[0].password, " p ");
    assert!(!format!("{all:?}").contains(" p "));
    let (all, said) = users(&format!(
        "<user><name>u</name><password>1</password><role-name>D</role-name></user>
         <user><name>v</name><password>1</password></user><user><name>v</name><password>2</password></user>{roles}"
    ));
    assert_eq!((all.len(), all[0].password.as_str()), (1, "2"));
    assert_eq!(
        said,
        [
            "Unrecognized role D: the user u cannot log in",
            "the user v is defined twice; this one counts"
        ]
    );
}
