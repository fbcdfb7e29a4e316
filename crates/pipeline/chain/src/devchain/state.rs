use std::collections::BTreeMap;
use std::convert::Infallible;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use revm::DatabaseRef;
use revm::state::{AccountInfo, Bytecode, EvmState};

use super::trie::Trie;

/// The world state after the newest block, with its tries.
#[derive(Debug, Default)]
pub(crate) struct State {
    accounts: BTreeMap<Address, Entry>,
    codes: BTreeMap<B256, Bytecode>,
    trie: Trie,
    /// The hash of every block, by number.
    hashes: Vec<B256>,
}

#[derive(Debug)]
struct Entry {
    balance: U256,
    nonce: u64,
    code_hash: B256,
    storage: BTreeMap<U256, U256>,
    trie: Trie,
    storage_root: B256,
}

impl Default for Entry {
    fn default() -> Entry {
        Entry {
            balance: U256::ZERO,
            nonce: 0,
            code_hash: KECCAK256_EMPTY,
            storage: BTreeMap::new(),
            trie: Trie::default(),
            storage_root: EMPTY_ROOT_HASH,
        }
    }
}

impl State {
    /// Gives a new account its balance; for the genesis block only.
    pub(crate) fn fund(&mut self, address: Address, balance: U256) {
        self.accounts.insert(address, Entry { balance, ..Entry::default() });
        self.refresh(address);
    }

    /// Takes over what a transaction changed.
    pub(crate) fn apply(&mut self, changes: EvmState) {
        // Ordered, so that nothing here can depend on the order of a hash map.
        let changes: BTreeMap<Address, _> = changes.into_iter().collect();
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            if account.is_selfdestructed() || account.info.is_empty() {
                self.accounts.remove(&address);
                self.trie.remove(keccak256(address));
                continue;
            }
            if account.is_created() {
                self.accounts.remove(&address);
            }
            let entry = self.accounts.entry(address).or_default();
            entry.balance = account.info.balance;
            entry.nonce = account.info.nonce;
            entry.code_hash = account.info.code_hash;
            for (slot, change) in account.storage {
                if !change.is_changed() {
                    continue;
                }
                let key = keccak256(slot.to_be_bytes::<32>());
                if change.present_value.is_zero() {
                    entry.storage.remove(&slot);
                    entry.trie.remove(key);
                } else {
                    entry.storage.insert(slot, change.present_value);
                    entry.trie.set(key, alloy_rlp::encode(change.present_value));
                }
            }
            entry.storage_root = entry.trie.root();
            if let Some(code) = account.info.code
                && account.info.code_hash != KECCAK256_EMPTY
            {
                self.codes.entry(account.info.code_hash).or_insert(code);
            }
            self.refresh(address);
        }
    }

    /// The state root.
    pub(crate) fn root(&mut self) -> B256 {
        self.trie.root()
    }

    /// Remembers the hash of the next block, for the BLOCKHASH instruction.
    pub(crate) fn push_hash(&mut self, hash: B256) {
        self.hashes.push(hash);
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.accounts.get(&address).map_or(U256::ZERO, |entry| entry.balance)
    }

    pub(crate) fn nonce(&self, address: Address) -> u64 {
        self.accounts.get(&address).map_or(0, |entry| entry.nonce)
    }

    pub(crate) fn code(&self, address: Address) -> Bytes {
        let code = self.accounts.get(&address).and_then(|entry| self.codes.get(&entry.code_hash));
        code.map(Bytecode::original_bytes).unwrap_or_default()
    }

    pub(crate) fn slot(&self, address: Address, slot: U256) -> U256 {
        self.accounts.get(&address).and_then(|entry| entry.storage.get(&slot)).copied().unwrap_or_default()
    }

    /// The state root, computed anew from all accounts and slots.
    #[cfg(test)]
    pub(crate) fn plain_root(&self) -> B256 {
        use alloy_trie::root::{state_root_unhashed, storage_root_unhashed};
        state_root_unhashed(self.accounts.iter().map(|(address, entry)| {
            let slots = entry.storage.iter().map(|(slot, value)| (B256::from(*slot), *value));
            let storage_root = storage_root_unhashed(slots);
            let code_hash = entry.code_hash;
            (*address, TrieAccount { nonce: entry.nonce, balance: entry.balance, storage_root, code_hash })
        }))
    }

    /// Writes an account's leaf of the state trie anew.
    fn refresh(&mut self, address: Address) {
        let Some(entry) = self.accounts.get(&address) else { return };
        let leaf = TrieAccount {
            nonce: entry.nonce,
            balance: entry.balance,
            storage_root: entry.storage_root,
            code_hash: entry.code_hash,
        };
        self.trie.set(keccak256(address), alloy_rlp::encode(leaf));
    }
}

impl DatabaseRef for State {
    type Error = Infallible;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.accounts.get(&address).map(|entry| AccountInfo {
            balance: entry.balance,
            nonce: entry.nonce,
            code_hash: entry.code_hash,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self.codes.get(&code_hash).cloned().unwrap_or_default())
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Infallible> {
        Ok(self.slot(address, index))
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Infallible> {
        let hash = usize::try_from(number).ok().and_then(|number| self.hashes.get(number));
        Ok(hash.copied().unwrap_or_default())
    }
}
