//! What a block's header proves of a collection's contracts: account and storage proofs of Ethereum's Merkle Patricia
//! tries (the Yellow Paper, appendix D; EIP-1186).

use std::collections::BTreeMap;

use alloy_rlp::Header;
use alloy_trie::proof::verify_proof;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};
use enliven_types::{AccountProof, Address, B256, Bytes, Digest, StateProof, TokenSlots, keccak};

use crate::ProvenanceError;

/// A signer list is a STOP byte and 20 bytes for each of at most this many signers.
const MAX_SIGNERS: usize = 64;

/// What a [`StateProof`] proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenState {
    /// The block's number.
    pub block: u64,
    /// The block's hash. All the rest follows from it.
    pub block_hash: Digest,
    /// The block's time, in seconds since 1970.
    pub time: u64,
    /// The oracle that the token believes.
    pub believed: Address,
    /// The last accepted epoch.
    pub epoch: u64,
    /// How many tokens there are.
    pub minted: u64,
    /// The state root of the last accepted epoch.
    pub state_root: Digest,
    /// The directory of the last accepted epoch.
    pub directory: Digest,
    /// The oracle that the other proofs are about.
    pub oracle: Address,
    /// Its signers, in the order of the bits.
    pub signers: Vec<Address>,
    /// Those who were ejected, as bits.
    pub ejected: u64,
    oracle_code: Option<Bytes>,
    slots: BTreeMap<B256, B256>,
}

impl ProvenState {
    /// The directory that a token is kept at, if its holder keeps it as it is.
    pub fn held_directory(&self, token_id: u64) -> Result<Option<Digest>, ProvenanceError> {
        if !TokenSlots::is_held(self.slot(TokenSlots::held(token_id))?, token_id) {
            return Ok(None);
        }
        Ok(Some(Digest(self.slot(TokenSlots::held_directory(token_id))?.0)))
    }

    /// Whether the oracle's code holds the x of a group's key.
    ///
    /// An oracle never changes, so it stands in the code. Nobody can choose what else stands there after the fact, and
    /// knowing the secret of a key whose x happens to stand there is as hard as finding that of any key.
    pub fn oracle_holds(&self, x: &[u8]) -> bool {
        self.oracle_code.as_ref().is_some_and(|code| code.windows(x.len().max(1)).any(|part| part == x))
    }

    fn slot(&self, slot: B256) -> Result<B256, ProvenanceError> {
        self.slots.get(&slot).copied().ok_or_else(|| wrong("token", format!("slot {slot} is not proven")))
    }
}

/// Checks every proof of a [`StateProof`] against its header, and says what they prove of a token contract and of
/// some of its tokens. It must hold what that takes, and nothing else.
///
/// The header itself is proven by nothing: compare [`ProvenState::block_hash`] with a hash from somewhere else.
pub fn check_state(
    proof: &StateProof,
    token: Address,
    token_ids: impl IntoIterator<Item = u64>,
) -> Result<ProvenState, ProvenanceError> {
    let header = read_header(&proof.header)?;
    if proof.token.code.is_some() {
        return Err(wrong("token", "its code is not wanted".into()));
    }
    if proof.token.address != token {
        return Err(wrong("token", format!("it is of {}, not of {token}", proof.token.address)));
    }
    let slots = check_account("token", &proof.token, header.state_root, &TokenSlots::wanted(token_ids))?;
    let slot = |number| slots[&TokenSlots::plain(number)];
    let head = slot(TokenSlots::HEAD);

    let oracle = proof.oracle.address;
    let wanted = TokenSlots::plain(TokenSlots::EJECTED);
    let ejected = check_account("oracle", &proof.oracle, header.state_root, &[wanted])?[&wanted];

    // The oracle's constructor creates the list: the first contract that it creates.
    let list = oracle.create(1);
    if proof.signers.address != list {
        return Err(wrong("signers", format!("it is of {}, the oracle's list is {list}", proof.signers.address)));
    }
    check_account("signers", &proof.signers, header.state_root, &[])?;
    let code = proof.signers.code.as_ref().ok_or_else(|| wrong("signers", "its code is left out".into()))?;
    let (chunks, rest) = code.get(1..).unwrap_or_default().as_chunks::<20>();
    if code.first() != Some(&0) || !rest.is_empty() || chunks.len() > MAX_SIGNERS {
        return Err(wrong("signers", "its code is no list of signers".into()));
    }

    let (state_root, directory) = (slot(TokenSlots::STATE_ROOT), slot(TokenSlots::DIRECTORY));
    Ok(ProvenState {
        block: header.number,
        block_hash: keccak(&proof.header),
        time: header.time,
        believed: Address::from_slice(&head[12..]),
        epoch: big_endian(&head[8..12]),
        minted: big_endian(&head[1..4]),
        state_root: Digest(state_root.0),
        directory: Digest(directory.0),
        oracle,
        signers: chunks.iter().map(Address::from).collect(),
        ejected: big_endian(&ejected[24..]),
        oracle_code: proof.oracle.code.clone(),
        slots,
    })
}

