use alloy_primitives::{Address, B256};
use enliven_types::CommitteeConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ChainError;

/// The settings of the embedded dev chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DevChainConfig {
    /// The chain id.
    pub chain_id: u64,
    /// The time of block 0, in seconds since 1970. Later blocks are later than it.
    pub genesis_time_s: u64,
    /// The gas that a block may hold.
    pub block_gas_limit: u64,
    /// The base fee of block 0, in wei per gas; afterwards EIP-1559 moves it.
    pub initial_base_fee_wei: u64,
    /// Where the time of a block comes from when nobody sets it.
    pub clock: Clock,
    /// Whether callers from outside may use what only tests need: setting the time, making empty
    /// blocks, going back to a snapshot, and letting the chain sign with its public keys. The program
    /// itself always may.
    pub test_methods: bool,
}

impl Default for DevChainConfig {
    fn default() -> DevChainConfig {
        DevChainConfig {
            chain_id: 31337,
            genesis_time_s: 0,
            block_gas_limit: 30_000_000,
            initial_base_fee_wei: 1_000_000_000,
            clock: Clock::Wall,
            test_methods: false,
        }
    }
}

/// Where the time of a block comes from when nobody sets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// From the computer's clock.
    #[default]
    Wall,
    /// One second after the block before: for replayed history and for chains that must come out
    /// the same on every run.
    Manual,
}

/// What a new collection and its oracle start with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployConfig {
    /// The collection's name.
    pub name: String,
    /// The collection's symbol.
    pub symbol: String,
    /// Owns the token (in production a multisignature account); the deploying key if absent. The
    /// ownership passes in two steps, so the owner accepts it with `acceptOwnership`.
    pub owner: Option<Address>,
    /// May pause posting and veto the owner's proposals; nobody if absent.
    pub guardian: Option<Address>,
    /// Gets the royalty; the owner if absent.
    pub royalty_receiver: Option<Address>,
    /// The royalty in hundredths of a percent of the price.
    pub royalty_bps: u16,
    /// The first committee, in the order of the signature bits.
    pub signers: Vec<Address>,
    /// How many of them a report needs.
    pub threshold: u8,
}

/// What else a collection's contracts can start with; by default nothing waits and everything is approved, as
/// on a chain to develop on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContractSettings {
    /// How long the owner's proposals (another oracle, other traits, another guardian) wait, in seconds.
    pub delay_s: u32,
    /// The least time between two epochs, in seconds.
    pub min_interval_s: u32,
    /// The key of the FROST group that may sign in the committee's place: x and y.
    pub group_key: Option<[u8; 64]>,
    /// The models and the manifests that reports may be made with, at most four pairs; none approves
    /// everything.
    pub definitions: Vec<(B256, B256)>,
}

impl ContractSettings {
    /// The most definitions that an oracle approves.
    pub const MAX_DEFINITIONS: usize = 4;
}

impl DeployConfig {
    /// The most signers of a committee.
    pub const MAX_SIGNERS: usize = 64;

    /// Checks what the contracts would refuse, before anything is paid for.
    pub fn check(&self) -> Result<(), ChainError> {
        let wrong = |field, reason: String| Err(ChainError::Config { field, reason });
        if self.royalty_bps > 10_000 {
            return wrong("royalty_bps", format!("{} is more than the whole price (10000)", self.royalty_bps));
        }
        let count = self.signers.len();
        if count == 0 || count > DeployConfig::MAX_SIGNERS {
            return wrong(
                "signers",
                format!("a committee has 1 to {} signers, not {count}", DeployConfig::MAX_SIGNERS),
            );
        }
        for (index, signer) in self.signers.iter().enumerate() {
            if signer.is_zero() {
                return wrong("signers", format!("signer {index} is the zero address"));
            }
            if self.signers[..index].contains(signer) {
                return wrong("signers", format!("{signer} is named twice"));
            }
        }
        let minimum = CommitteeConfig::minimum_threshold(count);
        let threshold = usize::from(self.threshold);
        if threshold < minimum || threshold > count {
            return wrong("threshold", format!("{threshold} of {count} is not between {minimum} and {count}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(count: u8, threshold: u8) -> DeployConfig {
        DeployConfig {
            name: "N".into(),
            symbol: "S".into(),
            owner: None,
            guardian: None,
            royalty_receiver: None,
            royalty_bps: 250,
            signers: (1..=count).map(Address::repeat_byte).collect(),
            threshold,
        }
    }

    #[test]
    fn committees_are_checked() {
        for (count, minimum) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (7, 5), (10, 7), (64, 43)] {
            assert_eq!(CommitteeConfig::minimum_threshold(count), minimum);
            assert!(config(count as u8, minimum as u8).check().is_ok());
            assert!(config(count as u8, minimum as u8 - 1).check().is_err());
            assert!(config(count as u8, count as u8 + 1).check().is_err());
        }
        assert!(config(0, 0).check().is_err());
        assert!(config(65, 64).check().is_err());
        let twice = DeployConfig { signers: vec![Address::repeat_byte(1); 2], ..config(2, 2) };
        assert!(twice.check().unwrap_err().to_string().contains("named twice"));
        let zero = DeployConfig { signers: vec![Address::ZERO], ..config(1, 1) };
        assert!(zero.check().is_err());
        assert!(DeployConfig { royalty_bps: 10_001, ..config(1, 1) }.check().is_err());
    }
}
