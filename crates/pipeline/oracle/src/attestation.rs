//! The committee's word on an epoch for tools that know nothing of a chain: an in-toto statement
//! (<https://github.com/in-toto/attestation>, version 1) in a DSSE envelope
//! (<https://github.com/secure-systems-lab/dsse>, version 1).
//!
//! A node signs it twice: with the key whose address the contract knows, for who trusts the chain; and with a P-256 key
//! that is derived from it, because that is what tools of software supply chains can check.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use enliven_store::{Store, Table};
use enliven_types::{AcceptedEpoch, Address, Codec, CommitteeConfig, Digest, FixedBytes, to_jcs};
use p256::ecdsa::signature::Signer;
use p256::pkcs8::{EncodePublicKey, LineEnding};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::committee::{Committee, Round, signed_key};
use crate::{NodeKey, OracleError, recover};

/// What the payload of an [`Envelope`] is.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// What the statement says of its subject.
pub const PREDICATE_TYPE: &str = "https://github.com/enliven/enliven/attestation/epoch/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: [Resource; 1],
    predicate_type: &'static str,
    predicate: Predicate,
}

/// A block, as in-toto describes a resource.
#[derive(Serialize)]
struct Resource {
    name: &'static str,
    uri: String,
    digest: Sha256,
}

#[derive(Serialize)]
struct Sha256 {
    sha256: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    /// The chain, as CAIP-2 names it.
    chain: String,
    token: Address,
    oracle: Address,
    epoch: u64,
    config_count: u64,
    valid_until: u64,
    previous_root: Digest,
    state_root: Digest,
    receipts_root: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    hot: Option<Digest>,
    /// What the signatures on the chain are of.
    signing_digest: Digest,
    /// What the directory was made from.
    materials: [Resource; 3],
}

/// The statement on an epoch that a token accepted, as canonical JSON.
pub fn statement(chain_id: u64, token: Address, epoch: &AcceptedEpoch) -> Vec<u8> {
    let report = &epoch.report;
    to_jcs(&Statement {
        kind: "https://in-toto.io/Statement/v1",
        subject: [resource("directory", report.directory, Codec::DagPb)],
        predicate_type: PREDICATE_TYPE,
        predicate: Predicate {
            chain: format!("eip155:{chain_id}"),
            token,
            oracle: epoch.oracle,
            epoch: report.epoch,
            config_count: report.config_count,
            valid_until: report.valid_until,
            previous_root: report.previous_root,
            state_root: report.state_root,
            receipts_root: report.receipts_root,
            hot: epoch.hot,
            signing_digest: epoch.signing_digest(chain_id),
            materials: [
                resource("cut", report.cut, Codec::DagCbor),
                resource("manifest", report.manifest, Codec::Raw),
                resource("model", report.model, Codec::DagCbor),
            ],
        },
    })
}

fn resource(name: &'static str, digest: Digest, codec: Codec) -> Resource {
    Resource { name, uri: format!("ipfs://{}", digest.to_cid(codec)), digest: Sha256 { sha256: hex(digest) } }
}

fn hex(digest: Digest) -> String {
    digest.to_string().trim_start_matches("0x").to_string()
}

/// A DSSE envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What was signed, together with its type.
    #[serde(with = "base64_text")]
    pub payload: Vec<u8>,
    /// What the payload is.
    pub payload_type: String,
    /// By whom.
    pub signatures: Vec<EnvelopeSignature>,
}

/// A signature of an [`Envelope`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    /// A signer's address, or the sha2-256 of a P-256 key (SPKI, DER) as hexadecimal digits.
    /// Nothing proves it: it only says which key to try.
    #[serde(default)]
    pub keyid: String,
    /// For an address r, s and v over the sha2-256 of [`Envelope::signed_bytes`]; else an ECDSA signature in DER.
    #[serde(with = "base64_text")]
    pub sig: Vec<u8>,
}

mod base64_text {
    use super::{Deserialize, Deserializer, Engine, STANDARD, Serializer, URL_SAFE};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        // A reader of DSSE takes both alphabets.
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(&text).or_else(|_| URL_SAFE.decode(&text)).map_err(serde::de::Error::custom)
    }
}

impl Envelope {
    /// What the signatures are of: the payload with its type and lengths (PAE).
    pub fn signed_bytes(&self) -> Vec<u8> {
        let head = format!("DSSEv1 {} {} {} ", self.payload_type.len(), self.payload_type, self.payload.len());
        [head.as_bytes(), &self.payload].concat()
    }

