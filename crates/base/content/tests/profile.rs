//! The published fixtures of the profile `unixfs-v1-2025` (IPIP-499): the CIDs that Kubo's and js-ipfs-unixfs' tests of
//! CID profiles have for content that follows from a seed.
//! <https://specs.ipfs.tech/ipips/ipip-0499/>, `test/cli/cid_profiles_test.go` in ipfs/kubo,
//! `packages/ipfs-unixfs-importer/test/ipip-499-profiles.spec.ts` in ipfs/js-ipfs-unixfs.

#![allow(clippy::unwrap_used)]

use enliven_content::{Directory, file};
use enliven_types::Digest;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

const MIB: usize = 1 << 20;

/// The key stream of ChaCha20 (RFC 8439, nonce zero) under the sha2-256 of a seed.
fn stream(size: usize, seed: &str) -> Vec<u8> {
    let mut bytes = vec![0; size];
    ChaCha20Rng::from_seed(Digest::sha256(seed.as_bytes()).0).fill_bytes(&mut bytes);
    bytes
}

fn cid(bytes: &[u8]) -> String {
    file(bytes).0.cid.to_string()
}

/// 4,766 files of one byte; the names have 11 letters, the last one so many.
fn directory(last: usize) -> (bool, String) {
    const LETTERS: &[u8; 39] = b"abcdefghijklmnopqrstuvwxyz01234567890-_";
    let stream = stream(MIB, "hamt-unixfs-v1-2025");
    let mut letters = stream.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
    let mut directory = Directory::new();
    for place in 0..4766 {
        let length = if place == 4765 { last } else { 11 };
        let name: String = letters.by_ref().take(length).collect();
        directory.insert(&name, file(b"x").0).unwrap();
    }
    let (link, _) = directory.commit();
    (directory.is_sharded(), link.cid.to_string())
}

#[test]
fn files() {
    assert_eq!(cid(b"hello world"), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
    let bytes = stream(MIB + 1, "chunk-v1-seed");
    assert_eq!(cid(&bytes[..MIB]), "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta");
    assert_eq!(cid(&bytes), "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64");
}

#[test]
fn directories() {
    let empty = Directory::new().commit().0.cid.to_string();
    assert_eq!(empty, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
    // A block of 262,144 bytes stays, and one more is sharded.
    let flat = "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4";
    let sharded = "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu";
    assert_eq!((directory(21), directory(22)), ((false, flat.into()), (true, sharded.into())));
}

/// As many links as a node has, a byte more, and a chunk more.
#[test]
#[ignore = "needs 4 GiB of memory"]
fn files_of_a_gibibyte() {
    let bytes = stream(1025 * MIB, "v1-2025-seed");
    for (size, wanted) in [
        (1024 * MIB, "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm"),
        (1024 * MIB + 1, "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe"),
        (1025 * MIB, "bafybeihmzokxxjqwxjcryerhp5ezpcog2wcawfryb2xm64xiakgm4a5jue"),
    ] {
        assert_eq!(cid(&bytes[..size]), wanted, "{size} bytes");
    }
}
