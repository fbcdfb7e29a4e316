//! Path data and transforms in fixed point.

use crate::raster::{Outline, SUBPIXEL};

/// x and y in 1/65536 of a unit.
pub(crate) type Place = (i64, i64);

/// Bits below the point of a coordinate, and of the linear part of a transform.
pub(crate) const FRACTION: u32 = 16;
const LINEAR: u32 = 32;
/// Nothing is drawn farther out than this, in pixels.
const MAX_OUTSIDE: i64 = 8192;
/// A curve is at most so many straight pieces.
const MAX_PIECES: i64 = 32;
/// How far a piece may lie from its curve: 1/32 pixel.
const TOLERANCE: i64 = 1 << (FRACTION - 5);

/// x' = a x + c y + e, y' = b x + d y + f.
#[derive(Clone, Copy)]
pub(crate) struct Transform {
    /// a, b, c, d with 32 bits below the point.
    linear: [i64; 4],
    /// e, f
    shift: Place,
}

impl Transform {
    pub(crate) const IDENTITY: Transform = Transform { linear: [1 << LINEAR, 0, 0, 1 << LINEAR], shift: (0, 0) };

    /// Reads a `transform` attribute of translate, scale and matrix.
    pub(crate) fn parse(text: &str) -> Option<Transform> {
        let mut out = Transform::IDENTITY;
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('(')?;
            let (arguments, after) = after.split_once(')')?;
            let name = name.trim();
            // How many of the arguments belong to the linear part.
            let linear = if name == "translate" { 0 } else { 4 };
            let mut values = [0; 6];
            let mut count = 0;
            let mut reader = Reader::new(arguments);
            while !reader.at_end() {
                *values.get_mut(count)? = reader.number(if count < linear { LINEAR } else { FRACTION })?;
                count += 1;
            }
            let mut next = Transform::IDENTITY;
            match (name, count) {
                ("translate", 1 | 2) => next.shift = (values[0], values[1]),
                ("scale", 1) => next.linear = [values[0], 0, 0, values[0]],
                ("scale", 2) => next.linear = [values[0], 0, 0, values[1]],
                ("matrix", 6) => {
                    next = Transform {
                        linear: [values[0], values[1], values[2], values[3]],
                        shift: (values[4], values[5]),
                    };
                }
                _ => return None,
            }
            out = out.after(&next)?;
            rest = after.trim_start_matches([' ', ',', '\n']);
        }
        Some(out)
    }

    /// First `inner`, then `self`; none if the result has no place in its numbers.
    pub(crate) fn after(&self, inner: &Transform) -> Option<Transform> {
        let [a, b, c, d] = self.linear.map(i128::from);
        let [e, f, g, h] = inner.linear.map(i128::from);
        let short = |value: i128| i64::try_from(value >> LINEAR).ok().filter(|value| value.unsigned_abs() < 1 << 44);
        let linear = [short(a * e + c * f)?, short(b * e + d * f)?, short(a * g + c * h)?, short(b * g + d * h)?];
        Some(Transform { linear, shift: self.apply(inner.shift)? })
    }

    /// None if the place lies too far out.
    #[inline]
    pub(crate) fn apply(&self, (x, y): Place) -> Option<Place> {
        let [a, b, c, d] = self.linear.map(i128::from);
        let (x, y) = (i128::from(x), i128::from(y));
        let half = 1 << (LINEAR - 1);
        let across = ((a * x + c * y + half) >> LINEAR) + i128::from(self.shift.0);
        let down = ((b * x + d * y + half) >> LINEAR) + i128::from(self.shift.1);
        let limit = i128::from(MAX_OUTSIDE << FRACTION);
        (across.abs() <= limit && down.abs() <= limit).then_some((across as i64, down as i64))
    }
}

/// One step of a path, with absolute places.
#[derive(Clone, Copy)]
pub(crate) enum Segment {
    Move(Place),
    Line(Place),
    Quad(Place, Place),
    Cubic(Place, Place, Place),
    Close,
}

/// Why path data cannot be drawn.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathError {
    /// It is not path data of the commands that are allowed.
    Syntax,
    /// It lies too far out.
    Outside,
}

