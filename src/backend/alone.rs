//! `axon backend`: the sample back ends alone, until interrupted.

use super::{DEFAULT_PORTS, Fleet};

/// Starts back ends on these ports (9000-9003 when none is given), says where, and waits for the end.
///
/// Returns the exit code: 1 when a port is taken.
pub async fn run(ports: &[u16]) -> u8 {
    let ports = if ports.is_empty() {
        &DEFAULT_PORTS[..]
    } else {
        ports
    };
    let fleet = match Fleet::launch(ports) {
        Ok(fleet) => fleet,
        Err(error) => {
            eprintln!("axon: {error}");
            return 1;
        }
    };
    for port in fleet.ports() {
        println!(
            "listening backend 127.0.0.1:{port}  /services/SimpleStockQuoteService  /services/LBService1"
        );
    }
    // Without signals there is nothing to wait for, and the end of the process ends everything.
    let Ok(mut terminate) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    else {
        return 1;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    0
}
