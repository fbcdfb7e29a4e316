//! Tests of the whole room.

use super::*;
use crate::testcard::{SAMPLES, TEMPLATE, config};

/// Writes the sample cards to the directory in `CARDS`, for people to look at.
#[test]
#[ignore = "writes files"]
fn write_cards() {
    let Ok(directory) = std::env::var("CARDS") else { return };
    let renderer = Renderer::new(&config(), TEMPLATE).unwrap();
    for (index, sample) in SAMPLES.iter().enumerate() {
        let traits = sample.traits();
        let card = renderer.render(&sample.input(&traits)).unwrap();
        println!("{}: {} B of PNG (kind {}), {} B of SVG, {} B of JSON", sample.subject, card.png.bytes.len(), card.png.bytes[25], card.svg.bytes.len(), card.json.bytes.len());
        for (block, kind) in [(&card.png, "png"), (&card.svg, "svg"), (&card.json, "json")] {
            std::fs::write(format!("{directory}/{index}.{kind}"), &block.bytes).unwrap();
        }
    }
}
