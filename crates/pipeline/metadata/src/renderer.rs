//! From a token's traits to its three files.

use enliven_types::{Block, Codec, Digest, Timestamp, Trait};

use crate::paint::Painter;
use crate::template::Templates;
use crate::{MetadataConfig, MetadataError, font, json};

/// What is known of a token when its metadata is made.
#[derive(Clone, Copy, Debug)]
pub struct CardInput<'a> {
    /// The ERC-721 token id.
    pub token_id: u64,
    /// The entity that the token follows; shown up to 120 characters, without control characters.
    pub subject: &'a str,
    /// How many times the token has changed; the mint is 1.
    pub sequence: u64,
    /// The epoch of the change.
    pub epoch: u64,
    /// The watermark of that epoch.
    pub at: Timestamp,
    /// In the order of the manifest.
    pub traits: &'a [Trait],
    /// Recent values of the leading trait, oldest first; of more than 24, the latest 24 are used.
    pub history: &'a [i64],
}

/// The files of one change, each of them one raw block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The metadata (canonical JSON); it names the other two.
    pub json: Block,
    /// The card as SVG, with all texts as outlines.
    pub svg: Block,
    /// The card as PNG.
    pub png: Block,
}

/// Makes metadata; compiled once, then shared by any number of threads.
///
/// The caches inside are bounded and never change a result.
pub struct Renderer {
    config: MetadataConfig,
    pub(crate) templates: Templates,
    pub(crate) painter: Painter,
    contract: Block,
    template: Digest,
}

impl Renderer {
    /// The most values of history that a card gets.
    pub const MAX_HISTORY: usize = 24;

    /// Compiles the templates; `template` is the content of the file `config.template`.
    pub fn new(config: &MetadataConfig, template: &str) -> Result<Renderer, MetadataError> {
        Ok(Renderer {
            templates: Templates::new(config, template)?,
            painter: Painter::new(&config.template),
            contract: json::contract(&config.collection)?,
            template: Digest::sha256(template.as_bytes()),
            config: config.clone(),
        })
    }

    /// The metadata of one token. The same input gives the same bytes on every machine.
    pub fn render(&self, input: &CardInput) -> Result<Rendered, MetadataError> {
        let skipped = input.history.len().saturating_sub(Renderer::MAX_HISTORY);
        let input = &CardInput { history: &input.history[skipped..], ..*input };
        let mut texts = self.templates.render(input)?;
        let png = json::raw("PNG", self.painter.png(&texts.svg)?)?;
        let svg = json::raw("SVG", std::mem::take(&mut texts.svg).into_bytes())?;
        let json = json::token(&self.config, input, &texts, &svg.cid, &png.cid)?;
        Ok(Rendered { json, svg, png })
    }

    /// The metadata of the collection (ERC-7572).
    pub fn contract_json(&self) -> Block {
        self.contract.clone()
    }

    /// The sha2-256 of the embedded font files.
    pub fn font_digest() -> Digest {
        font::digest()
    }

    /// The embedded font files, one after the other: the block with that digest.
    pub fn fonts() -> Block {
        Block::new(Codec::Raw, font::files())
    }

    /// The sha2-256 of the card's template.
    pub fn template_digest(&self) -> Digest {
        self.template
    }
}