    /// The signers of `committee` who say what the chain says of an epoch; an error if they are too few. Signatures of
    /// others, and of signers who were ejected, count for nothing.
    pub fn check(
        &self,
        chain_id: u64,
        token: Address,
        epoch: &AcceptedEpoch,
        committee: &CommitteeConfig,
    ) -> Result<BTreeSet<Address>, OracleError> {
        let wrong = |reason: String| Err(OracleError::Attestation { reason });
        if self.payload_type != PAYLOAD_TYPE {
            return wrong(format!("its payload is `{}`, not `{PAYLOAD_TYPE}`", self.payload_type));
        }
        if self.payload != statement(chain_id, token, epoch) {
            return wrong(format!("it says something else of epoch {} than the chain", epoch.report.epoch));
        }
        let digest = Digest::sha256(&self.signed_bytes());
        let mut found = BTreeSet::new();
        for signature in &self.signatures {
            let Ok(bytes) = FixedBytes::<65>::try_from(signature.sig.as_slice()) else { continue };
            let Some(address) = recover(digest, &bytes.0).map(Address::from) else { continue };
            let place = committee.signers.iter().position(|signer| *signer == address);
            if place.is_some_and(|place| committee.ejected >> place & 1 == 0) {
                found.insert(address);
            }
        }
        if found.len() < committee.needed() {
            return wrong(format!(
                "{} signers of the committee signed it, {} are needed",
                found.len(),
                committee.needed()
            ));
        }
        Ok(found)
    }
}

impl Committee {
    /// The committee's word on an epoch that was accepted. A node gives it only for what it noted that it signed for the
    /// chain; an error if these are fewer than a quorum.
    pub fn attest(
        &self,
        store: &dyn Store,
        chain_id: u64,
        token: Address,
        epoch: &AcceptedEpoch,
    ) -> Result<Envelope, OracleError> {
        let digest = epoch.signing_digest(chain_id);
        let payload = statement(chain_id, token, epoch);
        let mut envelope = Envelope { payload, payload_type: PAYLOAD_TYPE.into(), signatures: Vec::new() };
        let bytes = envelope.signed_bytes();
        let mut nodes = 0;
        for key in self.keys() {
            let place = signed_key(&key.address(), Round::of(&epoch.report));
            if store.get(Table::Signed, &place)?.as_deref() == Some(digest.0.as_slice()) {
                envelope.signatures.extend(key.attest(&bytes)?);
                nodes += 1;
            }
        }
        if nodes < self.quorum() {
            let (epoch, needed) = (epoch.report.epoch, self.quorum());
            let reason = format!("{nodes} of the keys here signed epoch {epoch} of this oracle, {needed} are needed");
            return Err(OracleError::Attestation { reason });
        }
        Ok(envelope)
    }
}

impl NodeKey {
    /// Both signatures of what an envelope's are of.
    fn attest(&self, bytes: &[u8]) -> Result<[EnvelopeSignature; 2], OracleError> {
        let signature: p256::ecdsa::Signature = self.attestation_key().sign(bytes);
        Ok([
            EnvelopeSignature {
                keyid: Address::from(self.address()).to_string(),
                sig: self.sign(Digest::sha256(bytes)).to_vec(),
            },
            EnvelopeSignature {
                keyid: self.attestation_public_key()?.keyid,
                sig: signature.to_der().as_bytes().to_vec(),
            },
        ])
    }

    /// The public key that other tools check an envelope with.
    pub fn attestation_public_key(&self) -> Result<AttestationKey, OracleError> {
        let failed = |reason: String| OracleError::Attestation { reason };
        let key = *self.attestation_key().verifying_key();
        let der = key.to_public_key_der().map_err(|error| failed(error.to_string()))?;
        let keyid = hex(Digest::sha256(der.as_bytes()));
        let pem = key.to_public_key_pem(LineEnding::LF).map_err(|error| failed(error.to_string()))?;
        Ok(AttestationKey { address: self.address().into(), keyid, pem })
    }

    /// Another key on another curve, which says nothing of the first.
    fn attestation_key(&self) -> p256::ecdsa::SigningKey {
        let mut seed = [b"enliven attestation key 1".as_slice(), &self.secret()].concat();
        loop {
            let bytes = Digest::sha256(&seed).0;
            if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&bytes) {
                return key;
            }
            seed.push(0);
        }
    }
}

/// A node's P-256 key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttestationKey {
    /// The address of the node's key on the chain.
    pub address: Address,
    /// The sha2-256 of the key (SPKI, DER).
    pub keyid: String,
    /// The key (SPKI, PEM).
    pub pem: String,
}

#[cfg(test)]
mod tests {
    use enliven_store::MemoryStore;
    use enliven_types::{EpochSignature, Report};
    use p256::ecdsa::signature::Verifier;
    use p256::pkcs8::DecodePublicKey;

    use super::*;

    const CHAIN: u64 = 31337;
    const TOKEN: Address = Address::repeat_byte(7);

    fn accepted() -> AcceptedEpoch {
        let digest = |name: &str| Digest::sha256(name.as_bytes());
        let report = Report {
            epoch: 7,
            config_count: 1,
            valid_until: 1_700_000_000,
            previous_root: digest("previous"),
            state_root: digest("state"),
            directory: digest("directory"),
            receipts_root: digest("receipts"),
            model: digest("model"),
            manifest: digest("manifest"),
            cut: digest("cut"),
        };
        let signed = EpochSignature::Committee { signers: 0, signatures: Vec::new() };
        AcceptedEpoch { oracle: Address::repeat_byte(9), report, hot: None, signed }
    }

