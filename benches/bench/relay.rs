//! The network between a client and the cloud: a relay with a round trip of its own, which remembers what passed.

use std::io::{self, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::wire::Message;

/// A relay on a port of its own, for as long as this process lives.
pub struct Relay {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    cloud: SocketAddr,
    round_trip_ms: AtomicU64,
    /// Requests for the database watched, in their order.
    seen: Mutex<Vec<Message>>,
    watched: Mutex<String>,
}

impl Relay {
    /// A relay to `cloud`.
    pub fn to(cloud: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            cloud,
            round_trip_ms: AtomicU64::new(0),
            seen: Mutex::default(),
            watched: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || shared.serve(&client)); // ends, well or badly, with the connection
            }
        });
        Relay { addr, shared }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Lets every answer come this much later.
    pub fn set_round_trip(&self, milliseconds: u64) {
        self.shared.round_trip_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// Remembers the requests for this database from now on.
    pub fn watch(&self, database: &str) {
        *self.shared.watched.lock() = database.to_owned();
        self.seen();
    }

    /// The requests since the last call.
    pub fn seen(&self) -> Vec<Message> {
        std::mem::take(&mut *self.shared.seen.lock())
    }
}

impl Shared {
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let cloud = TcpStream::connect(self.cloud)?;
        cloud.set_nodelay(true)?;
        let (mut requests, mut answers) = (BufReader::new(client), BufReader::new(&cloud));
        while let Some(request) = Message::read(&mut requests)? {
            request.write(&mut &cloud)?;
            let watched = self.watched.lock();
            if !watched.is_empty() && request.head.lines().next().is_some_and(|line| line.contains(watched.as_str())) {
                self.seen.lock().push(request);
            }
            drop(watched);
            let answer = Message::read(&mut answers)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            match self.round_trip_ms.load(Ordering::Relaxed) {
                0 => {}
                ms => std::thread::sleep(Duration::from_millis(ms)),
            }
            answer.write(&mut &*client)?;
        }
        Ok(())
    }
}
