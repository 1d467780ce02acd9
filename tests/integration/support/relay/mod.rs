//! A network between a client and a cloud: it fails on command, takes the time it is told to, counts, and remembers what passed.
//!
//! ```ignore
//! let relay = Relay::new(&database.api);
//! let database = database.through(&relay);
//! relay.next(1, Fault::DropAnswer);                       // the next query happens, its answer is lost
//! relay.matching("_lf_commit", 2, Fault::Status(503));    // the next two whose body holds the text
//! relay.before("_lf_commit", || rival.insert("first"));   // something else happens before the next one passes
//! relay.delay(Duration::from_millis(100));                // every query: a round trip
//! assert_eq!(relay.requests(), 3);
//!
//! let relay = Relay::every(&bucket.endpoint);
//! let bucket = bucket.through(&relay);
//! relay.on("PUT", "/images/", 1, Fault::Reset);           // the next upload to a path that holds the text
//! assert_eq!(relay.count("PUT"), 1);
//! ```
//! In front of a database only queries (POST to `/raw` or `/query`) are counted, delayed and failed; everything else passes. In
//! front of a bucket (`Relay::every`) each request is.

mod serve;
pub mod wire;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use wire::Message;

/// What becomes of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answered with this status by the relay; the cloud never hears of it.
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
    /// Nothing happens until the client gives up or the relay ends; the cloud never hears of it.
    Stall,
    /// The cloud carries it out twice; the second answer comes back.
    Twice,
    /// The connection is reset. The cloud hears of it later, when it has answered so many other queries.
    Late {
        /// How many.
        after: usize,
    },
    /// The relay answers; the cloud never hears of it.
    Says(Answer),
    /// The cloud carries it out, and the relay answers.
    DoneButSays(Answer),
}

/// An answer in place of the cloud's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: &'static str,
}

/// A running relay; dropping it cuts every connection.
pub struct Relay {
    addr: SocketAddr,
    path: String,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: String,
    concern: Concern,
    reach: Reach,
    /// Held for moments, never while sending or waiting for a network.
    state: Mutex<State>,
    stopped: Condvar,
}

/// Which requests are counted, delayed and failed.
#[derive(PartialEq, Eq)]
enum Concern {
    Queries,
    All,
}

/// How the cloud is reached.
#[derive(PartialEq, Eq)]
enum Reach {
    /// On a connection for each request: one that the cloud has closed must not look like a fault that nobody ordered.
    Anew,
    /// On one connection for each of the client's, as without a relay.
    Kept,
}

#[derive(Default)]
struct State {
    requests: HashMap<String, usize>,
    delay: Duration,
    rules: Vec<Rule>,
    /// What is done before a query whose body holds the text passes.
    errands: Vec<(String, Errand)>,
    /// Queries that are on their way, and how many others are answered before they arrive.
    late: Vec<(usize, Message)>,
    /// What a request's path must hold to be remembered.
    watched: Option<String>,
    seen: Vec<Message>,
    connections: Vec<TcpStream>,
    stopping: bool,
}

type Errand = Box<dyn FnOnce() + Send>;

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

impl Relay {
    /// A relay to the cloud whose API base this is.
    pub fn new(api: &str) -> Relay {
        Relay::start(api, Concern::Queries, Reach::Anew)
    }

    /// A relay to the bucket with this endpoint, or to anything else: every request is its business.
    pub fn every(endpoint: &str) -> Relay {
        Relay::start(endpoint, Concern::All, Reach::Anew)
    }

    /// As `new`, for who measures: connections to the cloud last as long as the client's.
    pub fn keeping_connections(api: &str) -> Relay {
        Relay::start(api, Concern::Queries, Reach::Kept)
    }

    fn start(api: &str, concern: Concern, reach: Reach) -> Relay {
        let rest = api.strip_prefix("http://").expect("a test URL");
        let (upstream, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let (upstream, state, stopped) = (upstream.to_owned(), Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { upstream, concern, reach, state, stopped });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || serve::accept(&listener, &shared)
        });
        Relay { addr, path: path.to_owned(), shared, acceptor: Some(acceptor) }
    }

    /// The API base, or the endpoint, that leads through this relay; `DbRef::through` and `BucketRef::through` use it.
    pub fn api(&self) -> String {
        format!("http://{}{}", self.addr, self.path)
    }

    /// Host and port, for who writes to it byte by byte.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// Queries that arrived, failed ones included.
    pub fn requests(&self) -> usize {
        self.shared.state.lock().requests.values().sum()
    }

    /// Those of one method.
    pub fn count(&self, method: &str) -> usize {
        self.shared.state.lock().requests.get(method).copied().unwrap_or(0)
    }

    /// Remembers, from now on, the requests that reach the cloud and whose path holds `path`.
    pub fn watch(&self, path: &str) {
        let mut state = self.shared.state.lock();
        state.watched = Some(path.to_owned());
        state.seen.clear();
    }

    /// The requests remembered since the last call, in the order in which they were answered.
    pub fn seen(&self) -> Vec<Message> {
        std::mem::take(&mut self.shared.state.lock().seen)
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

    /// Does something before the next query whose body holds `needle` passes.
    pub fn before(&self, needle: &str, errand: impl FnOnce() + Send + 'static) {
        self.shared.state.lock().errands.push((needle.to_owned(), Box::new(errand)));
    }

    /// Lets every query from now on take this much longer.
    pub fn delay(&self, delay: Duration) {
        self.shared.state.lock().delay = delay;
    }

    /// Forgets all orders but the delay.
    pub fn heal(&self) {
        let mut state = self.shared.state.lock();
        state.rules.clear();
        state.errands.clear();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop();
        let _ = TcpStream::connect(self.addr); // wakes the acceptor
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}
