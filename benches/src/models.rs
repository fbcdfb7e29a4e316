//! Gradient-boosted trees that XGBoost trained on 49,520 real matches, run by us and by others on one
//! core each. Peers are called from Python, as their users call them. Margins must be equal within the
//! error of 32-bit floats.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

use enliven_models::import::{ImportOptions, read};
use enliven_models::{Artifact, Model};
use enliven_types::{FeatureDef, FeatureSchema, Privacy};
use serde_json::Value;

use crate::{Row, peers};

/// The peers, with the versions that are measured.
pub(crate) const PACKAGES: [&str; 13] = [
    "numpy==2.4.6",
    "pandas==3.1.1",
    "xgboost-cpu==3.2.0",
    "lightgbm==4.7.0",
    "scikit-learn==1.9.1",
    "onnxruntime==1.32.0",
    "onnxmltools==1.16.0",
    "tl2cgen==1.0.0",
    "treelite==4.8.1",
    "shap==0.51.0",
    "fasttreeshap-fixed==0.1.5",
    "treeshap==0.1.2",
    "woodelf-explainer==0.4.8",
];
/// Rows at 1x.
const ROWS: usize = 5_000;
/// The largest difference of a margin.
const TOLERANCE: f64 = 5e-5;

/// The matches and the models of them.
pub(crate) struct World {
    pub(crate) folder: PathBuf,
    pub(crate) width: usize,
    pub(crate) rows: Vec<i64>,
    schema: FeatureSchema,
}

/// Trained once in a run.
pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = home.join("../target/bench-models");
        std::fs::create_dir_all(&folder).expect("a folder for the models");
        let results = home.join("../examples/football/results.csv");
        let found = peers::run("models.py", &PACKAGES, &[&folder, &results, Path::new("train")]);
        let places: Vec<u64> = found["places"].as_array().expect("places").iter().filter_map(Value::as_u64).collect();
        let define = |(number, places): (usize, &u64)| FeatureDef {
            name: format!("f{number}"),
            scale: *places as u8,
            unit: String::new(),
            privacy: Privacy::Public,
        };
        let schema = FeatureSchema { features: places.iter().enumerate().map(define).collect() };
        let rows = numbers(&folder.join("rows.i64"), i64::from_le_bytes);
        World { folder, width: places.len(), rows, schema }
    })
}

impl World {
    /// The artifact of a model that XGBoost trained.
    fn artifact(&self, name: &str) -> Artifact {
        let bytes = std::fs::read(self.folder.join(format!("{name}.json"))).expect("the model is there");
        let features = self.schema.features.iter().map(|feature| feature.name.clone()).collect();
        let options = ImportOptions { features, ..ImportOptions::default() };
        read(&bytes).and_then(|foreign| foreign.quantise(&self.schema, &options)).expect("the model is read")
    }

    /// The model, whose margins were held against XGBoost's.
    pub(crate) fn model(&self, name: &str) -> Model {
        let model = Model::new(&self.artifact(name), &self.schema).expect("the artifact is whole");
        let wanted: Vec<f32> = numbers(&self.folder.join(format!("{name}.margins.f32")), f32::from_le_bytes);
        let unit = power(model.scale());
        let mut apart: f64 = 0.0;
        for (margin, wanted) in model.margins(&self.rows).iter().zip(&wanted) {
            apart = apart.max((*margin as f64 / unit - f64::from(*wanted)).abs());
        }
        assert!(apart <= TOLERANCE, "{name}: margins are {apart:.1e} apart");
        eprintln!("bench: {name}: margins are at most {apart:.1e} from XGBoost's");
        model
    }

    /// So many rows, the matches again and again.
    pub(crate) fn many(&self, count: usize) -> Vec<i64> {
        self.rows.iter().copied().cycle().take(count * self.width).collect()
    }
}

/// 10^places.
pub(crate) fn power(places: u8) -> f64 {
    10u64.pow(u32::from(places)) as f64
}

/// A file of numbers.
pub(crate) fn numbers<const N: usize, T>(path: &Path, read: fn([u8; N]) -> T) -> Vec<T> {
    let bytes = std::fs::read(path).expect("the peer wrote it");
    bytes.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect()
}