/// Reads path data; all commands but the arc.
pub(crate) fn parse(data: &str, mut each: impl FnMut(Segment) -> Result<(), PathError>) -> Result<(), PathError> {
    let mut reader = Reader::new(data);
    let (mut start, mut at) = ((0, 0), (0, 0));
    // The control point that a smooth curve mirrors.
    let mut control: Option<(bool, Place)> = None;
    let mut command = b' ';
    while !reader.at_end() {
        command = match reader.letter() {
            Some(letter) => letter,
            // More numbers repeat the command; after a move they are lines.
            None => match command {
                b'M' => b'L',
                b'm' => b'l',
                b' ' | b'Z' | b'z' => return Err(PathError::Syntax),
                command => command,
            },
        };
        let relative = command.is_ascii_lowercase();
        let origin = if relative { at } else { (0, 0) };
        let place = |reader: &mut Reader| {
            let x = reader.number(FRACTION).ok_or(PathError::Syntax)?;
            let y = reader.number(FRACTION).ok_or(PathError::Syntax)?;
            bounded((origin.0 + x, origin.1 + y))
        };
        let mirrored = |quadratic: bool| match control {
            Some((kind, point)) if kind == quadratic => (2 * at.0 - point.0, 2 * at.1 - point.1),
            _ => at,
        };
        let mut next = None;
        match command.to_ascii_uppercase() {
            b'M' => {
                at = place(&mut reader)?;
                start = at;
                each(Segment::Move(at))?;
            }
            b'L' => {
                at = place(&mut reader)?;
                each(Segment::Line(at))?;
            }
            b'H' => {
                let x = reader.number(FRACTION).ok_or(PathError::Syntax)?;
                at = bounded((origin.0 + x, at.1))?;
                each(Segment::Line(at))?;
            }
            b'V' => {
                let y = reader.number(FRACTION).ok_or(PathError::Syntax)?;
                at = bounded((at.0, origin.1 + y))?;
                each(Segment::Line(at))?;
            }
            b'Q' | b'T' => {
                let middle = if command.eq_ignore_ascii_case(&b'Q') { place(&mut reader)? } else { mirrored(true) };
                at = place(&mut reader)?;
                next = Some((true, middle));
                each(Segment::Quad(middle, at))?;
            }
            b'C' | b'S' => {
                let first = if command.eq_ignore_ascii_case(&b'C') { place(&mut reader)? } else { mirrored(false) };
                let second = place(&mut reader)?;
                at = place(&mut reader)?;
                next = Some((false, second));
                each(Segment::Cubic(first, second, at))?;
            }
            b'Z' => {
                at = start;
                each(Segment::Close)?;
            }
            _ => return Err(PathError::Syntax),
        }
        control = next;
    }
    Ok(())
}

/// User units stay below 2^30, so that sums and products have room.
fn bounded((x, y): Place) -> Result<Place, PathError> {
    const LIMIT: i64 = 1 << (30 + FRACTION);
    if x.abs() > LIMIT || y.abs() > LIMIT { Err(PathError::Outside) } else { Ok((x, y)) }
}

/// Puts segments into an outline, transformed, with curves as straight pieces.
pub(crate) struct Pen<'a> {
    transform: &'a Transform,
    outline: &'a mut Outline,
    start: Place,
    at: Place,
}

impl<'a> Pen<'a> {
    pub(crate) fn new(transform: &'a Transform, outline: &'a mut Outline) -> Pen<'a> {
        outline.clear();
        Pen { transform, outline, start: (0, 0), at: (0, 0) }
    }

    pub(crate) fn draw(&mut self, segment: Segment) -> Result<(), PathError> {
        let place = |place: Place| self.transform.apply(place).ok_or(PathError::Outside);
        match segment {
            Segment::Move(to) => {
                let to = place(to)?;
                self.outline.close();
                self.start = to;
                self.at = to;
            }
            Segment::Line(to) => {
                let to = place(to)?;
                self.begin();
                self.to(to);
            }
            Segment::Quad(control, to) => {
                let (control, to) = (place(control)?, place(to)?);
                self.begin();
                self.quad(control, to);
            }
            Segment::Cubic(first, second, to) => {
                let (first, second, to) = (place(first)?, place(second)?, place(to)?);
                self.begin();
                self.cubic(first, second, to);
            }
            Segment::Close => {
                self.outline.close();
                self.at = self.start;
            }
        }
        Ok(())
    }

    /// Every contour is closed, as filling does.
    pub(crate) fn end(self) {
        self.outline.close();
    }

    /// The first point of a contour, when it turns out to have more than one.
    fn begin(&mut self) {
        if self.outline.is_between() {
            let at = self.at;
            self.to(at);
        }
    }

    fn to(&mut self, place: Place) {
        const SHIFT: u32 = FRACTION - SUBPIXEL;
        let round = |value: i64| ((value + (1 << (SHIFT - 1))) >> SHIFT) as i32;
        self.outline.push((round(place.0), round(place.1)));
        self.at = place;
    }

    fn quad(&mut self, control: Place, to: Place) {
        let from = self.at;
        // The distance between a piece and the curve is this over the square of the pieces.
        let bend = bend(from, control, to) / 4;
        let pieces = pieces(bend);
        for piece in 1..=pieces {
            let (t, s) = (piece, pieces - piece);
            let along = |from: i64, control: i64, to: i64| {
                (s * s * from + 2 * s * t * control + t * t * to) / (pieces * pieces)
            };
            self.to((along(from.0, control.0, to.0), along(from.1, control.1, to.1)));
        }
    }

    fn cubic(&mut self, first: Place, second: Place, to: Place) {
        let from = self.at;
        let bend = bend(from, first, second).max(bend(first, second, to)) * 3 / 4;
        let pieces = pieces(bend);
        for piece in 1..=pieces {
            let (t, s) = (piece, pieces - piece);
            let along = |from: i64, first: i64, second: i64, to: i64| {
                (s * s * s * from + 3 * s * s * t * first + 3 * s * t * t * second + t * t * t * to)
                    / (pieces * pieces * pieces)
            };
            self.to((along(from.0, first.0, second.0, to.0), along(from.1, first.1, second.1, to.1)));
        }
    }
}

