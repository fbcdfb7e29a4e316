"""scikit-learn, through the exporter."""

import os
import sys

import numpy as np
import shap
from sklearn import datasets, ensemble, linear_model, neural_network, pipeline, preprocessing, tree

from common import NAMES, SCALES, Check, reals, signal, units
from tree_models import targets

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../exporters"))
from sklearn_export import save  # noqa: E402

EXPLAINED = 60


def write(folder):
    rows = units(1200, 11, False)
    gaps = units(1200, 12, True)
    y, z = targets(reals(rows, SCALES)), targets(reals(gaps, SCALES))
    six, all8 = rows[:, :6], gaps
    scaled = lambda model: pipeline.make_pipeline(preprocessing.StandardScaler(), model)

    forest(folder, "tree", tree.DecisionTreeRegressor(random_state=1), six, y["real"])
    forest(folder, "tree-classes", tree.DecisionTreeClassifier(random_state=1, class_weight="balanced", max_depth=12),
           six, y["classes"])
    forest(folder, "tree-targets", tree.DecisionTreeRegressor(random_state=1, max_depth=5), six,
           np.stack([y["real"], y["positive"]], axis=1))
    forest(folder, "tree-missing", tree.DecisionTreeRegressor(random_state=1, max_depth=8), gaps[:, :6], z["real"])
    forest(folder, "forest", ensemble.RandomForestRegressor(100, random_state=1), six, y["real"])
    forest(folder, "forest-classes", ensemble.RandomForestClassifier(60, random_state=1, max_depth=9), six, y["classes"])
    forest(folder, "forest-missing", ensemble.RandomForestClassifier(40, random_state=1, max_depth=9), gaps[:, :6],
           z["binary"])
    forest(folder, "extra", ensemble.ExtraTreesRegressor(60, random_state=1, max_depth=10), six, y["real"])
    forest(folder, "extra-binary", ensemble.ExtraTreesClassifier(60, random_state=1, max_depth=6), six, y["binary"])

    boosting(folder, "boosting", ensemble.GradientBoostingRegressor(random_state=1, max_depth=4), six, y["real"])
    boosting(folder, "boosting-binary", ensemble.GradientBoostingClassifier(random_state=1), six, y["binary"])
    # `shap` starts it from other odds than scikit-learn does.
    boosting(folder, "boosting-exponential", ensemble.GradientBoostingClassifier(loss="exponential", random_state=1),
             six, y["binary"], factor=2.0, explain=False)
    boosting(folder, "boosting-classes", ensemble.GradientBoostingClassifier(n_estimators=30, random_state=1), six,
             y["classes"], explain=False)
    boosting(folder, "boosting-scaled", scaled(ensemble.GradientBoostingRegressor(random_state=1)), six, y["real"],
             explain=False)

    histogram(folder, "hist", ensemble.HistGradientBoostingRegressor(random_state=1), six, y["real"])
    histogram(folder, "hist-poisson", ensemble.HistGradientBoostingRegressor(loss="poisson", random_state=1), six,
              y["count"])
    histogram(folder, "hist-missing", ensemble.HistGradientBoostingRegressor(random_state=1), gaps[:, :6], z["real"])
    histogram(folder, "hist-categories", ensemble.HistGradientBoostingClassifier(
        random_state=1, categorical_features=[6, 7]), all8, z["binary"])
    # A category of the data that training did not see.
    unseen = all8[:, [6, 0, 7, 1]]
    histogram(folder, "hist-classes-unseen", ensemble.HistGradientBoostingClassifier(
        random_state=1, categorical_features=[0, 2], max_iter=30), unseen, z["classes"], scales=[0, 2, 0, 3],
        train=unseen[:, 2] < 30)

    linear(folder, "linear", linear_model.LinearRegression(), six, y["real"])
    linear(folder, "linear-targets", linear_model.Ridge(), six, np.stack([y["real"], y["positive"]], axis=1))
    linear(folder, "lasso-scaled", scaled(linear_model.Lasso(0.01)), six, y["real"])
    linear(folder, "logistic-scaled", scaled(linear_model.LogisticRegression()), six, y["binary"])
    linear(folder, "logistic-classes", linear_model.LogisticRegression(max_iter=2000), six, y["classes"])

    network = lambda kind, *layers: scaled(kind(hidden_layer_sizes=layers, random_state=1, max_iter=300))
    linear(folder, "network", network(neural_network.MLPRegressor, 32, 16), six, y["real"], exact=True)
    linear(folder, "network-binary", network(neural_network.MLPClassifier, 20), six, y["binary"])
    linear(folder, "network-classes", network(neural_network.MLPClassifier, 24, 24, 24), six, y["classes"])
    linear(folder, "network-plain", neural_network.MLPRegressor(hidden_layer_sizes=(10,), random_state=1, max_iter=500), six, y["real"])
    bundled(folder)


