//! Who holds which token, as of any instant that can still be asked for.

use std::collections::{BTreeMap, BTreeSet};

/// Transfers by token, and which tokens an owner may hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Owners {
    /// Of each token: (time, tie) and the new owner, in order. Of what lies before every instant that
    /// can be asked for, only the last transfer is kept.
    pub(crate) transfers: BTreeMap<String, Vec<(i64, i64, String)>>,
    /// Of each owner: the tokens with a transfer to it among those kept.
    held: BTreeMap<String, BTreeSet<String>>,
    /// Tokens with several transfers that are kept.
    moved: BTreeSet<String>,
}

impl Owners {
    pub(crate) fn add(&mut self, time: i64, tie: i64, token: &str, owner: &str) {
        let transfers = self.transfers.entry(token.to_string()).or_default();
        let place = transfers.partition_point(|(at, order, _)| (*at, *order) <= (time, tie));
        transfers.insert(place, (time, tie, owner.to_string()));
        if transfers.len() > 1 {
            self.moved.insert(token.to_string());
        }
        self.held.entry(owner.to_string()).or_default().insert(token.to_string());
    }

    /// Takes a transfer back; false if it is not there.
    pub(crate) fn remove(&mut self, time: i64, tie: i64, token: &str) -> bool {
        let Some(transfers) = self.transfers.get_mut(token) else { return false };
        let Some(place) = transfers.iter().rposition(|(at, order, _)| (*at, *order) == (time, tie)) else {
            return false;
        };
        let (_, _, owner) = transfers.remove(place);
        self.let_go(token, &owner);
        true
    }

    /// Forgets that `owner` had the token, unless a transfer that is kept says so.
    fn let_go(&mut self, token: &str, owner: &str) {
        let kept = self.transfers.get(token).is_some_and(|kept| kept.iter().any(|(_, _, other)| other == owner));
        if kept {
            return;
        }
        if let Some(tokens) = self.held.get_mut(owner) {
            tokens.remove(token);
            if tokens.is_empty() {
                self.held.remove(owner);
            }
        }
    }

    /// Who holds a token just before `time`.
    pub(crate) fn owner_of(&self, token: &str, time: i64) -> Option<&str> {
        let transfers = self.transfers.get(token)?;
        let count = transfers.partition_point(|(at, _, _)| *at < time);
        Some(transfers[..count].last()?.2.as_str())
    }

    /// The tokens that an owner holds just before `time`, in the order of their names.
    pub(crate) fn tokens_of<'a>(&'a self, owner: &str, time: i64) -> Vec<&'a str> {
        let maybe = self.held.get(owner).into_iter().flatten();
        maybe.map(String::as_str).filter(|token| self.owner_of(token, time) == Some(owner)).collect()
    }

    /// Forgets what no question at or after `time` can need.
    pub(crate) fn seal(&mut self, time: i64) {
        let mut gone = Vec::new();
        for token in &self.moved {
            let Some(transfers) = self.transfers.get_mut(token) else { continue };
            let before = transfers.partition_point(|(at, _, _)| *at < time);
            if before > 1 {
                gone.extend(transfers.drain(..before - 1).map(|(_, _, owner)| (token.clone(), owner)));
            }
        }
        self.moved.retain(|token| self.transfers.get(token).is_some_and(|transfers| transfers.len() > 1));
        for (token, owner) in gone {
            self.let_go(&token, &owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_what_as_of_when() {
        let mut owners = Owners::default();
        for (time, tie, token, owner) in [(10, 0, "1", "A"), (10, 0, "2", "A"), (20, 1, "1", "C"), (20, 0, "1", "B")] {
            owners.add(time, tie, token, owner);
        }
        assert_eq!(owners.owner_of("1", 10), None, "a transfer counts after its instant");
        assert_eq!(owners.tokens_of("A", 11), ["1", "2"]);
        assert_eq!(owners.owner_of("1", 21), Some("C"), "ties are broken by their order");
        assert_eq!(owners.tokens_of("A", 21), ["2"]);
        assert_eq!(owners.tokens_of("B", 21), [""; 0]);
        assert!(owners.remove(20, 1, "1"));
        assert!(!owners.remove(20, 1, "1"));
        assert_eq!(owners.owner_of("1", 21), Some("B"));
        let before = owners.clone();
        owners.seal(20);
        assert_eq!(owners, before, "the last transfer before the instant is kept");
        owners.seal(30);
        assert_eq!(owners.tokens_of("A", 30), ["2"]);
        assert_eq!(owners.tokens_of("B", 30), ["1"]);
        assert_eq!(owners.transfers["1"].len(), 1);
    }
}
