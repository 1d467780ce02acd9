//! An endpoint that redirects: the request, its body and its secret go no further, and the error comes at once and names the host alone.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use liteflare::d1::{Client, SendError, Statement};
use liteflare::metrics::Metrics;
use liteflare::r2::{Error, PutMode};

use crate::support::{TestCloud, settings};

/// A server that answers every request with `answer`, and counts the connections it gets.
struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn start(answer: String) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::Relaxed);
                let Ok(mut stream) = stream else { continue };
                let _ = stream.read(&mut [0; 1 << 16]); // all of it: the tests' requests are small
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Server { url, connections }
    }

    fn redirecting(status: u16, goal: &str) -> Server {
        let location = format!("Location: {goal}/HIDDEN?token=HIDDEN\r\n");
        Server::start(format!(
            "HTTP/1.1 {status} Elsewhere\r\n{location}Content-Length: 0\r\nConnection: close\r\n\r\n"
        ))
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

#[test]
fn no_redirect_of_d1_is_followed_or_tried_again() {
    let cloud = TestCloud::embedded();
    let database = cloud.create_database();
    for status in REDIRECTS {
        let goal = Server::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into());
        let first = Server::redirecting(status, &goal.url);
        let mut settings = settings(&database);
        settings.api = liteflare::config::Access::new(&first.url, settings.api.secret().clone());
        let client = Client::connect(&settings, Arc::new(Metrics::default())).unwrap();
        let started = Instant::now();
        let insert = Statement::new("INSERT INTO t VALUES (1)");
        let refused = [
            client.send_idempotent(std::slice::from_ref(&insert)).map(drop).unwrap_err(),
            client.stream(&insert).map(drop).unwrap_err(),
        ];
        for error in refused {
            let said = error.to_string();
            assert!(matches!(error, SendError::Refused(_)) && said.contains(&goal.url), "{status}: {said}");
            assert!(!said.contains("HIDDEN") && !said.contains(&database.token), "{status}: {said}");
        }
        assert!(started.elapsed() < Duration::from_secs(3), "it is not tried again");
        assert_eq!((first.connections(), goal.connections()), (2, 0), "{status}");
    }
}

#[test]
fn no_redirect_of_r2_is_followed_or_tried_again() {
    let cloud = TestCloud::embedded();
    let bucket = cloud.create_bucket();
    for status in REDIRECTS {
        let goal = Server::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into());
        let first = Server::redirecting(status, &goal.url);
        let client = crate::support::BucketRef { endpoint: first.url.clone(), ..bucket.clone() }.client();
        let refused = [
            client.put("a", "hello".into(), PutMode::Overwrite).map(drop).unwrap_err(),
            client.get("a").map(drop).unwrap_err(),
            client.list("").map(drop).unwrap_err(),
        ];
        for error in refused {
            let said = error.to_string();
            assert!(matches!(error, Error::Refused { .. }) && said.contains(&goal.url), "{status}: {said}");
            assert!(!said.contains("HIDDEN") && !said.contains(&bucket.secret_key), "{status}: {said}");
        }
        assert_eq!((first.connections(), goal.connections()), (3, 0), "{status}");
    }
}
