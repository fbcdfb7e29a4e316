"""Trains models of several libraries and writes them with their own answers: train.py FOLDER [tree|sklearn|onnx]..."""

import os
import shutil
import sys

import onnx_models
import sklearn_models
import tree_models


def main():
    folder = sys.argv[1]
    only = sys.argv[2:]
    if not only:
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)
    for name, module in (("tree", tree_models), ("sklearn", sklearn_models), ("onnx", onnx_models)):
        if not only or name in only:
            module.write(folder)


if __name__ == "__main__":
    main()
