use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};

use super::Inner;
use super::block::SealedBlock;
use super::rpc_error::RpcError;

/// The most logs in one answer.
pub(super) const MAX_LOGS: usize = 10_000;
/// The most blocks that one query may span.
pub(super) const MAX_RANGE: u64 = 100_000;
/// The most addresses, and the most alternatives for one topic, in a query.
const MAX_ALTERNATIVES: usize = 1_000;

impl Inner {
    /// The logs that `eth_getLogs` finds.
    pub(super) fn logs(&self, filter: &Filter) -> Result<Vec<Log>, RpcError> {
        check(filter, MAX_ALTERNATIVES)?;
        let (from, to) = self.range(filter)?;
        if to - from >= MAX_RANGE {
            return Err(RpcError::limit(format!("a query spans at most {MAX_RANGE} blocks; ask for a shorter range")));
        }
        let mut found = Vec::new();
        for number in from..=to {
            let Some(block) = usize::try_from(number).ok().and_then(|number| self.blocks.get(number)) else { break };
            found.extend(matching(block, filter));
            if found.len() > MAX_LOGS {
                return Err(RpcError::limit(format!(
                    "query returned more than {MAX_LOGS} results; ask for a shorter range"
                )));
            }
        }
        Ok(found)
    }

    /// The first and the last block of a query.
    fn range(&self, filter: &Filter) -> Result<(u64, u64), RpcError> {
        let head = self.head().header.number;
        match filter.block_option {
            FilterBlockOption::AtBlockHash(hash) => match self.numbers.get(&hash) {
                Some(number) => Ok((*number as u64, *number as u64)),
                None => Err(RpcError::refused("unknown block")),
            },
            FilterBlockOption::Range { from_block, to_block } => {
                let from = from_block.map_or(head, |tag| self.number(tag));
                let to = to_block.map_or(head, |tag| self.number(tag));
                if from > to || from > head {
                    return Err(RpcError::params(format!(
                        "the block range {from} to {to} is not valid; the newest block is {head}"
                    )));
                }
                Ok((from, to.min(head)))
            }
        }
    }
}

/// Refuses a filter with too many alternatives.
pub(super) fn check(filter: &Filter, most: usize) -> Result<(), RpcError> {
    if filter.address.len() > most || filter.topics.iter().any(|topic| topic.len() > most) {
        return Err(RpcError::limit(format!("a filter has at most {most} addresses, and alternatives for a topic")));
    }
    Ok(())
}

/// The logs of a block that a filter lets through, whatever blocks it names.
pub(super) fn matching(block: &SealedBlock, filter: &Filter) -> impl Iterator<Item = Log> {
    let count = if filter.matches_bloom(block.header.logs_bloom) { block.transactions.len() } else { 0 };
    (0..count).flat_map(|index| block.logs(index)).filter(|log| filter.matches(&log.inner))
}
