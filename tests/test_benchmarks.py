"""Benchmarks that are run elsewhere run here at the smallest sizes."""

import json
import pathlib
import subprocess
import sys

import pytest

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
