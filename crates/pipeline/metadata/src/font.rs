//! Text as outlines in whole font units, from the embedded font.
//!
//! A card's SVG holds paths in place of `<text>`, so it looks the same in every browser and wallet,
//! and no text shaper takes part in its bytes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use enliven_types::Digest;
use ttf_parser::gpos::{PairAdjustment, PositioningSubtable};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use crate::number;

const FILES: [&[u8]; 3] = [
    include_bytes!("../fonts/BarlowCondensed-Medium.ttf"),
    include_bytes!("../fonts/BarlowCondensed-Bold.ttf"),
    include_bytes!("../fonts/BarlowCondensed-Black.ttf"),
];
/// Outlines are kept in half font units, because TrueType implies points halfway between others.
const HALVES_PER_EM: i64 = 2000;
const ELLIPSIS: char = '…';

/// The digest of the embedded font files.
pub(crate) fn digest() -> Digest {
    Digest::sha256(&files())
}

/// The embedded font files, one after the other.
pub(crate) fn files() -> Vec<u8> {
    FILES.concat()
}

/// A cut of the embedded family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Medium,
    Bold,
    Black,
}

impl Weight {
    pub(crate) const NAMES: &'static str = "medium, bold, black";

    pub(crate) fn parse(name: &str) -> Option<Weight> {
        match name {
            "medium" => Some(Weight::Medium),
            "bold" => Some(Weight::Bold),
            "black" => Some(Weight::Black),
            _ => None,
        }
    }
}

/// Where a text stands in relation to its x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    pub(crate) const NAMES: &'static str = "start, middle, end";

    pub(crate) fn parse(name: &str) -> Option<Anchor> {
        match name {
            "start" => Some(Anchor::Start),
            "middle" => Some(Anchor::Middle),
            "end" => Some(Anchor::End),
            _ => None,
        }
    }
}

/// How a text is set; lengths in pixels, `spacing` in thousandths of the size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) weight: Weight,
    pub(crate) size: i64,
    /// The size down to which a text shrinks to fit `max`, before it is cut.
    pub(crate) min: i64,
    pub(crate) max: Option<i64>,
    pub(crate) spacing: i64,
}

/// A text that was made to fit.
pub(crate) struct Fitted {
    glyphs: Vec<&'static Glyph>,
    /// The pen's position before each glyph, in half units.
    pens: Vec<i64>,
    /// In half units.
    width: i64,
    /// In hundredths of a pixel.
    size: i64,
}

impl Fitted {
    /// In hundredths of a pixel.
    pub(crate) fn width(&self) -> i64 {
        self.width * self.size / HALVES_PER_EM
    }

    /// Writes the `transform` and `d` attributes; false if nothing is to be seen. The place is in
    /// hundredths of a pixel.
    pub(crate) fn write(&self, x: i64, y: i64, anchor: Anchor, out: &mut String) -> bool {
        let left = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - self.width() / 2,
            Anchor::End => x - self.width(),
        };
        out.push_str(" transform=\"translate(");
        number::push_hundredths(left, out);
        out.push(' ');
        number::push_hundredths(y, out);
        out.push_str(")scale(");
        // hundredths of a pixel / (2000 half units * 100) = millionths * 5
        number::push_millionths(self.size * 5, out);
        out.push_str(")\" d=\"");
        let (mut at_x, mut at_y, mut drawn) = (0, 0, false);
        for (glyph, pen) in self.glyphs.iter().zip(&self.pens) {
            let Some(outline) = &glyph.outline else { continue };
            out.push('m');
            number::push_pair(pen + outline.first.0 - at_x, outline.first.1 - at_y, out);
            out.push_str(&outline.rest);
            (at_x, at_y) = (pen + outline.last.0, outline.last.1);
            drawn = true;
        }
        out.push('"');
        drawn
    }
}

