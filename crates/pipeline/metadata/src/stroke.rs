//! Strokes along straight lines, as outlines to fill.

use crate::path::Place;

/// Bits below the point of a direction.
const UNIT: u32 = 30;
/// Where a join would be longer than four widths it is cut off, as SVG does: 2 / (1 + cos) > 16.
const MIN_COSINE: i64 = (1 << (UNIT - 3)) - (1 << UNIT);

/// The border of a stroke of `width` along `points`: mitred joins, butt ends. One ring for an open
/// line, two for a closed one.
pub(crate) fn outline(points: &[Place], closed: bool, width: i64) -> Vec<Vec<Place>> {
    let mut points = points.to_vec();
    points.dedup();
    if closed && points.len() > 1 && points.first() == points.last() {
        points.pop();
    }
    let count = points.len();
    if count < 2 {
        return Vec::new();
    }
    let half = width / 2;
    let edges = if closed && count > 2 { count } else { count - 1 };
    let normals: Vec<Place> = (0..edges).map(|edge| normal(points[edge], points[(edge + 1) % count])).collect();

    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (index, point) in points.iter().enumerate() {
        let before = if index > 0 { Some(normals[index - 1]) } else { None };
        let (before, after) = if edges == count {
            (before.unwrap_or(normals[count - 1]), normals[index])
        } else {
            let after = normals.get(index).copied();
            let only = before.or(after).unwrap_or((0, 0));
            (before.unwrap_or(only), after.unwrap_or(only))
        };
        for offset in join(before, after) {
            let (x, y) = ((half * offset.0) >> UNIT, (half * offset.1) >> UNIT);
            left.push((point.0 + x, point.1 + y));
            right.push((point.0 - x, point.1 - y));
        }
    }
    right.reverse();
    if edges == count {
        return vec![left, right];
    }
    left.extend(right);
    vec![left]
}

/// Where the corner lies, in half widths: one offset, or two where the corner is cut off.
fn join(before: Place, after: Place) -> Vec<Place> {
    if before == after {
        return vec![before];
    }
    let cosine = (before.0 * after.0 + before.1 * after.1) >> UNIT;
    if cosine < MIN_COSINE {
        return vec![before, after];
    }
    let scale = (1 << UNIT) + cosine;
    let along = |before: i64, after: i64| ((before + after) << UNIT) / scale;
    vec![(along(before.0, after.0), along(before.1, after.1))]
}

/// The unit vector to the left of an edge.
fn normal(from: Place, to: Place) -> Place {
    let (dx, dy) = (i128::from(to.0 - from.0), i128::from(to.1 - from.1));
    let length = ((dx * dx + dy * dy) as u128).isqrt().max(1) as i128;
    (((dy << UNIT) / length) as i64, ((-dx << UNIT) / length) as i64)
}

/// A width in whole pixels, for the tests.
#[cfg(test)]
pub(crate) const fn pixels(count: i64) -> i64 {
    count << crate::path::FRACTION
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(x: i64, y: i64) -> Place {
        (pixels(x), pixels(y))
    }

    #[test]
    fn rings() {
        let square = [place(10, 10), place(20, 10), place(20, 20), place(10, 20)];
        let rings = outline(&square, true, pixels(2));
        assert_eq!(rings[0], [place(9, 9), place(21, 9), place(21, 21), place(9, 21)]);
        assert_eq!(rings[1], [place(11, 19), place(19, 19), place(19, 11), place(11, 11)]);
        let line = outline(&square[..2], false, pixels(4));
        assert_eq!(line, [vec![place(10, 8), place(20, 8), place(20, 12), place(10, 12)]]);
        // A line that turns back has no mitre.
        assert_eq!(outline(&[place(0, 0), place(9, 0), place(0, 0)], false, pixels(2))[0].len(), 8);
        assert!(outline(&[place(1, 1), place(1, 1)], true, pixels(2)).is_empty());
    }
}
