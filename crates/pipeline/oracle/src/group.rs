//! A committee that signs with one key, which nobody has (FROST, RFC 9591).
//!
//! The key is made by a dealer who forgets it, or by the nodes together (DKG), so that nobody ever had it. Each
//! signature takes two rounds: commitments, then shares. Nonces are used once: [`GroupNode::sign`] takes them.

use std::collections::BTreeMap;

use enliven_store::{Batch, Store};
use enliven_types::{CommitteeConfig, Digest, keccak};
use frost_secp256k1_evm::keys::{self, IdentifierList, KeyPackage, PublicKeyPackage, dkg};
use frost_secp256k1_evm::rand_core::{CryptoRng, RngCore};
use frost_secp256k1_evm::{Identifier, Signature, VerifyingKey, aggregate, round1, round2};
use k256::elliptic_curve::sec1::ToEncodedPoint;
use k256::{AffinePoint, EncodedPoint};

pub use frost_secp256k1_evm::SigningPackage;
pub use frost_secp256k1_evm::rand_core;
pub use frost_secp256k1_evm::round1::{SigningCommitments, SigningNonces};
pub use frost_secp256k1_evm::round2::SignatureShare;

use crate::committee::remember;
use crate::{GroupKey, GroupSignature, OracleError, Round};

/// A node with its share of the group's key.
#[derive(Clone)]
pub struct GroupNode {
    key: KeyPackage,
}

/// What everybody knows of a group.
#[derive(Clone, Debug)]
pub struct Group {
    public: PublicKeyPackage,
}

/// Makes a key and deals its shares; whoever runs this could sign alone until the key is forgotten. A report
/// takes a quorum of the nodes.
pub fn deal(nodes: u16, rng: &mut (impl RngCore + CryptoRng)) -> Result<(Group, Vec<GroupNode>), OracleError> {
    let needed = threshold(nodes)?;
    let (shares, public) = keys::generate_with_dealer(nodes, needed, IdentifierList::Default, rng).map_err(failed)?;
    let dealt: Result<Vec<GroupNode>, OracleError> =
        shares.into_values().map(|share| Ok(GroupNode { key: KeyPackage::try_from(share).map_err(failed)? })).collect();
    Ok((Group { public }, dealt?))
}

/// Makes a key that nobody ever has, among nodes in this process: the three parts of the DKG, one after the
/// other. Nodes on separate machines run the same parts ([`dkg`]) and send the packages.
pub fn generate(nodes: u16, rng: &mut (impl RngCore + CryptoRng)) -> Result<(Group, Vec<GroupNode>), OracleError> {
    let needed = threshold(nodes)?;
    let mut secrets = BTreeMap::new();
    let mut commitments = BTreeMap::new();
    for number in 1..=nodes {
        let node = Identifier::try_from(number).map_err(failed)?;
        let (secret, package) = dkg::part1(node, nodes, needed, &mut *rng).map_err(failed)?;
        secrets.insert(node, secret);
        commitments.insert(node, package);
    }
    let others = |node: &Identifier| {
        let mut others = commitments.clone();
        others.remove(node);
        others
    };
    let mut kept = BTreeMap::new();
    let mut sent: BTreeMap<Identifier, BTreeMap<Identifier, dkg::round2::Package>> = BTreeMap::new();
    for (node, secret) in secrets {
        let (secret, packages) = dkg::part2(secret, &others(&node)).map_err(failed)?;
        kept.insert(node, secret);
        for (to, package) in packages {
            sent.entry(to).or_default().insert(node, package);
        }
    }
    let mut group = None;
    let mut made = Vec::new();
    for (node, secret) in &kept {
        let received = sent.remove(node).unwrap_or_default();
        let (key, public) = dkg::part3(secret, &others(node), &received).map_err(failed)?;
        made.push(GroupNode { key });
        group = Some(Group { public });
    }
    let group = group.ok_or(OracleError::Size { nodes: usize::from(nodes) })?;
    Ok((group, made))
}

