//! Flat shapes to pixels, in integers.
//!
//! Each edge adds its signed area to the cells that it crosses; the running sum along a row is the
//! coverage (the method of FreeType's smooth rasteriser and of font-rs). Coverage is rounded to
//! sixteenths, so that two colours meet in at most fifteen more and a card fits a palette.

/// Bits of a coordinate below one pixel.
pub(crate) const SUBPIXEL: u32 = 10;
const ONE: i64 = 1 << SUBPIXEL;
/// The area of a whole pixel, as the cells count it.
const FULL: i32 = 2 << (2 * SUBPIXEL);
/// Turns an area into sixteenths.
const LEVEL_SHIFT: u32 = 2 * SUBPIXEL + 1 - 4;
const LEVELS: u32 = 16;

/// Closed contours; coordinates in 1/1024 pixel.
#[derive(Default)]
pub(crate) struct Outline {
    points: Vec<(i32, i32)>,
    /// Where each contour ends in `points`.
    ends: Vec<usize>,
}

impl Outline {
    pub(crate) fn clear(&mut self) {
        self.points.clear();
        self.ends.clear();
    }

    pub(crate) fn push(&mut self, point: (i32, i32)) {
        self.points.push(point);
    }

    /// Whether the next point begins a contour.
    pub(crate) fn is_between(&self) -> bool {
        self.ends.last().copied().unwrap_or(0) == self.points.len()
    }

    /// Ends a contour; the next point begins another.
    pub(crate) fn close(&mut self) {
        if !self.is_between() {
            self.ends.push(self.points.len());
        }
    }
}

/// How a shape is filled.
#[derive(Clone, Copy)]
pub(crate) struct Ink {
    /// Red, green, blue.
    pub(crate) colour: [u8; 3],
    /// Opacity; 255 is solid.
    pub(crate) alpha: u8,
    pub(crate) even_odd: bool,
}

/// Pixels, premultiplied, red in the lowest byte; nothing is painted at first.
pub(crate) struct Canvas {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) pixels: Vec<u32>,
    /// Always zero between two calls of `fill`.
    cells: Vec<i32>,
}

impl Canvas {
    pub(crate) fn new(width: u32, height: u32) -> Canvas {
        Canvas { width, height, pixels: vec![0; (width * height) as usize], cells: Vec::new() }
    }

    /// Paints a shape over what is there.
    pub(crate) fn fill(&mut self, outline: &Outline, ink: Ink) {
        let Some(window) = Window::around(outline, self.width, self.height) else { return };
        // One more cell on the right takes what an edge hands on.
        let stride = window.width + 2;
        if self.cells.len() < stride * window.height {
            self.cells.resize(stride * window.height, 0);
        }
        let mut edges = Edges {
            cells: &mut self.cells,
            stride,
            width: window.width as i64 * ONE,
            height: window.height as i64 * ONE,
        };
        let mut start = 0;
        for end in &outline.ends {
            let contour = &outline.points[start..*end];
            start = *end;
            let mut from = contour[contour.len() - 1];
            for to in contour {
                edges.add(window.place(from), window.place(*to));
                from = *to;
            }
        }
        for row in 0..window.height {
            let cells = &mut self.cells[row * stride..(row + 1) * stride];
            let start = (window.top + row) * self.width as usize + window.left;
            paint_row(cells, &mut self.pixels[start..start + window.width], ink);
            cells.fill(0);
        }
    }
}

/// The pixels that a shape can touch.
struct Window {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Window {
    fn around(outline: &Outline, width: u32, height: u32) -> Option<Window> {
        let (mut low, mut high) = ((i32::MAX, i32::MAX), (i32::MIN, i32::MIN));
        for (x, y) in &outline.points {
            low = (low.0.min(*x), low.1.min(*y));
            high = (high.0.max(*x), high.1.max(*y));
        }
        if outline.points.is_empty() {
            return None;
        }
        let range = |low: i32, high: i32, limit: u32| {
            let first = (low >> SUBPIXEL).max(0);
            let last = i64::from(high).div_euclid(ONE) + i64::from(i64::from(high).rem_euclid(ONE) > 0);
            let length = last.min(i64::from(limit)) - i64::from(first);
            (length > 0).then_some((first as usize, length as usize))
        };
        let (left, width) = range(low.0, high.0, width)?;
        let (top, height) = range(low.1, high.1, height)?;
        Some(Window { left, top, width, height })
    }

