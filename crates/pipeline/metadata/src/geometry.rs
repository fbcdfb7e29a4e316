//! Shapes in whole hundredths of a pixel.

use crate::number;

/// x and y in hundredths of a pixel.
pub(crate) type Point = (i64, i64);

const BILLION: i64 = 1_000_000_000;

/// `x,y x,y …` as the `points` attribute takes it.
pub(crate) fn write_points(points: &[Point]) -> String {
    let mut out = String::new();
    for (x, y) in points {
        if !out.is_empty() {
            out.push(' ');
        }
        number::push_hundredths(*x, &mut out);
        out.push(',');
        number::push_hundredths(*y, &mut out);
    }
    out
}

/// Reads what [`write_points`] writes.
pub(crate) fn read_points(text: &str) -> Option<Vec<Point>> {
    text.split_whitespace()
        .map(|pair| {
            let (x, y) = pair.split_once(',')?;
            Some((number::parse_hundredths(x)?, number::parse_hundredths(y)?))
        })
        .collect()
}

/// A point at `radius` from `centre`; the angle goes clockwise from twelve o'clock.
pub(crate) fn polar(centre: Point, radius: i64, millidegrees: i64) -> Point {
    let x = centre.0 + round_div(radius * sine(millidegrees), BILLION);
    let y = centre.1 - round_div(radius * sine(millidegrees + 90_000), BILLION);
    (x, y)
}

/// A regular polygon, or a star if `inner` is given, with its first corner at `millidegrees`.
pub(crate) fn ngon(centre: Point, radius: i64, sides: i64, millidegrees: i64, inner: Option<i64>) -> Vec<Point> {
    let mut points = Vec::new();
    for side in 0..sides {
        points.push(polar(centre, radius, millidegrees + 360_000 * side / sides));
        if let Some(inner) = inner {
            points.push(polar(centre, inner, millidegrees + (360_000 * side + 180_000) / sides));
        }
    }
    points
}

/// A rectangle with rounded corners as path data; each corner is two quadratic curves.
pub(crate) fn rounded(x: i64, y: i64, width: i64, height: i64, radius: i64) -> String {
    let radius = radius.min(width / 2).min(height / 2).max(0);
    // For an arc of 45 degrees the control point lies tan(22.5°) along the tangent, and the arc
    // ends at cos(45°).
    let near = radius - round_div(radius * 414_213_562, BILLION);
    let diagonal = radius - round_div(radius * 707_106_781, BILLION);
    let corner = [(0, radius), (0, near), (diagonal, diagonal), (near, 0), (radius, 0)];
    let (right, bottom) = (x + width, y + height);

    let mut points: Vec<Point> = Vec::with_capacity(20);
    points.extend(corner.iter().map(|(dx, dy)| (x + dx, y + dy)));
    points.extend(corner.iter().rev().map(|(dx, dy)| (right - dx, y + dy)));
    points.extend(corner.iter().map(|(dx, dy)| (right - dx, bottom - dy)));
    points.extend(corner.iter().rev().map(|(dx, dy)| (x + dx, bottom - dy)));

    let mut out = String::new();
    for (index, point) in points.iter().enumerate() {
        out.push_str(match index % 5 {
            0 if index == 0 => "M",
            0 => "L",
            1 | 3 => "Q",
            _ => " ",
        });
        out.push_str(&write_points(&[*point]));
    }
    out.push('z');
    out
}

/// A line through `values` from left to right in a box; `low` is its bottom and `high` its top.
pub(crate) fn spark(values: &[i64], corner: Point, width: i64, height: i64, low: i64, high: i64) -> Vec<Point> {
    let Some(last) = values.len().checked_sub(1) else { return Vec::new() };
    let span = i128::from(high) - i128::from(low);
    let place = |index: i64, of: i64, value: i64| {
        let up = match span {
            1.. => (i128::from(value.clamp(low, high)) - i128::from(low)) * i128::from(height) / span,
            _ => i128::from(height / 2),
        };
        (corner.0 + width * index / of, corner.1 + height - up as i64)
    };
    if last == 0 {
        return vec![place(0, 1, values[0]), place(1, 1, values[0])];
    }
    values.iter().enumerate().map(|(index, value)| place(index as i64, last as i64, *value)).collect()
}

