use std::fmt;

use enliven_types::{Digest, keccak};
use k256::ecdsa::{RecoveryId, Signature as Ecdsa, SigningKey, VerifyingKey};

/// The last 20 bytes of the keccak-256 of a public key.
pub type Address = [u8; 20];

/// r, s and v (27 or 28), with s in the lower half of the order (EIP-2).
pub type Signature = [u8; 65];

/// A node's signing key. It is never printed.
#[derive(Clone)]
pub struct NodeKey {
    key: SigningKey,
}

impl NodeKey {
    /// From 32 bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<NodeKey> {
        SigningKey::from_bytes(bytes.into()).ok().map(|key| NodeKey { key })
    }

    /// From 64 hexadecimal digits, with or without `0x`.
    pub fn from_hex(text: &str) -> Option<NodeKey> {
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let digest: Digest = format!("0x{digits}").parse().ok()?;
        NodeKey::from_bytes(&digest.0)
    }

    /// A key that everybody can compute, for the embedded dev chain and for tests only.
    pub fn development(node: usize) -> NodeKey {
        let mut seed = format!("enliven development oracle node {node}").into_bytes();
        loop {
            let bytes = keccak(&seed).0;
            if let Some(key) = NodeKey::from_bytes(&bytes) {
                return key;
            }
            seed = bytes.to_vec();
        }
    }

    /// The 32 bytes.
    pub(crate) fn secret(&self) -> [u8; 32] {
        self.key.to_bytes().into()
    }

    /// The node's address.
    pub fn address(&self) -> Address {
        address(self.key.verifying_key())
    }

    /// Signs a digest (deterministic, RFC 6979).
    pub fn sign(&self, digest: Digest) -> Signature {
        let (signature, recovery) =
            self.key.sign_prehash_recoverable(&digest.0).expect("a 32-byte digest can always be signed");
        let mut bytes = [0u8; 65];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = 27 + recovery.to_byte();
        bytes
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(secret)")
    }
}

/// The signer of a digest; none if the signature is malformed or its s is high.
pub fn recover(digest: Digest, signature: &Signature) -> Option<Address> {
    let parsed = Ecdsa::from_slice(&signature[..64]).ok()?;
    if parsed.normalize_s().is_some() {
        return None;
    }
    let recovery = RecoveryId::from_byte(signature[64].checked_sub(27)?).filter(|id| id.to_byte() < 2)?;
    VerifyingKey::recover_from_prehash(&digest.0, &parsed, recovery).ok().map(|key| address(&key))
}

fn address(key: &VerifyingKey) -> Address {
    let point = key.to_encoded_point(false);
    let hash = keccak(&point.as_bytes()[1..]);
    let mut address = [0u8; 20];
    address.copy_from_slice(&hash.0[12..]);
    address
}
