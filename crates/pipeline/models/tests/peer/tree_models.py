"""XGBoost and LightGBM."""

import lightgbm as lgb
import numpy as np
import pandas
import xgboost as xgb

from common import MISSING, NAMES, SCALES, Check, reals, signal, units

ROWS = 1500
EXPLAINED = 100


def targets(values):
    """A target for each kind of objective."""
    y = signal(values)
    random = np.random.default_rng(7)
    noisy = y + random.normal(size=len(y)) * 0.3
    return {
        "real": noisy,
        "binary": (noisy > 1).astype(int),
        "classes": np.digitize(noisy, [0.0, 1.0, 2.0]),
        "count": random.poisson(np.exp(np.clip(y / 3, -3, 3))),
        "positive": np.exp(np.clip(noisy / 3, -3, 3)),
        "share": 1 / (1 + np.exp(-noisy)),
    }


def write(folder):
    for missing in (False, True):
        rows = units(ROWS, 3 + missing, missing)
        values = reals(rows, SCALES)
        for case in xgboost_cases(missing):
            xgboost_one(folder, rows, values, missing, *case)
        for case in lightgbm_cases(missing):
            lightgbm_one(folder, rows, values, missing, *case)
    # Zero is what is not known.
    rows = units(ROWS, 5, True)
    rows[rows == MISSING] = 0
    lightgbm_one(folder, rows, reals(rows, SCALES), 0, "zero-missing", "real", 60, {"zero_as_missing": True}, False)
    rows = units(ROWS, 6, False)
    frames(folder, rows, targets(reals(rows, SCALES))["real"])


def xgboost_cases(missing):
    """Name, target, rounds, parameters, whether categories, file."""
    if missing:
        return [
            ("missing", "real", 100, {"max_depth": 6}, False, "model.json"),
            ("missing-ubj", "binary", 50, {"objective": "binary:logistic"}, True, "model.ubj"),
            ("categories", "real", 100, {"max_depth": 8, "max_cat_to_onehot": 1}, True, "model.json"),
            ("classes-categories", "classes", 30, {"objective": "multi:softprob", "num_class": 4}, True, "model.ubj"),
            ("linear-missing", "real", 20, {"booster": "gblinear"}, False, "model.json"),
        ]
    return [
        ("stump", "real", 1, {"max_depth": 1}, False, "model.json"),
        ("one-deep", "real", 1, {"max_depth": 12, "min_child_weight": 0}, False, "model.ubj"),
        ("deep", "real", 60, {"max_depth": 12, "eta": 0.1}, False, "model.json"),
        ("many", "real", 1000, {"max_depth": 3, "eta": 0.05}, False, "model.ubj"),
        ("exact", "real", 50, {"tree_method": "exact"}, False, "model.json"),
        ("binary", "binary", 100, {"objective": "binary:logistic", "base_score": 0.3}, False, "model.json"),
        ("binary-raw", "binary", 20, {"objective": "binary:logitraw"}, False, "model.json"),
        ("share", "share", 50, {"objective": "reg:logistic"}, False, "model.json"),
        ("classes", "classes", 50, {"objective": "multi:softmax", "num_class": 4}, False, "model.json"),
        ("classes-forest", "classes", 10, {"objective": "multi:softprob", "num_class": 4, "num_parallel_tree": 3,
                                           "subsample": 0.5}, False, "model.json"),
        ("poisson", "count", 80, {"objective": "count:poisson"}, False, "model.json"),
        ("gamma", "positive", 80, {"objective": "reg:gamma"}, False, "model.ubj"),
        ("tweedie", "positive", 80, {"objective": "reg:tweedie"}, False, "model.json"),
        ("dart", "real", 40, {"booster": "dart", "rate_drop": 0.2}, False, "model.json"),
        ("linear", "real", 20, {"booster": "gblinear"}, False, "model.json"),
        ("linear-binary", "binary", 20, {"booster": "gblinear", "objective": "binary:logistic"}, False, "model.ubj"),
        ("absolute", "real", 40, {"objective": "reg:absoluteerror", "max_leaves": 20, "grow_policy": "lossguide"}, False,
         "model.json"),
        ("quantiles", "real", 20, {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}, False,
         "model.json"),
    ]


def xgboost_one(folder, rows, values, missing, name, target, rounds, parameters, categories, file):
    check = Check(folder, f"xgboost-{name}", file)
    width = 8 if categories else 6
    types = ["q"] * 6 + ["c"] * (width - 6)
    label = targets(values)[target]
    data = xgb.DMatrix(values[:, :width], label, feature_names=NAMES[:width], feature_types=types,
                       enable_categorical=categories)
    booster = xgb.train({"nthread": 2, "seed": 1, **parameters}, data, rounds)
    booster.save_model(check.file)
    linear = parameters.get("booster") == "gblinear"
    top = xgb.DMatrix(values[:EXPLAINED, :width], feature_names=NAMES[:width], feature_types=types,
                      enable_categorical=categories)
    margins = booster.predict(data, output_margin=True)
    objective = parameters.get("objective", "reg:squarederror")
    chances = booster.predict(data)
    if objective == "multi:softmax":
        shifted = np.exp(margins - margins.max(axis=1, keepdims=True))
        chances = shifted / shifted.sum(axis=1, keepdims=True)
    parts = None
    if not linear:
        parts = booster.predict(top, pred_contribs=True)
        parts = parts.reshape(EXPLAINED, -1, width + 1)
    leaves = None if linear else booster.predict(top, pred_leaf=True)
    check.finish(rows[:, :width], SCALES[:width], NAMES[:width], missing, margins=margins, chances=chances,
                 leaves=leaves, parts=parts, give_rows=linear, tolerance=1e-5 if linear else 0.0)