/// Sets `text`, shrinks it to `style.max`, and cuts it with an ellipsis if that is not enough.
pub(crate) fn fit(text: &str, style: Style) -> Fitted {
    let font = font(style.weight);
    let mut chars: Vec<char> = text.chars().filter(|char| !is_combining(*char)).collect();
    let mut size = style.size * 100;
    let (mut pens, mut width) = font.pens(&chars, style.spacing);
    if let Some(max) = style.max {
        let max = max * 100;
        if width * size > max * HALVES_PER_EM {
            size = (max * HALVES_PER_EM / width.max(1)).max(style.min * 100).min(size);
        }
        while width * size > max * HALVES_PER_EM && chars.len() > 1 {
            if chars.last() == Some(&ELLIPSIS) {
                chars.pop();
            }
            chars.pop();
            while chars.last().is_some_and(|char| char.is_whitespace()) {
                chars.pop();
            }
            chars.push(ELLIPSIS);
            (pens, width) = font.pens(&chars, style.spacing);
        }
    }
    let glyphs = chars.iter().map(|char| font.glyph(*char)).collect();
    Fitted { glyphs, pens, width, size }
}

struct Glyph {
    id: GlyphId,
    /// In half units.
    advance: i64,
    outline: Option<Outline>,
}

/// All contours as relative path commands in half units, y downwards.
struct Outline {
    first: (i64, i64),
    /// What follows the first move.
    rest: String,
    /// The current point after the last close.
    last: (i64, i64),
}

struct Font {
    face: Face<'static>,
    glyphs: BTreeMap<char, Glyph>,
    missing: Glyph,
    /// The kerning of each two characters from space to tilde; that of others is looked up.
    plain: Vec<i16>,
}

const PLAIN: std::ops::Range<u32> = 0x20..0x7f;

impl Font {
    fn new(bytes: &'static [u8]) -> Font {
        let face = Face::parse(bytes, 0).expect("the embedded font is a TrueType font");
        let mut glyphs = BTreeMap::new();
        for char in (0x20..0x2220).filter_map(char::from_u32) {
            if let Some(id) = face.glyph_index(char) {
                glyphs.insert(char, outline(&face, id));
            }
        }
        let missing = outline(&face, GlyphId(0));
        let mut font = Font { face, glyphs, missing, plain: Vec::new() };
        let ids: Vec<GlyphId> = PLAIN.filter_map(char::from_u32).map(|char| font.glyph(char).id).collect();
        font.plain = ids.iter().flat_map(|left| ids.iter().map(|right| font.looked_up(*left, *right))).collect();
        font
    }

    fn glyph(&self, char: char) -> &Glyph {
        self.glyphs.get(&char).unwrap_or(&self.missing)
    }

    /// The pen before each glyph and the width of all, in half units.
    fn pens(&self, chars: &[char], spacing: i64) -> (Vec<i64>, i64) {
        let mut pens = Vec::with_capacity(chars.len());
        let mut pen = 0;
        let mut before = None;
        for char in chars {
            if let Some(before) = before {
                pen += 2 * spacing + 2 * i64::from(self.kerning(before, *char));
            }
            pens.push(pen);
            pen += self.glyph(*char).advance;
            before = Some(*char);
        }
        (pens, pen)
    }

    fn kerning(&self, left: char, right: char) -> i16 {
        if PLAIN.contains(&u32::from(left)) && PLAIN.contains(&u32::from(right)) {
            let row = (u32::from(left) - PLAIN.start) * (PLAIN.end - PLAIN.start);
            return self.plain[(row + u32::from(right) - PLAIN.start) as usize];
        }
        self.looked_up(self.glyph(left).id, self.glyph(right).id)
    }

    /// The sum over the kerning lookups; in each, the first subtable that knows the pair counts.
    fn looked_up(&self, left: GlyphId, right: GlyphId) -> i16 {
        let Some(table) = self.face.tables().gpos else { return 0 };
        let mut sum = 0;
        for lookup in table.lookups {
            for subtable in lookup.subtables.into_iter::<PositioningSubtable>() {
                let PositioningSubtable::Pair(pairs) = subtable else { continue };
                let Some(index) = pairs.coverage().get(left) else { continue };
                let found = match pairs {
                    PairAdjustment::Format1 { sets, .. } => sets.get(index).and_then(|set| set.get(right)),
                    PairAdjustment::Format2 { classes, matrix, .. } => {
                        matrix.get((classes.0.get(left), classes.1.get(right)))
                    }
                };
                if let Some((first, _)) = found {
                    sum += first.x_advance;
                    break;
                }
            }
        }
        sum
    }
}

fn font(weight: Weight) -> &'static Font {
    static FONTS: [OnceLock<Font>; 3] = [const { OnceLock::new() }; 3];
    FONTS[weight as usize].get_or_init(|| Font::new(FILES[weight as usize]))
}

