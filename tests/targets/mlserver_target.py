"""Makes the folder of a real inference server: scikit-learn's iris model, and where it listens.

    mlserver_target.py FOLDER PORT

Then `mlserver start FOLDER` serves it by the Open Inference Protocol.
"""

import json
import pathlib
import socket
import sys

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

IMPLEMENTATION = "mlserver_sklearn.SKLearnModel"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def main(folder, port):
    model = folder / "iris"
    model.mkdir(parents=True, exist_ok=True)
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    settings = {"host": "127.0.0.1", "parallel_workers": 0, **ports}
    (folder / "settings.json").write_text(json.dumps(settings))
    parameters = {"uri": "./model.joblib", "version": "v1.2.0"}
    described = {"name": "iris", "version": "v1.2.0", "implementation": IMPLEMENTATION, "parameters": parameters}
    (model / "model-settings.json").write_text(json.dumps(described))
    features, species = load_iris(return_X_y=True)
    joblib.dump(LogisticRegression(max_iter=500).fit(features, species), model / "model.joblib")


main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
