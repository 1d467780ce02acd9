//! A network between a client and a cloud that fails on command.
//!
//! ```ignore
//! let proxy = Proxy::new(&database.api);
//! let database = database.through(&proxy);
//! proxy.next(1, Fault::DropAnswer);                       // the next query happens, its answer is lost
//! proxy.matching("_lf_commit", 2, Fault::Status(503));    // the next two whose body holds the text
//! proxy.delay(Duration::from_millis(100));                // every query: a round trip
//! assert_eq!(proxy.requests(), 3);
//!
//! let proxy = Proxy::every(&bucket.endpoint);
//! let bucket = bucket.through(&proxy);
//! proxy.on("PUT", "/images/", 1, Fault::Reset);           // the next upload to a path that holds the text
//! assert_eq!(proxy.count("PUT"), 1);
//! ```
//! In front of a database only queries (POST to `/raw` or `/query`) are counted, delayed and failed; everything else passes. In
//! front of a bucket (`Proxy::every`) each request is.

use std::collections::HashMap;
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::wire::Message;

/// What becomes of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answered with this status by the proxy; the cloud never hears of it.
    Status(u16),
    /// Answered 429 with `Retry-After`; the cloud never hears of it.
    TooMany {
        /// Seconds.
        retry_after: u32,
    },
    /// The connection is reset before the cloud hears of it.
    Reset,
    /// The cloud carries it out; the connection is reset instead of an answer.
    DropAnswer,
    /// The cloud carries it out; the connection is reset in the middle of the answer's body.
    HalfAnswer,
    /// Nothing happens until the client gives up or the proxy ends; the cloud never hears of it.
    Stall,
}

/// A running proxy; dropping it cuts every connection.
pub struct Proxy {
    addr: SocketAddr,
    path: String,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: String,
    /// Whether all requests are its business, or only queries.
    every: bool,
    /// Held for moments, never while sending or waiting for a network.
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Default)]
struct State {
    requests: HashMap<String, usize>,
    delay: Duration,
    rules: Vec<Rule>,
    connections: Vec<TcpStream>,
    stopping: bool,
}

#[derive(Default)]
struct Wanted {
    method: String,
    path: String,
    body: String,
}

struct Rule {
    wanted: Wanted,
    left: usize,
    fault: Fault,
}

impl Proxy {
    /// A proxy to the cloud whose API base this is.
    pub fn new(api: &str) -> Proxy {
        Proxy::start(api, false)
    }

    /// A proxy to the bucket with this endpoint, or to anything else: every request is its business.
    pub fn every(endpoint: &str) -> Proxy {
        Proxy::start(endpoint, true)
    }

    fn start(api: &str, every: bool) -> Proxy {
        let rest = api.strip_prefix("http://").expect("a test URL");
        let (upstream, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let (upstream, state, stopped) = (upstream.to_owned(), Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { upstream, every, state, stopped });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Proxy { addr, path: path.to_owned(), shared, acceptor: Some(acceptor) }
    }

    /// The API base, or the endpoint, that leads through this proxy; `DbRef::through` and `BucketRef::through` use it.
    pub fn api(&self) -> String {
        format!("http://{}{}", self.addr, self.path)
    }

    /// Queries that arrived, failed ones included.
    pub fn requests(&self) -> usize {
        self.shared.state.lock().requests.values().sum()
    }

    /// Those of one method.
    pub fn count(&self, method: &str) -> usize {
        self.shared.state.lock().requests.get(method).copied().unwrap_or(0)
    }

    /// Fails the next `count` queries.
    pub fn next(&self, count: usize, fault: Fault) {
        self.matching("", count, fault);
    }

    /// Fails the next `count` queries whose body (JSON text) holds `needle`. Earlier orders go first.
    pub fn matching(&self, needle: &str, count: usize, fault: Fault) {
        self.order(Wanted { body: needle.to_owned(), ..Wanted::default() }, count, fault);
    }

    /// Fails the next `count` requests of this method whose path or query holds `path`.
    pub fn on(&self, method: &str, path: &str, count: usize, fault: Fault) {
        self.order(Wanted { method: method.to_owned(), path: path.to_owned(), ..Wanted::default() }, count, fault);
    }

    fn order(&self, wanted: Wanted, left: usize, fault: Fault) {
        self.shared.state.lock().rules.push(Rule { wanted, left, fault });
    }

    /// Lets every query from now on take this much longer.
    pub fn delay(&self, delay: Duration) {
        self.shared.state.lock().delay = delay;
    }

    /// Forgets all orders but the delay.
    pub fn heal(&self) {
        self.shared.state.lock().rules.clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.stopping = true;
        self.shared.stopped.notify_all();
        for connection in state.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both); // it may be closed already
        }
        drop(state);
        let _ = TcpStream::connect(self.addr); // wakes the acceptor
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        let Ok(connection) = connection else { continue };
        let mut state = shared.state.lock();
        if state.stopping {
            return;
        }
        let Ok(copy) = connection.try_clone() else { continue };
        state.connections.push(copy);
        drop(state);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let _ = serve(&shared, &connection); // the client went away, or was made to
            shared.forget(&connection);
        });
    }
}

