//! What only tests need: time, empty blocks, snapshots.

use serde_json::{Value, json};

use super::methods::Params;
use super::rpc_error::RpcError;
use super::{HISTORY, Inner, LATEST_TIME};
use crate::Clock;

/// The most snapshots at once.
const MAX_SNAPSHOTS: usize = 1_024;
/// The most empty blocks that one call makes.
const MAX_BLOCKS: u64 = 10_000;

/// A state to go back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    id: u64,
    /// How many blocks there were.
    blocks: usize,
    next_timestamp: Option<u64>,
    clock_offset: u64,
}

impl Inner {
    pub(super) fn test_method(&mut self, method: &str, params: &Params<'_>) -> Result<Value, RpcError> {
        match method {
            "evm_mine" => {
                let mut count = 1;
                if let Ok(options) = params.get::<serde_json::Map<String, Value>>(0, "options") {
                    let number = |name: &str| -> Result<Option<u64>, RpcError> {
                        match options.get(name) {
                            None | Some(Value::Null) => Ok(None),
                            Some(value) => Params::new(&json!([value]))?.quantity(0, name).map(Some),
                        }
                    };
                    count = number("blocks")?.unwrap_or(1);
                    if let Some(seconds) = number("timestamp")? {
                        self.set_later(seconds)?;
                    }
                } else if !params.missing(0) {
                    self.set_later(params.quantity(0, "timestamp")?)?;
                }
                self.mine_many(count, 1)?;
                Ok(json!("0x0"))
            }
            "anvil_mine" | "hardhat_mine" => {
                let count = if params.missing(0) { 1 } else { params.quantity(0, "blocks")? };
                let interval = if params.missing(1) { 1 } else { params.quantity(1, "interval")? };
                self.mine_many(count, interval)?;
                Ok(Value::Null)
            }
            "evm_setNextBlockTimestamp" => {
                self.set_later(params.quantity(0, "timestamp")?)?;
                Ok(Value::Null)
            }
            "evm_increaseTime" => {
                let seconds = params.quantity(0, "seconds")?;
                if seconds > LATEST_TIME {
                    return Err(RpcError::params("that is after the year 9999"));
                }
                self.clock_offset = self.clock_offset.saturating_add(seconds).min(LATEST_TIME);
                if self.config.clock == Clock::Manual {
                    self.set_next_timestamp(self.pending().timestamp.saturating_add(seconds));
                }
                Ok(json!(self.clock_offset))
            }
            "evm_snapshot" => self.snapshot(),
            "evm_revert" => self.revert(params.quantity(0, "snapshot")?),
            other => Err(RpcError::method(other)),
        }
    }

    fn set_later(&mut self, seconds: u64) -> Result<(), RpcError> {
        let last = self.head().header.timestamp;
        if seconds <= last {
            return Err(RpcError::params(format!("the newest block's time is {last}; {seconds} is not later")));
        }
        self.set_next_timestamp(seconds);
        Ok(())
    }

    fn mine_many(&mut self, count: u64, interval: u64) -> Result<(), RpcError> {
        if count > MAX_BLOCKS {
            return Err(RpcError::limit(format!("one call makes at most {MAX_BLOCKS} blocks")));
        }
        for index in 0..count {
            if index > 0 && interval > 1 {
                self.set_next_timestamp(self.head().header.timestamp.saturating_add(interval));
            }
            self.mine()?;
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Value, RpcError> {
        self.refuse_file()?;
        if self.snapshots.len() >= MAX_SNAPSHOTS {
            return Err(RpcError::limit(format!("there are {MAX_SNAPSHOTS} snapshots already; go back to one")));
        }
        let id = self.next_snapshot;
        self.next_snapshot += 1;
        self.snapshots.push(Snapshot {
            id,
            blocks: self.blocks.len(),
            next_timestamp: self.next_timestamp,
            clock_offset: self.clock_offset,
        });
        Ok(json!(format!("0x{id:x}")))
    }

    /// Takes back all blocks since a snapshot, which is used up by that, and so are those after it.
    fn revert(&mut self, id: u64) -> Result<Value, RpcError> {
        self.refuse_file()?;
        let Some(place) = self.snapshots.iter().position(|snapshot| snapshot.id == id) else {
            return Ok(json!(false));
        };
        let snapshot = self.snapshots[place];
        if self.blocks.len() - snapshot.blocks > self.undos.len() {
            return Err(RpcError::internal("what the blocks since that snapshot changed is not kept"));
        }
        self.snapshots.truncate(place);
        while self.blocks.len() > snapshot.blocks {
            let (Some(block), Some(undo)) = (self.blocks.pop(), self.undos.pop_back()) else { break };
            self.state.undo(undo);
            self.numbers.remove(&block.hash);
            for transaction in &block.transactions {
                self.transactions.remove(transaction.tx_hash());
            }
        }
        self.reverts.push(self.blocks.len());
        self.next_timestamp = snapshot.next_timestamp;
        self.clock_offset = snapshot.clock_offset;
        Ok(json!(true))
    }

    /// A file holds the blocks that were acknowledged, and none is taken out of it again.
    fn refuse_file(&self) -> Result<(), RpcError> {
        match self.store {
            Some(_) => Err(RpcError::refused(
                "this dev chain is kept in a file, and its blocks are final; snapshots work on a chain in memory",
            )),
            None => Ok(()),
        }
    }

    /// Forgets how to undo blocks that are old, and that no snapshot may have to take back.
    pub(super) fn forget(&mut self) {
        let oldest = self.snapshots.first().map_or(usize::MAX, |snapshot| snapshot.blocks);
        while self.undos.len() > HISTORY && self.blocks.len() - self.undos.len() < oldest {
            self.undos.pop_front();
        }
    }
}