/// The second difference of three points.
fn bend(from: Place, control: Place, to: Place) -> i64 {
    let x = (from.0 - 2 * control.0 + to.0).abs();
    let y = (from.1 - 2 * control.1 + to.1).abs();
    x.max(y) + x.min(y) / 2
}

fn pieces(bend: i64) -> i64 {
    let mut pieces = 1;
    while pieces < MAX_PIECES && bend > TOLERANCE * pieces * pieces {
        pieces += 1;
    }
    pieces
}

/// Numbers and letters of an attribute.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Reader<'a> {
        let mut reader = Reader { bytes: text.as_bytes() };
        reader.skip();
        reader
    }

    pub(crate) fn at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    fn letter(&mut self) -> Option<u8> {
        let (letter, rest) = self.bytes.split_first()?;
        if !letter.is_ascii_alphabetic() {
            return None;
        }
        self.bytes = rest;
        self.skip();
        Some(*letter)
    }

    /// A plain decimal, rounded to `bits` below the point; at most nine digits on either side.
    #[inline]
    pub(crate) fn number(&mut self, bits: u32) -> Option<i64> {
        let negative = self.bytes.first() == Some(&b'-');
        let mut index = usize::from(negative);
        let digits = |index: &mut usize| {
            let (mut value, from) = (0i64, *index);
            while let Some(digit @ b'0'..=b'9') = self.bytes.get(*index) {
                value = value * 10 + i64::from(digit - b'0');
                *index += 1;
                if *index - from > 9 {
                    return None;
                }
            }
            Some((value, *index - from))
        };
        let (whole, mut count) = digits(&mut index)?;
        let mut value = whole << bits;
        if self.bytes.get(index) == Some(&b'.') {
            index += 1;
            let (fraction, places) = digits(&mut index)?;
            let unit = 10i64.pow(places as u32);
            value += ((i128::from(fraction) << bits) + i128::from(unit / 2)).div_euclid(i128::from(unit)) as i64;
            count += places;
        }
        if count == 0 {
            return None;
        }
        self.bytes = &self.bytes[index..];
        self.skip();
        Some(if negative { -value } else { value })
    }

    fn skip(&mut self) {
        while let Some((b' ' | b',' | b'\n', rest)) = self.bytes.split_first() {
            self.bytes = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(data: &str) -> Result<Vec<(i64, i64)>, PathError> {
        let mut out = Vec::new();
        parse(data, |segment| {
            match segment {
                Segment::Move(to) | Segment::Line(to) | Segment::Quad(_, to) | Segment::Cubic(_, _, to) => {
                    out.push((to.0 >> FRACTION, to.1 >> FRACTION));
                }
                Segment::Close => out.push((-1, -1)),
            }
            Ok(())
        })?;
        Ok(out)
    }

    #[test]
    fn path_data() {
        assert_eq!(
            ends("M1 2h3v4H0zm5 5 1 1l-1-1").unwrap(),
            [(1, 2), (4, 2), (4, 6), (0, 6), (-1, -1), (6, 7), (7, 8), (6, 7)]
        );
        assert_eq!(ends("M0,0q1 1 2 0t2 0c0 0 1 1 2 2s1 1 2 2").unwrap(), [(0, 0), (2, 0), (4, 0), (6, 2), (8, 4)]);
        for wrong in ["1 2", "M1", "M1 2A1 1 0 0 0 2 2", "M1e3 2", "M1 2 z 3 4", "Mé", "M+1 2", "M1234567890 1"] {
            assert_eq!(ends(wrong), Err(PathError::Syntax), "{wrong}");
        }
        assert_eq!(ends(&format!("M0 0{}", "l999999999 0".repeat(2))), Err(PathError::Outside));
    }

    #[test]
    fn numbers() {
        for (text, value) in [("1.5", 98_304), ("-.25", -16_384), ("3", 196_608), ("0.000001", 0), ("2.", 131_072)] {
            assert_eq!(Reader::new(text).number(16), Some(value), "{text}");
        }
        for text in ["", "-", ".", "x", "--1"] {
            assert_eq!(Reader::new(text).number(16), None, "{text}");
        }
    }

    #[test]
    fn transforms() {
        let place = (10 << FRACTION, 20 << FRACTION);
        for (text, x, y) in [
            ("translate(5 -5)", 15, 15),
            ("translate(5)scale(2)", 25, 40),
            ("scale(2, .5) translate(1,2)", 22, 11),
            ("matrix(-1 0 0 1 600 0)", 590, 20),
            ("", 10, 20),
        ] {
            let transform = Transform::parse(text).unwrap();
            assert_eq!(transform.apply(place), Some((x << FRACTION, y << FRACTION)), "{text}");
        }
        for text in ["rotate(45)", "scale", "scale()", "translate(1 2 3)", "matrix(1)", "scale(1e3)"] {
            assert!(Transform::parse(text).is_none(), "{text}");
        }
        assert!(Transform::parse("translate(8190 0)").unwrap().apply(place).is_none());
    }
}
