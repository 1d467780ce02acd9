//! An attacker in the place of a cloud: it answers each request with whatever a test wants, byte by byte.
//!
//! It takes no part of a real cloud's place in tests of what works. It is there for what no cloud would send.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::relay::wire::Message;

/// A running attacker.
pub struct Hostile {
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    requests: AtomicUsize,
    bytes: AtomicU64,
}

/// The way to the victim. It counts what the victim took.
pub struct Victim<'a> {
    connection: &'a TcpStream,
    shared: &'a Shared,
}

impl Write for Victim<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.connection.write(bytes)?;
        self.shared.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.connection.flush()
    }
}

impl Victim<'_> {
    /// A whole answer. `head`: status and headers, each line with its line break; there is no length but the one it names.
    pub fn answer(&mut self, head: &str, body: &[u8]) -> io::Result<()> {
        write!(self, "HTTP/1.1 {head}Connection: close\r\n\r\n")?;
        self.write_all(body)
    }

    /// An answer with this body.
    pub fn body(&mut self, status: &str, body: &[u8]) -> io::Result<()> {
        self.answer(&format!("{status}\r\nContent-Length: {}\r\n", body.len()), body)
    }

    /// An answer that begins with `start` and goes on with `more` for as long as it is listened to (and no longer than 1 GiB).
    pub fn endless(&mut self, status: &str, start: &str, more: &str) -> io::Result<()> {
        self.answer(&format!("{status}\r\n"), start.as_bytes())?;
        let block = more.repeat((1 << 16) / more.len() + 1);
        for _ in 0..(1 << 30) / block.len() {
            self.write_all(block.as_bytes())?;
        }
        Ok(())
    }
}

impl Hostile {
    /// Answers each request by `answer`, on a connection of its own.
    pub fn start(answer: impl Fn(&Message, &mut Victim<'_>) -> io::Result<()> + Send + Sync + 'static) -> Hostile {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let (shared, answer) = (Arc::<Shared>::default(), Arc::new(answer));
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for connection in listener.incoming().filter_map(Result::ok) {
                    if shared.stopping.load(Ordering::Relaxed) {
                        return;
                    }
                    let (shared, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                    std::thread::spawn(move || {
                        let Ok(Some(request)) = Message::read(&mut BufReader::new(&connection)) else { return };
                        shared.requests.fetch_add(1, Ordering::Relaxed);
                        // The victim may hang up at any moment.
                        let _ = answer(&request, &mut Victim { connection: &connection, shared: &shared });
                    });
                }
            }
        });
        Hostile { addr, shared, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Bytes that have left it. A few megabytes of them may be in the kernel's buffers, and never get any further.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.addr); // wakes the acceptor
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// What `work` gives, which must come within half a minute.
///
/// # Panics
/// When it does not, or when `work` does.
pub fn ends<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = channel();
    let worker = std::thread::spawn(move || {
        let _ = done.send(work()); // nobody waits any more after the time
    });
    match result.recv_timeout(Duration::from_secs(30)) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
        Err(RecvTimeoutError::Disconnected) => match worker.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("it has sent its result"),
        },
    }
}
