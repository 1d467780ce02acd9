//! HTTP/1.1 messages as bytes: as much as a test client and a relay that misbehaves need.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A request or an answer. `head` ends with the last header's line break, without the empty line.
#[derive(Clone, Debug)]
pub struct Message {
    pub head: String,
    pub body: Vec<u8>,
    /// The length that the answer to a HEAD tells of a body it does not have.
    announced: Option<u64>,
}

impl Message {
    pub fn new(head: impl Into<String>, body: Vec<u8>) -> Message {
        Message { head: head.into(), body, announced: None }
    }

    /// The next message of a connection; `None` when it ended between two.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Message>> {
        let Some(mut message) = Message::read_head(from)? else { return Ok(None) };
        message.body = message.read_body(from)?;
        Ok(Some(message))
    }

    fn read_head(from: &mut impl BufRead) -> io::Result<Option<Message>> {
        let mut head = String::new();
        loop {
            let start = head.len();
            if from.read_line(&mut head)? == 0 {
                return if start == 0 { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            if head[start..].trim_end().is_empty() {
                head.truncate(start);
                break;
            }
        }
        Ok(Some(Message::new(head, Vec::new())))
    }

    fn read_body(&self, from: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            while read_chunk(from, &mut body)? {}
        } else if let Some(length) = self.header("content-length") {
            let length: u64 = length.parse().map_err(io::Error::other)?;
            if from.take(length).read_to_end(&mut body)? as u64 != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(body)
    }

    /// Sends it, with a length in place of whatever framing it came with.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.framed())?;
        to.write_all(&self.body)
    }

    /// Sends it up to the middle of its body.
    pub fn write_half(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.framed())?;
        to.write_all(&self.body[..self.body.len() / 2])
    }

    fn framed(&self) -> Vec<u8> {
        let framing = ["content-length:", "transfer-encoding:", "connection:"];
        let kept = |line: &&str| !framing.iter().any(|name| line.to_ascii_lowercase().starts_with(name));
        let head: String = self.head.split_inclusive('\n').filter(kept).collect();
        let length = self.announced.unwrap_or(self.body.len() as u64);
        // An answer without a body must not tell a length either, if it had none.
        let length = if self.bodiless() { String::new() } else { format!("Content-Length: {length}\r\n") };
        format!("{head}{length}\r\n").into_bytes()
    }

    fn bodiless(&self) -> bool {
        self.head.starts_with("HTTP/") && matches!(self.status(), Some(204 | 304))
    }

    /// Sends it to `host` on a connection of its own and waits for the answer.
    pub fn exchange(&self, host: &str) -> io::Result<Message> {
        self.exchange_on(&mut connect(host)?)
    }

    /// Sends it and waits for the answer.
    pub fn exchange_on(&self, connection: &mut BufReader<TcpStream>) -> io::Result<Message> {
        self.write(connection.get_mut())?;
        let mut answer = Message::read_head(connection)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if self.head.starts_with("HEAD ") {
            answer.announced = answer.header("content-length").and_then(|length| length.parse().ok());
        } else if !answer.bodiless() {
            answer.body = answer.read_body(connection)?;
        }
        Ok(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Method and target of a request.
    pub fn line(&self) -> (&str, &str) {
        let mut words = self.head.split_ascii_whitespace();
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// Of an answer.
    pub fn status(&self) -> Option<u16> {
        self.head.split_ascii_whitespace().nth(1)?.parse().ok()
    }
}

/// A connection for `exchange_on`.
pub fn connect(host: &str) -> io::Result<BufReader<TcpStream>> {
    let connection = TcpStream::connect(host)?;
    connection.set_nodelay(true)?;
    Ok(BufReader::new(connection))
}

fn read_chunk(from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<bool> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
    from.take(length).read_to_end(body)?;
    from.read_line(&mut String::new())?;
    Ok(length > 0)
}