/// The shortest of `runs` times, in seconds.
pub(crate) fn best<T>(runs: usize, mut run: impl FnMut() -> T) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..runs {
        let (begin, before) = (Instant::now(), on_cpu());
        std::hint::black_box(run());
        let (elapsed, after) = (begin.elapsed().as_secs_f64(), on_cpu());
        // A long run is interrupted by others: of it, the thread's own time counts, as it does for the
        // peers. The kernel keeps that in steps of milliseconds, too coarse for short runs.
        let own = before.zip(after).map(|(before, after)| after - before);
        best = best.min(own.filter(|_| elapsed > 0.05).unwrap_or(elapsed));
    }
    best
}

/// Seconds that this thread has been running, where the kernel says so.
fn on_cpu() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}

/// Measures the peers and ours in turn, so many rounds, and keeps the better of each: the largest rates,
/// the smallest times.
pub(crate) fn in_turn(what: &str, rounds: u32, mut ours: impl FnMut() -> (Vec<f64>, f64)) -> (Vec<f64>, f64, Value) {
    let (mut rates, mut time, mut found) = (Vec::new(), f64::INFINITY, Value::Null);
    for _ in 0..rounds {
        let peers = peers::run("models.py", &PACKAGES, &[&world().folder, Path::new("-"), Path::new(what)]);
        if found.is_null() {
            found = peers.clone();
        }
        for (list, larger) in [("batch", true), ("single", false)] {
            for (name, value) in peers[list].as_object().expect("a list of peers") {
                let (value, kept) = (value.as_f64().unwrap_or(f64::NAN), found[list][name].as_f64());
                if kept.is_none_or(|kept| (value > kept) == larger) {
                    found[list][name] = value.into();
                }
            }
        }
        let (rates_now, time_now) = ours();
        rates.resize(rates_now.len(), 0.0);
        rates.iter_mut().zip(rates_now).for_each(|(rate, now)| *rate = f64::max(*rate, now));
        time = f64::min(time, time_now);
    }
    (rates, time, found)
}

/// Rows a second, at least three times XGBoost's, and microseconds of one row, at most two.
pub fn models() -> Vec<Row> {
    let world = world();
    let [main, more, deep] = ["main", "many", "deep"].map(|name| world.model(name));
    let batches = [1, 10, 100].map(|times| world.many(times * ROWS));
    let (rates, one, found) = in_turn("predict", 2, || {
        let rate = |model: &Model, rows: &Vec<i64>| {
            (rows.len() / world.width) as f64 / best(10, || model.margins(std::hint::black_box(rows)))
        };
        let mut rates: Vec<f64> = batches.iter().map(|rows| rate(&main, rows)).collect();
        rates.extend([&more, &deep].map(|model| rate(model, &batches[1])));
        let few = &batches[0][..1_000 * world.width];
        let one = best(200, || few.chunks_exact(world.width).map(|row| main.margins(row)[0]).sum::<i64>());
        (rates, one * 1e3)
    });
    let peer = |list: &str, name: &str| found[list][name].as_f64().unwrap_or(f64::NAN);
    let mega = |rate: f64| rate / 1e6;
    let mut rows = Vec::new();
    for (place, (id, name, goal)) in [
        ("models.batch.1x", "XGBoost 1x", 3.0),
        ("models.batch.10x", "XGBoost 10x", 3.0),
        ("models.batch.100x", "XGBoost 100x", 3.0),
        ("models.batch.1000_trees", "XGBoost many", 1.0),
        ("models.batch.depth_12", "XGBoost deep", 1.0),
    ]
    .into_iter()
    .enumerate()
    {
        let peer = mega(peer("batch", name));
        rows.push(Row::at_least(id, "M/s", mega(rates[place]), peer, "XGBoost 3.2.0", goal));
    }
    for name in ["LightGBM", "ONNX Runtime", "tl2cgen", "treelite"] {
        let peer = mega(peer("batch", name));
        rows.push(Row::at_least("models.batch.10x", "M/s", mega(rates[1]), peer, name, 3.0));
    }
    rows.push(Row::at_most("models.one", "us", one, 2.0, "budget", 1.0));
    for name in ["XGBoost", "LightGBM", "ONNX Runtime", "tl2cgen", "treelite"] {
        rows.push(Row::at_most("models.one", "us", one, peer("single", name), name, 1.0));
    }
    // From the stored bytes to a model that scores and explains.
    let bytes = world.artifact("main").to_block().bytes;
    let load = best(5, || Artifact::from_bytes(&bytes).and_then(|artifact| Model::new(&artifact, &world.schema)));
    rows.push(Row::at_most("models.load", "ms", load * 1e3, 250.0, "budget", 1.0));
    rows
}
