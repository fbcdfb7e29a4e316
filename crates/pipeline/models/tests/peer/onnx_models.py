"""ONNX graphs: from scikit-learn, XGBoost and LightGBM by their converters, run by ONNX Runtime."""

import lightgbm as lgb
import numpy as np
import onnx
import onnxruntime
import xgboost as xgb
from onnx import TensorProto, helper, numpy_helper
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn import ensemble, linear_model, neural_network, pipeline, preprocessing, tree

from common import NAMES, SCALES, Check, reals, signal, units
from tree_models import targets


def write(folder):
    rows = units(1000, 21, False)[:, :6]
    values = reals(rows, SCALES[:6])
    y = targets(reals(units(1000, 21, False), SCALES))
    scaled = lambda model: pipeline.make_pipeline(preprocessing.StandardScaler(), model)
    layers = dict(hidden_layer_sizes=(24, 12), random_state=1, max_iter=300)
    for name, model, target in (
        ("tree", tree.DecisionTreeRegressor(max_depth=12, random_state=1), "real"),
        ("forest", ensemble.RandomForestRegressor(50, max_depth=10, random_state=1), "real"),
        ("forest-classes", ensemble.RandomForestClassifier(40, max_depth=8, random_state=1), "classes"),
        ("forest-binary", ensemble.RandomForestClassifier(40, max_depth=8, random_state=1), "binary"),
        ("boosting", ensemble.GradientBoostingRegressor(random_state=1), "real"),
        ("boosting-binary", ensemble.GradientBoostingClassifier(random_state=1), "binary"),
        ("boosting-scaled", scaled(ensemble.GradientBoostingRegressor(random_state=1)), "real"),
        ("linear", linear_model.LinearRegression(), "real"),
        ("logistic", scaled(linear_model.LogisticRegression()), "binary"),
        ("logistic-classes", linear_model.LogisticRegression(max_iter=2000), "classes"),
        ("network", scaled(neural_network.MLPRegressor(**layers)), "real"),
        ("network-binary", scaled(neural_network.MLPClassifier(**layers)), "binary"),
        ("network-classes", scaled(neural_network.MLPClassifier(**layers)), "classes"),
    ):
        model.fit(values, y[target])
        kind = FloatTensorType([None, 6])
        options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
        graph = convert_sklearn(model, initial_types=[("x", kind)], options=options)
        finish(folder, name, graph, rows, values, network=name.startswith("network"))
    double = neural_network.MLPRegressor(**layers).fit(values, y["real"])
    graph = convert_sklearn(double, initial_types=[("x", DoubleTensorType([None, 6]))])
    finish(folder, "network-double", graph, rows, values, network=True, kind=np.float64)

    for name, target, kind in (("real", "real", xgb.XGBRegressor), ("binary", "binary", xgb.XGBClassifier),
                               ("classes", "classes", xgb.XGBClassifier)):
        model = kind(n_estimators=40, max_depth=5).fit(values, y[target])
        finish(folder, f"xgboost-{name}", convert_xgboost(model, initial_types=[("x", ToolsFloat([None, 6]))]), rows, values)
    for name, target, kind in (("real", "real", lgb.LGBMRegressor), ("binary", "binary", lgb.LGBMClassifier),
                               ("classes", "classes", lgb.LGBMClassifier)):
        model = kind(n_estimators=40, verbose=-1).fit(values, y[target])
        graph = convert_lightgbm(model, initial_types=[("x", ToolsFloat([None, 6]))], zipmap=False)
        finish(folder, f"lightgbm-{name}", graph, rows, values)
    finish(folder, "gemm", gemm(), rows, values, network=True)


def gemm():
    """As other trainers write networks: Gemm with transB, Relu, Sigmoid."""
    random = np.random.default_rng(5)
    shapes = {"w1": (16, 6), "b1": (16,), "w2": (8, 16), "b2": (8,), "w3": (1, 8), "b3": (1,)}
    constants = [numpy_helper.from_array(random.normal(size=shape).astype(np.float32) * 0.4, name)
                 for name, shape in shapes.items()]
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h1"], transB=1),
        helper.make_node("Relu", ["h1"], ["r1"]),
        helper.make_node("Gemm", ["r1", "w2", "b2"], ["h2"], transB=1),
        helper.make_node("Relu", ["h2"], ["r2"]),
        helper.make_node("Gemm", ["r2", "w3", "b3"], ["h3"], transB=1),
        helper.make_node("Sigmoid", ["h3"], ["y"]),
    ]
    tensor = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])
    graph = helper.make_graph(nodes, "gemm", [tensor("x", 6)], [tensor("y", 1)], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def finish(folder, name, graph, rows, values, network=False, kind=np.float32):
    check = Check(folder, f"onnx-{name}", "model.onnx")
    onnx.save(graph, check.file)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: values.astype(kind)})
    answers = found[-1]
    if isinstance(answers, list):
        answers = np.array([[row[key] for key in sorted(row)] for row in answers])
    # Chances come in single precision, and margins are not told.
    check.finish(rows, SCALES[:6], NAMES[:6], False, chances=answers, give_rows=True,
                 tolerance=1e-5 if network else 1e-6)
