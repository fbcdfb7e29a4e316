//! The tiles of `./bench streaming` in dbsp, on one worker.
//!
//! Usage: peer EVENTS.csv
//! A transaction for each thousand events. Prints one JSON object: the seconds, and the sums over all
//! keys of what the last 24 hours hold.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result};
use dbsp::Runtime;
use dbsp::mimalloc::MiMalloc;
use dbsp::typed_batch::IndexedZSetReader;
use dbsp::utils::{Tup2, Tup5};

const HOUR: i64 = 3_600_000;
const FIRST: i64 = 144; // The first of the last 24 hours of the week.

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("usage: peer EVENTS.csv")?;
    let text = std::fs::read_to_string(path)?;
    let events: Vec<[i64; 3]> = text
        .lines()
        .skip(1)
        .map(|line| {
            let mut columns = line.split(',').map(str::parse);
            let mut next = || columns.next().context("a column is missing")?.context("a number");
            Ok([next()?, next()?, next()?])
        })
        .collect::<Result<_>>()?;
    let (mut circuit, (input, output)) = Runtime::init_circuit(1, |circuit| {
        let (events, input) = circuit.add_input_indexed_zset::<Tup2<i64, i64>, Tup2<i64, i64>>();
        let tiles = events.chain_aggregate(
            |&Tup2(_, amount), weight| Tup5(weight, amount * weight, amount, amount, amount),
            |Tup5(count, sum, least, most, _), &Tup2(_, amount), weight| {
                Tup5(count + weight, sum + amount * weight, least.min(amount), most.max(amount), amount)
            },
        );
        Ok((input, tiles.accumulate_output()))
    })?;
    let mut changes = Vec::new();
    let begin = Instant::now();
    for page in events.chunks(1000) {
        let mut page =
            page.iter().map(|&[key, time, amount]| Tup2(Tup2(key, time / HOUR), Tup2(Tup2(time, amount), 1))).collect();
        input.append(&mut page);
        circuit.transaction()?;
        changes.extend(output.take_from_all());
    }
    let seconds = begin.elapsed().as_secs_f64();
    circuit.kill().ok().context("the worker fails")?;

    let mut tiles = BTreeMap::new();
    for (Tup2(key, hour), tile, weight) in changes.iter().flat_map(|page| page.iter()) {
        if weight > 0 {
            tiles.insert((key, hour), tile);
        }
    }
    let mut windows = BTreeMap::new();
    for ((key, hour), Tup5(count, sum, least, most, last)) in tiles {
        if hour >= FIRST {
            let window = windows.entry(key).or_insert([0, 0, least, most, last]);
            *window = [window[0] + count, window[1] + sum, window[2].min(least), window[3].max(most), last];
        }
    }
    let sums =
        windows.into_values().fold([0; 5], |sums, window| std::array::from_fn(|place| sums[place] + window[place]));
    println!("{}", serde_json::json!({ "seconds": seconds, "sums": sums, "version": "0.349.0" }));
    Ok(())
}