fn serve(shared: &Shared, connection: &TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut incoming = BufReader::new(connection);
    while let Some(request) = Message::read(&mut incoming)? {
        match shared.order(&request) {
            None => request.exchange(&shared.upstream)?.write(&mut &*connection)?,
            Some(Fault::Status(status)) => refuse(status, "").write(&mut &*connection)?,
            Some(Fault::TooMany { retry_after }) => {
                refuse(429, &format!("Retry-After: {retry_after}\r\n")).write(&mut &*connection)?;
            }
            Some(Fault::Reset) => return reset(connection),
            Some(Fault::DropAnswer) => {
                request.exchange(&shared.upstream)?;
                return reset(connection);
            }
            Some(Fault::HalfAnswer) => {
                request.exchange(&shared.upstream)?.write_half(&mut &*connection)?;
                (&*connection).flush()?;
                std::thread::sleep(Duration::from_millis(20)); // a reset at once would overtake the bytes
                return reset(connection);
            }
            Some(Fault::Stall) => {
                shared.sleep(Duration::MAX);
                return Ok(());
            }
        }
    }
    Ok(())
}

fn refuse(status: u16, headers: &str) -> Message {
    let head = format!("HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\n{headers}");
    let error = serde_json::json!({ "code": 10000 + u32::from(status), "message": "the proxy was told to" });
    let body = serde_json::json!({ "success": false, "errors": [error], "messages": [], "result": [] });
    Message::new(head, body.to_string().into_bytes())
}

// A socket closed with a linger time of zero sends RST, not FIN; it is closed when the last of its two handles goes.
fn reset(connection: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(connection).set_linger(Some(Duration::ZERO))
}

impl Shared {
    /// Counts a query, waits its delay and says what is to become of it.
    fn order(&self, request: &Message) -> Option<Fault> {
        let (method, path) = line(request);
        let query = method == "POST" && (path.ends_with("/raw") || path.ends_with("/query"));
        if !query && !self.every {
            return None;
        }
        let body = String::from_utf8_lossy(&request.body);
        let mut state = self.state.lock();
        *state.requests.entry(method.to_owned()).or_default() += 1;
        let wanted = |wanted: &Wanted| {
            (wanted.method.is_empty() || wanted.method == method)
                && path.contains(&wanted.path)
                && body.contains(&wanted.body)
        };
        let rule = state.rules.iter_mut().find(|rule| rule.left > 0 && wanted(&rule.wanted));
        let fault = rule.map(|rule| {
            rule.left -= 1;
            rule.fault
        });
        let delay = state.delay;
        drop(state);
        self.sleep(delay);
        fault
    }

    /// Sleeps, but not longer than the proxy lives.
    fn sleep(&self, duration: Duration) {
        let deadline = Instant::now().checked_add(duration);
        let mut state = self.state.lock();
        while !state.stopping {
            match deadline {
                Some(deadline) if Instant::now() >= deadline => return,
                Some(deadline) => drop(self.stopped.wait_until(&mut state, deadline)),
                None => self.stopped.wait(&mut state),
            }
        }
    }

    fn forget(&self, connection: &TcpStream) {
        let peer = connection.peer_addr().ok();
        self.state.lock().connections.retain(|other| other.peer_addr().ok() != peer);
    }
}

/// A request's method and target.
fn line(request: &Message) -> (&str, &str) {
    let mut words = request.head.split_ascii_whitespace();
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}
