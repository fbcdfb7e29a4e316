use enliven_types::{Cid, Codec, Digest, Receipt, keccak};

use crate::{MerkleTree, ProvenanceError};

/// The root over the receipts of one epoch, given in the order of token ids; each leaf is the
/// keccak-256, twice, of the receipt's digest. Zero if there are none.
pub fn receipts_root(receipts: &[Digest]) -> Digest {
    let leaves: Vec<Digest> = receipts.iter().map(|digest| keccak(&keccak(&digest.0).0)).collect();
    MerkleTree::new(&leaves).root()
}

/// Checks that a receipt follows the one before it, or is a mint if there is none before.
pub fn check_link(cid: &Cid, receipt: &Receipt, before: Option<(&Cid, &Receipt)>) -> Result<(), ProvenanceError> {
    let state = &receipt.state;
    let broken =
        |reason: String| Err(ProvenanceError::Broken { receipt: cid.to_string(), token: state.token_id, reason });
    if receipt.version != 1 {
        return broken(format!("version {} is not known", receipt.version));
    }
    let parts = receipt.attribution.parts.iter().map(|part| i128::from(*part));
    let sum = i128::from(receipt.attribution.base) + parts.sum::<i128>();
    if sum != i128::from(receipt.score.units) {
        return broken(format!("the attributions sum to {sum}, the score is {}", receipt.score.units));
    }
    for (what, link, codec) in [("cut", &receipt.cut, Codec::DagCbor), ("metadata", &state.metadata, Codec::Raw)] {
        if link.codec() != codec.code() || Digest::of_cid(link).is_err() {
            return broken(format!("its {what} {link} is a CID of another kind"));
        }
    }
    if state.epoch != receipt.epoch {
        return broken(format!("its state is of epoch {}, the receipt of epoch {}", state.epoch, receipt.epoch));
    }
    let Some((before_cid, before)) = before else {
        if receipt.previous.is_some() || state.sequence != 1 || !receipt.before.is_empty() {
            return broken("a mint has no receipt before it, sequence 1 and no traits before".into());
        }
        return Ok(());
    };
    if receipt.previous != Some(*before_cid) {
        return broken(format!("it does not name {before_cid} as the receipt before it"));
    }
    if state.token_id != before.state.token_id || state.subject != before.state.subject {
        return broken("it is about another token than the receipt before it".into());
    }
    if Some(state.sequence) != before.state.sequence.checked_add(1) {
        return broken(format!("sequence {} after {}", state.sequence, before.state.sequence));
    }
    if receipt.epoch <= before.epoch {
        return broken(format!("epoch {} after {}", receipt.epoch, before.epoch));
    }
    let held = before.state.traits.iter().map(|entry| &entry.value);
    if !receipt.before.iter().eq(held) {
        return broken("its traits before are not those that the receipt before it left".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use enliven_types::{Attribution, Codec, FeatureVector, Score, Timestamp, TokenState, Trait, TraitValue, cid_of};

    use super::*;

    fn chain() -> [(Cid, Receipt); 2] {
        let state = |sequence, epoch, level| TokenState {
            token_id: 3,
            subject: "Ember".into(),
            sequence,
            epoch,
            changed_at: Timestamp(0),
            traits: vec![Trait { name: "level".into(), value: TraitValue::Number(level) }],
            metadata: cid_of(Codec::Raw, b"{}"),
        };
        let mint = Receipt {
            version: 1,
            epoch: 2,
            previous: None,
            cut: cid_of(Codec::DagCbor, b"cut"),
            manifest: Digest::ZERO,
            model: Digest::ZERO,
            schema: Digest::ZERO,
            features: FeatureVector(vec![]),
            score: Score { units: 5, scale: 0 },
            attribution: Attribution { base: 2, parts: vec![4, -1] },
            reasons: vec![],
            before: vec![],
            state: state(1, 2, 10),
        };
        let previous = mint.to_block().cid;
        let change = Receipt {
            epoch: 7,
            previous: Some(previous),
            before: vec![TraitValue::Number(10)],
            state: state(2, 7, 20),
            ..mint.clone()
        };
        [(previous, mint), (change.to_block().cid, change)]
    }

    #[test]
    fn each_rule_is_kept_by_itself() {
        type Break = fn(&mut Receipt);
        let [(mint_cid, mint), (cid, change)] = chain();
        check_link(&mint_cid, &mint, None).unwrap();
        check_link(&cid, &change, Some((&mint_cid, &mint))).unwrap();
        let of_both: [(Break, &str); 7] = [
            (|one| one.attribution.parts = vec![i64::MAX, i64::MAX, 5], "the attributions sum to 18446744073709551621"),
            (|one| one.cut = cid_of(Codec::Raw, b"cut"), "its cut"),
            (|one| one.cut = Cid::try_from("QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n").unwrap(), "its cut"),
            (|one| one.state.metadata = cid_of(Codec::DagPb, b"{}"), "its metadata"),
            (|one| one.version = 2, "version 2 is not known"),
            (|one| one.attribution.parts[0] = 5, "the attributions sum to 6, the score is 5"),
            (|one| one.state.epoch += 1, "its state is of epoch"),
        ];
        let of_a_mint: [(Break, &str); 3] = [
            (|one| one.previous = Some(cid_of(Codec::DagCbor, b"")), "a mint has no receipt before it"),
            (|one| one.state.sequence = 0, "a mint has no receipt before it"),
            (|one| one.before.push(TraitValue::Number(1)), "a mint has no receipt before it"),
        ];
        let of_a_change: [(Break, &str); 10] = [
            (|one| one.state.sequence = u64::MAX, "sequence 18446744073709551615 after 1"),
            (|one| one.previous = None, "as the receipt before it"),
            (|one| one.previous = Some(cid_of(Codec::DagCbor, b"")), "as the receipt before it"),
            (|one| one.state.token_id = 4, "about another token"),
            (|one| one.state.subject.push('s'), "about another token"),
            (|one| one.state.sequence = 3, "sequence 3 after 1"),
            (|one| one.state.sequence = 1, "sequence 1 after 1"),
            (|one| (one.epoch, one.state.epoch) = (2, 2), "epoch 2 after 2"),
            (|one| one.before.clear(), "traits before"),
            (|one| one.before[0] = TraitValue::Number(11), "traits before"),
        ];
        for (broken, words) in of_both.iter().chain(&of_a_mint) {
            let mut mint = mint.clone();
            broken(&mut mint);
            let error = check_link(&mint_cid, &mint, None).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        for (broken, words) in of_both.iter().chain(&of_a_change) {
            let mut change = change.clone();
            broken(&mut change);
            let error = check_link(&cid, &change, Some((&mint_cid, &mint))).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let error = check_link(&cid, &change, None).unwrap_err().to_string();
        assert!(error.contains("a mint has no receipt before it"), "{error}");
    }

    #[test]
    fn the_root_of_receipts_follows_their_order() {
        let digests: Vec<Digest> = (0..3u8).map(|number| Digest([number; 32])).collect();
        let twice = |digest: &Digest| keccak(&keccak(&digest.0).0);
        assert_eq!(receipts_root(&[]), Digest::ZERO);
        assert_eq!(receipts_root(&digests[..1]), twice(&digests[0]));
        // The last leaf has no sibling leaf.
        let swapped = [digests[2], digests[1], digests[0]];
        assert_ne!(receipts_root(&digests), receipts_root(&swapped));
    }
}
