//! A plot of rows that grow, as SVG: one line for each kind of row, on logarithmic axes.

use std::fmt::Write;

use crate::Row;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 230.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

/// The rows `PREFIX.NAME.1x`, `.10x` and `.100x` of each name, over numbers of keys from `keys` on.
pub fn growth(title: &str, keys: u64, rows: &[Row], names: &[(&str, &str)]) -> String {
    let lines: Vec<(&str, Vec<f64>)> = names
        .iter()
        .map(|(name, label)| {
            let value = |times: &str| {
                let id = format!("{name}.{times}");
                rows.iter().find(|row| row.id == id).map_or(f64::NAN, |row| row.ours)
            };
            (*label, ["1x", "10x", "100x"].map(value).to_vec())
        })
        .collect();
    let all = || lines.iter().flat_map(|(_, values)| values.iter().copied());
    let low = all().fold(f64::MAX, f64::min).log10().floor().max(0.0);
    let high = all().fold(f64::MIN, f64::max).log10().ceil().max(low + 1.0);
    let x = |place: usize| LEFT + (WIDTH - LEFT - RIGHT) * place as f64 / 2.0;
    let y = |value: f64| TOP + (HEIGHT - TOP - BOTTOM) * (high - value.log10()) / (high - low);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n<title>{title}</title>\n\
         <style>svg {{ background: #fff; color: #222; font: 13px sans-serif }} text {{ fill: currentColor }}\n\
         @media (prefers-color-scheme: dark) {{ svg {{ background: #16181d; color: #ddd }} }}</style>\n\
         <text x=\"{LEFT}\" y=\"22\" font-weight=\"bold\">{title}</text>\n"
    );
    for power in low as u32..=high as u32 {
        let value = 10u64.pow(power);
        let at = y(value as f64);
        let value = thousands(value);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"currentColor\" opacity=\"0.2\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        );
    }
    for place in 0..3 {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{} keys</text>",
            x(place),
            HEIGHT - 22.0,
            thousands(keys * 10u64.pow(place as u32))
        );
    }
    let mut taken: Vec<f64> = Vec::new();
    for ((label, values), colour) in lines.iter().zip(["#2f7fd6", "#d9822b", "#3a9d5d", "#a45bc4"]) {
        let points: Vec<String> =
            values.iter().enumerate().map(|(place, value)| format!("{:.1},{:.1}", x(place), y(*value))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\"/>",
            points.join(" ")
        );
        for point in &points {
            let (cx, cy) = point.split_once(',').unwrap_or_default();
            let _ = writeln!(svg, "<circle cx=\"{cx}\" cy=\"{cy}\" r=\"4\" fill=\"{colour}\"/>");
        }
        let last = values[values.len() - 1];
        let mut at = y(last) + 4.0;
        while taken.iter().any(|other| (at - other).abs() < 15.0) {
            at += 1.0;
        }
        taken.push(at);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{:.1}\">{label}: {last:.0}</text>", WIDTH - RIGHT + 12.0, at);
    }
    svg.push_str("</svg>\n");
    svg
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
