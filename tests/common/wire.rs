//! HTTP/1.1 messages as bytes: as much as a test client and a proxy that misbehaves need.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A request or an answer. `head` ends with the last header's line break, without the empty line.
#[derive(Clone, Debug)]
pub struct Message {
    pub head: String,
    pub body: Vec<u8>,
}

impl Message {
    pub fn new(head: impl Into<String>, body: Vec<u8>) -> Message {
        Message { head: head.into(), body }
    }

    /// The next message of a connection; `None` when it ended between two.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Message>> {
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
        let mut message = Message::new(head, Vec::new());
        message.body = message.read_body(from)?;
        Ok(Some(message))
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
        let framing = ["content-length:", "transfer-encoding:", "connection:"];
        let kept = |line: &&str| !framing.iter().any(|name| line.to_ascii_lowercase().starts_with(name));
        let mut bytes: Vec<u8> = self.head.split_inclusive('\n').filter(kept).collect::<String>().into_bytes();
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
        bytes.extend_from_slice(&self.body);
        to.write_all(&bytes)
    }

    /// Sends it to `host` on a connection of its own and waits for the answer.
    pub fn exchange(&self, host: &str) -> io::Result<Message> {
        let mut stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        self.write(&mut stream)?;
        Message::read(&mut BufReader::new(stream))?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Of an answer.
    pub fn status(&self) -> Option<u16> {
        self.head.split_ascii_whitespace().nth(1)?.parse().ok()
    }
}

fn read_chunk(from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<bool> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
    from.take(length).read_to_end(body)?;
    from.read_line(&mut String::new())?;
    Ok(length > 0)
}
