use std::collections::BTreeMap;

use enliven_store::{Batch, Store, Table};
use enliven_types::{AcceptedEpoch, CommitteeConfig, Digest, EpochSignature, Report, SignedReport};

use crate::{Address, AttestationKey, NodeKey, OracleError, Signature, check_group_signature, recover};

/// What a node signs one digest for: an epoch, as one generation of the committee. After a rotation an epoch
/// that was signed and not posted is signed for the next oracle; that contradicts nothing, because an oracle
/// takes only what was signed for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// The generation of the committee.
    pub config_count: u64,
    /// The epoch's number.
    pub epoch: u64,
}

impl Round {
    /// That of a report.
    pub fn of(report: &Report) -> Round {
        Round { config_count: report.config_count, epoch: report.epoch }
    }
}

/// One node's word on an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The node's place in the committee.
    pub node: usize,
    /// The digest that it computed.
    pub digest: Digest,
    /// Its signature of that digest.
    pub signature: Signature,
}

/// The nodes that run in this process.
#[derive(Debug)]
pub struct Committee {
    keys: Vec<NodeKey>,
}

impl Committee {
    /// A committee of these keys, in this order.
    pub fn new(keys: Vec<NodeKey>) -> Result<Committee, OracleError> {
        if keys.is_empty() || keys.len() > 64 {
            return Err(OracleError::Size { nodes: keys.len() });
        }
        Ok(Committee { keys })
    }

    /// The signers' addresses, in order.
    pub fn addresses(&self) -> Vec<Address> {
        self.keys.iter().map(NodeKey::address).collect()
    }

    /// The keys, in order.
    pub(crate) fn keys(&self) -> &[NodeKey] {
        &self.keys
    }

    /// The keys that other tools check the committee's word with, in order.
    pub fn attestation_keys(&self) -> Result<Vec<AttestationKey>, OracleError> {
        self.keys.iter().map(NodeKey::attestation_public_key).collect()
    }

    /// How many nodes have to agree.
    pub fn quorum(&self) -> usize {
        CommitteeConfig::minimum_threshold(self.keys.len())
    }

    /// Each node writes down and signs the digest that it computed: `digests[node]`. All write in
    /// one commit, and none signs before it is on disk.
    pub fn sign(&self, store: &dyn Store, round: Round, digests: &[Digest]) -> Result<Vec<Vote>, OracleError> {
        let mut batch = Batch::default();
        for (node, (key, asked)) in self.keys.iter().zip(digests).enumerate() {
            remember(store, &mut batch, node, &key.address(), round, *asked)?;
        }
        store.commit(batch)?;
        let votes = self.keys.iter().zip(digests).enumerate();
        Ok(votes.map(|(node, (key, digest))| Vote { node, digest: *digest, signature: key.sign(*digest) }).collect())
    }
}

/// Adds to the batch that a node signs this digest for the round; an error if it has signed another.
pub(crate) fn remember(
    store: &dyn Store,
    batch: &mut Batch,
    node: usize,
    address: &Address,
    round: Round,
    asked: Digest,
) -> Result<(), OracleError> {
    let place = signed_key(address, round);
    match store.get(Table::Signed, &place)? {
        None => batch.put(Table::Signed, place, asked.0),
        Some(signed) if signed == asked.0 => {}
        Some(signed) => {
            let signed = Digest(signed.try_into().unwrap_or_default());
            return Err(OracleError::Equivocation { node, epoch: round.epoch, signed, asked });
        }
    }
    Ok(())
}

pub(crate) fn signed_key(address: &Address, round: Round) -> Vec<u8> {
    [address.as_slice(), &round.config_count.to_be_bytes(), &round.epoch.to_be_bytes()].concat()
}

/// Joins the votes for the report's digest, if they are as many as needed.
pub fn aggregate(report: &Report, digest: Digest, votes: &[Vote], needed: usize) -> Result<SignedReport, OracleError> {
    let agreeing: BTreeMap<usize, Signature> =
        votes.iter().filter(|vote| vote.digest == digest).map(|vote| (vote.node, vote.signature)).collect();
    if agreeing.len() < needed {
        return Err(OracleError::NoQuorum { epoch: report.epoch, votes: agreeing.len(), nodes: votes.len(), needed });
    }
    // More signatures than a quorum would only cost gas.
    let chosen: Vec<(usize, Signature)> = agreeing.into_iter().take(needed).collect();
    Ok(SignedReport {
        report: report.clone(),
        signers: chosen.iter().fold(0, |bits, (node, _)| bits | 1 << node),
        signatures: chosen.into_iter().map(|(_, signature)| signature).collect(),
    })
}

/// Checks a report's signatures as the contract does; `digest` is the report's signing digest.
pub fn check_signatures(
    signed: &SignedReport,
    digest: Digest,
    signers: &[Address],
    threshold: usize,
) -> Result<(), OracleError> {
    let malformed = |reason: String| Err(OracleError::Malformed { reason });
    let listed: Vec<usize> = (0..64).filter(|bit| signed.signers >> bit & 1 == 1).collect();
    if listed.len() != signed.signatures.len() {
        return malformed(format!("{} signers and {} signatures", listed.len(), signed.signatures.len()));
    }
    if listed.len() < threshold {
        return malformed(format!("{} signatures, {threshold} are needed", listed.len()));
    }
    for (place, (signer, signature)) in listed.iter().zip(&signed.signatures).enumerate() {
        let Some(address) = signers.get(*signer) else {
            return malformed(format!("signer {signer} of {}", signers.len()));
        };
        if recover(digest, signature) != Some(*address) {
            let address = address.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            return Err(OracleError::WrongSigner { place, signer: *signer, address: format!("0x{address}") });
        }
    }
    Ok(())
}

