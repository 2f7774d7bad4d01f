//! Several sample back ends that can be stopped and started again while the others go on.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Time between the answer to a stop and the stop, so that a back end can still say that it stops.
const STOP_AFTER: Duration = Duration::from_millis(100);

/// The servers, by port. Lives as long as somebody holds it; then all stop.
#[derive(Debug)]
pub struct Fleet {
    servers: Mutex<BTreeMap<u16, Option<oneshot::Sender<()>>>>,
    runtime: tokio::runtime::Handle,
}

/// Why a back end was not started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The port is in use.
    #[error("port {0} is taken: {1}; stop what listens there, or choose another with --port")]
    Taken(u16, std::io::Error),
    /// No back end of that port belongs here.
    #[error("there is no back end on port {0}")]
    Unknown(u16),
    /// Nothing to do.
    #[error("the back end on port {0} is {1} already")]
    Already(u16, &'static str),
}

impl Fleet {
    /// Starts one back end per port on loopback (0 = any free port), all or none. Call it inside a runtime.
    pub fn launch(ports: &[u16]) -> Result<Arc<Fleet>, FleetError> {
        let mut listeners = Vec::new();
        for &port in ports {
            listeners.push(bind(port)?);
        }
        let fleet = Arc::new(Fleet {
            servers: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
        });
        for (port, listener) in listeners {
            fleet.run(port, listener);
        }
        Ok(fleet)
    }

    /// Ports in ascending order, stopped ones too.
    pub fn ports(&self) -> Vec<u16> {
        self.servers.lock().keys().copied().collect()
    }

    /// Stops the back end of that port: it refuses connections and drops those it has.
    pub fn stop(&self, port: u16) -> Result<String, FleetError> {
        let mut servers = self.servers.lock();
        let server = servers.get_mut(&port).ok_or(FleetError::Unknown(port))?;
        let stop = server.take().ok_or(FleetError::Already(port, "stopped"))?;
        self.runtime.spawn(async move {
            tokio::time::sleep(STOP_AFTER).await;
            // The receiver is gone only when the server has ended by itself.
            let _ = stop.send(());
        });
        Ok(format!("back end {port} stops"))
    }

    /// Starts the stopped back end of that port again.
    pub fn start(self: &Arc<Self>, port: u16) -> Result<String, FleetError> {
        match self.servers.lock().get(&port) {
            None => return Err(FleetError::Unknown(port)),
            Some(Some(_)) => return Err(FleetError::Already(port, "running")),
            Some(None) => {}
        }
        let (port, listener) = bind(port)?;
        self.run(port, listener);
        Ok(format!("back end {port} started"))
    }

    fn run(self: &Arc<Self>, port: u16, listener: TcpListener) {
        let (stop, stopped) = oneshot::channel();
        self.servers.lock().insert(port, Some(stop));
        let fleet = Arc::downgrade(self);
        self.runtime.spawn(async move {
            let name = format!("backend-{port}");
            // Ends when told to, and when the fleet and with it the sender is gone.
            let served = super::serve(listener, name, fleet, async {
                let _ = stopped.await;
            });
            if let Err(error) = served.await {
                eprintln!("axon: back end {port}: {error}");
            }
        });
    }
}

fn bind(port: u16) -> Result<(u16, TcpListener), FleetError> {
    let taken = |error| FleetError::Taken(port, error);
    let listener =
        TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).map_err(taken)?;
    let port = listener.local_addr().map_err(taken)?.port();
    Ok((port, listener))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    async fn ask(port: u16, request_line: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        let request = format!(
            "{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn a_stopped_back_end_drops_its_connections_and_another_starts_it_again() {
        let fleet = Fleet::launch(&[0, 0]).unwrap();
        let [one, two] = fleet.ports()[..] else {
            panic!()
        };
        let answer = ask(one, "GET /services/LBService1").await.unwrap();
        assert!(
            answer.contains(&format!("Response from server: backend-{one}")),
            "{answer}"
        );
        let mut idle = TcpStream::connect((Ipv4Addr::LOCALHOST, one))
            .await
            .unwrap();
        let answer = ask(one, "POST /demo/stop").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        // Returns when the stopping server has dropped the connection, however it does so.
        let _ = idle.read(&mut [0; 1]).await;
        assert!(ask(one, "GET /services/LBService1").await.is_err());
        let stop_again = ask(two, &format!("POST /demo/stop?port={one}"))
            .await
            .unwrap();
        assert!(stop_again.starts_with("HTTP/1.1 409 "), "{stop_again}");
        let answer = ask(two, &format!("POST /demo/start?port={one}"))
            .await
            .unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(ask(one, "GET /services/LBService1").await.is_ok());
    }

    #[tokio::test]
    async fn looking_at_the_control_path_stops_nothing() {
        let fleet = Fleet::launch(&[0]).unwrap();
        let port = fleet.ports()[0];
        assert!(
            ask(port, "GET /demo/stop")
                .await
                .unwrap()
                .starts_with("HTTP/1.1 405 ")
        );
        assert!(
            ask(port, "POST /demo/stop?port=1")
                .await
                .unwrap()
                .starts_with("HTTP/1.1 409 ")
        );
        assert!(
            ask(port, "POST /demo/nothing")
                .await
                .unwrap()
                .starts_with("HTTP/1.1 404 ")
        );
    }

    #[tokio::test]
    async fn a_taken_port_is_named_and_nothing_is_started() {
        let fleet = Fleet::launch(&[0]).unwrap();
        let refused = Fleet::launch(&[0, fleet.ports()[0]]).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains(&format!("port {} is taken", fleet.ports()[0]))
        );
    }
}
