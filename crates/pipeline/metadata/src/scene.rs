//! The subset of SVG that a card may use, drawn in document order.
//!
//! What is not in the subset is refused with a hint, never skipped: a browser would show it, and
//! the PNG would not.

use roxmltree::{Attribute, Document, Node};

use crate::path::{self, FRACTION, PathError, Pen, Place, Reader, Segment, Transform};
use crate::raster::{Canvas, Ink, Outline};
use crate::stroke;

const SVG_NAMESPACE: &str = "http://www.w3.org/2000/svg";
const MAX_DEPTH: u32 = 16;
const SIDES: std::ops::RangeInclusive<u32> = 16..=1024;
const MAX_STROKE: i64 = 1024 << FRACTION;
const MAX_POINTS: usize = 4096;

/// What is refused, where, and what to do.
pub(crate) struct Refusal {
    pub(crate) line: u32,
    pub(crate) what: String,
    pub(crate) hint: &'static str,
}

/// The size of the canvas.
pub(crate) fn size(document: &Document) -> Result<(u32, u32), Refusal> {
    let root = document.root_element();
    let side = |name: &str| root.attribute(name)?.parse().ok().filter(|side| SIDES.contains(side));
    let boxed = |width: u32, height: u32| root.attribute("viewBox") == Some(&format!("0 0 {width} {height}"));
    match (side("width"), side("height")) {
        (Some(width), Some(height)) if boxed(width, height) => Ok((width, height)),
        _ => Err(Refusal {
            line: 1,
            what: "no usable size".to_owned(),
            hint: "give <svg> whole numbers from 16 to 1024 as `width` and `height`, and `viewBox=\"0 0 width height\"`",
        }),
    }
}

/// Draws the document over what the canvas holds.
pub(crate) fn draw(document: &Document, canvas: &mut Canvas) -> Result<(), Refusal> {
    let mut painter = Painter { document, canvas, outline: Outline::default() };
    painter.node(document.root_element(), Style::DEFAULT, 0)
}

/// What groups hand down to their shapes.
#[derive(Clone, Copy)]
struct Style {
    transform: Transform,
    fill: Option<[u8; 3]>,
    fill_alpha: u8,
    even_odd: bool,
    stroke: Option<[u8; 3]>,
    stroke_alpha: u8,
    stroke_width: i64,
}

impl Style {
    const DEFAULT: Style = Style {
        transform: Transform::IDENTITY,
        fill: Some([0; 3]),
        fill_alpha: 255,
        even_odd: false,
        stroke: None,
        stroke_alpha: 255,
        stroke_width: 1 << FRACTION,
    };
}

/// The attributes that say where a shape is.
#[derive(Default)]
struct Geometry<'a> {
    x: i64,
    y: i64,
    width: i64,
    height: i64,
    from: Place,
    to: Place,
    points: &'a str,
    data: &'a str,
}

struct Painter<'a> {
    document: &'a Document<'a>,
    canvas: &'a mut Canvas,
    outline: Outline,
}

impl<'a> Painter<'a> {
    fn node(&mut self, node: Node<'a, 'a>, style: Style, depth: u32) -> Result<(), Refusal> {
        let name = node.tag_name().name();
        if node.tag_name().namespace() != Some(SVG_NAMESPACE) {
            let hint = "declare xmlns=\"http://www.w3.org/2000/svg\" on <svg>, and use no other namespace";
            return Err(self.refuse(node, format!("<{name}>"), hint));
        }
        let known = match name {
            "svg" => depth == 0,
            "g" | "path" | "rect" | "polygon" | "polyline" | "line" | "title" | "desc" => depth > 0,
            _ => false,
        };
        if !known {
            return Err(self.refuse(node, format!("<{name}>"), hint_for_element(name)));
        }
        if depth > MAX_DEPTH {
            return Err(self.refuse(node, format!("<{name}>"), "nest at most 15 groups"));
        }
        let (mut style, mut geometry) = (style, Geometry::default());
        for attribute in node.attributes() {
            if read(name, &attribute, &mut style, &mut geometry).is_none() {
                return Err(self.refuse_attribute(node, attribute.name(), attribute.value()));
            }
        }
        match name {
            "svg" | "g" => {
                for child in node.children().filter(Node::is_element) {
                    self.node(child, style, depth + 1)?;
                }
                Ok(())
            }
            "title" | "desc" => Ok(()),
            _ => self.shape(node, &style, &geometry),
        }
    }

