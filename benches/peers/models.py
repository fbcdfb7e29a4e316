"""The peers of `./bench models` and `./bench explain`: one trained model, run by others, on one core.

Usage: models.py FOLDER RESULTS.csv WHAT
WHAT is `train` (features of every match, and XGBoost models of them, are written into FOLDER, if
what is there is not of this script and these results),
`predict` or `explain` (the peers are timed on what is there). Prints one JSON object; rates are rows a
second, the best of several runs, times of one row are microseconds, the median of many.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

# Libraries write their warnings to stdout, some below Python: the result alone belongs there.
RESULT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import csv
import hashlib
import json
import statistics
import sys
import time
import warnings
from collections import defaultdict, deque
from datetime import date
from pathlib import Path

import numpy as np
import xgboost

warnings.filterwarnings("ignore")

# Decimal places of each input: what is written for the other side are whole numbers.
INPUTS = {
    "home_elo": 2, "away_elo": 2, "home_for": 2, "away_for": 2, "home_against": 2, "away_against": 2,
    "home_rest_d": 0, "away_rest_d": 0, "home_played": 0, "away_played": 0, "neutral": 0,
}
MODELS = {"main": (200, 6), "many": (1000, 6), "deep": (200, 12)}
ROWS = 5_000  # Times 1, 10 and 100; for peers whose rate does not depend on it times 10.
EXPLAINED = 1_000


def table(results: Path) -> tuple[np.ndarray, np.ndarray]:
    """What was known before each match, and its goal difference."""
    elo, played, last = defaultdict(lambda: 1500.0), defaultdict(int), {}
    scored, conceded = defaultdict(lambda: deque(maxlen=10)), defaultdict(lambda: deque(maxlen=10))
    mean = lambda goals: sum(goals) / len(goals) if goals else 0.0
    rows, targets = [], []
    with open(results, newline="") as file:
        for row in csv.DictReader(file):
            if not row["home_score"].isdigit() or not row["away_score"].isdigit():
                continue
            sides = row["home_team"], row["away_team"]
            day, goals = date.fromisoformat(row["date"]).toordinal(), (int(row["home_score"]), int(row["away_score"]))
            known = []
            for of in (elo.__getitem__, lambda side: mean(scored[side]), lambda side: mean(conceded[side])):
                known += [of(side) for side in sides]
            known += [min(day - last.get(side, day - 9999), 9999) for side in sides]
            known += [played[side] for side in sides]
            rows.append(known + [row["neutral"] == "TRUE"])
            targets.append(goals[0] - goals[1])
            expected = 1 / (1 + 10 ** ((elo[sides[1]] - elo[sides[0]]) / 400))
            gain = 30 * ((goals[0] > goals[1]) + 0.5 * (goals[0] == goals[1]) - expected)
            for side, mine, theirs, change in ((sides[0], *goals, gain), (sides[1], *goals[::-1], -gain)):
                elo[side] += change
                played[side] += 1
                last[side] = day
                scored[side].append(mine)
                conceded[side].append(theirs)
    scales = np.array([10**places for places in INPUTS.values()])
    return np.rint(np.array(rows) * scales).astype(np.int64), np.clip(np.array(targets), -5, 5)


def floats(units: np.ndarray) -> np.ndarray:
    """The rows as the libraries get them."""
    return (units / np.array([10.0**places for places in INPUTS.values()])).astype(np.float32)


def train(folder: Path, results: Path) -> dict:
    stamp = hashlib.sha256(Path(__file__).read_bytes() + results.read_bytes()).hexdigest()
    done = folder / "done.json"
    if done.exists():
        found = json.loads(done.read_text())
        if found["stamp"] == stamp:
            return found
    units, targets = table(results)
    units.tofile(folder / "rows.i64")
    targets.tofile(folder / "targets.i64")
    rows = xgboost.DMatrix(floats(units), targets)
    for name, (trees, depth) in MODELS.items():
        settings = {"max_depth": depth, "eta": 0.05, "subsample": 0.7, "nthread": 1, "seed": 7}
        booster = xgboost.train(settings, rows, trees)
        booster.save_model(folder / f"{name}.json")
        booster.predict(rows, output_margin=True).tofile(folder / f"{name}.margins.f32")
        if name != "deep":
            first = xgboost.DMatrix(floats(units[:EXPLAINED]))
            booster.predict(first, pred_contribs=True).astype(np.float64).tofile(folder / f"{name}.contribs.f64")
    found = {"stamp": stamp, "rows": len(units), "places": list(INPUTS.values())}
    done.write_text(json.dumps(found))
    return found


def rate(count: int, run, runs: int = 3, warm: bool = True) -> float:
    if warm:
        run()
    best = float("inf")
    for _ in range(runs):
        # The process's own time: long runs are interrupted by others, short ones of ours are not.
        begin = time.process_time()
        run()
        best = min(best, time.process_time() - begin)
    return count / best


def one(run, rows: np.ndarray) -> float:
    """Microseconds of a single row."""
    run(rows[:1])
    times, end = [], time.perf_counter() + 2
    for number in range(min(300, len(rows))):
        row = rows[number : number + 1]
        begin = time.perf_counter()
        run(row)
        times.append(time.perf_counter() - begin)
        if time.perf_counter() > end:
            break
    return statistics.median(times) * 1e6


def load(folder: Path, name: str = "main") -> xgboost.Booster:
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(folder / f"{name}.json")
    return booster


def lightgbm_model(rows: np.ndarray, targets: np.ndarray):
    import lightgbm

    settings = {"max_depth": 6, "num_leaves": 64, "learning_rate": 0.05, "num_threads": 1, "verbose": -1, "min_child_samples": 5}
    return lightgbm.train(settings, lightgbm.Dataset(rows, targets), 200)


def predict(folder: Path) -> dict:
    units = np.fromfile(folder / "rows.i64", dtype=np.int64).reshape(-1, len(INPUTS))
    targets = np.fromfile(folder / "targets.i64", dtype=np.int64)
    rows = floats(units[np.arange(10 * ROWS) % len(units)])
    booster = load(folder)
    batch, single = {}, {}

    xgb = lambda rows: booster.inplace_predict(rows)
    for times in (1, 10, 100):
        many = rows[np.arange(times * ROWS) % len(rows)]
        batch[f"XGBoost {times}x"] = rate(len(many), lambda: xgb(many))
    for name in ("many", "deep"):
        other = load(folder, name)
        batch[f"XGBoost {name}"] = rate(len(rows), lambda: other.inplace_predict(rows), 2)
    single["XGBoost"] = one(xgb, rows)

    light = lightgbm_model(floats(units), targets)
    batch["LightGBM"] = rate(len(rows), lambda: light.predict(rows, num_threads=1), 2)
    single["LightGBM"] = one(lambda rows: light.predict(rows, num_threads=1), rows)

    import onnxruntime
    from onnxmltools.convert import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    plain = xgboost.XGBRegressor()
    plain.load_model(folder / "main.json")
    onnx = convert_xgboost(plain, initial_types=[("x", FloatTensorType([None, len(INPUTS)]))])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ort = lambda rows: session.run(None, {"x": rows})
    batch["ONNX Runtime"] = rate(len(rows), lambda: ort(rows))
    single["ONNX Runtime"] = one(ort, rows)

    import tl2cgen
    import treelite

    tree = treelite.frontend.load_xgboost_model(str(folder / "main.json"))
    library = folder / "main.so"
    if not library.exists():
        tl2cgen.export_lib(tree, toolchain="gcc", libpath=str(library), params={"parallel_comp": 8}, verbose=False)
    compiled = tl2cgen.Predictor(str(library), nthread=1)
    tl2 = lambda rows: compiled.predict(tl2cgen.DMatrix(rows))
    batch["tl2cgen"] = rate(len(rows), lambda: tl2(rows), 2)
    single["tl2cgen"] = one(tl2, rows)
    lite = lambda rows: treelite.gtil.predict(tree, rows, nthread=1)
    batch["treelite"] = rate(5_000, lambda: lite(rows[:5_000]), 1)
    single["treelite"] = one(lite, rows)
    return {"batch": batch, "single": single, "version": xgboost.__version__}


def explain(folder: Path) -> dict:
    import pandas
    import shap
    import treeshap
    from fasttreeshap_fixed import TreeExplainer as Fast
    from woodelf import WoodelfExplainer

    units = np.fromfile(folder / "rows.i64", dtype=np.int64).reshape(-1, len(INPUTS))
    targets = np.fromfile(folder / "targets.i64", dtype=np.int64)
    rows = floats(units[:EXPLAINED])
    booster = load(folder)
    wanted = np.fromfile(folder / "main.contribs.f64").reshape(EXPLAINED, -1)[:, :-1]
    batch, single, apart, notes = {}, {}, {}, {}

    def measure(name: str, run, same: bool = True) -> None:
        """Times one peer on all rows and on one, and says how far it is from XGBoost's values."""
        print(f"bench: {name}", file=sys.stderr)
        try:
            found = np.asarray(run(rows))
            if same:
                apart[name] = float(np.abs(found[:, : len(INPUTS)] - wanted).max())
            batch[name] = rate(len(rows), lambda: run(rows), 1, warm=False)
            single[name] = one(run, rows)
        except Exception as error:  # A peer that cannot read the model is named, not hidden.
            notes[name] = f"{type(error).__name__}: {error}"[:200]

    measure("XGBoost", lambda rows: booster.predict(xgboost.DMatrix(rows, nthread=1), pred_contribs=True))
    light = lightgbm_model(floats(units), targets)
    measure("LightGBM", lambda rows: light.predict(rows, pred_contrib=True, num_threads=1), same=False)
    shapley = shap.TreeExplainer(booster)
    measure("shap", lambda rows: shapley.shap_values(rows, check_additivity=False))
    for version in ("v1", "v2"):
        try:
            fast = Fast(booster, algorithm=version, n_jobs=1)
        except Exception as error:
            notes[f"FastTreeSHAP {version}"] = f"{type(error).__name__}: {error}"[:200]
            continue
        measure(f"FastTreeSHAP {version}", lambda rows: fast.shap_values(rows, check_additivity=False))
    try:
        # It reads the JSON of XGBoost 1.
        file = json.loads((folder / "main.json").read_text())
        param = file["learner"]["learner_model_param"]
        param["base_score"] = param["base_score"].strip("[]")
        for tree in file["learner"]["gradient_booster"]["model"]["trees"]:
            tree["default_left"] = [left == 1 for left in tree["default_left"]]
        old = folder / "main.old.json"
        old.write_text(json.dumps(file))
        linear = treeshap.ShapExplainer(treeshap.TreeEnsemble.from_file(str(old), "xgboost"))
        measure("treeshap", lambda rows: linear.explain(rows.astype(np.float64)).shap_values)
    except Exception as error:
        notes["treeshap"] = f"{type(error).__name__}: {error}"[:200]
    frame = lambda rows: pandas.DataFrame(rows, columns=[f"f{number}" for number in range(len(INPUTS))])
    wood = WoodelfExplainer(booster)
    measure("Woodelf", lambda rows: wood.shap_values(frame(rows), verbose=False))
    for times in (10, 100):
        many = frame(floats(units[np.arange(times * EXPLAINED) % len(units)]))
        batch[f"Woodelf {times}x"] = rate(len(many), lambda: wood.shap_values(many, verbose=False), 1, warm=False)
    more, some = load(folder, "many"), rows[:200]
    batch["XGBoost many"] = rate(len(some), lambda: more.predict(xgboost.DMatrix(some, nthread=1), pred_contribs=True), 1, warm=False)
    return {"batch": batch, "single": single, "apart": apart, "notes": notes}


def main() -> None:
    folder, results, what = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    if what == "train":
        found = train(folder, results)
    else:
        found = predict(folder) if what == "predict" else explain(folder)
    print(json.dumps(found), file=RESULT, flush=True)


main()