def lightgbm_cases(missing):
    """Name, target, rounds, parameters, whether categories."""
    if missing:
        return [
            ("missing", "real", 100, {}, False),
            ("zero-default", "real", 50, {"use_missing": False}, False),
            ("categories", "real", 100, {"max_cat_to_onehot": 1, "min_data_per_group": 10, "cat_smooth": 1}, True),
            ("categories-onehot", "binary", 50, {"objective": "binary", "max_cat_to_onehot": 64}, True),
            ("classes-categories", "classes", 30, {"objective": "multiclass", "num_class": 4}, True),
        ]
    return [
        ("stump", "real", 1, {"num_leaves": 2}, False),
        ("deep", "real", 100, {"num_leaves": 300, "max_depth": 12, "min_data_in_leaf": 1}, False),
        ("many", "real", 1000, {"num_leaves": 8, "learning_rate": 0.05}, False),
        ("binary", "binary", 100, {"objective": "binary", "sigmoid": 1.7}, False),
        ("classes", "classes", 40, {"objective": "multiclass", "num_class": 4}, False),
        ("classes-ova", "classes", 40, {"objective": "multiclassova", "num_class": 4, "sigmoid": 2.0}, False),
        ("poisson", "count", 80, {"objective": "poisson"}, False),
        ("gamma", "positive", 80, {"objective": "gamma"}, False),
        ("tweedie", "positive", 80, {"objective": "tweedie"}, False),
        ("entropy", "share", 60, {"objective": "cross_entropy"}, False),
        ("quantile", "real", 60, {"objective": "quantile", "alpha": 0.8}, False),
        ("dart", "real", 60, {"boosting": "dart"}, False),
        ("forest", "real", 50, {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}, False),
        ("forest-binary", "binary", 50, {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1,
                                         "objective": "binary"}, False),
    ]


def lightgbm_one(folder, rows, values, missing, name, target, rounds, parameters, categories):
    check = Check(folder, f"lightgbm-{name}", "model.txt")
    width = 8 if categories else 6
    label = targets(values)[target]
    data = lgb.Dataset(values[:, :width], label, feature_name=NAMES[:width],
                       categorical_feature=[6, 7] if categories else [])
    booster = lgb.train({"verbose": -1, "num_threads": 2, "seed": 1, "deterministic": True, **parameters}, data, rounds)
    booster.save_model(check.file)
    sigmoid = parameters.get("sigmoid", 1.0)
    margins = booster.predict(values[:, :width], raw_score=True) * sigmoid
    parts = booster.predict(values[:EXPLAINED, :width], pred_contrib=True).reshape(EXPLAINED, -1, width + 1) * sigmoid
    leaves = booster.predict(values[:EXPLAINED, :width], pred_leaf=True)
    if parameters.get("boosting") == "rf":
        # Raw scores of forests are sums; the link is given their mean.
        margins /= rounds
        parts /= rounds
    check.finish(rows[:, :width], SCALES[:width], NAMES[:width], missing, margins=margins,
                 chances=booster.predict(values[:, :width]), leaves=leaves, parts=parts)


def frames(folder, rows, target):
    """Models of data frames with texts as categories: they know codes, and the texts by heart."""
    words = np.array(["ash", "birch", "cedar", "elm", "fir", "oak"])
    frame = pandas.DataFrame({"a": rows[:, 0] / 100, "colour": pandas.Categorical(words[rows[:, 6]])})
    names, scales, columns = ["a", "colour"], [2, 0], rows[:, [0, 6]]
    check = Check(folder, "xgboost-frame", "model.json")
    model = xgb.XGBRegressor(n_estimators=3, max_depth=2, enable_categorical=True, max_cat_to_onehot=1)
    model.fit(frame, target)
    model.save_model(check.file)
    check.finish(columns, scales, names, margins=model.predict(frame))
    check = Check(folder, "lightgbm-frame", "model.txt")
    model = lgb.LGBMRegressor(n_estimators=3, num_leaves=4, min_data_in_leaf=3, min_data_per_group=2, cat_smooth=0.1,
                              max_cat_to_onehot=1, verbose=-1).fit(frame, target)
    model.booster_.save_model(check.file)
    check.finish(columns, scales, names, margins=model.predict(frame))
