//! The named data of an event.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::Value;

/// The names of data, in their order and each once. Events of one source have the same, and share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Arc<[SmolStr]>);

impl FromIterator<SmolStr> for Names {
    fn from_iter<I: IntoIterator<Item = SmolStr>>(names: I) -> Names {
        let mut names: Vec<SmolStr> = names.into_iter().collect();
        names.sort();
        names.dedup();
        Names(names.into())
    }
}

/// Values by name, in the order of the names: a map that is two lists, because events are many and have
/// few data.
#[derive(Clone, Default, Eq)]
pub struct Data {
    names: Names,
    /// As many as there are names.
    values: Vec<Value>,
}

impl Data {
    /// The data of the names, in their order; none unless there is one for each.
    #[inline]
    pub fn new(names: &Names, values: Vec<Value>) -> Option<Data> {
        (values.len() == names.0.len()).then(|| Data { names: names.clone(), values })
    }

    /// The value with a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        // Most events have so few that looking at each costs less than looking for the right one.
        if self.values.len() <= 8 {
            return self.iter().find(|(other, _)| other.as_str() == name).map(|(_, value)| value);
        }
        self.place(name).ok().map(|place| &self.values[place])
    }

    /// The value at a place in the order of the names.
    pub fn at(&self, place: usize) -> Option<&Value> {
        self.values.get(place)
    }

    /// Sets a value.
    pub fn insert(&mut self, name: &str, value: Value) {
        match self.place(name) {
            Ok(place) => self.values[place] = value,
            Err(place) => {
                let (before, after) = self.names.0.split_at(place);
                self.names = Names(before.iter().cloned().chain([name.into()]).chain(after.iter().cloned()).collect());
                self.values.insert(place, value);
            }
        }
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&SmolStr, &Value)> {
        self.names.0.iter().zip(&self.values)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.names.0.binary_search_by(|other| other.as_str().cmp(name))
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Data) -> bool {
        (Arc::ptr_eq(&self.names.0, &other.names.0) || self.names == other.names) && self.values == other.values
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl From<Vec<(SmolStr, Value)>> for Data {
    /// Of several values with one name the last counts.
    fn from(mut values: Vec<(SmolStr, Value)>) -> Data {
        if !values.is_sorted_by(|(one, _), (other, _)| one < other) {
            // Sorting keeps equal names in their order.
            values.reverse();
            values.sort_by(|(one, _), (other, _)| one.cmp(other));
            values.dedup_by(|(one, _), (other, _)| one == other);
        }
        let (names, values): (Vec<SmolStr>, Vec<Value>) = values.into_iter().unzip();
        Data { names: Names(names.into()), values }
    }
}

impl<N: Into<SmolStr>> FromIterator<(N, Value)> for Data {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(values: I) -> Data {
        values.into_iter().map(|(name, value)| (name.into(), value)).collect::<Vec<_>>().into()
    }
}

impl<N: Into<SmolStr>, const COUNT: usize> From<[(N, Value); COUNT]> for Data {
    fn from(values: [(N, Value); COUNT]) -> Data {
        values.into_iter().collect()
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Data, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
                let mut values = Vec::new();
                while let Some(entry) = map.next_entry::<SmolStr, Value>()? {
                    values.push(entry);
                }
                Ok(values.into())
            }
        }
        deserializer.deserialize_map(Values)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(values in prop::collection::vec(("[a-e]{0,2}", any::<i64>()), 0..20), asked in "[a-e]{0,2}") {
            let data: Data = values.iter().map(|(name, value)| (name.as_str(), Value::Int(*value))).collect();
            let map: BTreeMap<&str, i64> = values.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            prop_assert_eq!(data.get(&asked).and_then(Value::number), map.get(asked.as_str()).copied());
            let listed: Vec<(&str, i64)> =
                data.iter().map(|(name, value)| (name.as_str(), value.number().unwrap())).collect();
            prop_assert_eq!(&listed, &map.into_iter().collect::<Vec<_>>());
            for (place, (_, value)) in listed.iter().enumerate() {
                prop_assert_eq!(data.at(place).and_then(Value::number), Some(*value));
            }
            let mut inserted = Data::default();
            for (name, value) in &values {
                inserted.insert(name, Value::Int(*value));
            }
            prop_assert_eq!(&inserted, &data);
            // Names that are shared, and given in any order, change nothing.
            let names: Names = values.iter().rev().map(|(name, _)| SmolStr::from(name)).collect();
            let shared: Vec<Value> = data.iter().map(|(_, value)| value.clone()).collect();
            let mut more = Data::new(&names, shared.clone()).unwrap();
            prop_assert_eq!(&more, &data);
            prop_assert_eq!(&more, &more.clone());
            prop_assert_eq!(Data::new(&names, [shared, vec![Value::Bool(true)]].concat()), None);
            more.insert("f", Value::Bool(true));
            prop_assert_ne!(&more, &data);
            let json = serde_json::to_string(&data).unwrap();
            prop_assert_eq!(serde_json::from_str::<Data>(&json).unwrap(), data);
        }
    }
}
