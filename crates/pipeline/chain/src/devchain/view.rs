use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rpc_types_eth::state::StateOverride;
use revm::DatabaseRef;
use revm::state::{AccountInfo, Bytecode};

use super::rpc_error::RpcError;
use super::state::{State, Undo};

/// The most accounts and slots that a call may override.
const MAX_OVERRIDES: usize = 10_000;

/// The state as a reader sees it: that of the newest block, with what blocks since changed taken back,
/// and with what a simulated call wants to be otherwise.
#[derive(Debug)]
pub(crate) struct View<'a> {
    state: &'a State,
    accounts: BTreeMap<Address, Option<AccountInfo>>,
    slots: BTreeMap<(Address, U256), U256>,
    /// Accounts of which only the slots above count.
    replaced: BTreeSet<Address>,
    codes: BTreeMap<B256, Bytecode>,
}

impl<'a> View<'a> {
    /// The newest state.
    pub(crate) fn new(state: &'a State) -> View<'a> {
        View {
            state,
            accounts: BTreeMap::new(),
            slots: BTreeMap::new(),
            replaced: BTreeSet::new(),
            codes: BTreeMap::new(),
        }
    }

    /// Takes back one block; from the newest on, one after another.
    pub(crate) fn back(&mut self, undo: &Undo) {
        for (address, before) in &undo.accounts {
            self.accounts.insert(*address, before.info.clone());
            for (slot, value) in &before.slots {
                self.slots.insert((*address, *slot), *value);
            }
        }
    }

    /// Applies the state overrides of a call, as geth defines them.
    pub(crate) fn change(&mut self, overrides: StateOverride) -> Result<(), RpcError> {
        let mut count = 0;
        for (address, account) in overrides {
            if account.move_precompile_to.is_some() {
                return Err(RpcError::params("the dev chain does not move precompiled contracts"));
            }
            if account.state.is_some() && account.state_diff.is_some() {
                return Err(RpcError::params(format!("account {address} has both `state` and `stateDiff`")));
            }
            let mut info = self.account(address).unwrap_or_default();
            info.balance = account.balance.unwrap_or(info.balance);
            info.nonce = account.nonce.unwrap_or(info.nonce);
            if let Some(code) = account.code {
                // An EIP-7702 delegation that is not one is refused here.
                let code = Bytecode::new_raw_checked(code)
                    .map_err(|error| RpcError::params(format!("the code of {address} is not valid: {error}")))?;
                info.code_hash = code.hash_slow();
                self.codes.insert(info.code_hash, code);
            }
            info.code = None;
            self.accounts.insert(address, Some(info));
            if account.state.is_some() {
                self.replaced.insert(address);
                self.slots.retain(|(owner, _), _| *owner != address);
            }
            let slots = account.state.or(account.state_diff).unwrap_or_default();
            count += 1 + slots.len();
            if count > MAX_OVERRIDES {
                return Err(RpcError::limit(format!("a call overrides at most {MAX_OVERRIDES} accounts and slots")));
            }
            for (slot, value) in slots {
                self.slots.insert((address, slot.into()), value.into());
            }
        }
        Ok(())
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.account(address).map_or(U256::ZERO, |info| info.balance)
    }

    pub(crate) fn nonce(&self, address: Address) -> u64 {
        self.account(address).map_or(0, |info| info.nonce)
    }

    pub(crate) fn code(&self, address: Address) -> Bytes {
        match self.account(address) {
            Some(info) if info.code_hash != KECCAK256_EMPTY => self.code_of(info.code_hash).original_bytes(),
            _ => Bytes::new(),
        }
    }

    pub(crate) fn slot(&self, address: Address, slot: U256) -> U256 {
        match self.slots.get(&(address, slot)) {
            Some(value) => *value,
            None if self.replaced.contains(&address) => U256::ZERO,
            None => self.state.slot(address, slot),
        }
    }

    fn account(&self, address: Address) -> Option<AccountInfo> {
        match self.accounts.get(&address) {
            Some(info) => info.clone(),
            None => self.state.account(address),
        }
    }

    fn code_of(&self, hash: B256) -> Bytecode {
        self.codes.get(&hash).or_else(|| self.state.code(hash)).cloned().unwrap_or_default()
    }
}

impl DatabaseRef for View<'_> {
    type Error = Infallible;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.account(address))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self.code_of(code_hash))
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Infallible> {
        Ok(self.slot(address, index))
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Infallible> {
        Ok(self.state.block_hash(number).unwrap_or_default())
    }
}
