//! Which SVG is drawn alike by every machine, and so may be on a card.
//!
//! A solid path goes through fixed-point edges, integer coverage and 16-bit blending in tiny-skia;
//! what takes another way is refused here. The crate's documentation has the list and the reasons.

use resvg::tiny_skia::PathSegment;
use resvg::usvg::roxmltree::{Attribute, Document, Node};
use resvg::usvg::{self, Group, Paint};

const SVG_NAMESPACE: &str = "http://www.w3.org/2000/svg";
const MAX_DEPTH: usize = 16;
const MAX_SIDE: u32 = 1024;
/// Nothing is drawn farther out of the canvas than this, in pixels.
const MAX_OUTSIDE: f32 = 4096.0;

/// What is refused, where, and what to do.
pub(crate) struct Refusal {
    pub(crate) line: u32,
    pub(crate) what: String,
    pub(crate) hint: &'static str,
}

/// Checks elements and attributes; returns the size of the canvas.
pub(crate) fn document(document: &Document) -> Result<(u32, u32), Refusal> {
    for node in document.descendants() {
        if !node.is_element() {
            continue;
        }
        let refuse = |what: String, hint| {
            Err(Refusal { line: document.text_pos_at(node.range().start).row, what, hint })
        };
        if let Err((what, hint)) = element(node) {
            return refuse(what, hint);
        }
        for attribute in node.attributes() {
            if !allowed(node, &attribute) {
                let what = format!("`{}=\"{}\"` on <{}>", attribute.name(), cut(attribute.value()), name(node));
                return refuse(what, hint_for(&attribute));
            }
        }
    }
    size(document.root_element()).ok_or_else(|| Refusal {
        line: 1,
        what: "no usable size".to_owned(),
        hint: "give <svg> whole numbers from 16 to 1024 as `width` and `height`, and `viewBox=\"0 0 width height\"`",
    })
}

/// Checks what only shows after all transforms are known.
pub(crate) fn paths(group: &Group, size: (u32, u32)) -> Result<(), Refusal> {
    let refuse = |what: &str, hint| Err(Refusal { line: 0, what: what.to_owned(), hint });
    if group.should_isolate() {
        return refuse("a group that is blended as a whole", "set `fill-opacity` on the shapes in it");
    }
    let (width, height) = (size.0 as f32, size.1 as f32);
    for node in group.children() {
        let path = match node {
            usvg::Node::Group(group) => {
                paths(group, size)?;
                continue;
            }
            usvg::Node::Path(path) => path,
            _ => return refuse("a text or an image", "use `text(…)`, and draw with paths"),
        };
        let solid = |paint: Option<&Paint>| matches!(paint, None | Some(Paint::Color(_)));
        if !solid(path.fill().map(|fill| fill.paint())) || !solid(path.stroke().map(|stroke| stroke.paint())) {
            return refuse("a paint that is not one colour", "layer shapes of flat colours");
        }
        let bounds = path.abs_stroke_bounding_box();
        let outside = bounds.left() < -MAX_OUTSIDE
            || bounds.top() < -MAX_OUTSIDE
            || bounds.right() > width + MAX_OUTSIDE
            || bounds.bottom() > height + MAX_OUTSIDE;
        if outside {
            return refuse("a shape far outside of the canvas", "keep shapes near the canvas");
        }
        if let Some(stroke) = path.stroke() {
            let transform = path.abs_transform();
            let (x, y) = transform.get_scale();
            if stroke.width().get() * x.min(y) < 1.0 {
                return refuse("a stroke thinner than one pixel", "make it wider, or paler");
            }
        }
        if !path.data().segments().any(|segment| matches!(segment, PathSegment::CubicTo(..))) {
            continue;
        }
        if path.stroke().is_some() {
            return refuse("a stroke along a cubic curve", "use quadratic curves (`Q`), or fill two outlines");
        }
        let Some(bounds) = path.data().bounds().transform(path.abs_transform()) else { continue };
        if bounds.left() < 0.0 || bounds.top() < 0.0 || bounds.right() > width || bounds.bottom() > height {
            return refuse("a cubic curve that leaves the canvas", "use quadratic curves (`Q`) there");
        }
    }
    Ok(())
}