/// The part of a polygon that lies inside a convex `window` (Sutherland and Hodgman, 1974).
pub(crate) fn clip(points: &[Point], window: &[Point]) -> Vec<Point> {
    let area: i64 = edges(window).map(|(from, to)| from.0 * to.1 - to.0 * from.1).sum();
    let mut inside = points.to_vec();
    for (from, to) in edges(window) {
        // Positive on the inner side of the edge.
        let side = |point: Point| {
            let cross = (to.0 - from.0) * (point.1 - from.1) - (to.1 - from.1) * (point.0 - from.0);
            if area < 0 { -cross } else { cross }
        };
        let mut next = Vec::with_capacity(inside.len() + 1);
        for (start, end) in edges(&inside) {
            let (at_start, at_end) = (side(start), side(end));
            if at_start >= 0 {
                next.push(start);
            }
            if (at_start >= 0) != (at_end >= 0) {
                let cut = |a: i64, b: i64| {
                    let moved = i128::from(b - a) * i128::from(at_start) / i128::from(at_start - at_end);
                    a + moved as i64
                };
                next.push((cut(start.0, end.0), cut(start.1, end.1)));
            }
        }
        next.dedup();
        inside = next;
    }
    inside
}

fn edges(points: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    points.iter().zip(points.iter().cycle().skip(1)).map(|(from, to)| (*from, *to))
}

/// The sine of an angle in thousandths of a degree, in billionths (its Taylor series in integers).
fn sine(millidegrees: i64) -> i64 {
    let angle = millidegrees.rem_euclid(360_000);
    let (angle, sign) = if angle >= 180_000 { (angle - 180_000, -1) } else { (angle, 1) };
    let angle = angle.min(180_000 - angle);
    const UNIT: i128 = 1_000_000_000_000_000;
    const PI: i128 = 3_141_592_653_589_793;
    let x = i128::from(angle) * PI / 180_000;
    let (mut term, mut sum) = (x, x);
    for step in 1..=8 {
        term = -(term * x / UNIT) * x / UNIT / (2 * step * (2 * step + 1));
        sum += term;
    }
    sign * ((sum + UNIT / (2 * i128::from(BILLION))) / (UNIT / i128::from(BILLION))) as i64
}

fn round_div(value: i64, unit: i64) -> i64 {
    (value + unit / 2).div_euclid(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines() {
        for (angle, value) in
            [(0, 0), (30_000, 500_000_000), (90_000, 1_000_000_000), (-45_000, -707_106_781), (210_000, -500_000_000)]
        {
            assert_eq!(sine(angle), value, "{angle}");
        }
    }

    #[test]
    fn points_are_read_as_they_are_written() {
        let points = vec![(0, 0), (1050, -25), (60_000, 3)];
        assert_eq!(write_points(&points), "0,0 10.5,-0.25 600,0.03");
        assert_eq!(read_points(&write_points(&points)), Some(points));
        assert_eq!(read_points("1,2 3"), None);
    }

    #[test]
    fn a_window_cuts_a_polygon() {
        let square = [(0, 0), (1000, 0), (1000, 1000), (0, 1000)];
        let turned: Vec<Point> = square.iter().rev().copied().collect();
        for window in [&square[..], &turned[..]] {
            let mut inside = clip(&[(500, -500), (2000, -500), (2000, 500), (500, 500)], window);
            inside.sort_unstable();
            assert_eq!(inside, [(500, 0), (500, 500), (1000, 0), (1000, 500)]);
            assert!(clip(&[(2000, 0), (3000, 0), (3000, 1000)], window).is_empty());
        }
        assert!(clip(&[], &square).is_empty());
    }

    #[test]
    fn sparks_stay_in_their_box() {
        assert!(spark(&[], (0, 0), 100, 100, 0, 10).is_empty());
        assert_eq!(spark(&[5], (0, 0), 100, 100, 0, 10), [(0, 50), (100, 50)]);
        assert_eq!(spark(&[0, 20, 10], (0, 0), 100, 100, 0, 10), [(0, 100), (50, 0), (100, 0)]);
        assert_eq!(spark(&[i64::MIN, i64::MAX], (0, 0), 100, 100, 7, 7), [(0, 50), (100, 50)]);
    }
}
