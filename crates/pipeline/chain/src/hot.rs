use std::collections::BTreeMap;

/// Tokens whose hot traits share a slot of storage.
const LANES: u64 = 8;
/// Slots of one run: two bytes say how many.
const MAX_RUN: usize = u16::MAX as usize;

/// The hot traits of a report, as `LivingToken` reads them: runs of slots, each with 4 bytes for the first
/// slot, 2 for how many, then 32 for each slot. Slot s has 32 bits for each of the tokens 8s to 8s + 7, the
/// first in the highest.
///
/// `changed` says which tokens' values to write; `value` gives that of any token, as a slot is written whole.
/// The slots between two that changed are left out.
pub fn hot_traits(changed: impl IntoIterator<Item = u64>, value: impl Fn(u64) -> u32) -> Vec<u8> {
    let mut slots: BTreeMap<u32, [u8; 32]> = BTreeMap::new();
    for token in changed {
        let Ok(slot) = u32::try_from(token / LANES) else { continue };
        slots.entry(slot).or_insert_with(|| {
            let mut word = [0; 32];
            for (lane, bytes) in word.chunks_exact_mut(4).enumerate() {
                bytes.copy_from_slice(&value(u64::from(slot) * LANES + lane as u64).to_be_bytes());
            }
            word
        });
    }
    let slots: Vec<(u32, [u8; 32])> = slots.into_iter().collect();
    let mut bytes = Vec::new();
    let mut rest = slots.as_slice();
    while let Some((first, _)) = rest.first() {
        let follows =
            |(index, (slot, _)): &(usize, &(u32, [u8; 32]))| u64::from(*slot) == u64::from(*first) + *index as u64;
        let count = rest.iter().enumerate().take(MAX_RUN).take_while(follows).count();
        let (run, others) = rest.split_at(count);
        bytes.extend_from_slice(&first.to_be_bytes());
        bytes.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
        run.iter().for_each(|(_, word)| bytes.extend_from_slice(word));
        rest = others;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_written_whole() {
        let bytes = hot_traits([1, 9, 3, 40], |token| token as u32 + 0x0100_0000);
        assert_eq!(bytes.len(), 2 * 6 + 3 * 32);
        assert_eq!(bytes[..6], [0, 0, 0, 0, 0, 2]);
        assert_eq!(bytes[6..14], [1, 0, 0, 0, 1, 0, 0, 1]);
        assert_eq!(bytes[38..42], [1, 0, 0, 8]);
        assert_eq!(bytes[70..76], [0, 0, 0, 5, 0, 1]);
        assert_eq!(bytes[76..80], [1, 0, 0, 40]);
        assert!(hot_traits([], |_| 0).is_empty());
    }

    #[test]
    fn long_runs_are_split() {
        let count = u64::from(u16::MAX) + 2;
        let bytes = hot_traits((0..count).map(|slot| slot * 8), |_| 7);
        assert_eq!(bytes.len(), 2 * 6 + 32 * count as usize);
        assert_eq!(bytes[4..6], [255, 255]);
        let second = 6 + 32 * MAX_RUN;
        assert_eq!(bytes[second..second + 6], [0, 0, 255, 255, 0, 2]);
    }
}
