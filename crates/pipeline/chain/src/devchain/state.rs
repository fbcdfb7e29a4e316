use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use revm::state::{Account, AccountInfo, Bytecode, EvmState};

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

/// What a block changed, as it was before.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    pub(crate) accounts: BTreeMap<Address, Before>,
}

/// An account before a block.
#[derive(Debug)]
pub(crate) struct Before {
    /// `None` if there was none.
    pub(crate) info: Option<AccountInfo>,
    /// The slots that the block changed.
    pub(crate) slots: BTreeMap<U256, U256>,
}

impl State {
    /// Gives a new account its balance; for the genesis block only.
    pub(crate) fn fund(&mut self, address: Address, balance: U256) {
        self.accounts.insert(address, Entry { balance, ..Entry::default() });
        self.refresh(address);
    }

    /// Takes over what a transaction changed, and returns what it takes to undo it.
    pub(crate) fn apply(&mut self, changes: EvmState) -> Undo {
        let mut undo = Undo::default();
        // Ordered, so that nothing here can depend on the order of a hash map.
        let changes: BTreeMap<Address, _> = changes.into_iter().collect();
        for (address, account) in changes {
            if account.is_touched() {
                let before = self.change(address, account);
                undo.accounts.insert(address, before);
            }
        }
        undo
    }

    fn change(&mut self, address: Address, account: Account) -> Before {
        let mut before = Before { info: self.account(address), slots: BTreeMap::new() };
        let gone = account.is_selfdestructed() || account.info.is_empty();
        if (gone || account.is_created())
            && let Some(entry) = self.accounts.remove(&address)
        {
            before.slots = entry.storage;
        }
        if gone {
            self.trie.remove(keccak256(address));
            return before;
        }
        let entry = self.accounts.entry(address).or_default();
        entry.balance = account.info.balance;
        entry.nonce = account.info.nonce;
        entry.code_hash = account.info.code_hash;
        for (slot, change) in account.storage {
            if change.is_changed() {
                let value = entry.set(slot, change.present_value);
                before.slots.entry(slot).or_insert(value);
            }
        }
        entry.storage_root = entry.trie.root();
        if let Some(code) = account.info.code
            && account.info.code_hash != KECCAK256_EMPTY
        {
            self.codes.entry(account.info.code_hash).or_insert(code);
        }
        self.refresh(address);
        before
    }

    /// Takes back the newest block.
    pub(crate) fn undo(&mut self, undo: Undo) {
        self.hashes.pop();
        for (address, before) in undo.accounts {
            let Some(info) = before.info else {
                self.accounts.remove(&address);
                self.trie.remove(keccak256(address));
                continue;
            };
            let entry = self.accounts.entry(address).or_default();
            entry.balance = info.balance;
            entry.nonce = info.nonce;
            entry.code_hash = info.code_hash;
            for (slot, value) in before.slots {
                entry.set(slot, value);
            }
            entry.storage_root = entry.trie.root();
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

    /// An account without its code.
    pub(crate) fn account(&self, address: Address) -> Option<AccountInfo> {
        self.accounts.get(&address).map(|entry| AccountInfo {
            balance: entry.balance,
            nonce: entry.nonce,
            code_hash: entry.code_hash,
            code: None,
            ..AccountInfo::default()
        })
    }

    pub(crate) fn code(&self, hash: B256) -> Option<&Bytecode> {
        self.codes.get(&hash)
    }

    pub(crate) fn slot(&self, address: Address, slot: U256) -> U256 {
        self.accounts.get(&address).and_then(|entry| entry.storage.get(&slot)).copied().unwrap_or_default()
    }

    pub(crate) fn block_hash(&self, number: u64) -> Option<B256> {
        usize::try_from(number).ok().and_then(|number| self.hashes.get(number)).copied()
    }

    /// The nodes from the state root to an account, or to where it is missing.
    pub(crate) fn account_proof(&self, address: Address) -> Vec<Bytes> {
        self.trie.proof(keccak256(address))
    }

    /// The root of an account's storage.
    pub(crate) fn storage_root(&self, address: Address) -> B256 {
        self.accounts.get(&address).map_or(EMPTY_ROOT_HASH, |entry| entry.storage_root)
    }

    /// The nodes from an account's storage root to a slot, or to where it is missing.
    pub(crate) fn slot_proof(&self, address: Address, slot: U256) -> Vec<Bytes> {
        let entry = self.accounts.get(&address);
        entry.map(|entry| entry.trie.proof(keccak256(slot.to_be_bytes::<32>()))).unwrap_or_default()
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

impl Entry {
    /// Writes a slot, and returns what was in it.
    fn set(&mut self, slot: U256, value: U256) -> U256 {
        let key = keccak256(slot.to_be_bytes::<32>());
        if value.is_zero() {
            self.trie.remove(key);
            return self.storage.remove(&slot).unwrap_or_default();
        }
        self.trie.set(key, alloy_rlp::encode(value));
        self.storage.insert(slot, value).unwrap_or_default()
    }
}
