//! The template language: minijinja with strict names, no floats, and functions that draw.

use std::collections::BTreeMap;

use enliven_types::{Digest, TraitValue};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::font::{self, Anchor, Style, Weight};
use crate::geometry::{self, Point};
use crate::{CardInput, MetadataConfig, MetadataError, number};

/// What a template may cost: about this many instructions, or 64 times as many bytes.
const FUEL: u64 = 500_000;
/// Texts that come from outside are shown up to this many characters.
const MAX_TEXT: usize = 120;
/// No coordinate or size lies farther out than this, in hundredths of a pixel.
const MAX_COORDINATE: i64 = 1_000_000;
const MAX_POINTS: usize = 512;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The names of the templates inside the environment; the card has its file name.
const NAME: &str = "name";
const DESCRIPTION: &str = "description";
const EXTERNAL_URL: &str = "external_url";

/// The compiled templates.
pub(crate) struct Templates {
    environment: Environment<'static>,
    card: String,
    has_url: bool,
}

/// The texts that the templates give for one token.
pub(crate) struct Texts {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) external_url: Option<String>,
    pub(crate) svg: String,
}

impl Templates {
    pub(crate) fn new(config: &MetadataConfig, template: &str) -> Result<Templates, MetadataError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_debug(false);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|name| match name {
            NAME | DESCRIPTION | EXTERNAL_URL => AutoEscape::None,
            _ => AutoEscape::Html,
        });
        environment.set_formatter(|out, state, value| {
            if value.kind() == ValueKind::Number && !value.is_integer() {
                return Err(wrong("a number with a fraction would be printed; hint: divide with `//`"));
            }
            minijinja::escape_formatter(out, state, value)
        });
        environment.add_function("text", text);
        environment.add_function("text_width", text_width);
        environment.add_function("disc", disc);
        environment.add_function("rounded", rounded);
        environment.add_function("ngon", ngon);
        environment.add_function("polar", polar);
        environment.add_function("spark", spark);
        environment.add_function("clip", clip);
        environment.add_function("first_point", |points: String| endpoint(&points, false));
        environment.add_function("last_point", |points: String| endpoint(&points, true));
        environment.add_function("pick", pick);
        environment.add_function("clamp", |value: i64, low: i64, high: i64| value.min(high).max(low));

        // A card could be called `name`; the suffix keeps the names apart.
        let card = format!("{} ", config.template);
        let sources = [(NAME, Some(&config.name)), (DESCRIPTION, Some(&config.description))];
        for (name, source) in sources.into_iter().chain([(EXTERNAL_URL, config.external_url.as_ref())]) {
            let Some(source) = source else { continue };
            environment.add_template_owned(name, source.clone()).map_err(|error| explain(name, &error))?;
        }
        environment
            .add_template_owned(card.clone(), template.to_owned())
            .map_err(|error| explain(&config.template, &error))?;
        Ok(Templates { environment, card, has_url: config.external_url.is_some() })
    }

    pub(crate) fn render(&self, input: &CardInput) -> Result<Texts, MetadataError> {
        let context = context(input);
        let render = |name: &str| {
            let template = self.environment.get_template(name).map_err(|error| explain(name, &error))?;
            template.render(context.clone()).map_err(|error| explain(name.trim_end(), &error))
        };
        Ok(Texts {
            name: render(NAME)?,
            description: render(DESCRIPTION)?,
            external_url: if self.has_url { Some(render(EXTERNAL_URL)?) } else { None },
            svg: render(&self.card)?,
        })
    }
}

/// A foreign text as it is shown: without control and direction characters, and cut if it is long.
pub(crate) fn shown(text: &str) -> String {
    let hidden = |char: char| {
        char.is_control()
            || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{ffff}')
    };
    let mut chars = text.chars().filter(|char| !hidden(*char));
    let mut out: String = chars.by_ref().take(MAX_TEXT).collect();
    if chars.next().is_some() {
        out.pop();
        out.push('…');
    }
    out
}

