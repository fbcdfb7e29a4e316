//! The JSON of a token (OpenSea's conventions) and of the collection (ERC-7572).

use enliven_types::{Block, Cid, Codec, Trait, TraitValue, to_jcs};
use serde::Serialize;

use crate::config::{Collection, DisplayType};
use crate::template::{Texts, shown};
use crate::{CardInput, Display, MetadataConfig, MetadataError};

/// A file up to this size is one raw block, so that its digest is in its CID.
const MAX_BLOCK: usize = 1 << 20;
/// The largest integer that every JSON reader takes exactly (RFC 8785, appendix D).
const MAX_EXACT: u64 = 1 << 53;

#[derive(Serialize)]
struct Token<'a> {
    name: &'a str,
    description: &'a str,
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_url: Option<&'a str>,
    attributes: Vec<Attribute<'a>>,
    properties: Properties,
}

#[derive(Serialize)]
struct Attribute<'a> {
    trait_type: &'a str,
    value: Shown<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_type: Option<DisplayType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_value: Option<Shown<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Number(i64),
    Text(&'a str),
    Long(String),
}

impl Shown<'_> {
    fn number(number: i64) -> Shown<'static> {
        match number.unsigned_abs() {
            ..=MAX_EXACT => Shown::Number(number),
            _ => Shown::Long(number.to_string()),
        }
    }
}

/// What belongs to the change rather than to the traits.
#[derive(Serialize)]
struct Properties {
    subject: String,
    sequence: u64,
    epoch: u64,
    updated_at: String,
    /// The card as SVG; `image` is the same as PNG, because marketplaces turn SVG into pixels badly.
    image_svg: String,
}

/// The JSON of one token.
pub(crate) fn token(
    config: &MetadataConfig,
    input: &CardInput,
    texts: &Texts,
    svg: &Cid,
    png: &Cid,
) -> Result<Block, MetadataError> {
    let plain = Display::default();
    let mut attributes = Vec::with_capacity(input.traits.len());
    for entry in input.traits {
        let display = config.display.get(&entry.name).unwrap_or(&plain);
        if !display.hidden {
            attributes.push(attribute(entry, display)?);
        }
    }
    let token = Token {
        name: &texts.name,
        description: &texts.description,
        image: format!("ipfs://{png}"),
        external_url: texts.external_url.as_deref(),
        attributes,
        properties: Properties {
            subject: shown(input.subject),
            sequence: input.sequence.min(MAX_EXACT),
            epoch: input.epoch.min(MAX_EXACT),
            updated_at: input.at.to_string(),
            image_svg: format!("ipfs://{svg}"),
        },
    };
    raw("JSON", to_jcs(&token))
}

/// The JSON of the collection.
pub(crate) fn contract(collection: &Collection) -> Result<Block, MetadataError> {
    raw("JSON of the collection", to_jcs(collection))
}

/// One raw block, if it fits.
pub(crate) fn raw(what: &'static str, bytes: Vec<u8>) -> Result<Block, MetadataError> {
    if bytes.len() > MAX_BLOCK {
        return Err(MetadataError::TooLarge { what, bytes: bytes.len(), max: MAX_BLOCK });
    }
    Ok(Block::new(Codec::Raw, bytes))
}

fn attribute<'a>(entry: &'a Trait, display: &'a Display) -> Result<Attribute<'a>, MetadataError> {
    let trait_type = display.label.as_deref().unwrap_or(&entry.name);
    match &entry.value {
        TraitValue::Number(number) => Ok(Attribute {
            trait_type,
            value: Shown::number(*number),
            display_type: display.display_type,
            max_value: display.max_value.map(Shown::number),
        }),
        TraitValue::Text(_) if display.display_type.is_some() || display.max_value.is_some() => {
            Err(MetadataError::NotANumber { name: entry.name.clone() })
        }
        TraitValue::Text(text) => {
            Ok(Attribute { trait_type, value: Shown::Text(text), display_type: None, max_value: None })
        }
    }
}
