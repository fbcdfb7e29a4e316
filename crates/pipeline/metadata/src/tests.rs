//! Tests of the whole room.

use enliven_types::{Codec, Digest, Timestamp, Trait, TraitValue, cid_of, from_json_strict};
use proptest::prelude::*;

use super::*;
use crate::testcard::{SAMPLES, TEMPLATE, config};

fn renderer() -> Renderer {
    Renderer::new(&config(), TEMPLATE).unwrap()
}

/// A change of these bytes changes the CIDs of every collection: it needs a reason.
#[test]
fn golden_cards() {
    let golden = [
        (
            "Brazil",
            "0x7d5dfda6b751e8124a2778f2f4216ae1d8402fc8dc11c0e0f8fc9b71eeb68814",
            "0x99a4683e3b982e863c28adf84839cd9e316730bb6161770bb761667c8454e01d",
        ),
        (
            "Saint Vincent and the Grenadines",
            "0x0c9a34826b5b65e7ab5b08d423007088370abc8b22d015890f238b638e059c7c",
            "0xb055123cbe8333ce53adc173ba288719a0c462b79091d5a53e24463a653f8331",
        ),
        (
            "São Tomé and Príncipe",
            "0x295d7ad39d4c1de37ce491f4046eb5b42557213dc5912d5693bfdea5209ea9e3",
            "0x236d806fdb4c406d15c918da6a9c501454a7116cb7ab0e30d91d4c79e6be0318",
        ),
    ];
    let renderer = renderer();
    for (sample, (subject, svg, png)) in SAMPLES.iter().zip(golden) {
        let traits = sample.traits();
        let card = renderer.render(&sample.input(&traits)).unwrap();
        let found =
            (sample.subject, Digest::sha256(&card.svg.bytes).to_string(), Digest::sha256(&card.png.bytes).to_string());
        assert_eq!(found, (subject, svg.to_owned(), png.to_owned()));
        assert!(card.png.bytes.len() <= 25_000 && card.svg.bytes.len() <= 40_000);
    }
    assert_eq!(
        Renderer::font_digest().to_string(),
        "0x5781e53d1e7a3e71989ea1c02cd8cd2998e49699ae0ca33df7e9b4db0ff9a5f1"
    );
    assert_eq!(renderer.template_digest(), Digest::sha256(TEMPLATE.as_bytes()));
}

#[test]
fn json_follows_the_conventions() {
    let traits = SAMPLES[1].traits();
    let card = renderer().render(&SAMPLES[1].input(&traits)).unwrap();
    for block in [&card.json, &card.svg, &card.png] {
        assert!(block.is_intact() && block.cid == cid_of(Codec::Raw, &block.bytes));
    }
    let json: serde_json::Value = from_json_strict("metadata", &card.json.bytes).unwrap();
    let expected = serde_json::json!({
        "name": "Saint Vincent and the Grenadines",
        "description": "Saint Vincent and the Grenadines in Nov 2004: Bronze.",
        "external_url": "https://example.org/token/7",
        "image": format!("ipfs://{}", card.png.cid),
        "attributes": [
            { "trait_type": "Strength", "value": 7, "max_value": 100 },
            { "trait_type": "attack", "value": 12, "max_value": 100 },
            { "trait_type": "defence", "value": 4 },
            { "trait_type": "form", "value": 21 },
            { "trait_type": "streak", "value": 0, "display_type": "number" },
            { "trait_type": "tier", "value": "Bronze" },
            { "trait_type": "record", "value": "61-30-112" },
        ],
        "properties": {
            "subject": "Saint Vincent and the Grenadines",
            "sequence": 12,
            "epoch": 343,
            "updated_at": "2004-11-30T00:00:00Z",
            "image_svg": format!("ipfs://{}", card.svg.cid),
        },
    });
    assert_eq!(json, expected);
    let contract = renderer().contract_json();
    assert_eq!(contract.bytes, br#"{"description":"National teams that live.","name":"Living Nations"}"#);
}

#[test]
fn large_numbers_are_texts_and_hidden_traits_are_left_out() {
    let mut config = config();
    config.display.insert("form".to_owned(), Display { hidden: true, ..Display::default() });
    let mut traits = SAMPLES[0].traits();
    traits[0].value = TraitValue::Number(1 << 53);
    traits[1].value = TraitValue::Number((1 << 53) + 1);
    let card = Renderer::new(&config, TEMPLATE).unwrap().render(&SAMPLES[0].input(&traits)).unwrap();
    let json = String::from_utf8(card.json.bytes).unwrap();
    assert!(json.contains(r#""trait_type":"Strength","value":9007199254740992}"#), "{json}");
    assert!(json.contains(r#""trait_type":"attack","value":"9007199254740993"}"#), "{json}");
    assert!(!json.contains("form"), "{json}");
}

#[test]
fn layers_and_caches_change_nothing() {
    let shared = renderer();
    let layered: Vec<Rendered> = SAMPLES
        .iter()
        .map(|sample| {
            let traits = sample.traits();
            shared.render(&sample.input(&traits)).unwrap()
        })
        .collect();
    // Each card again: alone, as one layer, and in two threads that share the caches.
    for (sample, card) in SAMPLES.iter().zip(&layered) {
        let traits = sample.traits();
        assert_eq!(&renderer().render(&sample.input(&traits)).unwrap(), card);
        let svg = String::from_utf8(card.svg.bytes.clone()).unwrap();
        assert!(svg.contains(paint::STILL_BEGIN));
        let whole = svg.replace(paint::STILL_BEGIN, "");
        assert_eq!(shared.painter.png(&whole).unwrap(), card.png.bytes, "{}", sample.subject);
    }
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for (sample, card) in SAMPLES.iter().zip(&layered) {
                    let traits = sample.traits();
                    assert_eq!(&shared.render(&sample.input(&traits)).unwrap(), card);
                }
            });
        }
    });
}