/// The font has whole letters only; a mark that follows its letter is left out.
fn is_combining(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}')
}

fn outline(face: &Face, id: GlyphId) -> Glyph {
    let mut pen = Pen { first: None, start: (0, 0), at: (0, 0), mirrored: None, rest: String::new() };
    face.outline_glyph(id, &mut pen);
    let outline = pen.first.map(|first| Outline { first, rest: pen.rest, last: pen.start });
    Glyph { id, advance: 2 * i64::from(face.glyph_hor_advance(id).unwrap_or(0)), outline }
}

/// Writes relative path data, as short as it gets.
struct Pen {
    first: Option<(i64, i64)>,
    start: (i64, i64),
    at: (i64, i64),
    /// Where the next control point lies if the curve goes on smoothly.
    mirrored: Option<(i64, i64)>,
    rest: String,
}

impl Pen {
    fn draw(&mut self, command: char, points: &[(i64, i64)]) {
        self.rest.push(command);
        for (index, point) in points.iter().enumerate() {
            let before = self.rest.len();
            number::push_pair(point.0 - self.at.0, point.1 - self.at.1, &mut self.rest);
            if index > 0 {
                number::separate(before, &mut self.rest);
            }
        }
        self.at = points.last().copied().unwrap_or(self.at);
        self.mirrored = None;
    }
}

fn halves(x: f32, y: f32) -> (i64, i64) {
    // Exact: TrueType coordinates and their midpoints are multiples of one half.
    ((x * 2.0) as i64, (y * -2.0) as i64)
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        if self.first.is_none() {
            self.first = Some(halves(x, y));
            self.at = halves(x, y);
        } else {
            self.draw('m', &[halves(x, y)]);
        }
        self.start = self.at;
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let point = halves(x, y);
        self.mirrored = None;
        if point.1 == self.at.1 {
            number::push_command('h', point.0 - self.at.0, &mut self.rest);
            self.at = point;
        } else if point.0 == self.at.0 {
            number::push_command('v', point.1 - self.at.1, &mut self.rest);
            self.at = point;
        } else {
            self.draw('l', &[point]);
        }
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let (control, point) = (halves(x1, y1), halves(x, y));
        if self.mirrored == Some(control) {
            self.draw('t', &[point]);
        } else {
            self.draw('q', &[control, point]);
        }
        self.mirrored = Some((2 * point.0 - control.0, 2 * point.1 - control.1));
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.draw('c', &[halves(x1, y1), halves(x2, y2), halves(x, y)]);
    }

    fn close(&mut self) {
        self.rest.push('z');
        self.at = self.start;
        self.mirrored = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { weight: Weight::Bold, size: 40, min: 20, max: None, spacing: 0 };

    #[test]
    fn the_names_of_all_nations_have_glyphs() {
        let font = font(Weight::Black);
        for char in
            "São Tomé and Príncipe, Curaçao, Åland Islands, Türkiye, Côte d’Ivoire, Réunion, Łódź, Iași, Ħal".chars()
        {
            assert!(font.glyphs.contains_key(&char), "{char}");
            assert!(char == ' ' || font.glyph(char).outline.is_some(), "{char}");
        }
    }

    #[test]
    fn kerning_pulls_pairs_together() {
        let pair = fit("AV", STYLE).width;
        let single = fit("A", STYLE).width + fit("V", STYLE).width;
        assert!(pair < single, "{pair} {single}");
    }

    #[test]
    fn texts_shrink_before_they_are_cut() {
        let full = fit("Saint Vincent and the Grenadines", STYLE);
        let less = fit("Saint Vincent and the Grenadines", Style { max: Some(full.width() / 130), ..STYLE });
        assert_eq!(less.glyphs.len(), full.glyphs.len());
        assert!(less.size < full.size && less.width() <= full.width() / 130 * 100);
        let cut = fit("Saint Vincent and the Grenadines", Style { max: Some(60), ..STYLE });
        assert!(cut.size == 2000 && cut.width() <= 6000 && cut.glyphs.len() < 12);
        assert!(fit("", Style { max: Some(0), ..STYLE }).glyphs.is_empty());
        assert_eq!(fit("ab", Style { max: Some(0), ..STYLE }).glyphs.len(), 1);
    }
}
