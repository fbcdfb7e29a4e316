use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use enliven_chain::{Deployment, DevChain, Rpc, Sockets};
use enliven_engine::View;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::answer::ApiError;
use crate::snapshot::Snapshot;
use crate::stream::{BodyWriter, body};

/// So many reads run at once; more wait.
const READS: usize = 8;
/// So many bodies are streamed at once, and so many files of evidence made; they take no turn from reads.
const LONG_JOBS: usize = 4;
/// A read that has waited so long for its turn is refused.
const WAIT: Duration = Duration::from_secs(5);

/// What the server shows.
pub struct State {
    /// The collection.
    pub view: View,
    /// The embedded chain, if the collection lives on it.
    pub chain: Option<Arc<DevChain>>,
    /// The chain, wherever it is.
    pub rpc: Arc<dyn Rpc>,
    /// Where the collection lives.
    pub deployment: Deployment,
}

/// What every request handler gets.
pub(crate) struct Shared {
    pub state: State,
    /// The WebSocket connections of the embedded chain.
    pub sockets: Option<Sockets>,
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    turns: Arc<Semaphore>,
    long_turns: Arc<Semaphore>,
}

impl Shared {
    pub fn new(state: State) -> Arc<Shared> {
        let sockets = state.chain.clone().map(Sockets::new);
        let (turns, long_turns) = (Arc::new(Semaphore::new(READS)), Arc::new(Semaphore::new(LONG_JOBS)));
        Arc::new(Shared { state, sockets, snapshot: Mutex::new(None), turns, long_turns })
    }

    pub fn view(&self) -> &View {
        &self.state.view
    }

    /// All tokens after the last epoch; made once per epoch. Whoever comes while it is being made
    /// waits for it instead of making another.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, ApiError> {
        let last = self.view().last_epoch()?;
        let epoch = last.as_ref().map_or(0, |record| record.report.epoch);
        let mut kept = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = &*kept
            && snapshot.epoch() >= epoch
        {
            return Ok(snapshot.clone());
        }
        let made = Arc::new(Snapshot::new(self.view(), last)?);
        *kept = Some(made.clone());
        Ok(made)
    }

    /// A body that a job writes on a thread for such jobs.
    pub async fn stream(
        self: &Arc<Shared>,
        job: impl FnOnce(&Shared, &mut BodyWriter) -> io::Result<()> + Send + 'static,
    ) -> Result<Body, ApiError> {
        let turn = turn(&self.long_turns).await?;
        let shared = self.clone();
        let (mut writer, body) = body();
        tokio::task::spawn_blocking(move || {
            let result = job(&shared, &mut writer);
            writer.end(result);
            drop(turn);
        });
        Ok(body)
    }

    /// Runs a job that may block on a thread for such jobs.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Shared>,
        job: impl FnOnce(&Shared) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = turn(&self.turns).await?;
        self.run(turn, job).await
    }

    /// The same for a job that asks much of the store and of the chain.
    pub async fn read_long<T: Send + 'static>(
        self: &Arc<Shared>,
        job: impl FnOnce(&Shared) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = turn(&self.long_turns).await?;
        self.run(turn, job).await
    }

    async fn run<T: Send + 'static>(
        self: &Arc<Shared>,
        turn: OwnedSemaphorePermit,
        job: impl FnOnce(&Shared) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let shared = self.clone();
        let run = move || {
            let result = job(&shared);
            drop(turn);
            result
        };
        tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| Err(ApiError::internal("a request handler failed")))
    }
}

/// A job's turn. It goes along with the job: a client that leaves does not free it before the job has ended.
async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    match tokio::time::timeout(WAIT, turns.clone().acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(ApiError::busy()),
    }
}
