use thiserror::Error;

/// What can go wrong while a collection is checked, run or read.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The manifest parses, but says something impossible.
    #[error("{reason}")]
    Manifest {
        /// The path of the value, such as `features.views.team.define.2.where`.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A file that the manifest names cannot be read.
    #[error("cannot read {path}: {reason}")]
    Asset {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The data directory was made with another manifest.
    #[error(
        "this data directory holds a collection with another definition ({stored}, the manifest is {manifest})\nhint: `enliven run --adopt` goes on with the new one from the next epoch; or choose another directory with --data, or undo the change of the manifest, template or model"
    )]
    OtherDefinition {
        /// The digest in the store.
        stored: String,
        /// The digest of the manifest at hand.
        manifest: String,
    },
    /// A new definition that a running collection cannot go on with.
    #[error("the collection cannot go on with this manifest: {reason}\nhint: choose another directory with --data")]
    CannotAdopt {
        /// Why.
        reason: String,
    },
    /// The chain holds a collection that this data directory does not know.
    #[error(
        "the chain and the data directory disagree: {reason}\nhint: use the data directory that the collection was made with, or delete both to start anew"
    )]
    ChainMismatch {
        /// What differs.
        reason: String,
    },
    /// A stored record is missing or cannot be read.
    #[error("the stored {what} is missing or damaged: {reason}")]
    Record {
        /// Which record.
        what: String,
        /// Why.
        reason: String,
    },
    /// There is no such token.
    #[error("there is no token `{name}` (ids run from 1 to {count}; names are those of the entities)")]
    NoToken {
        /// What was asked for.
        name: String,
        /// How many tokens there are.
        count: u64,
    },
    /// There is no such epoch.
    #[error("there is no epoch {epoch} (epochs run from 1 to {last})")]
    NoEpoch {
        /// What was asked for.
        epoch: u64,
        /// The last one.
        last: u64,
    },
    /// A mirror does not have an epoch, so it is not posted.
    #[error(
        "epoch {epoch} is not posted, because it could not be stored where the manifest says, tried {tries} times: {reason}\nhint: nothing is lost; when {place} can be reached, `enliven run` goes on, and `content.patience` says how long it waits"
    )]
    Mirror {
        /// The mirror.
        place: String,
        /// The epoch.
        epoch: u64,
        /// How often it was tried.
        tries: u32,
        /// What went wrong last.
        reason: String,
    },
    /// A feature state could not spill.
    #[error("{reason}")]
    Spill {
        /// What the store said.
        reason: String,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] std::io::Error),
    /// A history or a proof does not hold.
    #[error(transparent)]
    Provenance(#[from] enliven_provenance::ProvenanceError),
    /// A source failed as a whole.
    #[error(transparent)]
    Source(#[from] enliven_sources::SourceError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] enliven_store::StoreError),
    /// The content store failed.
    #[error(transparent)]
    Content(#[from] enliven_content::ContentError),
    /// The model is not usable.
    #[error(transparent)]
    Model(#[from] enliven_models::ModelError),
    /// Metadata cannot be made.
    #[error(transparent)]
    Metadata(#[from] enliven_metadata::MetadataError),
    /// The committee failed.
    #[error(transparent)]
    Oracle(#[from] enliven_oracle::OracleError),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] enliven_chain::ChainError),
    /// A record does not decode.
    #[error(transparent)]
    Type(#[from] enliven_types::TypeError),
}
