//! The relay at work: a thread for each of the client's connections, which does with a request what was ordered.

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::wire::{Message, connect};
use super::{Answer, Concern, Fault, Reach, Shared, Wanted};

/// Serves every connection until the relay ends.
pub fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
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
    let mut cloud = None;
    while let Some(request) = Message::read(&mut incoming)? {
        match shared.order(&request) {
            None => shared.ask(&mut cloud, request)?.write(&mut &*connection)?,
            Some(Fault::Status(status)) => refuse(status, "").write(&mut &*connection)?,
            Some(Fault::TooMany { retry_after }) => {
                refuse(429, &format!("Retry-After: {retry_after}\r\n")).write(&mut &*connection)?;
            }
            Some(Fault::Reset) => return reset(connection),
            Some(Fault::DropAnswer) => {
                shared.ask(&mut cloud, request)?;
                return reset(connection);
            }
            Some(Fault::HalfAnswer) => {
                shared.ask(&mut cloud, request)?.write_half(&mut &*connection)?;
                (&*connection).flush()?;
                std::thread::sleep(Duration::from_millis(20)); // a reset at once would overtake the bytes
                return reset(connection);
            }
            Some(Fault::Stall) => {
                shared.sleep(Duration::MAX);
                return Ok(());
            }
            Some(Fault::Twice) => {
                shared.ask(&mut cloud, request.clone())?;
                shared.ask(&mut cloud, request)?.write(&mut &*connection)?;
            }
            Some(Fault::Late { after }) => {
                shared.state.lock().late.push((after, request));
                return reset(connection);
            }
            Some(Fault::Says(answer)) => say(answer).write(&mut &*connection)?,
            Some(Fault::DoneButSays(answer)) => {
                shared.ask(&mut cloud, request)?;
                say(answer).write(&mut &*connection)?;
            }
        }
    }
    Ok(())
}

fn refuse(status: u16, headers: &str) -> Message {
    let head = format!("HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\n{headers}");
    let error = serde_json::json!({ "code": 10000 + u32::from(status), "message": "the relay was told to" });
    let body = serde_json::json!({ "success": false, "errors": [error], "messages": [], "result": [] });
    Message::new(head, body.to_string().into_bytes())
}

fn say(answer: Answer) -> Message {
    let kind = if answer.body.starts_with('{') { "application/json" } else { "text/html" };
    let head = format!("HTTP/1.1 {} Said\r\nContent-Type: {kind}\r\n", answer.status);
    Message::new(head, answer.body.as_bytes().to_vec())
}

// A socket closed with a linger time of zero sends RST, not FIN; it is closed when the last of its two handles goes.
fn reset(connection: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(connection).set_linger(Some(Duration::ZERO))
}

impl Shared {
    /// Counts a query, waits its delay and says what is to become of it.
    fn order(&self, request: &Message) -> Option<Fault> {
        let (method, path) = request.line();
        let query = method == "POST" && (path.ends_with("/raw") || path.ends_with("/query"));
        if !query && self.concern == Concern::Queries {
            return None;
        }
        let mut state = self.state.lock();
        *state.requests.entry(method.to_owned()).or_default() += 1;
        let rule = state.rules.iter_mut().find(|rule| rule.left > 0 && rule.wanted.is(request));
        let fault = rule.map(|rule| {
            rule.left -= 1;
            rule.fault
        });
        let delay = state.delay;
        let is_for = |needle: &str| String::from_utf8_lossy(&request.body).contains(needle);
        let errand = state.errands.iter().position(|(needle, _)| is_for(needle)).map(|at| state.errands.remove(at).1);
        drop(state);
        if let Some(errand) = errand {
            errand();
        }
        self.sleep(delay);
        fault
    }

    /// What the cloud answers. The request is remembered before the client can know that it was answered.
    fn ask(&self, kept: &mut Option<BufReader<TcpStream>>, request: Message) -> io::Result<Message> {
        let mut cloud = match kept.take() {
            Some(cloud) => cloud,
            None => connect(&self.upstream)?,
        };
        let answer = request.exchange_on(&mut cloud)?;
        if self.reach == Reach::Kept {
            *kept = Some(cloud);
        }
        self.bring_what_is_due()?;
        let mut state = self.state.lock();
        if state.watched.as_ref().is_some_and(|watched| request.line().1.contains(watched)) {
            state.seen.push(request);
        }
        Ok(answer)
    }

    /// One more query was answered: the cloud now hears of those that come after so many. Nobody waits for what it says.
    fn bring_what_is_due(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        for (left, _) in &mut state.late {
            *left -= 1;
        }
        let due: Vec<Message> = state.late.extract_if(.., |(left, _)| *left == 0).map(|(_, request)| request).collect();
        drop(state);
        due.iter().try_for_each(|request| request.exchange(&self.upstream).map(drop))
    }

    /// Sleeps, but not longer than the relay lives.
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

    /// Cuts every connection and takes no new one.
    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        self.stopped.notify_all();
        for connection in state.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both); // it may be closed already
        }
    }
}

impl Wanted {
    fn is(&self, request: &Message) -> bool {
        let (method, path) = request.line();
        (self.method.is_empty() || self.method == method)
            && path.contains(&self.path)
            && (self.body.is_empty() || String::from_utf8_lossy(&request.body).contains(&self.body))
    }
}
