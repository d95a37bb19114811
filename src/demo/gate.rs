//! The door of one server: where faults of the network are injected.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// How a server meets the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Connections are taken and answered.
    Open,
    /// Connections are taken and nothing is ever answered.
    Hung,
    /// Connections are refused, open ones are closed.
    Gone,
}

/// A server's address and the handle on its door.
#[derive(Debug, Clone)]
pub struct Gate {
    door: watch::Sender<Door>,
    pub addr: SocketAddr,
}

impl Gate {
    pub fn new(addr: SocketAddr) -> Self {
        Self { door: watch::channel(Door::Open).0, addr }
    }
    pub fn set(&self, door: Door) {
        self.door.send_replace(door);
    }
    pub fn is_open(&self) -> bool {
        *self.door.borrow() == Door::Open
    }

    /// Serves until dropped. `listener` is bound to `self.addr`.
    pub async fn serve<H, F, B>(self, mut listener: TcpListener, handler: H) -> io::Result<Infallible>
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut door = self.door.subscribe();
        loop {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    () = until(&mut door, |d| d == Door::Gone) => break,
                    taken = listener.accept() => {
                        // An accept fails for want of descriptors or because the
                        // peer has gone already; the next may well succeed.
                        match taken {
                            Ok((stream, _)) => _ = connections.spawn(
                                connection(stream, self.door.subscribe(), handler.clone())),
                            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
            drop(listener);
            connections.shutdown().await;
            // Bound but not listening: the port stays ours and refuses.
            let held = self.hold().await?;
            until(&mut door, |d| d != Door::Gone).await;
            listener = held.listen(1024)?;
        }
    }

    /// Binds the port again without listening. Sockets of the connections
    /// just closed may linger for an instant.
    async fn hold(&self) -> io::Result<TcpSocket> {
        let mut tries = 0;
        loop {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            match socket.bind(self.addr) {
                Ok(()) => return Ok(socket),
                Err(error) if tries >= 100 => return Err(error),
                Err(_) => tries += 1,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn until(door: &mut watch::Receiver<Door>, wanted: impl Fn(Door) -> bool) {
    // The sender lives as long as the server does.
    let _ = door.wait_for(|d| wanted(*d)).await;
}

/// One connection, until it ends or is dropped with its task.
async fn connection<H, F, B>(stream: TcpStream, door: watch::Receiver<Door>, handler: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let (mut door, handler) = (door.clone(), handler.clone());
        async move {
            until(&mut door, |d| d == Door::Open).await;
            let response = handler(request).await;
            // What was computed before the door closed is not said after it.
            until(&mut door, |d| d == Door::Open).await;
            Ok::<_, Infallible>(response.map(|body| body.map_err(Into::into).boxed_unsync()))
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // A client that goes away is its own business.
    let _ = served.await;
}
