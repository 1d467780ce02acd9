//! Starts and stops a local cloud. It runs on its own thread, so that any program can hold one.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use tokio::sync::oneshot;

use super::credentials::Credentials;
use super::folder::DataFolder;
use super::http;
use super::registry::Registry;
use super::s3::Buckets;
use crate::r2::Requests;

/// The database every cloud has from the start.
const FIRST_DATABASE: &str = "liteflare";

/// The bucket every cloud has from the start.
const FIRST_BUCKET: &str = "liteflare";

/// How long a cloud that is being stopped waits for running statements.
const GRACE: Duration = Duration::from_secs(5);

/// Where a cloud keeps its data and where it listens.
#[derive(Clone, Debug, Default)]
pub struct CloudOptions {
    /// The folder of the data; `None`: a temporary one, which is removed at the end.
    pub dir: Option<PathBuf>,
    /// The port of the query API on 127.0.0.1; 0: any free one.
    pub port: u16,
    /// The port of the S3 API on 127.0.0.1; 0: any free one.
    pub s3_port: u16,
}

/// A running local cloud; dropping it stops it.
pub struct Cloud {
    /// Where the query API listens.
    pub addr: SocketAddr,
    /// Where the S3 API listens.
    pub s3_addr: SocketAddr,
    /// The account id in its URLs; random, kept in the folder.
    pub account: String,
    /// The API token it accepts; random, kept in the folder.
    pub token: String,
    /// The id of the S3 key pair it accepts, which is derived from the token.
    pub access_key_id: String,
    /// The secret of that pair.
    pub secret_access_key: String,
    registry: Arc<Registry>,
    buckets: Buckets,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    _folder: DataFolder, // last: a temporary folder is removed only after the databases in it are closed
}

impl Cloud {
    /// Starts a cloud; it answers as soon as this returns.
    pub fn start(options: &CloudOptions) -> anyhow::Result<Cloud> {
        let folder = DataFolder::open(options.dir.as_deref())?;
        let registry = Arc::new(Registry::open(&folder.path().join("d1"))?);
        registry.find_or_create(FIRST_DATABASE)?;
        let buckets = Buckets::open(&folder.path().join("r2"), !folder.is_temporary())?;
        buckets.create(FIRST_BUCKET)?;
        let credentials = Credentials::find_or_create(folder.path())?;
        let (query, s3) = (listen(options.port)?, listen(options.s3_port)?);
        let (addr, s3_addr) = (query.local_addr()?, s3.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        let query = (query, http::router(credentials.clone(), Arc::clone(&registry), buckets.clone()));
        let s3 = (s3, buckets.router(&credentials));
        let server = serve(query, s3, stopped)?;
        let (access_key_id, secret_access_key) = (credentials.access_key_id(), credentials.secret_access_key());
        let Credentials { id: account, token } = credentials;
        let (stop, server) = (Some(stop), Some(server));
        Ok(Cloud {
            addr,
            s3_addr,
            account,
            token,
            access_key_id,
            secret_access_key,
            registry,
            buckets,
            stop,
            server,
            _folder: folder,
        })
    }

    /// The base URL of its query API, for `LITEFLARE_D1_API`.
    pub fn api(&self) -> String {
        format!("http://{}/client/v4", self.addr)
    }

    /// Its S3 endpoint, for `LITEFLARE_R2_ENDPOINT`.
    pub fn s3_endpoint(&self) -> String {
        format!("http://{}", self.s3_addr)
    }

    /// The name of the bucket every cloud starts with.
    pub fn first_bucket(&self) -> &str {
        FIRST_BUCKET
    }

    /// Creates a bucket unless there is one of that name.
    pub fn create_bucket(&self, name: &str) -> anyhow::Result<()> {
        self.buckets.create(name)?;
        Ok(())
    }

    /// The requests made to all buckets, whatever the answers.
    pub fn s3_requests(&self) -> Requests {
        self.buckets.requests()
    }

    /// Creates a database and returns its UUID.
    pub fn create_database(&self, name: &str) -> anyhow::Result<String> {
        Ok(self.registry.create(name)?.uuid.to_string())
    }

    /// The UUID of the database every cloud starts with.
    pub fn first_database(&self) -> anyhow::Result<String> {
        Ok(self.registry.find_or_create(FIRST_DATABASE)?.uuid.to_string())
    }

    /// The requests made to a database (`/raw` and `/query`, a batch counting as one), whatever the answers.
    pub fn requests(&self, database: &str) -> u64 {
        self.registry.get(database).map_or(0, |database| database.requests())
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(()); // the server may have ended already
        }
        if let Some(server) = self.server.take() {
            let _ = server.join(); // a panic has been printed by its own thread
        }
    }
}

fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("cannot listen on 127.0.0.1:{port}"))?;
    listener.set_nonblocking(true)?; // required by tokio
    Ok(listener)
}

type Service = (TcpListener, axum::Router);

fn serve(query: Service, s3: Service, stopped: oneshot::Receiver<()>) -> anyhow::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let entered = runtime.enter();
    let (query, s3) = (answer(query)?, answer(s3)?);
    drop(entered);
    let thread = std::thread::Builder::new().name("liteflare-dev".into());
    Ok(thread.spawn(move || {
        runtime.block_on(async {
            // Not axum's graceful shutdown: it would wait for idle connections, which clients keep open as long as they like.
            tokio::select! {
                () = query => {}
                () = s3 => {}
                _ = stopped => {}
            }
        });
        runtime.shutdown_timeout(GRACE);
    })?)
}

fn answer((listener, router): Service) -> anyhow::Result<impl Future<Output = ()>> {
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|connection| {
        // A small answer must not wait for the client's acknowledgement of the one before.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
    });
    Ok(async {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the local cloud ended");
        }
    })
}
