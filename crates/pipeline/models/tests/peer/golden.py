"""Writes the small models that `cargo test` reads: golden.py crates/pipeline/models/tests/data."""

import sys

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn import ensemble, neural_network, pipeline, preprocessing

import onnx_models
import sklearn_models
import tree_models
from common import SCALES, reals, units

ROWS = 60


def main():
    folder = sys.argv[1]
    tree_models.EXPLAINED = sklearn_models.EXPLAINED = 6
    rows, gaps = units(ROWS, 31, False), units(ROWS, 32, True)
    values, holes = reals(rows, SCALES), reals(gaps, SCALES)
    y, z = tree_models.targets(values), tree_models.targets(holes)

    small = {"max_depth": 3, "max_cat_to_onehot": 1, "min_child_weight": 0}
    classes = {"objective": "multi:softprob", "num_class": 4, "max_depth": 2}
    tree_models.xgboost_one(folder, gaps, holes, True, "json", "real", 4, small, True, "model.json")
    tree_models.xgboost_one(folder, gaps, holes, True, "ubj", "binary", 3, {"objective": "binary:logistic", **small}, True,
                            "model.ubj")
    tree_models.xgboost_one(folder, rows, values, False, "classes", "classes", 2, classes, False, "model.json")
    tree_models.xgboost_one(folder, rows, values, False, "dart", "count", 3, {
        "booster": "dart", "objective": "count:poisson", "rate_drop": 0.5, "max_depth": 2}, False, "model.ubj")
    tree_models.xgboost_one(folder, rows, values, False, "linear", "real", 3, {"booster": "gblinear"}, False, "model.json")
    leaf = {"num_leaves": 5, "min_data_in_leaf": 3, "min_data_per_group": 2, "max_cat_to_onehot": 1, "cat_smooth": 0.1,
            "cat_l2": 0.1}
    tree_models.lightgbm_one(folder, gaps, holes, True, "real", "real", 4, leaf, True)
    tree_models.lightgbm_one(folder, rows, values, False, "classes", "classes", 2, {
        "objective": "multiclassova", "num_class": 4, "sigmoid": 1.5, **leaf}, False)
    tree_models.lightgbm_one(folder, rows, values, False, "forest", "real", 3, {
        "boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1, **leaf}, False)

    tree_models.frames(folder, rows, y["real"])

    sklearn_models.forest(folder, "forest", ensemble.RandomForestClassifier(3, max_depth=3, random_state=1), gaps[:, :6],
                          z["classes"])
    sklearn_models.boosting(folder, "boosting", ensemble.GradientBoostingClassifier(n_estimators=3, random_state=1),
                            rows[:, :6], y["binary"])
    sklearn_models.histogram(folder, "hist", ensemble.HistGradientBoostingRegressor(
        max_iter=3, max_leaf_nodes=5, min_samples_leaf=3, random_state=1, categorical_features=[6, 7]), gaps, z["real"])
    network = pipeline.make_pipeline(preprocessing.StandardScaler(), neural_network.MLPClassifier(
        hidden_layer_sizes=(5, 4), max_iter=2000, random_state=1))
    sklearn_models.linear(folder, "network", network, rows[:, :6], y["classes"])

    kind = [("x", FloatTensorType([None, 6]))]
    for name, model in (("forest", ensemble.RandomForestClassifier(3, max_depth=3, random_state=1)),
                        ("boosting", ensemble.GradientBoostingClassifier(n_estimators=3, random_state=1)),
                        ("network", network)):
        model.fit(values[:, :6], y["binary"])
        graph = convert_sklearn(model, initial_types=kind, options={id(model): {"zipmap": False}})
        onnx_models.finish(folder, name, graph, rows[:, :6], values[:, :6], network=name == "network")


if __name__ == "__main__":
    main()