    fn committee() -> (Committee, CommitteeConfig) {
        let committee = Committee::new((0..4).map(NodeKey::development).collect()).unwrap();
        let config = CommitteeConfig {
            oracle: Address::repeat_byte(9),
            config_count: 1,
            signers: committee.addresses().into_iter().map(Address::from).collect(),
            threshold: 3,
            ejected: 0,
            group_key: None,
        };
        (committee, config)
    }

    fn signed() -> (Envelope, CommitteeConfig) {
        let (committee, config) = committee();
        let (epoch, store) = (accepted(), MemoryStore::default());
        committee.sign(&store, Round::of(&epoch.report), &[epoch.signing_digest(CHAIN); 4]).unwrap();
        (committee.attest(&store, CHAIN, TOKEN, &epoch).unwrap(), config)
    }

    #[test]
    fn an_envelope_is_checked_with_the_keys_on_chain_and_with_the_others() {
        let (envelope, config) = signed();
        assert_eq!(envelope.check(CHAIN, TOKEN, &accepted(), &config).unwrap().len(), 4);
        for node in 0..4 {
            let key = NodeKey::development(node).attestation_public_key().unwrap();
            let mine = envelope.signatures.iter().find(|one| one.keyid == key.keyid).unwrap();
            let signature = p256::ecdsa::Signature::from_der(&mine.sig).unwrap();
            let public = p256::ecdsa::VerifyingKey::from_public_key_pem(&key.pem).unwrap();
            public.verify(&envelope.signed_bytes(), &signature).unwrap();
        }
        let text = serde_json::to_string(&envelope).unwrap();
        assert_eq!(serde_json::from_str::<Envelope>(&text).unwrap(), envelope);
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        let envelope = Envelope {
            payload: b"hello world".to_vec(),
            payload_type: "http://example.com/HelloWorld".into(),
            signatures: Vec::new(),
        };
        assert_eq!(envelope.signed_bytes(), b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn what_differs_is_refused() {
        let (good, config) = signed();
        let epoch = accepted();
        let refused = |change: &dyn Fn(&mut Envelope)| {
            let mut envelope = good.clone();
            change(&mut envelope);
            envelope.check(CHAIN, TOKEN, &epoch, &config).unwrap_err().to_string()
        };
        let keep = |count: usize| move |envelope: &mut Envelope| envelope.signatures.truncate(2 * count);
        assert!(refused(&|envelope| envelope.payload_type = "text/plain".into()).contains("text/plain"));
        assert!(refused(&|envelope| envelope.payload[5] ^= 1).contains("something else of epoch 7"));
        let spoilt = |change: fn(&mut Vec<u8>)| {
            refused(&|envelope| envelope.signatures.iter_mut().step_by(2).take(2).for_each(|one| change(&mut one.sig)))
        };
        assert!(spoilt(|sig| sig[9] ^= 1).contains("2 signers"));
        assert!(spoilt(|sig| sig.truncate(64)).contains("2 signers"));
        assert!(refused(&keep(2)).contains("2 signers of the committee signed it, 3 are needed"));
        // The same signer twice is one.
        let twice = |envelope: &mut Envelope| {
            envelope.signatures.truncate(4);
            envelope.signatures.push(envelope.signatures[0].clone());
        };
        assert!(refused(&twice).contains("2 signers"));
        assert!(good.check(CHAIN + 1, TOKEN, &epoch, &config).is_err());
        let mut fewer = good.clone();
        keep(3)(&mut fewer);
        // Who adds to an envelope spoils nothing.
        fewer.signatures.push(EnvelopeSignature { keyid: config.signers[3].to_string(), sig: vec![7; 65] });
        assert_eq!(fewer.check(CHAIN, TOKEN, &epoch, &config).unwrap().len(), 3);
        // Two are needed of the three who are left, and the one who was ejected is none of them.
        let ejected = CommitteeConfig { ejected: 1, ..config.clone() };
        assert_eq!(fewer.check(CHAIN, TOKEN, &epoch, &ejected).unwrap().len(), 2);
        keep(2)(&mut fewer);
        let error = fewer.check(CHAIN, TOKEN, &epoch, &ejected).unwrap_err().to_string();
        assert!(error.contains("1 signers"), "{error}");
    }

    #[test]
    fn a_node_attests_only_what_it_signed() {
        let (committee, config) = committee();
        let (epoch, store) = (accepted(), MemoryStore::default());
        let error = committee.attest(&store, CHAIN, TOKEN, &epoch).unwrap_err().to_string();
        assert!(error.contains("0 of the keys here signed epoch 7 of this oracle, 3 are needed"), "{error}");
        // One came to something else.
        let mut digests = [epoch.signing_digest(CHAIN); 4];
        digests[2] = Digest::ZERO;
        committee.sign(&store, Round::of(&epoch.report), &digests).unwrap();
        let envelope = committee.attest(&store, CHAIN, TOKEN, &epoch).unwrap();
        assert_eq!(envelope.check(CHAIN, TOKEN, &epoch, &config).unwrap().len(), 3);
    }
}
