//! Wires the rooms.
//!
//! * [`Manifest`] says what a collection is; [`Plan`] is the checked manifest with its model and
//!   template, ready to run.
//! * [`Replica`] is the pure function at the heart: state before + cut + events -> report, blocks,
//!   receipts. Committee nodes, recovery, [`Verifier`] and the tests all run this type.
//! * [`Engine`] drives it: event log, committee, content, chain, checkpoints.
//!
//! **Invariant:** nothing is posted before its blocks are stored; nothing is signed before
//! (epoch -> digest) is on disk; an epoch that was cut short is recomputed, and comes out the same.

mod cuts;
mod engine;
mod error;
mod export;
mod ingest;
mod lines;
mod manifest;
mod mirrors;
mod otherwise;
mod plan;
mod replica;
mod restore;
mod retain;
mod rows;
mod snapshots;
mod spill;
mod timings;
mod verify;
mod view;
mod words;

pub use cuts::{CutPlanner, CutSpec, Events};
pub use engine::{Engine, EpochRecord, Progress, RunSummary, check_definition};
pub use error::EngineError;
pub use export::{ExportScope, Exported, export};
pub use ingest::{Ingested, ingest};
pub use manifest::{ChainConfig, ContentConfig, EpochsConfig, Manifest, RoyaltyConfig};
pub use mirrors::{Mirrors, Waiting, kept_at};
pub use plan::{Assets, Definition, Plan};
pub use replica::{Change, EpochOutcome, FeaturePoint, Holds, Replica, TokenEntry};
pub use restore::{Published, restore};
pub use retain::{named_blocks, note_sweep, trim_logs};
pub use rows::{reference_field, training_rows};
pub use spill::spill_to;
pub use timings::{Stage, Timings};
pub use verify::{Check, Scope, Step, Verdict, Verifier};
pub use view::{HistoryEntry, View};
pub use words::{Contribution, Explanation, explain};