/// Checks that a committee, or its group, signed an epoch for its oracle.
pub fn check_epoch(chain_id: u64, epoch: &AcceptedEpoch, committee: &CommitteeConfig) -> Result<(), OracleError> {
    let digest = epoch.signing_digest(chain_id);
    match &epoch.signed {
        EpochSignature::Group(signature) => match &committee.group_key {
            Some(key) => check_group_signature(key, digest, signature),
            None => Err(OracleError::Malformed { reason: "a group signed, but its oracle has none".into() }),
        },
        EpochSignature::Committee { signers, signatures } => {
            let signed = SignedReport {
                report: epoch.report.clone(),
                signers: *signers,
                signatures: signatures.iter().map(|signature| signature.0).collect(),
            };
            let addresses: Vec<Address> = committee.signers.iter().map(|signer| signer.into_array()).collect();
            check_signatures(&signed, digest, &addresses, committee.needed())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use enliven_store::MemoryStore;

    const ROUND: Round = Round { config_count: 1, epoch: 7 };

    fn report() -> Report {
        Report { epoch: 7, ..serde_json_report() }
    }

    fn serde_json_report() -> Report {
        Report {
            epoch: 1,
            config_count: 1,
            valid_until: 0,
            previous_root: Digest::ZERO,
            state_root: Digest::ZERO,
            directory: Digest::ZERO,
            receipts_root: Digest::ZERO,
            model: Digest::ZERO,
            manifest: Digest::ZERO,
            cut: Digest::ZERO,
        }
    }

    fn committee() -> Committee {
        Committee::new((0..4).map(NodeKey::development).collect()).unwrap()
    }

    #[test]
    fn two_conflicting_quorums_need_more_cheats_than_are_allowed() {
        for nodes in 1..=64 {
            let faulty = (nodes - 1) / 3;
            assert!(2 * CommitteeConfig::minimum_threshold(nodes) > nodes + faulty, "{nodes}");
            assert!(
                CommitteeConfig::minimum_threshold(nodes) <= nodes - faulty,
                "{nodes} nodes can act with {faulty} silent"
            );
        }
        assert_eq!((CommitteeConfig::minimum_threshold(4), CommitteeConfig::minimum_threshold(7)), (3, 5));
    }

    #[test]
    fn one_dissenter_is_outvoted_and_two_stop_the_epoch() {
        let (store, committee) = (MemoryStore::default(), committee());
        let (right, wrong) = (Digest([1; 32]), Digest([2; 32]));
        let votes = committee.sign(&store, ROUND, &[right, wrong, right, right]).unwrap();
        let signed = aggregate(&report(), right, &votes, 3).unwrap();
        assert_eq!((signed.signers, signed.signatures.len()), (0b1101, 3));
        check_signatures(&signed, right, &committee.addresses(), 3).unwrap();
        let votes = committee.sign(&store, Round { epoch: 8, ..ROUND }, &[right, wrong, wrong, right]).unwrap();
        assert!(matches!(aggregate(&report(), right, &votes, 3), Err(OracleError::NoQuorum { votes: 2, .. })));
    }

    #[test]
    fn no_node_signs_twice() {
        let (store, committee) = (MemoryStore::default(), committee());
        let (one, two) = (Digest([1; 32]), Digest([2; 32]));
        let first = committee.sign(&store, ROUND, &[one; 4]).unwrap();
        assert_eq!(committee.sign(&store, ROUND, &[one; 4]).unwrap(), first, "signing again gives the same");
        let error = committee.sign(&store, ROUND, &[one, one, two, one]).unwrap_err();
        assert!(matches!(error, OracleError::Equivocation { node: 2, epoch: 7, .. }), "{error}");
        committee.sign(&store, Round { config_count: 2, ..ROUND }, &[two; 4]).unwrap();
    }

    #[test]
    fn tampered_signatures_are_refused() {
        let (store, committee) = (MemoryStore::default(), committee());
        let digest = Digest([1; 32]);
        let votes = committee.sign(&store, ROUND, &[digest; 4]).unwrap();
        let signed = aggregate(&report(), digest, &votes, 3).unwrap();
        let addresses = committee.addresses();
        for byte in [0, 31, 32, 63, 64] {
            let mut tampered = signed.clone();
            tampered.signatures[1][byte] ^= 1;
            assert!(check_signatures(&tampered, digest, &addresses, 3).is_err(), "byte {byte}");
        }
        let mut swapped = signed.clone();
        swapped.signatures.swap(0, 1);
        assert!(check_signatures(&swapped, digest, &addresses, 3).is_err());
        let mut fewer = signed.clone();
        fewer.signers = 0b11;
        assert!(check_signatures(&fewer, digest, &addresses, 3).is_err());
        let outsider = SignedReport { signers: 1 << 63 | 0b11, ..signed };
        assert!(check_signatures(&outsider, digest, &addresses, 3).is_err());
    }
}