fn context(input: &CardInput) -> Value {
    let traits: BTreeMap<String, Value> = input
        .traits
        .iter()
        .map(|entry| match &entry.value {
            TraitValue::Number(number) => (entry.name.clone(), Value::from(*number)),
            TraitValue::Text(text) => (entry.name.clone(), Value::from(shown(text))),
        })
        .collect();
    let date = input.at.date();
    let month = MONTHS[(date.month() as usize).clamp(1, 12) - 1];
    let date = Value::from_pairs([
        ("year", Value::from(date.year())),
        ("month", Value::from(date.month())),
        ("month_name", Value::from(month)),
        ("day", Value::from(date.day())),
    ]);
    Value::from_pairs([
        ("token_id", Value::from(input.token_id)),
        ("subject", Value::from(shown(input.subject))),
        ("sequence", Value::from(input.sequence)),
        ("epoch", Value::from(input.epoch)),
        ("at", Value::from(input.at.to_string())),
        ("date", date),
        ("traits", Value::from_pairs(traits)),
        ("history", Value::from(input.history.iter().map(|value| Value::from(*value)).collect::<Vec<_>>())),
    ])
}

/// A path with the outlines of `value`; see the crate's documentation for the options.
fn text(value: Value, x: Value, y: Value, options: Kwargs) -> Result<Value, Error> {
    let fitted = fitted(&value, &options)?;
    let anchor = options.get::<Option<&str>>("anchor")?.unwrap_or("start");
    let anchor = Anchor::parse(anchor).ok_or_else(|| unknown("anchor", anchor, Anchor::NAMES))?;
    let fill: Option<&str> = options.get("fill")?;
    options.assert_all_used()?;

    let mut out = String::from("<path");
    if let Some(fill) = fill {
        if !fill.bytes().all(|byte| byte == b'#' || byte.is_ascii_alphanumeric()) {
            return Err(wrong(format!("`{fill}` is not a colour; hint: write it as #rrggbb")));
        }
        out.push_str(&format!(" fill=\"{fill}\""));
    }
    if !fitted.write(length("x", &x)?, length("y", &y)?, anchor, &mut out) {
        return Ok(Value::from_safe_string(String::new()));
    }
    out.push_str("/>");
    Ok(Value::from_safe_string(out))
}

/// How wide the text would be, rounded up to whole pixels.
fn text_width(value: Value, options: Kwargs) -> Result<i64, Error> {
    let fitted = fitted(&value, &options)?;
    options.assert_all_used()?;
    Ok((fitted.width() + 99) / 100)
}

fn fitted(value: &Value, options: &Kwargs) -> Result<font::Fitted, Error> {
    let content = match value.kind() {
        ValueKind::String => value.to_string(),
        ValueKind::Number if value.is_integer() => value.to_string(),
        kind => return Err(wrong(format!("`text` shows texts and whole numbers, not a {kind}"))),
    };
    let bounded = |name: &'static str, default: Option<i64>, low: i64, high: i64| match options.get(name)? {
        None => Ok(default),
        Some(value) if (low..=high).contains(&value) => Ok(Some(value)),
        Some(value) => Err(wrong(format!("`{name}` is {value}; it can be from {low} to {high}"))),
    };
    let weight = options.get::<Option<&str>>("weight")?.unwrap_or("bold");
    let weight = Weight::parse(weight).ok_or_else(|| unknown("weight", weight, Weight::NAMES))?;
    let size = bounded("size", None, 1, 2000)?.ok_or_else(|| wrong("`text` needs `size`, in pixels"))?;
    let min = bounded("min", Some(size), 1, 2000)?.unwrap_or(size);
    let max = bounded("max", None, 0, 10_000)?;
    let spacing = bounded("spacing", Some(0), -500, 2000)?.unwrap_or(0);
    Ok(font::fit(&shown(&content), Style { weight, size, min, max, spacing }))
}

/// Path data of a circle.
fn disc(x: Value, y: Value, radius: Value) -> Result<String, Error> {
    let (x, y, radius) = (length("x", &x)?, length("y", &y)?, length("radius", &radius)?);
    Ok(geometry::rounded(x - radius, y - radius, 2 * radius, 2 * radius, radius))
}

/// Path data of a rectangle with rounded corners.
fn rounded(x: Value, y: Value, width: Value, height: Value, radius: Value) -> Result<String, Error> {
    Ok(geometry::rounded(
        length("x", &x)?,
        length("y", &y)?,
        length("width", &width)?,
        length("height", &height)?,
        length("radius", &radius)?,
    ))
}

/// Points of a regular polygon or, with `inner`, of a star.
fn ngon(x: Value, y: Value, radius: Value, sides: i64, options: Kwargs) -> Result<String, Error> {
    if !(3..=128).contains(&sides) {
        return Err(wrong(format!("`ngon` has {sides} sides; it can have from 3 to 128")));
    }
    let turn = options.get::<Option<i64>>("turn")?.unwrap_or(0) % 360;
    let inner = match options.get::<Option<Value>>("inner")? {
        Some(inner) => Some(length("inner", &inner)?),
        None => None,
    };
    options.assert_all_used()?;
    let centre = (length("x", &x)?, length("y", &y)?);
    Ok(geometry::write_points(&geometry::ngon(centre, length("radius", &radius)?, sides, turn * 1000, inner)))
}

