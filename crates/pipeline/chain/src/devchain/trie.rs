use std::collections::BTreeMap;

use alloy_primitives::{B256, Bytes};
use alloy_trie::proof::ProofRetainer;
use alloy_trie::{HashBuilder, Nibbles};

/// An Ethereum Merkle-Patricia trie over hashed keys that rehashes only what changed.
///
/// The leaves lie in one bucket per first byte. A bucket remembers the hash of its topmost branch
/// node, so a root costs the changed buckets plus at most 256 remembered hashes, instead of every
/// leaf. (A collection of 10,000 tokens has some 20,000 slots, and every epoch touches a few.)
#[derive(Debug, Default)]
pub(crate) struct Trie {
    buckets: BTreeMap<u8, Bucket>,
}

#[derive(Debug, Default)]
struct Bucket {
    leaves: BTreeMap<B256, Vec<u8>>,
    /// The path and hash of the branch node above all leaves; `None` after a change.
    top: Option<(Nibbles, B256)>,
}

impl Trie {
    /// Sets the RLP value of a leaf. `key` is already hashed.
    pub(crate) fn set(&mut self, key: B256, value: Vec<u8>) {
        let bucket = self.buckets.entry(key[0]).or_default();
        bucket.leaves.insert(key, value);
        bucket.top = None;
    }

    /// Removes a leaf, if it is there.
    pub(crate) fn remove(&mut self, key: B256) {
        let Some(bucket) = self.buckets.get_mut(&key[0]) else { return };
        bucket.leaves.remove(&key);
        bucket.top = None;
        if bucket.leaves.is_empty() {
            self.buckets.remove(&key[0]);
        }
    }

    /// The root hash.
    pub(crate) fn root(&mut self) -> B256 {
        let mut builder = HashBuilder::default();
        for bucket in self.buckets.values_mut() {
            if bucket.leaves.len() == 1 {
                for (key, value) in &bucket.leaves {
                    builder.add_leaf(Nibbles::unpack(key), value);
                }
                continue;
            }
            let (path, hash) = bucket.top();
            builder.add_branch(path, hash, false);
        }
        builder.root()
    }

    /// The nodes on the way from the root to a leaf, or to where it is missing (EIP-1186). Only the
    /// leaves that share the key's first byte are hashed.
    pub(crate) fn proof(&self, key: B256) -> Vec<Bytes> {
        if self.buckets.is_empty() {
            return Vec::new();
        }
        let target = Nibbles::unpack(key);
        let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(vec![target]));
        for (first, bucket) in &self.buckets {
            if bucket.leaves.len() == 1 || *first == key[0] {
                for (key, value) in &bucket.leaves {
                    builder.add_leaf(Nibbles::unpack(key), value);
                }
                continue;
            }
            let (path, hash) = bucket.top.unwrap_or_else(|| bucket.find_top());
            builder.add_branch(path, hash, false);
        }
        builder.root();
        builder.take_proof_nodes().into_nodes_sorted().into_iter().map(|(_, node)| node).collect()
    }
}

impl Bucket {
    /// The branch node where two or more leaves part. With hashed keys of 32 bytes its encoding is
    /// never shorter than a hash, so it is always referred to by hash.
    fn top(&mut self) -> (Nibbles, B256) {
        let top = self.top.unwrap_or_else(|| self.find_top());
        self.top = Some(top);
        top
    }

    fn find_top(&self) -> (Nibbles, B256) {
        let first = self.leaves.keys().next().map(Nibbles::unpack).unwrap_or_default();
        let last = self.leaves.keys().next_back().map(Nibbles::unpack).unwrap_or_default();
        let depth = first.common_prefix_length(&last);
        let mut builder = HashBuilder::default();
        for (key, value) in &self.leaves {
            builder.add_leaf(Nibbles::unpack(key).slice(depth..), value);
        }
        (first.slice(..depth), builder.root())
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{U256, keccak256};
    use alloy_trie::proof::verify_proof;
    use alloy_trie::root::storage_root_unhashed;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn the_root_is_the_plain_root(steps in proptest::collection::vec((0u64..300, 0u64..5), 0..400), every in 1usize..50) {
            let mut trie = Trie::default();
            let mut model: BTreeMap<u64, u64> = BTreeMap::new();
            for (index, (slot, value)) in steps.iter().enumerate() {
                let key = keccak256(B256::from(U256::from(*slot)));
                if *value == 0 {
                    model.remove(slot);
                    trie.remove(key);
                } else {
                    model.insert(*slot, *value);
                    trie.set(key, alloy_rlp::encode(U256::from(*value)));
                }
                if index % every == 0 || index + 1 == steps.len() {
                    let pairs = model.iter().map(|(slot, value)| (B256::from(U256::from(*slot)), U256::from(*value)));
                    let root = trie.root();
                    prop_assert_eq!(root, storage_root_unhashed(pairs));
                    let value = model.get(slot).map(|value| alloy_rlp::encode(U256::from(*value)));
                    let proof = trie.proof(key);
                    prop_assert!(verify_proof(root, Nibbles::unpack(key), value, &proof).is_ok());
                    prop_assert!(verify_proof(root, Nibbles::unpack(key), Some(vec![9]), &proof).is_err());
                }
            }
        }
    }

    #[test]
    fn empty_and_single() {
        let mut trie = Trie::default();
        assert_eq!(trie.root(), alloy_trie::EMPTY_ROOT_HASH);
        trie.set(keccak256([1]), vec![1]);
        trie.remove(keccak256([2]));
        assert_ne!(trie.root(), alloy_trie::EMPTY_ROOT_HASH);
        trie.remove(keccak256([1]));
        assert_eq!(trie.root(), alloy_trie::EMPTY_ROOT_HASH);
    }
}
