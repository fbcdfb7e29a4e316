"""Writes a scikit-learn estimator as one JSON document that Enliven imports.

    from sklearn_export import save
    save(estimator, "model.json")

or, for an estimator stored with pickle or joblib (load only files that you trust):

    python sklearn_export.py model.joblib model.json

It needs scikit-learn and nothing else. Known are decision trees, random forests, extra trees, both
kinds of gradient boosting, linear and logistic regression, ridge, lasso and elastic net, multi-layer
perceptrons with ReLU, and pipelines with StandardScaler before any of these.
"""

import json
import math
import sys

FORMAT = "enliven.sklearn.1"


def save(estimator, path):
    """Writes the document to a file."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(export(estimator), file)


def export(estimator):
    """The document as a dictionary."""
    import sklearn

    scalers, estimator, names = unfold(estimator)
    kind = type(estimator).__name__
    if kind not in EXPORTERS:
        raise ValueError(f"{kind} is not exported; these are: {', '.join(EXPORTERS)}")
    document = {
        "format": FORMAT,
        "library": sklearn.__version__,
        "estimator": kind,
        "objective": str(getattr(estimator, "loss", getattr(estimator, "criterion", "squared_error"))),
        "width": int(estimator.n_features_in_),
        "inputs": names if names is not None else texts(getattr(estimator, "feature_names_in_", [])),
        "classes": [],
        "notes": [],
        "factor": 1.0,
        "scalers": scalers,
    }
    if hasattr(estimator, "classes_"):
        if isinstance(estimator.classes_, list):
            raise ValueError("a classifier of several targets is not exported; train one for each")
        document["classes"] = texts(estimator.classes_)
    EXPORTERS[kind](estimator, document)
    return document


def unfold(estimator):
    """The scalers of a pipeline, its last step, and the names of its inputs."""
    if type(estimator).__name__ != "Pipeline":
        return [], estimator, None
    scalers = []
    first = None
    for _, step in estimator.steps[:-1]:
        if step is None or step == "passthrough":
            continue
        if type(step).__name__ != "StandardScaler":
            raise ValueError(f"{type(step).__name__} in a pipeline is not exported; StandardScaler is")
        first = first if first is not None else step
        count = step.n_features_in_
        mean = step.mean_.tolist() if step.with_mean else [0.0] * count
        scale = step.scale_.tolist() if step.with_std else [1.0] * count
        scalers.append({"mean": mean, "scale": scale})
    last = estimator.steps[-1][1]
    return scalers, last, texts(getattr(first if first is not None else last, "feature_names_in_", []))


def texts(items):
    return [str(item) for item in items]


def tree_columns(tree, values, outputs):
    """One tree of sklearn.tree; `values` has a list of all nodes for each output."""
    missing = getattr(tree, "missing_go_to_left", None)
    return {
        "outputs": outputs,
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "input": tree.feature.tolist(),
        "threshold": tree.threshold.tolist(),
        "missing_left": [0] * tree.node_count if missing is None else [int(left) for left in missing],
        "cover": tree.weighted_n_node_samples.tolist(),
        "values": values,
        "sets": [],
    }


def forest(estimator, document):
    trees = getattr(estimator, "estimators_", None)
    trees = [estimator] if trees is None else list(trees)
    columns = []
    for tree in trees:
        value = tree.tree_.value
        if document["classes"]:
            shares = value[:, 0, :]
            totals = shares.sum(axis=1, keepdims=True)
            if abs(totals - 1.0).max() > 1e-9:
                # Before scikit-learn 1.3 these are weights.
                shares = shares / totals
            values = shares.T.tolist()
        else:
            values = value[:, :, 0].T.tolist()
        columns.append(tree_columns(tree.tree_, values, list(range(len(values)))))
    outputs = len(columns[0]["outputs"])
    document["link"] = "identity"
    document["trees"] = {"narrow": True, "base": [0.0] * outputs, "divide": float(len(trees)), "trees": columns}


def gradient_boosting(estimator, document):
    import numpy

    if estimator.init_ != "zero" and type(estimator.init_).__name__ not in ("DummyClassifier", "DummyRegressor"):
        raise ValueError("a boosting that starts from another estimator is not exported; use init=None")
    outputs = estimator.estimators_.shape[1]
    raw = estimator._raw_predict_init(numpy.zeros((1, estimator.n_features_in_), dtype=numpy.float32))
    columns = []
    for stage in estimator.estimators_:
        for output, tree in enumerate(stage):
            values = [(estimator.learning_rate * tree.tree_.value[:, 0, 0]).tolist()]
            columns.append(tree_columns(tree.tree_, values, [output]))
    if not document["classes"]:
        document["link"] = "identity"
    elif outputs == 1:
        document["link"] = "logistic"
        if estimator.loss == "exponential":
            document["factor"] = 2.0
    else:
        document["link"] = "softmax"
    base = raw.ravel().tolist() if raw.size == outputs else raw[0].tolist()
    document["trees"] = {"narrow": True, "base": base, "divide": 1.0, "trees": columns}


def histogram_boosting(estimator, document):
    links = {"IdentityLink": "identity", "LogitLink": "logistic", "MultinomialLogit": "softmax", "LogLink": "exp"}
    link = type(estimator._loss.link).__name__
    if link not in links:
        raise ValueError(f"the link {link} is not exported")
    document["link"] = links[link]
    places, codes = preprocessed(estimator, document)
    base = estimator._baseline_prediction.ravel().tolist()
    columns = []
    for stage in estimator._predictors:
        for output, predictor in enumerate(stage):
            columns.append(histogram_tree(predictor, output, places, codes))
    document["trees"] = {"narrow": False, "base": base, "divide": 1.0, "trees": columns}


def preprocessed(estimator, document):
    """Which input each column of the trees is (categories come first), and its codes with their values."""
    width = estimator.n_features_in_
    categorical = getattr(estimator, "is_categorical_", None)
    if categorical is None:
        return list(range(width)), {}
    if getattr(estimator, "_preprocessor", None) is None:
        # Before scikit-learn 1.4 categories are their own codes.
        known = estimator._bin_mapper.bin_thresholds_
        codes = {place: [(int(value), float(value)) for value in known[place]] for place in range(width) if categorical[place]}
        return list(range(width)), codes
    places = [place for place in range(width) if categorical[place]]
    encoder = estimator._preprocessor.named_transformers_["encoder"]
    codes = {}
    for place, values in zip(places, encoder.categories_):
        values = [value for value in values if not (isinstance(value, float) and math.isnan(value))]
        try:
            codes[place] = [(code, float(value)) for code, value in enumerate(values)]
            if any(value != int(value) for _, value in codes[place]):
                raise ValueError
        except ValueError:
            codes[place] = [(code, float(code)) for code in range(len(values))]
            named = ", ".join(f"{code} = `{value}`" for code, value in enumerate(values[:20]))
            document["notes"].append(f"input {place} is a category; its feature must give the codes {named}")
    return places + [place for place in range(width) if not categorical[place]], codes


def histogram_tree(predictor, output, places, codes):
    nodes = predictor.nodes
    inputs = [places[int(index)] for index in nodes["feature_idx"]]
    leaf = nodes["is_leaf"]
    sets = []
    for node in range(len(nodes)):
        if leaf[node] or not nodes["is_categorical"][node]:
            continue
        bits = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
        values = codes[inputs[node]]
        left = [value for code, value in values if int(bits[code // 32]) >> (code % 32) & 1]
        # Categories that training never saw go where missing ones go.
        inside = not bool(nodes["missing_go_to_left"][node])
        members = left if inside else [value for _, value in values if value not in left]
        sets.append({"node": node, "members": members, "inside": inside})
    return {
        "outputs": [output],
        "left": [-1 if leaf[node] else int(nodes["left"][node]) for node in range(len(nodes))],
        "right": [-1 if leaf[node] else int(nodes["right"][node]) for node in range(len(nodes))],
        "input": inputs,
        "threshold": nodes["num_threshold"].tolist(),
        "missing_left": nodes["missing_go_to_left"].astype(int).tolist(),
        "cover": nodes["count"].tolist(),
        "values": [nodes["value"].tolist()],
        "sets": sets,
    }


def linear(estimator, document):
    import numpy

    weights = numpy.atleast_2d(estimator.coef_)
    bias = numpy.atleast_1d(estimator.intercept_)
    if len(bias) == 1 and len(weights) > 1:
        bias = numpy.repeat(bias, len(weights))
    document["link"] = "identity"
    document["layers"] = [{"weights": weights.tolist(), "bias": bias.tolist(), "relu": False}]


def logistic(estimator, document):
    linear(estimator, document)
    if len(estimator.classes_) == 2:
        document["link"] = "logistic"
    else:
        if estimator.solver == "liblinear" or getattr(estimator, "multi_class", "auto") == "ovr":
            raise ValueError("one-against-rest logistic regression is not exported; use a multinomial solver")
        document["link"] = "softmax"
    document["objective"] = "log_loss"


def perceptron(estimator, document):
    if estimator.activation not in ("relu", "identity"):
        raise ValueError(f"the activation {estimator.activation} is not exported; relu is")
    if getattr(estimator, "out_activation_", "identity") == "logistic" and estimator.n_outputs_ != 1:
        raise ValueError("a classifier of several labels is not exported; train one for each")
    links = {"identity": "identity", "logistic": "logistic", "softmax": "softmax"}
    document["link"] = links[estimator.out_activation_]
    layers = []
    last = len(estimator.coefs_) - 1
    for number, (weights, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_)):
        relu = number < last and estimator.activation == "relu"
        layers.append({"weights": weights.T.tolist(), "bias": bias.tolist(), "relu": relu})
    document["layers"] = layers


EXPORTERS = {
    "DecisionTreeClassifier": forest,
    "DecisionTreeRegressor": forest,
    "ExtraTreeClassifier": forest,
    "ExtraTreeRegressor": forest,
    "RandomForestClassifier": forest,
    "RandomForestRegressor": forest,
    "ExtraTreesClassifier": forest,
    "ExtraTreesRegressor": forest,
    "GradientBoostingClassifier": gradient_boosting,
    "GradientBoostingRegressor": gradient_boosting,
    "HistGradientBoostingClassifier": histogram_boosting,
    "HistGradientBoostingRegressor": histogram_boosting,
    "LinearRegression": linear,
    "Ridge": linear,
    "Lasso": linear,
    "ElasticNet": linear,
    "LogisticRegression": logistic,
    "MLPClassifier": perceptron,
    "MLPRegressor": perceptron,
}


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python sklearn_export.py MODEL.joblib OUT.json")
    import joblib

    save(joblib.load(sys.argv[1]), sys.argv[2])