/// One point at a distance and an angle (in degrees, clockwise from twelve o'clock).
fn polar(x: Value, y: Value, radius: Value, degrees: Value) -> Result<String, Error> {
    let centre = (length("x", &x)?, length("y", &y)?);
    let angle = length("degrees", &degrees)? * 10;
    Ok(geometry::write_points(&[geometry::polar(centre, length("radius", &radius)?, angle)]))
}

/// Points of a line through `values`, in a box with the named `x`, `y`, `width` and `height`.
fn spark(values: Vec<i64>, options: Kwargs) -> Result<String, Error> {
    let named = |name: &str| length(name, &options.get::<Value>(name)?);
    let (corner, width, height) = ((named("x")?, named("y")?), named("width")?, named("height")?);
    let low = options.get::<Option<i64>>("low")?.or(values.iter().min().copied()).unwrap_or(0);
    let high = options.get::<Option<i64>>("high")?.or(values.iter().max().copied()).unwrap_or(0);
    options.assert_all_used()?;
    if values.len() > MAX_POINTS {
        return Err(wrong(format!("`spark` got {} values; at most {MAX_POINTS} fit", values.len())));
    }
    Ok(geometry::write_points(&geometry::spark(&values, corner, width, height, low, high)))
}

/// The part of a polygon inside a convex polygon.
fn clip(points: String, window: String) -> Result<String, Error> {
    Ok(geometry::write_points(&geometry::clip(&read("points", &points)?, &read("window", &window)?)))
}

/// The first or last point as `{x, y}`.
fn endpoint(points: &str, last: bool) -> Result<Value, Error> {
    let points = read("points", points)?;
    let point = if last { points.last() } else { points.first() };
    let (x, y) = *point.ok_or_else(|| wrong("there are no points"))?;
    let decimal = |value: i64| {
        let mut out = String::new();
        number::push_hundredths(value, &mut out);
        Value::from(out)
    };
    Ok(Value::from_pairs([("x", decimal(x)), ("y", decimal(y))]))
}

/// A number from 0 to `count - 1` that depends on the two texts alone (and looks random).
fn pick(text: String, salt: String, count: u64) -> Result<u64, Error> {
    if count == 0 {
        return Err(wrong("`pick` needs a count of at least 1"));
    }
    let digest = Digest::sha256(format!("{salt}\n{text}").as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest.0[..8]);
    Ok(u64::from_be_bytes(bytes) % count)
}

fn read(name: &str, text: &str) -> Result<Vec<Point>, Error> {
    let points = geometry::read_points(text)
        .ok_or_else(|| wrong(format!("`{name}` is not a list of points such as \"0,0 10,2.5\"")))?;
    let bounded = |value: i64| value.abs() <= MAX_COORDINATE;
    if points.len() > MAX_POINTS || !points.iter().all(|(x, y)| bounded(*x) && bounded(*y)) {
        return Err(wrong(format!("`{name}` has more than {MAX_POINTS} points, or one that lies too far out")));
    }
    Ok(points)
}

/// A whole number, or a decimal text such as "12.5", in hundredths.
fn length(name: &str, value: &Value) -> Result<i64, Error> {
    let hundredths = match value.as_str() {
        Some(text) => number::parse_hundredths(text),
        None if value.is_integer() => value.as_i64().and_then(|value| value.checked_mul(100)),
        None => None,
    };
    match hundredths {
        Some(value) if value.abs() <= MAX_COORDINATE => Ok(value),
        Some(_) => Err(wrong(format!("`{name}` is {value}, which is too far out"))),
        None => Err(wrong(format!("`{name}` is {value}; hint: give a whole number, or a text such as \"12.5\""))),
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

fn unknown(what: &str, found: &str, available: &str) -> Error {
    wrong(format!("unknown {what} `{found}` (available: {available})"))
}

fn explain(template: &str, error: &Error) -> MetadataError {
    let reason = match error.detail() {
        Some(detail) if error.kind() == ErrorKind::InvalidOperation => detail.to_owned(),
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    MetadataError::Template { template: template.to_owned(), line: error.line().unwrap_or(0), reason }
}
