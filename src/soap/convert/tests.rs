use super::*;
use crate::soap::envelope::{SOAP11_NS, SOAP12_NS};

fn soap11(header: &str, body: &str) -> String {
    format!(
        "<?xml version='1.0'?><soapenv:Envelope xmlns:soapenv=\"{SOAP11_NS}\" xmlns:x=\"urn:x\">{header}<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )
}

fn soap12(body: &str) -> String {
    format!("<env:Envelope xmlns:env='{SOAP12_NS}'><env:Body>{body}</env:Body></env:Envelope>")
}

fn to(version: Version, text: &str) -> String {
    let outline = Outline::read(text).unwrap();
    let made = to_envelope(&outline, version).unwrap().unwrap();
    // Every prefix is declared, or this fails.
    roxmltree::Document::parse(&made).unwrap_or_else(|e| panic!("{e}: {made}"));
    let read = Outline::read(&made).unwrap();
    assert_eq!(read.envelope.unwrap().version, version);
    made
}

/// Name and namespace of an element and of all below, with attributes and texts.
fn infoset(xml: &str) -> String {
    fn write(node: roxmltree::Node<'_, '_>, out: &mut String) {
        if node.is_text() {
            return out.push_str(node.text().unwrap_or_default());
        }
        if !node.is_element() {
            return;
        }
        let name = |ns: Option<&str>, local: &str| match ns {
            Some(SOAP11_NS) => format!("11:{local}"),
            Some(SOAP12_NS) => format!("12:{local}"),
            Some("http://www.w3.org/XML/1998/namespace") => format!("xml:{local}"),
            Some("") | None => local.to_owned(),
            Some(ns) => format!("{{{ns}}}{local}"),
        };
        out.push('<');
        out.push_str(&name(node.tag_name().namespace(), node.tag_name().name()));
        for a in node.attributes() {
            out.push_str(&format!(" {}={}", name(a.namespace(), a.name()), a.value()));
        }
        out.push('>');
        for child in node.children() {
            write(child, out);
        }
        out.push_str("</>");
    }
    let document = roxmltree::Document::parse(xml).unwrap();
    let mut out = String::new();
    write(document.root_element(), &mut out);
    out
}

#[test]
fn an_envelope_changes_its_version_and_keeps_its_payload_byte_for_byte() {
    let payload = "<q:g  xmlns:q='urn:q' a = \"1\"><q:s>é &#65;</q:s><!-- c --></q:g >";
    let made = to(Version::Soap12, &soap11("", payload));
    assert!(made.contains(payload), "{made}");
    assert_eq!(
        infoset(&made),
        "<12:Envelope><12:Header></><12:Body><{urn:q}g a=1><{urn:q}s>é A</></></></>"
    );
    let back = to(Version::Soap11, &made);
    assert!(back.contains(payload), "{back}");
    let outline = Outline::read(&back).unwrap();
    assert_eq!(to_envelope(&outline, Version::Soap11), Ok(None));
}

#[test]
fn header_blocks_say_the_same_to_the_same_roles() {
    let header = format!(
        "<soapenv:Header><x:a soapenv:mustUnderstand='1' soapenv:actor='{ACTOR_NEXT}'>t</x:a><x:b soapenv:actor='urn:me' y='2'/></soapenv:Header>"
    );
    let made = to(Version::Soap12, &soap11(&header, ""));
    assert_eq!(
        infoset(&made),
        format!(
            "<12:Envelope><12:Header><{{urn:x}}a 12:mustUnderstand=1 12:role={ROLE_NEXT}>t</><{{urn:x}}b 12:role=urn:me y=2></></><12:Body></></>"
        )
    );
    let text = format!(
        "<e:Envelope xmlns:e='{SOAP12_NS}'><e:Header><a xmlns='u' e:mustUnderstand='true' e:relay='true' e:role='{ROLE_ULTIMATE}'/></e:Header><e:Body/></e:Envelope>"
    );
    assert_eq!(
        infoset(&to(Version::Soap11, &text)),
        "<11:Envelope><11:Header><{u}a 11:mustUnderstand=1></></><11:Body></></>"
    );
}

#[test]
fn a_payload_that_uses_prefixes_of_the_old_envelope_takes_them_along() {
    let made = to(
        Version::Soap12,
        &soap11(
            "",
            "<g soapenv:encodingStyle='e' x:t='x:int'><soapenv:Body/></g>",
        ),
    );
    assert_eq!(
        infoset(&made),
        "<12:Envelope><12:Header></><12:Body><g 11:encodingStyle=e {urn:x}t=x:int><11:Body></></></></>"
    );
}

#[test]
fn an_unprefixed_envelope_does_not_name_its_payload() {
    let text =
        format!("<Envelope xmlns='{SOAP11_NS}'><Body><g xmlns=''><h/></g><i/></Body></Envelope>");
    assert_eq!(
        infoset(&to(Version::Soap12, &text)),
        "<12:Envelope><12:Header></><12:Body><g><h></></><11:i></></></>"
    );
}

#[test]
fn a_default_namespace_of_the_envelope_stays_with_those_who_have_it() {
    let fault = "<s:Fault><faultcode xmlns=''>s:Client</faultcode><faultstring xmlns=''>r</faultstring><detail xmlns=''><d xmlns='urn:d'/></detail></s:Fault>";
    let text = format!(
        "<s:Envelope xmlns:s='{SOAP11_NS}' xmlns='urn:d'><s:Header><h/></s:Header><s:Body>{fault}</s:Body></s:Envelope>"
    );
    assert_eq!(
        infoset(&to(Version::Soap12, &text)),
        "<12:Envelope><12:Header><{urn:d}h></></><12:Body><12:Fault><12:Code><12:Value>PREFIX:Sender</></><12:Reason><12:Text xml:lang=en>r</></><12:Detail><{urn:d}d></></></></></>"
            .replace("PREFIX", "s")
    );
}

#[test]
fn the_faults_of_both_versions_become_each_other() {
    let old = "<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring xml:lang='de'>kaputt &amp; aus</faultstring><faultactor>urn:me</faultactor><detail><x:d>1</x:d></detail></soapenv:Fault>";
    let made = to(Version::Soap12, &soap11("", old));
    assert_eq!(
        infoset(&made),
        "<12:Envelope><12:Header></><12:Body><12:Fault><12:Code><12:Value>soapenv:Receiver</></><12:Reason><12:Text xml:lang=de>kaputt & aus</></><12:Role>urn:me</><12:Detail><{urn:x}d>1</></></></></>"
    );
    assert_eq!(
        infoset(&to(Version::Soap11, &made)),
        "<11:Envelope><11:Header></><11:Body><11:Fault><faultcode>soapenv:Server</><faultstring xml:lang=de>kaputt & aus</><faultactor>urn:me</><detail><{urn:x}d>1</></></></></>"
    );
}

#[test]
fn other_codes_are_subcodes_and_subcodes_are_codes() {
    let old = "<soapenv:Fault><faultcode xmlns:w='urn:w'>w:Own</faultcode><faultstring>r</faultstring></soapenv:Fault>";
    let made = to(Version::Soap12, &soap11("", old));
    let code = "<12:Code><12:Value>soapenv:Receiver</><12:Subcode><12:Value>w:Own</></></>";
    assert!(infoset(&made).contains(code), "{made}");
    let back = to(Version::Soap11, &made);
    assert!(infoset(&back).contains("<faultcode>w:Own</>"), "{back}");
    assert!(back.contains("xmlns:w=\"urn:w\""), "{back}");

    let class =
        "<soapenv:Fault><faultcode>soapenv:Client.Auth</faultcode><faultstring/></soapenv:Fault>";
    let made = infoset(&to(Version::Soap12, &soap11("", class)));
    assert!(
        made.contains("<12:Value>soapenv:Sender</><12:Subcode>"),
        "{made}"
    );

    // Without a prefix, and with an unknown one.
    let bare = "<soapenv:Fault><faultcode>Client</faultcode><faultstring/></soapenv:Fault>";
    let made = infoset(&to(Version::Soap12, &soap11("", bare)));
    assert!(made.contains("<12:Value>soapenv:Sender</></>"), "{made}");

    let twelve = "<env:Fault><env:Code><env:Value>env:DataEncodingUnknown</env:Value></env:Code><env:Reason><env:Text xml:lang='fr'>f</env:Text><env:Text xml:lang='en-US'>e</env:Text></env:Reason><env:Node>urn:n</env:Node></env:Fault>";
    assert_eq!(
        infoset(&to(Version::Soap11, &soap12(twelve))),
        "<11:Envelope><11:Header></><11:Body><11:Fault><faultcode>env:Client</><faultstring xml:lang=en-US>e</><faultactor>urn:n</></></></>"
    );
}

#[test]
fn a_code_whose_prefix_is_the_envelopes_own_gets_another() {
    let old = "<soapenv:Fault><faultcode xmlns:soapenv='urn:other'>soapenv:Own</faultcode><faultstring>r</faultstring></soapenv:Fault>";
    let made = to(Version::Soap12, &soap11("", old));
    assert!(infoset(&made).contains(":Own</></></>"), "{made}");
    assert!(made.contains("=\"urn:other\""), "{made}");
}

#[test]
fn elements_in_the_text_of_a_fault_keep_their_prefixes() {
    let fault = "<soapenv:Fault><faultcode>soapenv:Client</faultcode><faultstring>r<soapenv:x/></faultstring></soapenv:Fault>";
    let made = to(Version::Soap12, &soap11("", fault));
    let document = roxmltree::Document::parse(&made).unwrap();
    let x = document
        .descendants()
        .find(|n| n.has_tag_name((SOAP11_NS, "x")));
    assert_eq!(
        x.and_then(|x| x.parent()).map(|t| t.tag_name().name()),
        Some("Text"),
        "{made}"
    );
}

#[test]
fn payloads_leave_and_enter_envelopes() {
    let text = soap11("", "<g x:a='x:q'><h/></g><i/>");
    let outline = Outline::read(&text).unwrap();
    let payload = to_payload(&outline).unwrap();
    assert_eq!(infoset(&payload), "<g {urn:x}a=x:q><h></></>");
    assert!(!payload.contains(SOAP11_NS), "{payload}");
    let wrapped = to(Version::Soap12, &payload);
    assert_eq!(
        infoset(&wrapped),
        "<12:Envelope><12:Header></><12:Body><g {urn:x}a=x:q><h></></></></>"
    );
    assert_eq!(to_payload(&Outline::read("<g/>").unwrap()), None);
    let empty = soap11("", " ");
    assert_eq!(
        to_payload(&Outline::read(&empty).unwrap()).as_deref(),
        Some("")
    );
}