def bundled(folder):
    """scikit-learn's own tables, as decimals."""
    for name, table, scale, model in (
        ("cancer", datasets.load_breast_cancer(), 4, ensemble.RandomForestClassifier(50, random_state=1)),
        ("wine", datasets.load_wine(), 2, ensemble.ExtraTreesClassifier(50, random_state=1)),
        ("diabetes", datasets.load_diabetes(scaled=False), 4, ensemble.RandomForestRegressor(50, random_state=1)),
    ):
        rows = np.round(table.data * 10.0**scale).astype(np.int64)
        names = [f"input{number}" for number in range(rows.shape[1])]
        forest(folder, name, model, rows, table.target, [scale] * rows.shape[1], names)


def forest(folder, name, model, rows, target, scales=SCALES, names=NAMES):
    check = Check(folder, f"sklearn-{name}", "model.json")
    width = rows.shape[1]
    values = reals(rows, scales[:width])
    model.fit(values, target)
    save(model, check.file)
    answers = model.predict_proba(values) if hasattr(model, "classes_") else model.predict(values)
    leaves = model.apply(values[:EXPLAINED]).reshape(EXPLAINED, -1)
    outputs = answers.reshape(len(rows), -1).shape[1]
    parts = None
    if outputs == 1 or hasattr(model, "classes_"):
        parts = explained(model, values)
    # The exporter makes a tree for each output.
    leaves = np.repeat(leaves, outputs, axis=1)
    check.finish(rows, scales[:width], names[:width], bool(np.isnan(values).any()), margins=answers, leaves=leaves,
                 parts=parts, double=True)


def explained(model, values, factor=1.0):
    """What `shap` says, in the order of the check: rows, outputs, inputs and base."""
    try:
        explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
        parts = np.asarray(explainer.shap_values(values[:EXPLAINED], check_additivity=False))
    except Exception as error:  # not every estimator is known to it
        print("no shap:", error)
        return None
    if parts.ndim == 2:
        parts = parts[:, :, None]
    base = np.broadcast_to(np.atleast_1d(explainer.expected_value), (EXPLAINED, parts.shape[2]))
    return np.concatenate([parts.transpose(0, 2, 1), base[:, :, None]], axis=2) * factor


def margins_of(model, values, factor=1.0):
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if hasattr(last, "classes_"):
        # Networks tell chances only.
        margins = model.decision_function(values) * factor if hasattr(last, "decision_function") else None
        return margins, model.predict_proba(values)
    return (np.log(model.predict(values)) if getattr(last, "loss", "") == "poisson" else model.predict(values)), None


def boosting(folder, name, model, rows, target, factor=1.0, explain=True):
    check = Check(folder, f"sklearn-{name}", "model.json")
    values = reals(rows, SCALES[: rows.shape[1]])
    model.fit(values, target)
    save(model, check.file)
    margins, chances = margins_of(model, values, factor)
    leaves = None
    if not hasattr(model, "steps"):
        leaves = model.apply(values[:EXPLAINED]).reshape(EXPLAINED, -1)
    parts = explained(model, values, factor) if explain else None
    check.finish(rows, SCALES[: rows.shape[1]], NAMES[: rows.shape[1]], False, margins=margins, chances=chances,
                 leaves=leaves, parts=parts, double=True)


def histogram(folder, name, model, rows, target, scales=SCALES, train=None):
    check = Check(folder, f"sklearn-{name}", "model.json")
    width = rows.shape[1]
    values = reals(rows, scales[:width])
    some = np.ones(len(rows), dtype=bool) if train is None else train
    model.fit(values[some], target[some])
    save(model, check.file)
    margins, chances = margins_of(model, values)
    if chances is None:
        chances = model.predict(values)
    categories = model.is_categorical_ is not None and model.is_categorical_.any()
    parts = None if categories or name == "hist-poisson" else explained(model, values)
    check.finish(rows, scales[:width], NAMES[:width], bool(np.isnan(values).any()), margins=margins, chances=chances,
                 parts=parts, double=True)


def linear(folder, name, model, rows, target, exact=False):
    check = Check(folder, f"sklearn-{name}", "model.json")
    width = rows.shape[1]
    values = reals(rows, SCALES[:width])
    model.fit(values, target)
    save(model, check.file)
    margins, chances = margins_of(model, values)
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    background = rows[::100]
    parts = None
    if exact:
        explainer = shap.ExactExplainer(model.predict, shap.maskers.Independent(values[::100], max_samples=1000))
        found = explainer(values[:10])
        parts = np.concatenate([found.values, found.base_values.reshape(-1, 1)], axis=1)[:, None, :]
    elif type(last).__name__ in ("LinearRegression", "Lasso", "Ridge"):
        coefficients = np.atleast_2d(last.coef_)
        inner = values if last is model else model.steps[0][1].transform(values)
        center = inner[::100].mean(axis=0)
        base = coefficients @ center + np.atleast_1d(last.intercept_)
        one = lambda row: np.concatenate([coefficients * (row - center), base[:, None]], axis=1)
        parts = np.stack([one(row) for row in inner[:EXPLAINED]])
    # Weights of networks have some 30 binary places, of the largest value that could be.
    network = type(last).__name__.startswith("MLP")
    check.finish(rows, SCALES[:width], NAMES[:width], False, margins=margins, chances=chances, parts=parts, double=True,
                 background=background.tolist(), give_rows=True, tolerance=1e-5 if network else 1e-7)
