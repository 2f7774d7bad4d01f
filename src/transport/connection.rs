//! One client connection: wait, read a head, have it served, go on or close.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::downstream::{Client, HeadRead, within};
use super::head::RequestHead;
use super::head::standard_reason;
use super::http1::strict::Refused;
use super::tls::{ServerTls, TlsError};
use super::worker::Worker;

/// How long the room for a request is kept for the next one of a connection.
const SOON: Duration = Duration::from_millis(250);

/// How a TLS handshake begins (RFC 8446 section 5.1).
const TLS_RECORD: &[u8] = &[0x16, 0x03];

/// What a connection does behind its last exchange, without the room that exchanges take: a WebSocket is silent for hours.
pub type GoesOn = Box<dyn for<'w> FnOnce(Box<Client>, &'w Worker) -> Lasting<'w>>;
/// It, under way.
pub type Lasting<'w> = Pin<Box<dyn Future<Output = ()> + 'w>>;

/// Serves one request: everything between a head read and an answer written.
pub trait Handler {
    /// Serves it and gives the connection back, with [`Client::keep_alive`] telling whether it may go on.
    fn serve(
        &self,
        client: Box<Client>,
        head: RequestHead,
    ) -> impl Future<Output = (Box<Client>, RequestHead)>;

    /// Takes a connection on which no HTTP is spoken and serves it to its end; any other one is given back at once.
    fn take(&self, client: Box<Client>) -> impl Future<Output = Option<Box<Client>>> {
        std::future::ready(Some(client))
    }

    /// What goes on with a connection whose last exchange was just served, if anything does.
    fn goes_on(&self) -> Option<GoesOn> {
        None
    }

    /// A head was refused before anything could be served.
    fn refused(&self, client: &Client, refused: Refused);

    /// How connections of this listener are protected; asked for each of them, because certificates are replaced while
    /// it listens. `None` on a listener for TLS: no certificate can be used, and the connection is closed.
    fn tls(&self) -> Option<ServerTls> {
        None
    }

    /// A handshake ended without a connection.
    fn not_greeted(&self, _peer: SocketAddr, _why: &TlsError) {}

    /// A client connected.
    fn connected(&self);

    /// A client's connection ended.
    fn closed(&self);
}

/// Serves a connection to its end.
pub async fn run<H: Handler>(client: Box<Client>, worker: Rc<Worker>, handler: Rc<H>) {
    let _open = worker.drain.open();
    worker.look();
    handler.connected();
    if let Some(client) = handler.take(client).await {
        exchanges(client, &worker, &*handler).await;
    }
    handler.closed();
}

async fn exchanges<H: Handler>(mut client: Box<Client>, worker: &Worker, handler: &H) {
    let mut patience = worker.limits.client_idle;
    loop {
        if client.buf.is_empty()
            && wait_for_request(&mut client, worker, patience).await != Waited::Request
        {
            client.io.say_goodbye();
            return;
        }
        // Boxed, and freed when nothing comes for a while: an idle connection stays small.
        client = match Box::pin(burst(client, worker, handler)).await {
            Behind::Idle(client) => client,
            Behind::GoesOn(client, goes_on) => return goes_on(client, worker).await,
            Behind::Nothing => return,
        };
        worker.look();
        patience = worker.limits.client_idle.saturating_sub(SOON);
    }
}

/// What comes behind the requests that followed each other.
enum Behind {
    /// A wait.
    Idle(Box<Client>),
    /// Something that is no exchange.
    GoesOn(Box<Client>, GoesOn),
    /// The connection is over.
    Nothing,
}

/// Serves the requests of a connection while they follow each other soon.
async fn burst<H: Handler>(mut client: Box<Client>, worker: &Worker, handler: &H) -> Behind {
    loop {
        // Borrowed while a request is served: an idle connection holds no head.
        let mut head = worker.spare_head();
        let refused = match read_head(&mut client, worker, &mut head).await {
            HeadRead::Gone => return Behind::Nothing,
            HeadRead::Refused(refused) => Some(refused),
            HeadRead::Request(parsed) => client.begin(parsed, &head).err(),
        };
        if let Some(mut refused) = refused {
            if client.buf.data().starts_with(TLS_RECORD) {
                refused.reason = "this port does not speak TLS";
            }
            handler.refused(&client, refused);
            Box::pin(refuse(&mut client, refused)).await;
            return Behind::Nothing;
        }
        let busy = worker.begin_exchange();
        // Here, and not before the write itself, because from here the way back to this task is short.
        worker.turn().await;
        (client, head) = handler.serve(client, head).await;
        drop(busy);
        worker.recycle_head(head);
        if !client.end_exchange() {
            if let Some(goes_on) = handler.goes_on() {
                return Behind::GoesOn(client, goes_on);
            }
            // Closing over unread bytes would reset the connection and could take the answer with it.
            if !client.body.decoder.is_done() || !client.buf.is_empty() {
                Box::pin(client.linger()).await;
            } else {
                client.io.say_goodbye();
            }
            return Behind::Nothing;
        }
        if client.buf.is_empty() {
            let soon = worker.limits.client_idle.min(SOON);
            match wait_for_request(&mut client, worker, soon).await {
                Waited::Request => {}
                Waited::Nothing if soon == SOON => return Behind::Idle(client),
                Waited::Nothing | Waited::Over => {
                    client.io.say_goodbye();
                    return Behind::Nothing;
                }
            }
        }
    }
}

/// Reads a head within its time; most are complete in the first read and need no timer.
async fn read_head(client: &mut Client, worker: &Worker, head: &mut RequestHead) -> HeadRead {
    if let Some(read) = client.read_head_now(worker.limits.head, head) {
        return read;
    }
    match within(
        worker.limits.head_time,
        client.read_head(worker.limits.head, head),
    )
    .await
    {
        Some(read) => read,
        None => HeadRead::Refused(Refused {
            status: 408,
            reason: "the request's head did not come in time",
        }),
    }
}

/// What came of waiting for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    /// Its first byte is there.
    Request,
    /// Nothing came in that time.
    Nothing,
    /// None will come, or none is wanted: the client closed, or the proxy stops.
    Over,
}

/// Waits for the first byte of the next request.
async fn wait_for_request(client: &mut Client, worker: &Worker, patience: Duration) -> Waited {
    let waiting = worker.drain.wait();
    let due = worker.instant() + patience;
    poll_fn(|cx| match client.poll_first_byte(cx) {
        Poll::Ready(Ok(true)) => Poll::Ready(Waited::Request),
        Poll::Ready(_) => Poll::Ready(Waited::Over),
        Poll::Pending if waiting.poll_begun(cx) => Poll::Ready(Waited::Over),
        Poll::Pending => client.alarm.poll(cx, due).map(|()| Waited::Nothing),
    })
    .await
}

/// Tells the client why and closes: after a head that cannot be trusted nothing on this connection can.
pub(super) async fn refuse(client: &mut Client, refused: Refused) {
    let body = format!("{}\n", refused.reason);
    let answer = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        refused.status,
        standard_reason(refused.status),
        body.len()
    );
    if client.io.write_all(answer.as_bytes()).await.is_ok() {
        client.linger().await;
    }
}