    fn shape(&mut self, node: Node<'a, 'a>, style: &Style, geometry: &Geometry) -> Result<(), Refusal> {
        let name = node.tag_name().name();
        let wrong = |error: PathError, painter: &Self| match error {
            PathError::Outside => {
                painter.refuse(node, format!("a <{name}> far outside of the canvas"), "keep shapes near the canvas")
            }
            PathError::Syntax if name == "path" => painter.refuse_attribute(node, "d", geometry.data),
            PathError::Syntax => painter.refuse_attribute(node, "points", geometry.points),
        };
        if let Some(colour) = style.fill.filter(|_| name != "line") {
            let mut pen = Pen::new(&style.transform, &mut self.outline);
            let drawn = segments(name, geometry, |segment| pen.draw(segment));
            pen.end();
            drawn.map_err(|error| wrong(error, self))?;
            self.canvas.fill(&self.outline, Ink { colour, alpha: style.fill_alpha, even_odd: style.even_odd });
        }
        let Some(colour) = style.stroke else { return Ok(()) };
        let mut lines = Lines::default();
        segments(name, geometry, |segment| lines.draw(segment)).map_err(|error| wrong(error, self))?;
        lines.end(false);
        if lines.curved {
            let hint = "fill two outlines, one within the other, with fill-rule=\"evenodd\"";
            return Err(self.refuse(node, "a stroke along a curve".to_owned(), hint));
        }
        let mut pen = Pen::new(&style.transform, &mut self.outline);
        let mut drawn = Ok(());
        for (points, closed) in &lines.done {
            for ring in stroke::outline(points, *closed, style.stroke_width) {
                for (index, place) in ring.into_iter().enumerate() {
                    let segment = if index == 0 { Segment::Move(place) } else { Segment::Line(place) };
                    drawn = drawn.and_then(|()| pen.draw(segment));
                }
            }
        }
        pen.end();
        drawn.map_err(|error| wrong(error, self))?;
        self.canvas.fill(&self.outline, Ink { colour, alpha: style.stroke_alpha, even_odd: false });
        Ok(())
    }

    fn refuse(&self, node: Node, what: String, hint: &'static str) -> Refusal {
        Refusal { line: self.document.text_pos_at(node.range().start).row, what, hint }
    }

    fn refuse_attribute(&self, node: Node, name: &str, value: &str) -> Refusal {
        let mut value: String = value.chars().take(49).collect();
        if value.chars().count() == 49 {
            value.pop();
            value.push('…');
        }
        self.refuse(node, format!("`{name}=\"{value}\"` on <{}>", node.tag_name().name()), hint_for_attribute(name))
    }
}

/// Collects the corners of straight lines.
#[derive(Default)]
struct Lines {
    done: Vec<(Vec<Place>, bool)>,
    open: Vec<Place>,
    curved: bool,
}

impl Lines {
    fn draw(&mut self, segment: Segment) -> Result<(), PathError> {
        match segment {
            Segment::Move(to) => {
                self.end(false);
                self.open.push(to);
            }
            Segment::Line(to) => self.open.push(to),
            Segment::Quad(..) | Segment::Cubic(..) => self.curved = true,
            Segment::Close => {
                let start = self.open.first().copied();
                self.end(true);
                self.open.extend(start);
            }
        }
        if self.open.len() > MAX_POINTS { Err(PathError::Syntax) } else { Ok(()) }
    }

    fn end(&mut self, closed: bool) {
        let points = std::mem::take(&mut self.open);
        if points.len() > 1 {
            self.done.push((points, closed));
        }
    }
}

/// The outline of a shape in user units.
fn segments(
    name: &str,
    geometry: &Geometry,
    mut each: impl FnMut(Segment) -> Result<(), PathError>,
) -> Result<(), PathError> {
    match name {
        "path" => path::parse(geometry.data, each),
        "rect" => {
            let Geometry { x, y, width, height, .. } = *geometry;
            if width <= 0 || height <= 0 {
                return Ok(());
            }
            each(Segment::Move((x, y)))?;
            each(Segment::Line((x + width, y)))?;
            each(Segment::Line((x + width, y + height)))?;
            each(Segment::Line((x, y + height)))?;
            each(Segment::Close)
        }
        "line" => {
            each(Segment::Move(geometry.from))?;
            each(Segment::Line(geometry.to))
        }
        _ => {
            let mut reader = Reader::new(geometry.points);
            let mut first = true;
            while !reader.at_end() {
                let x = reader.number(FRACTION).ok_or(PathError::Syntax)?;
                let y = reader.number(FRACTION).ok_or(PathError::Syntax)?;
                each(if first { Segment::Move((x, y)) } else { Segment::Line((x, y)) })?;
                first = false;
            }
            if name == "polygon" && !first { each(Segment::Close) } else { Ok(()) }
        }
    }
}