impl GroupNode {
    /// From the bytes of [`GroupNode::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<GroupNode, OracleError> {
        Ok(GroupNode { key: KeyPackage::deserialize(bytes).map_err(failed)? })
    }

    /// The share and what belongs to it. **Secret.**
    pub fn to_bytes(&self) -> Result<Vec<u8>, OracleError> {
        self.key.serialize().map_err(failed)
    }

    /// The first round: nonces to keep, and commitments to send. Use the nonces once.
    pub fn commit(&self, rng: &mut (impl RngCore + CryptoRng)) -> (SigningNonces, SigningCommitments) {
        round1::commit(self.key.signing_share(), rng)
    }

    /// The second round: the node's share of the signature of the digest that it computed itself. As with
    /// signatures of its own it writes (round -> digest) down first, and signs no second digest.
    pub fn sign(
        &self,
        store: &dyn Store,
        round: Round,
        digest: Digest,
        package: &SigningPackage,
        nonces: SigningNonces,
    ) -> Result<SignatureShare, OracleError> {
        if package.message().as_slice() != digest.0.as_slice() {
            return Err(OracleError::Malformed { reason: "the others sign another digest".to_string() });
        }
        let node = self.number();
        let mut batch = Batch::default();
        remember(store, &mut batch, node, &self.place()?, round, digest)?;
        store.commit(batch)?;
        round2::sign(package, &nonces, &self.key).map_err(failed)
    }

    /// The node's place in the committee, from zero.
    fn number(&self) -> usize {
        let bytes = self.key.identifier().serialize();
        bytes.iter().rev().take(2).rev().fold(0, |number, byte| number << 8 | usize::from(*byte)).saturating_sub(1)
    }

    /// What the store knows the node by: 20 bytes of the hash of its public share.
    fn place(&self) -> Result<[u8; 20], OracleError> {
        let share = self.key.verifying_share().serialize().map_err(failed)?;
        let mut place = [0; 20];
        place.copy_from_slice(&keccak(&share).0[12..]);
        Ok(place)
    }
}

impl std::fmt::Debug for GroupNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GroupNode(secret)")
    }
}

impl Group {
    /// The group's key. One in some 2^128 cannot be used with the contract, whose check refuses it.
    pub fn key(&self) -> Result<GroupKey, OracleError> {
        untagged(self.public.verifying_key())
    }

    /// What the nodes of the second round are sent.
    pub fn package(
        &self,
        digest: Digest,
        commitments: BTreeMap<u16, SigningCommitments>,
    ) -> Result<SigningPackage, OracleError> {
        let by_node: Result<BTreeMap<Identifier, SigningCommitments>, OracleError> =
            commitments.into_iter().map(|(node, one)| Ok((identifier(node)?, one))).collect();
        Ok(SigningPackage::new(by_node?, &digest.0))
    }

    /// Joins the shares of a quorum; an error names a node whose share is bad.
    pub fn aggregate(
        &self,
        package: &SigningPackage,
        shares: BTreeMap<u16, SignatureShare>,
    ) -> Result<GroupSignature, OracleError> {
        let by_node: Result<BTreeMap<Identifier, SignatureShare>, OracleError> =
            shares.into_iter().map(|(node, one)| Ok((identifier(node)?, one))).collect();
        let signature: Signature = aggregate(package, &by_node?, &self.public).map_err(failed)?;
        // 33 bytes for the commitment, 32 for the response.
        let bytes = signature.serialize().map_err(failed)?;
        let (Some(commitment), Some(response)) = (bytes.get(..33), bytes.get(33..65)) else {
            return Err(OracleError::Malformed { reason: format!("a signature of {} bytes", bytes.len()) });
        };
        let mut joined = [0; 96];
        joined[..64].copy_from_slice(&uncompress(commitment)?);
        joined[64..].copy_from_slice(response);
        Ok(joined)
    }
}

/// Nodes are counted from zero, FROST's identifiers from one.
fn identifier(node: u16) -> Result<Identifier, OracleError> {
    Identifier::try_from(node.saturating_add(1)).map_err(failed)
}

fn threshold(nodes: u16) -> Result<u16, OracleError> {
    let wrong = || OracleError::Size { nodes: usize::from(nodes) };
    if !(2..=64).contains(&nodes) {
        return Err(wrong());
    }
    u16::try_from(CommitteeConfig::minimum_threshold(usize::from(nodes))).map_err(|_| wrong())
}

fn untagged(key: &VerifyingKey) -> Result<GroupKey, OracleError> {
    uncompress(&key.serialize().map_err(failed)?)
}

fn uncompress(bytes: &[u8]) -> Result<[u8; 64], OracleError> {
    use k256::elliptic_curve::sec1::FromEncodedPoint;
    let wrong = || OracleError::Malformed { reason: "not a point of the curve".to_string() };
    let encoded = EncodedPoint::from_bytes(bytes).map_err(|_| wrong())?;
    let point: Option<AffinePoint> = AffinePoint::from_encoded_point(&encoded).into();
    let full = point.ok_or_else(wrong)?.to_encoded_point(false);
    let mut coordinates = [0; 64];
    coordinates.copy_from_slice(&full.as_bytes()[1..]);
    Ok(coordinates)
}

fn failed(error: frost_secp256k1_evm::Error) -> OracleError {
    OracleError::Group { reason: error.to_string() }
}