    fn place(&self, (x, y): (i32, i32)) -> (i64, i64) {
        (i64::from(x) - self.left as i64 * ONE, i64::from(y) - self.top as i64 * ONE)
    }
}

struct Edges<'a> {
    cells: &'a mut [i32],
    stride: usize,
    /// Of the window, in subpixels.
    width: i64,
    height: i64,
}

impl Edges<'_> {
    /// Adds an edge, cut to the window; what lies to its left counts at its left border.
    fn add(&mut self, from: (i64, i64), to: (i64, i64)) {
        if from.1 == to.1 {
            return;
        }
        let (top, bottom, sign) = if from.1 < to.1 { (from, to, 1) } else { (to, from, -1) };
        let (low, high) = (top.1.max(0), bottom.1.min(self.height));
        if low >= high {
            return;
        }
        let (dx, dy) = (bottom.0 - top.0, bottom.1 - top.1);
        let x_at = |y: i64| top.0 + (dx * (y - top.1)).div_euclid(dy);
        let (first, last) = (x_at(low), x_at(high));
        if first.min(last) >= 0 && first.max(last) <= self.width {
            return self.inside((first, low), (last, high), sign);
        }
        // The heights at which it crosses the left and right border.
        let crossing = |x: i64| (top.1 + (dy * (x - top.0)).checked_div_euclid(dx).unwrap_or(0)).clamp(low, high);
        let mut cuts = [low, crossing(0), crossing(self.width), high];
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            let place = |y: i64| (x_at(y).clamp(0, self.width), y);
            let middle = x_at((pair[0] + pair[1]) / 2);
            if middle < 0 {
                self.inside((0, pair[0]), (0, pair[1]), sign);
            } else if middle <= self.width {
                self.inside(place(pair[0]), place(pair[1]), sign);
            }
        }
    }

    /// Adds an edge that goes down inside of the window.
    fn inside(&mut self, from: (i64, i64), to: (i64, i64), sign: i64) {
        let height = to.1 - from.1;
        if height == 0 {
            return;
        }
        let (mut x, mut y) = from;
        let mut row = (y >> SUBPIXEL) as usize;
        // How far the edge moves in a whole row, with the remainder that is carried along.
        let (step, part) = ((to.0 - x) * ONE).div_mod(height);
        let mut carried = 0;
        while y < to.1 {
            let next_y = ((row as i64 + 1) << SUBPIXEL).min(to.1);
            let next_x = if next_y == to.1 {
                to.0
            } else if next_y - y == ONE {
                carried += part;
                let over = i64::from(carried >= height);
                carried -= over * height;
                x + step + over
            } else {
                let (first, rest) = ((to.0 - x) * (next_y - y)).div_mod(height);
                carried = rest;
                x + first
            };
            self.piece(row, x, next_x, sign * (next_y - y));
            (x, y) = (next_x, next_y);
            row += 1;
        }
    }

    /// Adds what lies to the right of a piece within one row.
    fn piece(&mut self, row: usize, from: i64, to: i64, height: i64) {
        let cells = &mut self.cells[row * self.stride..(row + 1) * self.stride];
        let (low, high) = (from.min(to), from.max(to));
        let mut column = (low >> SUBPIXEL) as usize;
        let mut begin = low - ((column as i64) << SUBPIXEL);
        let mut end = high - ((column as i64) << SUBPIXEL);
        let (mut left, mut done) = (height, 0);
        let mut passed = 0;
        while end > ONE {
            // The share of the height that is reached at the right border of this cell.
            passed += ONE - begin;
            let reached = height * passed / (high - low);
            put(cells, column, reached - done, begin + ONE);
            left = height - reached;
            done = reached;
            column += 1;
            begin = 0;
            end -= ONE;
        }
        put(cells, column, left, begin + end);
    }
}

/// `twice` is the sum of the offsets of both ends within the cell.
#[inline]
fn put(cells: &mut [i32], column: usize, height: i64, twice: i64) {
    let right = (height * twice) as i32;
    cells[column] = cells[column].wrapping_add((height * 2 * ONE) as i32 - right);
    cells[column + 1] = cells[column + 1].wrapping_add(right);
}

trait DivMod {
    fn div_mod(self, by: i64) -> (i64, i64);
}

impl DivMod for i64 {
    #[inline]
    fn div_mod(self, by: i64) -> (i64, i64) {
        (self.div_euclid(by), self.rem_euclid(by))
    }
}

