//! The demonstration: sample back ends, a configuration in a temporary folder, and the lines to try on it.
//!
//! The proxy itself is started by the caller on [`Demo::folder`]; this room prepares the rest and says what to
//! try. Every line is plain `sh` and can be copied as it stands.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::backend::{Fleet, FleetError};

const ENDPOINTS: [(&str, &str); 3] = [
    ("quotes.xml", include_str!("demo/quotes.xml")),
    ("balanced.xml", include_str!("demo/balanced.xml")),
    ("sticky.xml", include_str!("demo/sticky.xml")),
];

/// Clients that the messages of the demonstration come from.
const CLIENTS: [&str; 3] = ["c1", "c2", "c3"];

/// Running back ends and their configuration; both end with it.
#[derive(Debug)]
pub struct Demo {
    fleet: Arc<Fleet>,
    configuration: TempDir,
    messages: TempDir,
}

/// Why the demonstration cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A back end could not be started.
    #[error(transparent)]
    BackEnd(#[from] FleetError),
    /// The temporary folder could not be written.
    #[error("cannot write the demonstration's files: {0}")]
    Files(#[from] std::io::Error),
}

impl Demo {
    /// Starts the four back ends (in ascending order of their ports) and writes the files. Call it inside the
    /// control plane's runtime.
    pub fn prepare(ports: [u16; 4]) -> Result<Demo, DemoError> {
        let fleet = Fleet::launch(&ports)?;
        let configuration = tempfile::Builder::new().prefix("axon-demo-").tempdir()?;
        for (name, text) in ENDPOINTS {
            let text = with_ports(text, &fleet.ports());
            std::fs::write(configuration.path().join(name), text)?;
        }
        let messages = tempfile::Builder::new()
            .prefix("axon-demo-messages-")
            .tempdir()?;
        std::fs::write(messages.path().join("call.xml"), message(None))?;
        for client in CLIENTS {
            std::fs::write(
                messages.path().join(format!("{client}.xml")),
                message(Some(client)),
            )?;
        }
        Ok(Demo {
            fleet,
            configuration,
            messages,
        })
    }

    /// The folder that the proxy is to serve and to watch.
    pub fn folder(&self) -> &Path {
        self.configuration.path()
    }

    /// What to try on the proxy at that address, and what each line will show.
    pub fn text(&self, http: &str, admin: &str) -> String {
        // Four were started; a fleet keeps its ports.
        let ports = self.fleet.ports();
        let port = |at: usize| ports.get(at).copied().unwrap_or_default();
        let (quotes, first, last) = (port(0), port(1), port(3));
        let folder = self.folder().display();
        let messages = self.messages.path().display();
        let call = |service: &str, file: &str| {
            format!(
                "curl -s http://{http}/services/{service} -H 'Content-Type: text/xml' \
                 -H 'SOAPAction: \"urn:sampleOperation\"' --data-binary @{messages}/{file} | grep -o 'server: [^<]*'"
            )
        };
        let six = format!(
            "for i in 1 2 3 4 5 6; do {}; done",
            call("balanced", "call.xml")
        );
        let clients = format!(
            "for c in c1 c2 c3 c1 c2 c3; do printf \"$c  \"; {}; done",
            call("sticky", "$c.xml").replace(
                &format!("@{messages}/$c.xml"),
                &format!("\"@{messages}/$c.xml\"")
            )
        );
        format!(
            "\naxon stands in front of back ends on the ports {quotes}-{last}; its files are in {folder}\n\
             \n# A quote from {quotes}, through the endpoint of quotes.xml\n\
             curl -s 'http://{http}/services/quotes?symbol=IBM'; echo\n\
             \n# Balancing: six calls, the three servers in turn\n\
             {six}\n\
             \n# Stickiness: each ClientID stays with the server that it met first\n\
             {clients}\n\
             \n# Failover: stop a server; six calls, all answered by the other two\n\
             curl -s -X POST http://127.0.0.1:{first}/demo/stop; sleep 1; {six}\n\
             \n# Why: its state, what put it there, and when it is tried again\n\
             curl -s http://{admin}/api/v1/endpoints/balanced/a; echo\n\
             \n# Recovery: start it again; within five seconds it is back\n\
             curl -s -X POST 'http://127.0.0.1:{quotes}/demo/start?port={first}'; sleep 6; {six}\n\
             \n# Live edit: {last} out, {quotes} in, while traffic flows; the file is taken within a second\n\
             sed -i 's/:{last}/:{quotes}/' {folder}/balanced.xml; sleep 2; {six}\n\
             \n# End: Ctrl-C\n"
        )
    }
}

/// The file with the ports 9000 to 9003 replaced, in one pass: the new ports may be among the old ones.
fn with_ports(text: &str, ports: &[u16]) -> String {
    const HOST: &str = "127.0.0.1:";
    let mut pieces = text.split("127.0.0.1:900");
    let mut out = pieces.next().unwrap_or("").to_owned();
    for piece in pieces {
        let (digit, rest) = piece.split_at_checked(1).unwrap_or((piece, ""));
        let port = digit
            .parse()
            .ok()
            .and_then(|at: usize| ports.get(at).copied());
        out += &format!("{HOST}{}{rest}", port.unwrap_or_default());
    }
    out
}

/// A call of the load-balance service, from that client.
fn message(client: Option<&str>) -> String {
    let header = client.map_or(String::new(), |id| {
        format!(
            "<s:Header><syn:ClientID xmlns:syn=\"http://ws.apache.org/ns/synapse\">{id}</syn:ClientID></s:Header>"
        )
    });
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">{header}\
         <s:Body><Value>hello</Value></s:Body></s:Envelope>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_files_are_well_formed_and_name_the_running_back_ends() {
        let demo = Demo::prepare([0; 4]).unwrap();
        let mut targets = Vec::new();
        for (name, _) in ENDPOINTS {
            let text = std::fs::read_to_string(demo.folder().join(name)).unwrap();
            let document = roxmltree::Document::parse(&text).unwrap();
            let uris = document.descendants().filter_map(|n| n.attribute("uri"));
            targets.extend(uris.map(str::to_owned));
        }
        assert_eq!(targets.len(), 7);
        let ports = demo.fleet.ports();
        for target in targets {
            assert!(
                ports
                    .iter()
                    .any(|p| target.starts_with(&format!("http://127.0.0.1:{p}/services/")))
            );
        }
    }

    #[test]
    fn new_ports_may_be_among_the_old_ones() {
        let text = "a 127.0.0.1:9000/x 127.0.0.1:9001/y";
        assert_eq!(
            with_ports(text, &[9001, 9000]),
            "a 127.0.0.1:9001/x 127.0.0.1:9000/y"
        );
    }

    #[tokio::test]
    async fn every_line_is_a_comment_or_a_command_that_sh_accepts() {
        let demo = Demo::prepare([0; 4]).unwrap();
        let text = demo.text("127.0.0.1:8280", "127.0.0.1:8080");
        for wanted in [
            "/services/balanced",
            "/services/sticky",
            "/demo/stop",
            "/demo/start?port=",
            "sed -i",
        ] {
            assert!(text.contains(wanted), "{wanted}");
        }
        for line in text
            .lines()
            .skip(2)
            .filter(|l| !l.starts_with('#') && !l.is_empty())
        {
            let checked = std::process::Command::new("sh")
                .args(["-n", "-c", line])
                .output()
                .unwrap();
            assert!(checked.status.success(), "{line}");
        }
    }
}
