//! Measurements and pictures for people; none of them runs by itself.

use std::time::{Duration, Instant};

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
        println!(
            "{}: {} B of PNG (kind {}), {} B of SVG, {} B of JSON",
            sample.subject,
            card.png.bytes.len(),
            card.png.bytes[25],
            card.svg.bytes.len(),
            card.json.bytes.len()
        );
        for (block, kind) in [(&card.png, "png"), (&card.svg, "svg"), (&card.json, "json")] {
            std::fs::write(format!("{directory}/{index}.{kind}"), &block.bytes).unwrap();
        }
    }
}

/// What each step costs; run with `--release -- --ignored --nocapture timings`.
#[test]
#[ignore = "measures"]
fn timings() {
    let renderer = Renderer::new(&config(), TEMPLATE).unwrap();
    let mut shortest = [[Duration::MAX; 7]; SAMPLES.len()];
    let mut bytes = [0; 4];
    for round in 0..60 {
        for (sample, shortest) in SAMPLES.iter().zip(&mut shortest) {
            let traits = sample.traits();
            let input = sample.input(&traits);
            let mut marks = vec![Instant::now()];
            let texts = renderer.templates.render(&input).unwrap();
            marks.push(Instant::now());
            let canvas = renderer.painter.pixels(&texts.svg).unwrap();
            marks.push(Instant::now());
            let out = png::encode(&canvas.pixels, canvas.width);
            marks.push(Instant::now());
            let card = renderer.render(&input).unwrap();
            marks.push(Instant::now());
            let plain = texts.svg.replace(paint::STILL_BEGIN, "");
            marks.push(Instant::now());
            let whole = renderer.painter.pixels(&plain).unwrap();
            marks.push(Instant::now());
            let rgb: Vec<u8> = canvas.pixels.iter().flat_map(|pixel| pixel.to_le_bytes()[..3].to_vec()).collect();
            let mut peers = Vec::new();
            for compression in [::png::Compression::Fast, ::png::Compression::Balanced] {
                let mut out = Vec::new();
                marks.push(Instant::now());
                let mut encoder = ::png::Encoder::new(&mut out, 600, 600);
                encoder.set_color(::png::ColorType::Rgb);
                encoder.set_compression(compression);
                encoder.write_header().unwrap().write_image_data(&rgb).unwrap();
                marks.push(Instant::now());
                peers.push(out.len());
            }
            for (shortest, (from, to)) in
                shortest.iter_mut().zip([(0, 1), (1, 2), (2, 3), (3, 4), (5, 6), (7, 8), (9, 10)])
            {
                *shortest = (marks[to] - marks[from]).min(*shortest);
            }
            if round == 0 {
                let sizes = [out.len(), peers[0], peers[1], card.svg.bytes.len()];
                bytes.iter_mut().zip(sizes).for_each(|(sum, size)| *sum += size / SAMPLES.len());
            }
            renderer.painter.give_back(canvas);
            renderer.painter.give_back(whole);
        }
    }
    let names = [
        "template",
        "draw over the still layer",
        "encode",
        "render in all",
        "draw the whole",
        "png Fast",
        "png Balanced",
    ];
    for (index, name) in names.iter().enumerate() {
        let sum: Duration = shortest.iter().map(|shortest| shortest[index]).sum();
        println!("{name:26} {:>6} us", sum.as_micros() / SAMPLES.len() as u128);
    }
    println!("PNG {} B, png Fast {} B, png Balanced {} B; SVG {} B", bytes[0], bytes[1], bytes[2], bytes[3]);
}

/// How many cards of many nations and tiers fit a palette, and how large they get.
#[test]
#[ignore = "prints"]
fn sizes() {
    let renderer = Renderer::new(&config(), TEMPLATE).unwrap();
    let (mut indexed, mut cards, mut largest, mut total) = (0, 0, 0, 0);
    for tier in ["Bronze", "Silver", "Gold", "Platinum", "Legend"] {
        for subject in 0..100 {
            let subject = format!("Nation {subject}");
            let mut traits = SAMPLES[subject.len() % 2].traits();
            traits[5].value = enliven_types::TraitValue::Text(tier.to_owned());
            let input = SAMPLES[0].input(&traits);
            let card = renderer.render(&CardInput { subject: &subject, ..input }).unwrap();
            cards += 1;
            indexed += usize::from(card.png.bytes[25] == 3);
            largest = largest.max(card.png.bytes.len());
            total += card.png.bytes.len();
        }
    }
    println!("{indexed} of {cards} have a palette; the largest has {largest} B, the mean {} B", total / cards);
}