/// Reads one attribute; none if it, or its value, is not in the subset.
fn read<'a>(
    element: &str,
    attribute: &Attribute<'a, '_>,
    style: &mut Style,
    geometry: &mut Geometry<'a>,
) -> Option<()> {
    if attribute.namespace().is_some() {
        return None;
    }
    let is_root = element == "svg";
    let value = attribute.value();
    match attribute.name() {
        "id" | "role" | "aria-label" => {}
        // `size` has read them.
        "width" | "height" | "viewBox" if is_root => {}
        "transform" if !is_root => style.transform = style.transform.after(&Transform::parse(value)?)?,
        "fill" => style.fill = colour(value)?,
        "fill-opacity" => style.fill_alpha = opacity(value)?,
        "fill-rule" => {
            style.even_odd = match value {
                "evenodd" => true,
                "nonzero" => false,
                _ => return None,
            }
        }
        "stroke" => style.stroke = colour(value)?,
        "stroke-opacity" => style.stroke_alpha = opacity(value)?,
        "stroke-width" => style.stroke_width = number(value).filter(|width| (0..=MAX_STROKE).contains(width))?,
        "x" => geometry.x = number(value)?,
        "y" => geometry.y = number(value)?,
        "width" => geometry.width = number(value)?,
        "height" => geometry.height = number(value)?,
        "x1" => geometry.from.0 = number(value)?,
        "y1" => geometry.from.1 = number(value)?,
        "x2" => geometry.to.0 = number(value)?,
        "y2" => geometry.to.1 = number(value)?,
        "points" => geometry.points = attribute.value(),
        "d" => geometry.data = attribute.value(),
        _ => return None,
    }
    Some(())
}

fn number(value: &str) -> Option<i64> {
    let mut reader = Reader::new(value);
    let number = reader.number(FRACTION)?;
    reader.at_end().then_some(number)
}

/// From 0 (nothing) to 255 (solid).
fn opacity(value: &str) -> Option<u8> {
    let share = number(value).filter(|share| (0..=1 << FRACTION).contains(share))?;
    Some(((share * 255 + (1 << (FRACTION - 1))) >> FRACTION) as u8)
}

/// `none`, `#rgb` or `#rrggbb`.
fn colour(value: &str) -> Option<Option<[u8; 3]>> {
    if value == "none" {
        return Some(None);
    }
    let digits = value.strip_prefix('#')?.as_bytes();
    let digit = |index: usize| char::from(*digits.get(index)?).to_digit(16).map(|digit| digit as u8);
    let mut out = [0; 3];
    for (channel, byte) in out.iter_mut().enumerate() {
        *byte = match digits.len() {
            3 => digit(channel)? * 17,
            6 => digit(2 * channel)? * 16 + digit(2 * channel + 1)?,
            _ => return None,
        };
    }
    Some(Some(out))
}

fn hint_for_element(name: &str) -> &'static str {
    match name {
        "circle" | "ellipse" => "use <path d=\"{{ disc(x, y, radius) }}\"/>",
        "text" | "tspan" => "use {{ text(…) }}, which gives outlines of the embedded font",
        "linearGradient" | "radialGradient" | "pattern" | "filter" | "mask" | "image" => "layer shapes of flat colours",
        "clipPath" => "cut polygons with {{ clip(points, window) }}",
        "style" => "write each property as an attribute",
        "defs" | "use" | "symbol" => "write the shape where it is shown; a macro of the template can repeat it",
        _ => "a card has one svg with g, path, rect, polygon, polyline, line, title and desc in it",
    }
}

fn hint_for_attribute(name: &str) -> &'static str {
    match name {
        "d" => "use the commands M L H V Q T C S Z and plain decimals",
        "points" => "write x,y pairs of plain decimals",
        "transform" => "use translate, scale and matrix with plain decimals, on any element but <svg>",
        "fill" | "stroke" => "write colours as #rgb or #rrggbb, or none",
        "rx" | "ry" => "use <path d=\"{{ rounded(x, y, width, height, radius) }}\"/>",
        "opacity" => "use `fill-opacity` and `stroke-opacity` on the shapes",
        "style" | "class" => "write each property as an attribute",
        "stroke-dasharray" => "draw the dashes as shapes",
        "stroke-linejoin" | "stroke-linecap" | "stroke-miterlimit" => {
            "joins are mitred and ends are butt; fill an outline for others"
        }
        _ => "use the attributes that the documentation lists, with plain decimals and no units",
    }
}
