"""Trains a model of how a team's next match ends, from the features that Enliven exports.

    enliven features --manifest examples/own-model/enliven.toml export train.csv --until 2015-01-01
    python3 examples/own-model/train.py LIBRARY train.csv MODEL

LIBRARY is sklearn, xgboost or lightgbm; only that library and numpy are needed. The row of a match and
a side holds what was known of that side's team just before the match.
"""

import csv
import json
import pathlib
import sys

import numpy

INPUTS = [
    "rating",
    "rating_deviation",
    "form",
    "unbeaten",
    "days_idle",
    "wins_365d",
    "goals_for_365d",
    "goals_against_365d",
    "matches_1461d",
    "wins_1461d",
    "losses_1461d",
]
# A team that has never played has been idle for 9999 days in the manifest: that is, nobody knows.
MISSING = {"days_idle": "9999"}
CLASSES = ["loss", "draw", "win"]


def read(path):
    """The inputs and the class of every row."""
    with open(path, newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        inputs, classes = [], []
        for row in rows:
            values = [numpy.nan if row[name] == MISSING.get(name) else float(row[name]) for name in INPUTS]
            margin = int(row["event_home_score"]) - int(row["event_away_score"])
            margin = -margin if row["side"] == "1" else margin
            inputs.append(values)
            classes.append(1 + (margin > 0) - (margin < 0))
    return numpy.array(inputs), numpy.array(classes)


def sklearn(inputs, classes, path):
    from sklearn.ensemble import HistGradientBoostingClassifier

    exporter = pathlib.Path(__file__).resolve().parents[2] / "crates/pipeline/models/exporters"
    sys.path.insert(0, str(exporter))
    from sklearn_export import export

    # An array has no names of columns; a pandas data frame would have.
    model = HistGradientBoostingClassifier(max_iter=60, max_depth=5, learning_rate=0.08, random_state=1)
    model.fit(inputs, classes)
    document = export(model) | {"inputs": INPUTS}
    pathlib.Path(path).write_text(json.dumps(document))


def xgboost(inputs, classes, path):
    import xgboost

    data = xgboost.DMatrix(inputs, label=classes, feature_names=INPUTS)
    settings = {"objective": "multi:softprob", "num_class": 3, "max_depth": 5, "eta": 0.08, "seed": 1, "nthread": 1}
    xgboost.train(settings, data, 60).save_model(path)


def lightgbm(inputs, classes, path):
    import lightgbm

    data = lightgbm.Dataset(inputs, label=classes, feature_name=INPUTS)
    settings = {"objective": "multiclass", "num_class": 3, "num_leaves": 31, "learning_rate": 0.08, "seed": 1,
                "num_threads": 1, "deterministic": True, "verbose": -1}
    lightgbm.train(settings, data, 60).save_model(path)


def main():
    libraries = {"sklearn": sklearn, "xgboost": xgboost, "lightgbm": lightgbm}
    if len(sys.argv) != 4 or sys.argv[1] not in libraries:
        sys.exit(__doc__)
    inputs, classes = read(sys.argv[2])
    print(f"{len(classes)} rows:", ", ".join(f"{name} {(classes == place).mean():.3f}" for place, name in enumerate(CLASSES)))
    libraries[sys.argv[1]](inputs, classes, sys.argv[3])
    print(f"written to {sys.argv[3]}")


main()
