//! The example's card, for the tests of this crate.

use std::collections::BTreeMap;

use enliven_types::{Timestamp, Trait, TraitValue};

use crate::{CardInput, Collection, Display, DisplayType, MetadataConfig};

pub(crate) const TEMPLATE: &str = include_str!("../../../../examples/football/card.svg.jinja");

pub(crate) fn config() -> MetadataConfig {
    let number = Display { max_value: Some(100), ..Display::default() };
    MetadataConfig {
        name: "{{ subject }}".to_owned(),
        description: "{{ subject }} in {{ date.month_name }} {{ date.year }}: {{ traits.tier }}.".to_owned(),
        external_url: Some("https://example.org/token/{{ token_id }}".to_owned()),
        template: "card.svg.jinja".to_owned(),
        words: Default::default(),
        display: BTreeMap::from([
            ("strength".to_owned(), Display { label: Some("Strength".to_owned()), ..number.clone() }),
            ("attack".to_owned(), number),
            ("streak".to_owned(), Display { display_type: Some(DisplayType::Number), ..Display::default() }),
        ]),
        collection: Collection {
            name: "Living Nations".to_owned(),
            symbol: None,
            description: Some("National teams that live.".to_owned()),
            image: None,
            banner_image: None,
            featured_image: None,
            external_link: None,
            collaborators: Vec::new(),
        },
    }
}

/// A card's inputs, with the parts that have no natural default.
pub(crate) struct Sample {
    pub(crate) subject: &'static str,
    pub(crate) tier: &'static str,
    /// Strength, attack, defence, form, streak.
    pub(crate) numbers: [i64; 5],
    pub(crate) record: &'static str,
    pub(crate) date: &'static str,
    pub(crate) history: &'static [i64],
}

pub(crate) const SAMPLES: [Sample; 8] = [
    Sample {
        subject: "Brazil",
        tier: "Legend",
        numbers: [97, 98, 91, 88, 17],
        record: "512-203-164",
        date: "1998-08-31",
        history: &[88, 89, 89, 91, 90, 92, 93, 92, 94, 95, 94, 96, 95, 96, 97, 96, 95, 94, 95, 96, 96, 95, 96, 97],
    },
    Sample {
        subject: "Saint Vincent and the Grenadines",
        tier: "Bronze",
        numbers: [7, 12, 4, 21, 0],
        record: "61-30-112",
        date: "2004-11-30",
        history: &[14, 13, 13, 12, 11, 12, 12, 10, 9, 9, 8, 8, 9, 7],
    },
    Sample {
        subject: "São Tomé and Príncipe",
        tier: "Silver",
        numbers: [48, 44, 52, 61, 2],
        record: "12-9-31",
        date: "2019-03-31",
        history: &[40, 41, 39, 42, 42, 45, 44, 46, 45, 47, 46, 48],
    },
    Sample {
        subject: "Türkiye",
        tier: "Gold",
        numbers: [71, 69, 74, 55, 6],
        record: "240-150-231",
        date: "2008-06-30",
        history: &[60, 62, 61, 64, 66, 65, 68, 66, 70, 72, 71, 73, 74, 73, 71],
    },
    Sample {
        subject: "Netherlands",
        tier: "Platinum",
        numbers: [86, 90, 80, 93, 10],
        record: "430-180-200",
        date: "1974-07-31",
        history: &[70, 72, 75, 74, 78, 79, 81, 80, 82, 84, 83, 85, 86],
    },
    Sample {
        subject: "Åland",
        tier: "Bronze",
        numbers: [0, 0, 0, 0, 0],
        record: "0-0-1",
        date: "1900-01-31",
        history: &[0],
    },
    Sample {
        subject: "Argentina",
        tier: "Legend",
        numbers: [100, 100, 100, 100, 36],
        record: "1612-1203-1164",
        date: "2022-12-31",
        history: &[100, 99, 100, 100],
    },
    Sample {
        subject: "Curaçao",
        tier: "Silver",
        numbers: [39, 35, 42, 18, 1],
        record: "unknown",
        date: "2011-10-31",
        history: &[],
    },
];

impl Sample {
    pub(crate) fn traits(&self) -> Vec<Trait> {
        let mut traits = Vec::new();
        for (name, number) in ["strength", "attack", "defence", "form", "streak"].iter().zip(self.numbers) {
            traits.push(Trait { name: (*name).to_owned(), value: TraitValue::Number(number) });
        }
        for (name, text) in [("tier", self.tier), ("record", self.record)] {
            traits.push(Trait { name: name.to_owned(), value: TraitValue::Text(text.to_owned()) });
        }
        traits
    }

    pub(crate) fn input<'a>(&'a self, traits: &'a [Trait]) -> CardInput<'a> {
        CardInput {
            token_id: 7,
            subject: self.subject,
            sequence: 12,
            epoch: 343,
            at: Timestamp::parse(self.date).unwrap(),
            traits,
            history: self.history,
        }
    }
}
