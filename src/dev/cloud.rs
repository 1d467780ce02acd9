//! Starting and stopping a local cloud, which lives on a thread of its own so that any program can hold one.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use tokio::sync::oneshot;

use super::account::Account;
use super::folder::Folder;
use super::http;
use super::registry::Registry;

/// The database every cloud has from the start.
const FIRST_DATABASE: &str = "liteflare";

/// How long a stopping cloud waits for the statements it is running.
const GRACE: Duration = Duration::from_secs(5);

/// Where a cloud keeps its data and where it listens.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folder of the data; `None` takes a temporary one, which is removed at the end.
    pub dir: Option<PathBuf>,
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
}

/// A running local cloud; dropping it stops it.
pub struct Cloud {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The account id of its URLs; random, kept in the folder.
    pub account: String,
    /// The API token it accepts; random, kept in the folder.
    pub token: String,
    registry: Arc<Registry>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    _folder: Folder, // last: a temporary folder may go only when the databases in it are closed
}

impl Cloud {
    /// Starts a cloud and returns when it answers.
    pub fn start(options: &Options) -> anyhow::Result<Cloud> {
        let folder = Folder::open(options.dir.as_deref())?;
        let registry = Arc::new(Registry::open(&folder.path().join("d1"))?);
        registry.find_or_create(FIRST_DATABASE)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .with_context(|| format!("cannot listen on 127.0.0.1:{}", options.port))?;
        listener.set_nonblocking(true)?; // tokio wants it so
        let addr = listener.local_addr()?;
        let account = Account::find_or_create(folder.path())?;
        let (stop, stopped) = oneshot::channel();
        let server = serve(listener, http::router(account.clone(), Arc::clone(&registry)), stopped)?;
        let Account { id: account, token } = account;
        Ok(Cloud { addr, account, token, registry, stop: Some(stop), server: Some(server), _folder: folder })
    }

    /// The base of its query API, as `LITEFLARE_D1_API` takes it.
    pub fn api(&self) -> String {
        format!("http://{}/client/v4", self.addr)
    }

    /// Makes a database and returns its UUID.
    pub fn create_database(&self, name: &str) -> anyhow::Result<String> {
        Ok(self.registry.create(name)?.uuid.to_string())
    }

    /// The UUID of the database that is there from the start.
    pub fn first_database(&self) -> anyhow::Result<String> {
        Ok(self.registry.find_or_create(FIRST_DATABASE)?.uuid.to_string())
    }

    /// How many queries (`/raw` and `/query`, a batch being one) a database has been asked, whatever the answer.
    pub fn requests(&self, database: &str) -> u64 {
        self.registry.get(database).map_or(0, |database| database.requests())
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(()); // the server may have ended by itself
        }
        if let Some(server) = self.server.take() {
            let _ = server.join(); // a panic there was printed there
        }
    }
}

fn serve(
    listener: TcpListener,
    router: axum::Router,
    stopped: oneshot::Receiver<()>,
) -> anyhow::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let listener = {
        let _entered = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?.tap_io(|connection| {
            // A small answer must not wait for the client's acknowledgement of the one before.
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY");
            }
        })
    };
    let thread = std::thread::Builder::new().name("liteflare-dev".into());
    Ok(thread.spawn(move || {
        runtime.block_on(async {
            // Not axum's graceful shutdown: it waits for idle connections, which clients keep open for as long as they please.
            tokio::select! {
                ended = async { axum::serve(listener, router).await } => {
                    if let Err(error) = ended { tracing::error!(%error, "the local cloud ended") }
                }
                _ = stopped => {}
            }
        });
        runtime.shutdown_timeout(GRACE);
    })?)
}