#[test]
fn only_the_latest_history_counts() {
    let traits = SAMPLES[0].traits();
    let input = SAMPLES[0].input(&traits);
    let long: Vec<i64> = std::iter::repeat_n(5, 100).chain(input.history.iter().copied()).collect();
    let renderer = renderer();
    assert_eq!(renderer.render(&CardInput { history: &long, ..input }), renderer.render(&input));
}

fn refusal(template: &str) -> String {
    let traits = [Trait { name: "tier".to_owned(), value: TraitValue::Text("Gold".to_owned()) }];
    let input = CardInput {
        token_id: 1,
        subject: "A",
        sequence: 1,
        epoch: 1,
        at: Timestamp(0),
        traits: &traits,
        history: &[1, 2],
    };
    let mut config = config();
    config.description = "-".to_owned();
    config.display.clear();
    match Renderer::new(&config, template).and_then(|renderer| renderer.render(&input)) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn messages() {
    const OPEN: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32">"#;
    let table = [
        ("", "fine"),
        ("<rect width='8' height='8' fill='#abc' fill-opacity='.5'/>", "fine"),
        ("\n{{ traits.teir }}", "template `card.svg.jinja`, line 2: undefined value"),
        (
            "\n\n{{ 3 / 2 }}",
            "template `card.svg.jinja`, line 3: a number with a fraction would be printed; hint: divide with `//`",
        ),
        ("{% if %}", "template `card.svg.jinja`, line 1: syntax error"),
        ("{{ text(1, 2, 3) }}", "template `card.svg.jinja`, line 1: `text` needs `size`, in pixels"),
        ("{{ text(1, 2, 3, size=9, weight='bald') }}", "unknown weight `bald` (available: medium, bold, black)"),
        ("{{ disc(1, 2, '1e3') }}", "`radius` is 1e3; hint: give a whole number, or a text such as \"12.5\""),
        (
            "{% for i in range(9999) %}{% for j in range(9999) %}{{ j }}{% endfor %}{% endfor %}",
            "engine ran out of fuel",
        ),
        ("\n<circle r='2'/>", "has <circle> on line 2 of its output; hint: use <path d=\"{{ disc(x, y, radius) }}\"/>"),
        ("<text>A</text>", "has <text> on line 1 of its output; hint: use {{ text(…) }}"),
        ("<g opacity='.5'/>", "has `opacity=\".5\"` on <g> on line 1 of its output; hint: use `fill-opacity`"),
        ("<path d='M0 0A1 1 0 0 0 2 2'/>", "has `d=\"M0 0A1 1 0 0 0 2 2\"` on <path>"),
        ("<g transform='rotate(9)'/>", "has `transform=\"rotate(9)\"` on <g>"),
        ("<rect fill='red'/>", "has `fill=\"red\"` on <rect> on line 1 of its output; hint: write colours as #rgb"),
        ("<path stroke='#000' d='M0 0Q1 1 2 2'/>", "has a stroke along a curve on line 1"),
        ("<rect width='99999' height='9'/>", "has a <rect> far outside of the canvas on line 1"),
        ("<svg/>", "has <svg> on line 1"),
        ("<g>", "is not usable: expected 'g' tag, not 'svg'"),
        ("<rect/><!-- still:begin --><!-- still:end -->", "only the <svg> tag can stand before `<!-- still:begin -->`"),
        ("<!-- still:begin -->", "`<!-- still:begin -->` is not followed by `<!-- still:end -->`"),
        ("<!-- still:begin -->\n\n<!-- still:end -->\n<use/>", "has <use> on line 4 of its output"),
    ];
    for (body, expected) in table {
        let message = refusal(&format!("{OPEN}{body}</svg>"));
        assert!(message.contains(expected), "{body}\n  found:    {message}\n  expected: {expected}");
    }
    for (template, expected) in [
        ("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' viewBox='0 0 9 9'/>", "no usable size"),
        ("<svg width='32' height='32' viewBox='0 0 32 32'/>", "has <svg> on line 1 of its output; hint: declare xmlns"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><svg/>", "is not usable"),
        ("", "is not usable"),
    ] {
        let message = refusal(template);
        assert!(message.contains(expected), "{template}\n  found: {message}");
    }
    let deep = format!("{OPEN}{}{}</svg>", "<g>".repeat(4000), "</g>".repeat(4000));
    assert!(refusal(&deep).contains("nest at most 15 groups"));

    let mut wrong = config();
    wrong.display.insert("tier".to_owned(), Display { max_value: Some(1), ..Display::default() });
    let traits = SAMPLES[0].traits();
    let error = Renderer::new(&wrong, TEMPLATE).unwrap().render(&SAMPLES[0].input(&traits)).unwrap_err();
    assert_eq!(error, MetadataError::NotANumber { name: "tier".to_owned() });
    assert_eq!(
        config().check_traits(&["strength", "attack"]).unwrap_err().to_string(),
        "`display` names an unknown trait `streak` (available: strength, attack)"
    );
}

#[test]
fn foreign_texts_stay_texts() {
    let traits = SAMPLES[0].traits();
    let long = "é".repeat(5000);
    for subject in ["</title><script>", "a&b\"c'd", "\u{0}\u{8}\u{1b}[2J\u{202e}x", "日本 ÷ 🏆", "", "e\u{301}", &long]
    {
        let card = renderer().render(&CardInput { subject, ..SAMPLES[0].input(&traits) }).unwrap();
        let svg = String::from_utf8(card.svg.bytes).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&card.json.bytes).unwrap();
        assert!(!svg.contains("<script") && !svg.contains('\u{202e}') && !svg.contains('\u{1b}'));
        assert!(json["name"].as_str().unwrap().chars().count() <= 120);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_input_panics(
        subject in ".{0,40}",
        record in ".{0,20}",
        numbers in prop::array::uniform5(any::<i64>()),
        history in prop::collection::vec(-1_000_000i64..1_000_000, 0..30),
        at in any::<i64>(),
        ids in prop::array::uniform3(any::<u64>()),
    ) {
        let mut traits = SAMPLES[0].traits();
        for (entry, number) in traits.iter_mut().zip(numbers) {
            entry.value = TraitValue::Number(number);
        }
        traits[6].value = TraitValue::Text(record);
        let input = CardInput {
            token_id: ids[0],
            subject: &subject,
            sequence: ids[1],
            epoch: ids[2],
            at: Timestamp(at),
            traits: &traits,
            history: &history,
        };
        // The template's own sums may overflow, which is an error; all else works.
        if let Err(error) = renderer().render(&input) {
            prop_assert!(matches!(error, MetadataError::Template { .. }), "{}", error);
        }
    }

    #[test]
    fn no_document_panics(body in "[<>/a-z=\"' .,0-9MLQZ-]{0,80}", data in "[MmLlHhVvQqTtCcSsZz0-9., -]{0,60}") {
        let open = r#"<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32">"#;
        let painter = paint::Painter::new("test");
        let _ = painter.png(&format!("{open}{body}</svg>"));
        let _ = painter.png(&format!("{open}<path stroke=\"#fff\" stroke-width=\"3\" d=\"{data}\"/></svg>"));
        let _ = painter.png(&format!("{open}<path d=\"{data}\"/></svg>"));
    }
}

/// An independent renderer sees the same card: resvg, whose edges are rounded differently.
#[test]
fn resvg_draws_the_same() {
    let renderer = Renderer::new(&config(), TEMPLATE).unwrap();
    for sample in &SAMPLES {
        let traits = sample.traits();
        let card = renderer.render(&sample.input(&traits)).unwrap();
        let svg = String::from_utf8(card.svg.bytes).unwrap();
        let tree = resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).unwrap();
        let mut theirs = resvg::tiny_skia::Pixmap::new(600, 600).unwrap();
        resvg::render(&tree, Default::default(), &mut theirs.as_mut());
        let ours = renderer.painter.pixels(&svg).unwrap();

        let (mut sum, mut worst, mut far) = (0u64, 0, 0);
        for (ours, theirs) in ours.pixels.iter().zip(theirs.pixels()) {
            let theirs = [theirs.red(), theirs.green(), theirs.blue(), theirs.alpha()];
            for (ours, theirs) in ours.to_le_bytes().into_iter().zip(theirs) {
                let difference = u64::from(ours.abs_diff(theirs));
                sum += difference;
                worst = worst.max(difference);
                far += u64::from(difference > 48);
            }
        }
        assert!(sum < 1_440_000 / 4 && far < 200, "{}: {sum} {worst} {far}", sample.subject);
    }
}
