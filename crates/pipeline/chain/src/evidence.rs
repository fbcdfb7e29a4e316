//! What the chain knows of a collection, with the proofs of it.

use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, Header};
use alloy_trie::EMPTY_ROOT_HASH;
use enliven_types::{
    AcceptedEpoch, AccountProof, Digest, EpochSignature, FixedBytes, SlotProof, StateProof, TokenSlots,
};
use serde_json::json;

use crate::client::get;
use crate::{ChainError, ChainReader, PostedReport, Rpc};

/// Slots that are asked for in one request; nodes refuse more than some 1,000.
const SLOTS_PER_REQUEST: usize = 500;
/// How often a proof is asked for anew when the chain went on in between.
const TRIES: usize = 5;

impl PostedReport {
    /// The epoch with what it was accepted for; an error if the signatures cannot be read.
    pub fn accepted(&self) -> Result<AcceptedEpoch, ChainError> {
        if let Some(reason) = &self.unavailable {
            let epoch = self.signed.report.epoch;
            return Err(ChainError::Proof { reason: format!("the signatures of epoch {epoch}: {reason}") });
        }
        let signed = match self.group_signature {
            Some(signature) => EpochSignature::Group(FixedBytes(signature)),
            None => EpochSignature::Committee {
                signers: self.signed.signers,
                signatures: self.signed.signatures.iter().map(|signature| FixedBytes(*signature)).collect(),
            },
        };
        Ok(AcceptedEpoch { oracle: self.oracle, report: self.signed.report.clone(), hot: self.hot, signed })
    }
}

impl ChainReader {
    /// Proves at the newest block what the token and an oracle of it hold, and which of `tokens` are held. Needs
    /// `eth_getProof`.
    ///
    /// `with_code`: with the oracle's code, in which the key of its group stands.
    pub fn state_proof(&self, oracle: Address, with_code: bool, tokens: &[u64]) -> Result<StateProof, ChainError> {
        let slots = TokenSlots::wanted(tokens.iter().copied());
        for _ in 1..TRIES {
            match self.try_state_proof(oracle, with_code, &slots) {
                // Some nodes prove the newest block only, and that is another one by now.
                Err(ChainError::Node { .. }) => {}
                done => return done,
            }
        }
        self.try_state_proof(oracle, with_code, &slots)
    }

    fn try_state_proof(&self, oracle: Address, with_code: bool, slots: &[B256]) -> Result<StateProof, ChainError> {
        let header: Header = get(self.rpc(), "eth_getBlockByNumber", json!([BlockNumberOrTag::Latest, false]))?;
        let rlp = Bytes::from(alloy_rlp::encode(&header.inner));
        if keccak256(&rlp) != header.hash {
            let reason = format!("the header of block {} is of a kind that is not known here", header.inner.number);
            return Err(ChainError::Proof { reason });
        }
        let block = BlockNumberOrTag::Number(header.inner.number);
        let list = oracle.create(1);
        let code = |address: Address| get::<Bytes>(self.rpc(), "eth_getCode", json!([address, block])).map(Some);
        let mut signers = self.account_proof(list, &[], block)?;
        signers.code = code(list)?;
        let mut oracle = self.account_proof(oracle, &[TokenSlots::plain(TokenSlots::EJECTED)], block)?;
        if with_code {
            oracle.code = code(oracle.address)?;
        }
        Ok(StateProof { header: rlp, token: self.account_proof(self.token(), slots, block)?, oracle, signers })
    }

    fn account_proof(
        &self,
        address: Address,
        slots: &[B256],
        block: BlockNumberOrTag,
    ) -> Result<AccountProof, ChainError> {
        let ask = |slots: &[B256]| -> Result<EIP1186AccountProofResponse, ChainError> {
            get(self.rpc(), "eth_getProof", json!([address, slots, block]))
        };
        let mut chunks = slots.chunks(SLOTS_PER_REQUEST);
        let mut found = ask(chunks.next().unwrap_or_default())?;
        for chunk in chunks {
            found.storage_proof.extend(ask(chunk)?.storage_proof);
        }
        let proven = |one: alloy_rpc_types_eth::EIP1186StorageProof| SlotProof {
            slot: one.key.as_b256(),
            value: B256::from(one.value),
            // Some nodes answer with the one node of an empty trie, others with none.
            proof: if found.storage_hash == EMPTY_ROOT_HASH { Vec::new() } else { one.proof },
        };
        Ok(AccountProof {
            address,
            nonce: found.nonce,
            balance: B256::from(found.balance),
            storage_root: found.storage_hash,
            code_hash: found.code_hash,
            proof: found.account_proof,
            slots: std::mem::take(&mut found.storage_proof).into_iter().map(proven).collect(),
            code: None,
        })
    }
}

/// The hash of a block, as a node knows it; none if it has no such block.
pub fn block_hash(rpc: &dyn Rpc, number: u64) -> Result<Option<Digest>, ChainError> {
    let header: Option<Header> = get(rpc, "eth_getBlockByNumber", json!([BlockNumberOrTag::Number(number), false]))?;
    Ok(header.map(|header| Digest(header.hash.0)))
}
