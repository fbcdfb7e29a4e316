//! Entities by name and by number. Most of a large state is entities, so the index of names holds numbers
//! of four bytes and no hashes: it takes half of what a general ordered map takes, and stays nearer.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smol_str::SmolStr;

use crate::view_state::Entity;

/// Entities, numbered in the order in which they were first seen. The hash decides nothing but speed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entities {
    index: HashTable<u32>,
    list: Vec<(SmolStr, Entity)>,
    hasher: RandomState,
}

impl Entities {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The number of an entity.
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let same = |number: &u32| self.list[*number as usize].0.as_str() == name;
        self.index.find(self.hasher.hash_one(name), same).map(|number| *number as usize)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Entity> {
        Some(&self.list[self.find(name)?].1)
    }

    /// Adds an entity with a name that is not there, as the caller says.
    pub(crate) fn add(&mut self, name: SmolStr, entity: Entity) -> usize {
        let number = self.list.len();
        let hash = self.hasher.hash_one(name.as_str());
        self.list.push((name, entity));
        let rehash = |other: &u32| self.hasher.hash_one(self.list[*other as usize].0.as_str());
        self.index.insert_unique(hash, number as u32, rehash);
        number
    }

    #[inline]
    pub(crate) fn at(&self, number: usize) -> &Entity {
        &self.list[number].1
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, number: usize) -> &mut Entity {
        &mut self.list[number].1
    }

    /// Names and entities, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SmolStr, &Entity)> {
        self.list.iter().map(|(name, entity)| (name, entity))
    }

    /// Entities in the order of their numbers.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entity> {
        self.list.iter_mut().map(|(_, entity)| entity)
    }
}
