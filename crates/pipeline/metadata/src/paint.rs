//! SVG to pixels to PNG, in two layers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roxmltree::{Document, ParsingOptions};

use crate::raster::Canvas;
use crate::scene::{self, Refusal};
use crate::{MetadataError, png};

/// The comments around the part of a card that changes rarely.
pub(crate) const STILL_BEGIN: &str = "<!-- still:begin -->";
const STILL_END: &str = "<!-- still:end -->";

const MAX_BYTES: usize = 256 << 10;
const MAX_NODES: u32 = 10_000;
/// How many still layers are remembered (1.4 MB each for a card of 600 by 600).
const MAX_STILLS: usize = 16;
const MAX_SPARE: usize = 4;

/// Draws documents, and remembers the still layers that it drew last.
///
/// A layer is remembered under its whole text, so what is remembered can never change a result.
pub(crate) struct Painter {
    template: String,
    /// The latest used last.
    stills: Mutex<Vec<Still>>,
    /// Used pixels, because fresh memory costs more than drawing.
    spare: Mutex<Vec<Canvas>>,
    /// As many as ever encoded at once.
    scratch: Mutex<Vec<png::Scratch>>,
}

struct Still {
    text: String,
    pixels: Arc<Canvas>,
}

struct Layers<'a> {
    /// The start tag of `<svg>`.
    open: &'a str,
    still: &'a str,
    /// With the end tag.
    rest: &'a str,
}

impl Painter {
    pub(crate) fn new(template: &str) -> Painter {
        Painter {
            template: template.to_owned(),
            stills: Mutex::default(),
            spare: Mutex::default(),
            scratch: Mutex::default(),
        }
    }

    /// The document as a PNG.
    pub(crate) fn png(&self, svg: &str) -> Result<Vec<u8>, MetadataError> {
        if svg.len() > MAX_BYTES {
            return Err(MetadataError::TooLarge { what: "SVG", bytes: svg.len(), max: MAX_BYTES });
        }
        let canvas = self.pixels(svg)?;
        let mut scratch = lock(&self.scratch).pop().unwrap_or_default();
        let out = png::encode(&canvas.pixels, canvas.width, &mut scratch);
        lock(&self.scratch).push(scratch);
        self.give_back(canvas);
        Ok(out)
    }

    pub(crate) fn pixels(&self, svg: &str) -> Result<Canvas, MetadataError> {
        match self.split(svg)? {
            Some(layers) => self.layered(&layers),
            None => self.draw(svg, None),
        }
    }

    /// A canvas that is not needed any more.
    pub(crate) fn give_back(&self, canvas: Canvas) {
        let mut spare = lock(&self.spare);
        if spare.len() < MAX_SPARE {
            spare.push(canvas);
        }
    }

    /// Painting the still layer and then the rest over it is what painting the whole does.
    fn layered(&self, layers: &Layers) -> Result<Canvas, MetadataError> {
        let text = [layers.open, layers.still, "</svg>"].concat();
        let still = match self.remembered(&text) {
            Some(still) => still,
            None => {
                let still = Arc::new(self.draw(&text, None)?);
                self.remember(text, &still);
                still
            }
        };
        // As many line breaks as the layer had keep the line numbers of errors right.
        let breaks = "\n".repeat(layers.still.matches('\n').count());
        self.draw(&[layers.open, &breaks, layers.rest].concat(), Some(&still))
    }

    /// Draws a document onto nothing, or onto a copy of `below`.
    fn draw(&self, svg: &str, below: Option<&Canvas>) -> Result<Canvas, MetadataError> {
        let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(svg, options).map_err(|error| self.unusable(error.to_string()))?;
        let (width, height) = scene::size(&document).map_err(|refusal| self.refused(refusal))?;
        let mut canvas = self.canvas(width, height);
        match below {
            Some(below) => canvas.pixels.copy_from_slice(&below.pixels),
            None => canvas.pixels.fill(0),
        }
        scene::draw(&document, &mut canvas).map_err(|refusal| self.refused(refusal))?;
        Ok(canvas)
    }

    /// The layers of a document, or none if it has no still layer.
    fn split<'a>(&self, svg: &'a str) -> Result<Option<Layers<'a>>, MetadataError> {
        let Some((open, after)) = svg.split_once(STILL_BEGIN) else { return Ok(None) };
        let Some((still, rest)) = after.split_once(STILL_END) else {
            return Err(self.unusable(format!("`{STILL_BEGIN}` is not followed by `{STILL_END}`")));
        };
        // Whatever stood before the layer would be painted twice.
        let tag = open.trim();
        if !tag.starts_with("<svg") || !tag.ends_with('>') || tag[1..].contains('<') {
            return Err(self.unusable(format!("only the <svg> tag can stand before `{STILL_BEGIN}`")));
        }
        Ok(Some(Layers { open, still, rest }))
    }

    /// Pixels of the right size with any content.
    fn canvas(&self, width: u32, height: u32) -> Canvas {
        let spare = lock(&self.spare).pop_if(|spare| (spare.width, spare.height) == (width, height));
        spare.unwrap_or_else(|| Canvas::new(width, height))
    }

    fn remembered(&self, text: &str) -> Option<Arc<Canvas>> {
        let mut stills = lock(&self.stills);
        let index = stills.iter().rposition(|still| still.text == text)?;
        let still = stills.remove(index);
        let pixels = Arc::clone(&still.pixels);
        stills.push(still);
        Some(pixels)
    }

    fn remember(&self, text: String, pixels: &Arc<Canvas>) {
        let mut stills = lock(&self.stills);
        // Another thread may have been faster.
        if stills.iter().any(|still| still.text == text) {
            return;
        }
        if stills.len() == MAX_STILLS {
            stills.remove(0);
        }
        stills.push(Still { text, pixels: Arc::clone(pixels) });
    }

    fn unusable(&self, reason: String) -> MetadataError {
        MetadataError::Svg { template: self.template.clone(), reason }
    }

    fn refused(&self, refusal: Refusal) -> MetadataError {
        let Refusal { line, what, hint } = refusal;
        MetadataError::Refused { template: self.template.clone(), line, what, hint: hint.to_owned() }
    }
}

/// What the caches hold is right at any moment, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
