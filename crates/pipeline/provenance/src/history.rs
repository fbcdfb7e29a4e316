use enliven_types::{Cid, Digest, Receipt, keccak};

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
    if receipt.attribution.sum() != receipt.score.units {
        return broken(format!(
            "the attributions sum to {}, the score is {}",
            receipt.attribution.sum(),
            receipt.score.units
        ));
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
    if state.sequence != before.state.sequence + 1 {
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
