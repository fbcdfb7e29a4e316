use enliven_types::{Digest, keccak};

/// A Merkle tree in one array: node i has the children 2i+1 and 2i+2, leaf k of n is node 2n-2-k.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MerkleTree {
    nodes: Vec<Digest>,
    leaves: usize,
}

impl MerkleTree {
    /// Builds a tree; O(n).
    pub fn new(leaves: &[Digest]) -> MerkleTree {
        let count = leaves.len();
        if count == 0 {
            return MerkleTree::default();
        }
        let mut nodes = vec![Digest::ZERO; 2 * count - 1];
        for (place, leaf) in leaves.iter().enumerate() {
            nodes[2 * count - 2 - place] = *leaf;
        }
        for place in (0..count - 1).rev() {
            nodes[place] = pair(nodes[2 * place + 1], nodes[2 * place + 2]);
        }
        MerkleTree { nodes, leaves: count }
    }

    /// The root; zero for no leaves.
    pub fn root(&self) -> Digest {
        self.nodes.first().copied().unwrap_or(Digest::ZERO)
    }

    /// How many leaves there are.
    pub fn len(&self) -> usize {
        self.leaves
    }

    /// Whether there are no leaves.
    pub fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// Changes leaves in place; O(k log n). Places that are not there are ignored.
    pub fn set(&mut self, changes: impl IntoIterator<Item = (usize, Digest)>) {
        for (place, leaf) in changes {
            if place >= self.leaves {
                continue;
            }
            let mut node = 2 * self.leaves - 2 - place;
            self.nodes[node] = leaf;
            while node > 0 {
                node = (node - 1) / 2;
                self.nodes[node] = pair(self.nodes[2 * node + 1], self.nodes[2 * node + 2]);
            }
        }
    }

    /// The siblings from a leaf up to the root.
    pub fn proof(&self, place: usize) -> Option<Vec<Digest>> {
        if place >= self.leaves {
            return None;
        }
        let mut node = 2 * self.leaves - 2 - place;
        let mut proof = Vec::new();
        while node > 0 {
            let sibling = if node % 2 == 1 { node + 1 } else { node - 1 };
            proof.push(self.nodes[sibling]);
            node = (node - 1) / 2;
        }
        Some(proof)
    }
}

/// Whether `proof` leads from `leaf` to `root`.
pub fn verify_proof(root: Digest, leaf: Digest, proof: &[Digest]) -> bool {
    proof.iter().fold(leaf, |node, sibling| pair(node, *sibling)) == root
}

fn pair(left: Digest, right: Digest) -> Digest {
    let (low, high) = if left <= right { (left, right) } else { (right, left) };
    let mut bytes = [0u8; 64];
    bytes[..32].copy_from_slice(&low.0);
    bytes[32..].copy_from_slice(&high.0);
    keccak(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: usize) -> Vec<Digest> {
        (0..count).map(|number| keccak(&number.to_be_bytes())).collect()
    }

    proptest! {
        #[test]
        fn proofs_hold_and_changes_equal_rebuilding(count in 1usize..70, changes in prop::collection::vec((0usize..70, any::<u64>()), 0..9)) {
            let mut leaves = leaves(count);
            let mut tree = MerkleTree::new(&leaves);
            for (place, value) in &changes {
                if let Some(leaf) = leaves.get_mut(*place) {
                    *leaf = keccak(&value.to_be_bytes());
                }
            }
            tree.set(changes.iter().map(|(place, value)| (*place, keccak(&value.to_be_bytes()))));
            prop_assert_eq!(&tree, &MerkleTree::new(&leaves));
            for (place, leaf) in leaves.iter().enumerate() {
                let proof = tree.proof(place).unwrap();
                prop_assert!(verify_proof(tree.root(), *leaf, &proof));
                prop_assert!(!verify_proof(tree.root(), keccak(&leaf.0), &proof));
            }
            prop_assert_eq!(tree.proof(count), None);
        }
    }

    #[test]
    fn empty_and_single() {
        assert_eq!(MerkleTree::new(&[]).root(), Digest::ZERO);
        assert_eq!(MerkleTree::new(&leaves(1)).root(), leaves(1)[0]);
    }
}
