//! What the manifest says about metadata.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::MetadataError;

/// How traits become JSON and a card.
///
/// `name`, `description` and `external_url` are templates; they see what the card template sees,
/// except the drawing functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetadataConfig {
    /// The name of a token, such as `{{ subject }}`.
    pub name: String,
    /// The description of a token (Markdown is shown by most marketplaces).
    pub description: String,
    /// The page of a token, such as `https://example.org/token/{{ token_id }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_url: Option<String>,
    /// The file with the SVG template of the card, relative to the manifest.
    pub template: String,
    /// How single traits are shown; a trait that is not named here is shown as it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub display: BTreeMap<String, Display>,
    /// What features are called in sentences, such as `goals_for_365d = "goals over the last year"`;
    /// for a trait that is a ratio, what the ratio is called.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, String>,
    /// What is said about the collection as a whole.
    pub collection: Collection,
}

impl MetadataConfig {
    /// Refuses a `display` entry for a trait that the policy does not have.
    pub fn check_traits(&self, names: &[&str]) -> Result<(), MetadataError> {
        for name in self.display.keys() {
            if !names.contains(&name.as_str()) {
                return Err(MetadataError::UnknownTrait { name: name.clone(), available: names.join(", ") });
            }
        }
        Ok(())
    }
}

/// How one trait is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Display {
    /// The `trait_type` that people read; the name of the trait if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How marketplaces draw a number; absent: a ranking bar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_type: Option<DisplayType>,
    /// The greatest value that a number can have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<i64>,
    /// Whether the trait is left out of the JSON (the card still sees it).
    #[serde(default)]
    pub hidden: bool,
}

/// The display types that OpenSea knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisplayType {
    /// A plain number.
    Number,
    /// A number with a plus sign.
    BoostNumber,
    /// A percentage with a plus sign.
    BoostPercentage,
    /// A date; the value is in seconds since 1970.
    Date,
}

/// The contract-level metadata (ERC-7572).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Collection {
    /// The name of the collection.
    pub name: String,
    /// The symbol of the collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The description of the collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The address of the collection's image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The address of the collection's banner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner_image: Option<String>,
    /// The address of the image shown where the collection is featured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub featured_image: Option<String>,
    /// The page of the collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_link: Option<String>,
    /// The addresses of those who may edit the collection's page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collaborators: Vec<String>,
}
