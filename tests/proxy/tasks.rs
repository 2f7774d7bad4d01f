//! Tasks: messages that nobody sends.

use crate::support::{Backend, Proxy, address, eventually};

const NS: &str = "xmlns=\"http://ws.apache.org/ns/synapse\"";

fn task(trigger: &str, more: &str) -> String {
    format!(
        "<task name=\"t\" class=\"org.apache.synapse.startup.tasks.MessageInjector\"><trigger {trigger}/>
         <property name=\"message\"><m:hi xmlns:m=\"urn:m\">there</m:hi></property><property name=\"soapAction\" value=\"urn:task\"/>{more}</task>"
    )
}

#[test]
fn a_task_sends_as_often_as_it_says_and_goes_on_over_a_reload() {
    let a = Backend::named("a");
    let config = |more: &str| {
        let to = format!(
            "<property name=\"to\" value=\"http://{}/from-task\"/>",
            a.address
        );
        format!(
            "<definitions {NS}>{}<sequence name=\"main\"><in><send/></in><out><log level=\"custom\"><property name=\"got\" expression=\"//x\"/></log></out></sequence>{more}</definitions>",
            task("interval=\"1\" count=\"2\"", &to)
        )
    };
    let proxy = Proxy::start(&[("synapse.xml", config("").as_str())]);
    eventually("the first message", || (a.hits() == 1).then_some(()));
    let first = &a.seen()[0];
    assert_eq!(first.target(), "/from-task");
    let media = "application/soap+xml; charset=UTF-8; action=\"urn:task\"";
    assert_eq!(first.headers.value("Content-Type"), Some(media));
    assert!(String::from_utf8_lossy(&first.body).contains(">there</m:hi>"));
    proxy.write("synapse.xml", &config("<sequence name=\"more\"/>"));
    proxy.reload();
    eventually("the second message", || (a.hits() == 2).then_some(()));
    std::thread::sleep(std::time::Duration::from_millis(1300));
    assert_eq!(a.hits(), 2, "two are two, whatever is loaded meanwhile");
}

#[test]
fn a_task_may_go_through_a_sequence_or_a_proxy_service() {
    let (a, b) = (Backend::named("a"), Backend::named("b"));
    let send = |to: &Backend| {
        format!(
            "<send><endpoint>{}</endpoint></send>",
            address(to.address, "")
        )
    };
    let inject = |kind: &str, name: &str| {
        task(
            "once=\"true\"",
            &format!(
                "<property name=\"format\" value=\"soap11\"/><property name=\"injectTo\" value=\"{kind}\"/><property name=\"{kind}Name\" value=\"{name}\"/>"
            ),
        )
    };
    let config = format!(
        "<definitions {NS}>{}{}<sequence name=\"s\">{}</sequence>
         <proxy name=\"p\"><target><inSequence><property name=\"X-By\" expression=\"get-property('proxy.name')\" scope=\"transport\"/>{}</inSequence></target></proxy></definitions>",
        inject("sequence", "s"),
        inject("proxy", "p").replace("name=\"t\"", "name=\"u\""),
        send(&a),
        send(&b)
    );
    let _proxy = Proxy::start(&[("synapse.xml", config.as_str())]);
    eventually("both messages", || {
        (a.hits() == 1 && b.hits() == 1).then_some(())
    });
    assert_eq!(
        a.seen()[0].headers.value("SOAPAction"),
        Some("\"urn:task\"")
    );
    assert_eq!(b.seen()[0].headers.value("X-By"), Some("p"));
}

#[test]
fn tasks_and_processors_go_by_the_clock() {
    let a = Backend::named("a");
    let send = format!(
        "<send><endpoint>{}</endpoint></send>",
        address(a.address, "")
    );
    let to_store = "<property name=\"injectTo\" value=\"sequence\"/><property name=\"sequenceName\" value=\"keep\"/>";
    let config = format!(
        "<definitions {NS}>{}<messageStore name=\"ms\"/><sequence name=\"keep\"><store messageStore=\"ms\"/></sequence>
         <sequence name=\"out\">{send}</sequence>
         <messageProcessor name=\"mp\" class=\"org.apache.synapse.message.processors.sampler.SamplingProcessor\" messageStore=\"ms\">
           <parameter name=\"cronExpression\">* * * * * ?</parameter><parameter name=\"sequence\">out</parameter></messageProcessor></definitions>",
        task("cron=\"* * * * * ?\"", to_store)
    );
    let _proxy = Proxy::start(&[("synapse.xml", config.as_str())]);
    eventually("two messages", || (a.hits() >= 2).then_some(()));
}
