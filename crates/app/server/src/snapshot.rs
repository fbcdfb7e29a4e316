use std::collections::BTreeMap;

use enliven_content::BlockStore;
use enliven_engine::{EpochRecord, RunSummary, View};
use enliven_types::{Cid, Receipt, TraitValue};
use serde::{Deserialize, Serialize};

use crate::answer::ApiError;

/// One token as lists and pages show it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TokenRow {
    pub id: u64,
    pub subject: String,
    /// The number of the change; the mint is 1.
    pub sequence: u64,
    /// The epoch of the latest change.
    pub epoch: u64,
    /// Its watermark, RFC 3339.
    pub changed_at: String,
    pub traits: BTreeMap<String, TraitValue>,
    /// How far the latest change moved the leading trait; none at the mint or for a word.
    pub change: Option<i64>,
    pub receipt: String,
    pub metadata: String,
    #[serde(flatten)]
    pub images: Images,
}

/// The images that a token's metadata names.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Images {
    /// The CID of the PNG.
    pub image: Option<String>,
    /// The CID of the SVG.
    pub image_svg: Option<String>,
}

/// The collection after one epoch.
pub(crate) struct Snapshot {
    pub last: Option<EpochRecord>,
    pub summary: RunSummary,
    /// In the order of their ids.
    pub tokens: Vec<TokenRow>,
}

impl Snapshot {
    pub fn new(view: &View, last: Option<EpochRecord>) -> Result<Snapshot, ApiError> {
        let mut tokens = Vec::new();
        for (cid, receipt) in view.latest()? {
            tokens.push(row(view, &cid, receipt));
        }
        Ok(Snapshot { last, summary: view.summary()?, tokens })
    }

    /// The number of the epoch; 0 before the first.
    pub fn epoch(&self) -> u64 {
        self.last.as_ref().map_or(0, |record| record.report.epoch)
    }

    /// A token by the text of its id.
    pub fn token(&self, id: &str) -> Result<&TokenRow, ApiError> {
        let place = match id.parse::<u64>() {
            Ok(id) => self.tokens.binary_search_by_key(&id, |row| row.id).ok(),
            Err(_) => None,
        };
        match place {
            Some(place) => Ok(&self.tokens[place]),
            None => Err(ApiError::not_found(
                format!("there is no token `{}`", cut(id)),
                "ids are whole numbers from 1 on; /api/tokens lists the tokens",
            )),
        }
    }
}

/// A text of a stranger, short enough for a message.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

fn row(view: &View, cid: &Cid, receipt: Receipt) -> TokenRow {
    let leading = receipt.state.traits.first().map(|entry| &entry.value);
    let change = match (leading, receipt.before.first()) {
        (Some(TraitValue::Number(now)), Some(TraitValue::Number(before))) => Some(now.saturating_sub(*before)),
        _ => None,
    };
    TokenRow {
        id: receipt.state.token_id,
        change,
        sequence: receipt.state.sequence,
        epoch: receipt.epoch,
        changed_at: receipt.state.changed_at.to_string(),
        receipt: cid.to_string(),
        metadata: receipt.state.metadata.to_string(),
        images: images(&**view.blocks(), &receipt.state.metadata),
        subject: receipt.state.subject,
        traits: receipt.state.traits.into_iter().map(|entry| (entry.name, entry.value)).collect(),
    }
}

/// The images of a token's metadata; none where the block is not here, so that one damaged token
/// does not hide the others.
pub(crate) fn images(blocks: &dyn BlockStore, metadata: &Cid) -> Images {
    #[derive(Deserialize)]
    struct Metadata {
        image: String,
        properties: Properties,
    }
    #[derive(Deserialize)]
    struct Properties {
        image_svg: String,
    }
    let Ok(Some(bytes)) = blocks.get(metadata) else { return Images::default() };
    let Ok(found) = serde_json::from_slice::<Metadata>(&bytes) else { return Images::default() };
    let cid = |uri: &str| uri.strip_prefix("ipfs://").map(str::to_string);
    Images { image: cid(&found.image), image_svg: cid(&found.properties.image_svg) }
}
