"""Compile a published network, load weights, and run a picture through torch and through onnxruntime.

python examples/compile_and_run.py [WEIGHTS]
"""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime
import torch

import archc


def main(weights: str | None = None) -> None:
    spec = archc.load("resnet18")
    # published weights fit as they are: a stage's path is its state_dict prefix
    state = spec.weights(weights) if weights else spec.state(seed=0)

    picture = np.random.default_rng(0).random((1, 3, 224, 224), dtype=np.float32)

    net = spec.to_torch(state).eval()
    with torch.inference_mode():
        by_torch = net(torch.from_numpy(picture)).numpy()

    model = spec.to_onnx(state)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (by_onnxruntime,) = session.run(None, {session.get_inputs()[0].name: picture})

    print("torch:      ", np.argsort(by_torch[0])[::-1][:5])
    print("onnxruntime:", np.argsort(by_onnxruntime[0])[::-1][:5])
    print("largest difference:", np.abs(by_torch - by_onnxruntime).max())


if __name__ == "__main__":
    main(*sys.argv[1:])