fn paint_row(cells: &[i32], pixels: &mut [u32], ink: Ink) {
    let [red, green, blue] = ink.colour;
    let solid = u32::from_le_bytes([red, green, blue, 255]);
    let mut sum = 0i32;
    let mut x = 0;
    while x < pixels.len() {
        sum = sum.wrapping_add(cells[x]);
        let end = x + 1 + zeros(&cells[x + 1..pixels.len()]);
        let level = level(sum, ink.even_odd);
        let weight = level * u32::from(ink.alpha);
        if weight == LEVELS * 255 {
            pixels[x..end].fill(solid);
        } else if weight > 0 {
            pixels[x..end].iter_mut().for_each(|pixel| *pixel = blend(*pixel, solid, weight));
        }
        x = end;
    }
}

/// How many leading cells add nothing; eight are looked at at a time.
#[inline]
fn zeros(cells: &[i32]) -> usize {
    let (blocks, _) = cells.as_chunks::<8>();
    let done = 8 * blocks.iter().take_while(|block| **block == [0; 8]).count();
    done + cells[done..].iter().take_while(|cell| **cell == 0).count()
}

/// Coverage in sixteenths.
#[inline]
fn level(sum: i32, even_odd: bool) -> u32 {
    let area = if even_odd {
        let folded = sum.unsigned_abs() % (2 * FULL as u32);
        folded.min(2 * FULL as u32 - folded)
    } else {
        sum.unsigned_abs().min(FULL as u32)
    };
    (area + (1 << (LEVEL_SHIFT - 1))) >> LEVEL_SHIFT
}

/// `weight` of 16 * 255 parts `above`, the rest `below`.
#[inline]
fn blend(below: u32, above: u32, weight: u32) -> u32 {
    const ALL: u32 = LEVELS * 255;
    let (below, above) = (below.to_le_bytes(), above.to_le_bytes());
    let mix = |index: usize| {
        let sum = u32::from(below[index]) * (ALL - weight) + u32::from(above[index]) * weight;
        ((sum + ALL / 2) / ALL) as u8
    };
    u32::from_le_bytes([mix(0), mix(1), mix(2), mix(3)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(contours: &[&[(i32, i32)]], even_odd: bool) -> Vec<u8> {
        let mut outline = Outline::default();
        for contour in contours {
            contour.iter().for_each(|(x, y)| outline.push((x * 256, y * 256)));
            outline.close();
        }
        let mut canvas = Canvas::new(4, 2);
        canvas.fill(&outline, Ink { colour: [255; 3], alpha: 255, even_odd });
        assert!(canvas.cells.iter().all(|cell| *cell == 0));
        canvas.pixels.iter().map(|pixel| pixel.to_le_bytes()[3]).collect()
    }

    /// Coordinates in quarters of a pixel.
    #[test]
    fn areas() {
        let whole = [(0, 0), (16, 0), (16, 8), (0, 8)];
        let turned = [(0, 8), (16, 8), (16, 0), (0, 0)];
        assert_eq!(draw(&[&whole], false), [255; 8]);
        assert_eq!(draw(&[&turned], false), [255; 8]);
        assert_eq!(draw(&[&[(2, 0), (6, 0), (6, 4), (2, 4)]], false), [128, 128, 0, 0, 0, 0, 0, 0]);
        assert_eq!(draw(&[&[(0, 0), (8, 0), (0, 8)]], false), [255, 128, 0, 0, 128, 0, 0, 0]);
        assert_eq!(draw(&[&[(0, 0), (16, 0), (0, 4)]], false), [223, 159, 96, 32, 0, 0, 0, 0]);
        let hole = [(4, 0), (8, 0), (8, 8), (4, 8)];
        assert_eq!(draw(&[&whole, &hole], true), [255, 0, 255, 255, 255, 0, 255, 255]);
        assert_eq!(draw(&[&whole, &hole], false), [255; 8]);
        // Far beyond all four borders.
        assert_eq!(draw(&[&[(-900, -400), (900, -400), (900, 400), (-900, 400)]], false), [255; 8]);
        assert_eq!(draw(&[&[(-8, 4), (8, -12), (24, 4), (8, 20)]], false), [255; 8]);
        assert_eq!(draw(&[&[(40, 0), (50, 0), (50, 8)]], false), [0; 8]);
        assert_eq!(draw(&[&[(-50, 0), (-40, 0), (-40, 8)]], false), [0; 8]);
        assert_eq!(draw(&[&[(-8, 0), (8, 0), (-8, 8)]], false), [191, 64, 0, 0, 0, 0, 0, 0]);
    }
}