/// The number and the hash of the block of a header.
pub fn block_of(header: &[u8]) -> Result<(u64, Digest), ProvenanceError> {
    Ok((read_header(header)?.number, keccak(header)))
}

/// What is read of a header.
struct BlockHeader {
    state_root: B256,
    number: u64,
    time: u64,
}

/// Reads the state root (the 4th field), the number (the 9th) and the time (the 12th); later fields differ between
/// chains and forks, and are passed over.
fn read_header(header: &[u8]) -> Result<BlockHeader, ProvenanceError> {
    let malformed = |_| wrong("header", "it is no block header in RLP".into());
    let mut rest = header;
    let mut fields = Header::decode_bytes(&mut rest, true).map_err(malformed)?;
    if !rest.is_empty() {
        return Err(wrong("header", "it has bytes behind it".into()));
    }
    let mut next = || Header::decode_bytes(&mut fields, false).map_err(malformed);
    let mut found = Vec::with_capacity(12);
    for _ in 0..12 {
        found.push(next()?);
    }
    // As RLP has it: big-endian, without leading zeros.
    let number = |bytes: &[u8]| match bytes {
        [0, ..] => Err(wrong("header", "a number in it starts with a zero".into())),
        _ if bytes.len() > 8 => Err(wrong("header", "a number in it has more than 64 bits".into())),
        _ => Ok(big_endian(bytes)),
    };
    let state_root = B256::try_from(found[3]).map_err(|_| wrong("header", "its state root is not 32 bytes".into()))?;
    Ok(BlockHeader { state_root, number: number(found[8])?, time: number(found[11])? })
}

/// Checks an account and its slots, which must be those that are wanted.
fn check_account(
    what: &'static str,
    proof: &AccountProof,
    root: B256,
    wanted: &[B256],
) -> Result<BTreeMap<B256, B256>, ProvenanceError> {
    let account = TrieAccount {
        nonce: proof.nonce,
        balance: proof.balance.into(),
        storage_root: proof.storage_root,
        code_hash: proof.code_hash,
    };
    let key = Nibbles::unpack(keccak(proof.address.as_slice()).0);
    verify_proof(root, key, Some(alloy_rlp::encode(account)), &proof.proof)
        .map_err(|_| wrong(what, format!("the account {} is not so in the block's state", proof.address)))?;
    if let Some(code) = &proof.code
        && keccak(code).0 != proof.code_hash.0
    {
        return Err(wrong(what, "its code is not that of the account".into()));
    }
    if !proof.slots.iter().map(|one| &one.slot).eq(wanted) {
        return Err(wrong(what, format!("its slots are not the {} that are wanted", wanted.len())));
    }
    let mut slots = BTreeMap::new();
    for one in &proof.slots {
        if proof.storage_root == EMPTY_ROOT_HASH && !one.proof.is_empty() {
            return Err(wrong(what, format!("the proof of slot {} has nodes of an empty trie", one.slot)));
        }
        let key = Nibbles::unpack(keccak(one.slot.as_slice()).0);
        let zeros = one.value.iter().take_while(|byte| **byte == 0).count();
        let value = (!one.value.is_zero()).then(|| alloy_rlp::encode(&one.value[zeros..]));
        verify_proof(proof.storage_root, key, value, &one.proof)
            .map_err(|_| wrong(what, format!("slot {} does not hold {}", one.slot, one.value)))?;
        slots.insert(one.slot, one.value);
    }
    Ok(slots)
}

/// At most eight bytes as a number.
fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn wrong(what: &'static str, reason: String) -> ProvenanceError {
    ProvenanceError::State { what, reason }
}
