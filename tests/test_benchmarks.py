"""Benchmarks that are run elsewhere run here at the smallest sizes."""

import json
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf

BENCHMARKS = pathlib.Path(__file__).resolve().parents[1] / "benchmarks"

PEER = """
import json, sys
print(json.dumps({"seconds": 0.5, "gib": 2.0, "asked": sys.argv[1:]}))
"""


@pytest.mark.slow
def test_the_benchmark_of_a_gpu_runs_on_a_processor(tmp_path):
    pytest.importorskip("embreex")
    peer = tmp_path / "peer.py"
    peer.write_text(PEER)
    tiny = ["--size=32", "--batch=1", "--width=4", "--runs=1", "--steps=2"]
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), f"--peer={peer}", *tiny]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=BENCHMARKS.parent)
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    rows = {(row["precision"], row["what"]): row for row in found["speed"]}
    assert len(rows) == 8 and all(row["images"] > 0 and row["gib"] > 0 for row in rows.values())
    asked = rows["bfloat16", "joint_step"]
    assert asked["peer"] == {"images": 2.0, "gib": 2.0} and asked["ratio"] == asked["images"] / 2
    assert "peer" not in rows["float32", "predictive_step"]
    for precision in ("float32", "bfloat16"):
        assert {name.partition("/")[0] for name in found["losses"][precision]} == {"predictive", "inpainting", "joint"}


def test_the_work_of_convolutions_their_gradients_and_products_is_counted(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import where

    kernel, matrix = tf.zeros([3, 3, 5, 7]), tf.zeros([2, 4, 6])

    @tf.function
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = tf.nn.conv2d(x, kernel, 2, "SAME")
        return tape.gradient(y, [x, kernel]), tf.matmul(matrix, matrix, transpose_a=True)

    one = 2 * (3 * 4 * 4) * (3 * 3 * 5 * 7)
    graph = run.get_concrete_function(tf.TensorSpec([3, 8, 8, 5])).graph
    assert where.work(graph) == {
        "convolutions": one,
        "gradients of convolutions": 2 * one,
        "matrix products": 2 * 2 * 6 * 6 * 4,
    }


@pytest.mark.slow
def test_where_the_time_of_a_step_goes_is_told(tmp_path):
    tiny = ["inpaint_step", "--size=64", "--width=8", "--calls=1"]
    command = [sys.executable, str(BENCHMARKS / "where.py"), *tiny]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=BENCHMARKS.parent)
    assert not done.returncode, done.stderr
    kinds = json.loads(done.stdout.splitlines()[-1])["kinds"]
    for kind in ("convolutions", "gradients of convolutions"):
        assert kinds[kind]["seconds"] > 0 and kinds[kind]["gflop"] > 0