fn element(node: Node) -> Result<(), (String, &'static str)> {
    let what = || format!("<{}>", name(node));
    if node.tag_name().namespace() != Some(SVG_NAMESPACE) {
        return Err((what(), "declare xmlns=\"http://www.w3.org/2000/svg\" on <svg>, and use no other"));
    }
    if node.ancestors().nth(MAX_DEPTH).is_some() {
        return Err((what(), "nest at most 14 groups"));
    }
    let is_root = node.parent().is_some_and(|parent| parent.is_root());
    match name(node) {
        "svg" if is_root => Ok(()),
        "g" | "path" | "rect" | "polygon" | "polyline" | "line" | "title" | "desc" if !is_root => Ok(()),
        "circle" | "ellipse" => Err((what(), "use <path d=\"{{ disc(x, y, radius) }}\"/>; arcs depend on the platform's sine")),
        "text" | "tspan" => Err((what(), "use {{ text(…) }}, which gives outlines of the embedded font")),
        "linearGradient" | "radialGradient" | "pattern" | "image" | "filter" | "mask" => {
            Err((what(), "layer shapes of flat colours; these are blended with approximations"))
        }
        "clipPath" => Err((what(), "cut polygons with {{ clip(points, window) }}")),
        _ => Err((what(), "a card has svg, g, path, rect, polygon, polyline, line, title and desc")),
    }
}

fn allowed(node: Node, attribute: &Attribute) -> bool {
    if attribute.namespace().is_some() {
        return false;
    }
    let value = attribute.value();
    let is_root = name(node) == "svg";
    match attribute.name() {
        "id" | "role" | "aria-label" => true,
        "viewBox" => is_root,
        "width" | "height" if is_root => true,
        "x" | "y" | "width" | "height" | "x1" | "y1" | "x2" | "y2" | "stroke-width" | "stroke-miterlimit"
        | "fill-opacity" | "stroke-opacity" => only(value, b".-"),
        "points" => only(value, b".-, \n"),
        "d" => only(value, b".-, \nMmLlHhVvQqTtCcSsZz"),
        "transform" => transform(value),
        "fill" | "stroke" => value == "none" || colour(value),
        "fill-rule" => matches!(value, "nonzero" | "evenodd"),
        "stroke-linejoin" => matches!(value, "miter" | "bevel" | "round"),
        "stroke-linecap" => matches!(value, "butt" | "square" | "round"),
        _ => false,
    }
}

fn hint_for(attribute: &Attribute) -> &'static str {
    match attribute.name() {
        "d" => "use the commands M L H V Q T C S Z and plain decimals; arcs depend on the platform's sine",
        "transform" => "use translate, scale and matrix with plain decimals; rotation depends on the platform's sine",
        "fill" | "stroke" => "write colours as #rgb or #rrggbb",
        "rx" | "ry" => "use <path d=\"{{ rounded(x, y, width, height, radius) }}\"/>",
        "opacity" => "use `fill-opacity` and `stroke-opacity` on the shapes",
        "style" | "class" => "write each property as an attribute",
        "stroke-dasharray" => "draw the dashes as shapes",
        _ => "use the attributes that the documentation of the template lists, with plain decimals and no units",
    }
}

/// Whether a value has digits and the given bytes alone.
fn only(value: &str, others: &[u8]) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit() || others.contains(&byte))
}

fn colour(value: &str) -> bool {
    let Some(digits) = value.strip_prefix('#') else { return false };
    matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn transform(value: &str) -> bool {
    let words = value.split(|char: char| !char.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    words.into_iter().all(|word| matches!(word, "translate" | "scale" | "matrix"))
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-, ()\n".contains(&byte))
}

fn size(root: Node) -> Option<(u32, u32)> {
    let side = |name: &str| {
        let side: u32 = root.attribute(name)?.parse().ok()?;
        (16..=MAX_SIDE).contains(&side).then_some(side)
    };
    let (width, height) = (side("width")?, side("height")?);
    (root.attribute("viewBox")? == format!("0 0 {width} {height}")).then_some((width, height))
}

fn name<'a>(node: Node<'a, '_>) -> &'a str {
    node.tag_name().name()
}

fn cut(value: &str) -> String {
    if value.chars().count() <= 48 {
        return value.to_owned();
    }
    value.chars().take(47).chain(['…']).collect()
}
