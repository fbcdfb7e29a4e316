//! The shared words of Enliven.
//!
//! Everything that two rooms exchange is defined here, with its canonical bytes and its digest,
//! and nothing else: no input or output, no clock, no randomness.
//!
//! * [`Event`] enters, a [`Cut`] says which events an epoch sees,
//! * a [`FeatureVector`] describes one entity at a cut, a [`Score`] is what a model makes of it,
//! * a [`Decision`] says what happens to a token, a [`Receipt`] records it,
//! * a [`TokenState`] is one leaf of the state tree, a [`Report`] is what the committee signs,
//! * [`Evidence`] carries what the chain knows of all that, with its proofs.

mod canonical;
mod column;
mod cut;
mod data;
mod decision;
pub mod deflate;
mod digest;
mod encode;
mod error;
mod event;
mod evidence;
mod feature;
mod index;
mod receipt;
mod report;
mod score;
mod segment;
mod state;
mod time;

pub use alloy_primitives::{Address, B256, Bytes, FixedBytes};
pub use canonical::{cbor_links, from_cbor, from_json_strict, to_cbor, to_jcs};
pub use column::ColumnType;
pub use cut::{Cut, CutPartition};
pub use data::{Data, Names};
pub use decision::{ChangeReason, Decision, HoldReason};
pub use digest::{Block, Cid, Codec, Digest, cid_of, keccak};
pub use encode::plain_len;
pub use error::TypeError;
pub use event::{Event, EventKey, Subjects, Value};
pub use evidence::{
    AcceptedEpoch, AccountProof, CommitteeConfig, EpochList, EpochSignature, Evidence, SlotProof, StateProof,
    TokenProof, TokenSlots,
};
pub use feature::{FeatureDef, FeatureSchema, FeatureVector, Fixed, Privacy, rescale};
pub use index::EpochIndex;
pub use receipt::Receipt;
pub use report::{Report, SignedReport, SolReport};
pub use score::{Attribution, Score};
pub use segment::Segment;
pub use smol_str::{SmolStr, ToSmolStr};
pub use state::{TokenState, Trait, TraitValue, leaf_hash};
pub use time::{Period, Timestamp};
