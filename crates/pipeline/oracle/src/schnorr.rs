//! Checking the signature of a group, as the contract does.

use enliven_types::{Digest, keccak};
use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::bigint::{ArrayEncoding, U512};
use k256::elliptic_curve::sec1::{FromEncodedPoint, ToEncodedPoint};
use k256::{AffinePoint, EncodedPoint, FieldBytes, ProjectivePoint, Scalar};

use crate::OracleError;

/// The key of a group: x and y.
pub type GroupKey = [u8; 64];

/// The signature of a group: the x and y of the commitment, and the response.
pub type GroupSignature = [u8; 96];

/// The context of the ciphersuite FROST-secp256k1-KECCAK256-v1, and that of its challenge.
const TAG: &[u8; 32] = b"FROST-secp256k1-KECCAK256-v1chal";

/// The block of keccak-256 in bytes.
const BLOCK: usize = 136;

/// Checks that a group signed a digest: z G = R + c K (RFC 9591).
pub fn check_group_signature(key: &GroupKey, digest: Digest, signature: &GroupSignature) -> Result<(), OracleError> {
    let malformed = |reason: &str| OracleError::Malformed { reason: reason.to_string() };
    let key = point(key).ok_or_else(|| malformed("the group's key is not a point of the curve"))?;
    let mut coordinates = [0; 64];
    coordinates.copy_from_slice(&signature[..64]);
    let mut response = FieldBytes::default();
    response.copy_from_slice(&signature[64..]);
    let commitment = point(&coordinates).ok_or_else(|| malformed("the commitment is not a point of the curve"))?;
    let response = Option::<Scalar>::from(Scalar::from_repr(response))
        .ok_or_else(|| malformed("the response is not below the order"))?;
    let challenge = challenge(&commitment, &key, digest);
    let expected = ProjectivePoint::from(commitment) + ProjectivePoint::from(key) * challenge;
    if ProjectivePoint::GENERATOR * response != expected {
        return Err(malformed("the group did not sign this"));
    }
    Ok(())
}

/// The point with these coordinates, if the curve has one.
fn point(bytes: &[u8; 64]) -> Option<AffinePoint> {
    let encoded = EncodedPoint::from_untagged_bytes(bytes.into());
    Option::from(AffinePoint::from_encoded_point(&encoded))
}

/// hash_to_field with expand_message_xmd (RFC 9380, section 5) of the commitment, the key and the digest.
fn challenge(commitment: &AffinePoint, key: &AffinePoint, digest: Digest) -> Scalar {
    let compressed = |point: &AffinePoint| point.to_encoded_point(true).as_bytes().to_vec();
    let tag = [TAG.as_slice(), &[32]].concat();
    let message = [compressed(commitment), compressed(key), digest.0.to_vec()].concat();
    let first = keccak(&[&[0; BLOCK], message.as_slice(), &[0, 48, 0], &tag].concat()).0;
    let second = keccak(&[first.as_slice(), &[1], &tag].concat()).0;
    let mixed: Vec<u8> = first.iter().zip(second).map(|(a, b)| a ^ b).collect();
    let third = keccak(&[mixed.as_slice(), &[2], &tag].concat()).0;
    // 48 bytes as one number, reduced: the upper 32 times 2^128, and the lower 16.
    let reduced = |bytes: &[u8]| {
        let mut wide = [0; 64];
        wide[64 - bytes.len()..].copy_from_slice(bytes);
        <Scalar as k256::elliptic_curve::ops::Reduce<U512>>::reduce(U512::from_be_byte_array(wide.into()))
    };
    reduced(&[second.as_slice(), &third[..16]].concat())
}
