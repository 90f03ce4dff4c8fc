"""The demo in miniature."""

import pathlib

import pytest

from dpt_tf.commands import demo, main


@pytest.mark.slow
def test_the_demo_ends_with_a_table_and_the_paths_of_its_pictures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "PEOPLE", 2)
    monkeypatch.setattr(demo, "TEST_PEOPLE", 1)
    monkeypatch.setattr(demo, "VIEWS", 3)
    monkeypatch.setattr(demo, "STEPS", {f"{stage}_steps": 2 for stage in ("predictive", "inpainting", "joint")})
    flags = [f"--workdir={tmp_path / 'run'}", f"--data_dir={tmp_path / 'data'}"]
    assert main.guarded(lambda: main.dispatch(["demo", *flags])) == 0
    printed = capsys.readouterr().out
    for row in ("copy the source", "warped only", "predicted only", "full"):
        assert row in printed
    assert pathlib.Path(tmp_path / "run" / "evaluation" / "sheet.png").is_file()
    assert f"--logdir {tmp_path / 'run'}" in printed
    examples = tmp_path / "run" / "examples"
    assert str(examples) in printed
    painted = ["transfer", f"--model={tmp_path / 'run'}", f"--source={examples / 'ada.png'}"]
    painted += [f"--source_iuv={examples / 'ada_IUV.png'}", f"--target_iuv={examples / 'poses' / 'front_IUV.png'}"]
    assert main.guarded(lambda: main.dispatch([*painted, f"--output={tmp_path / 'a.png'}"])) == 0


@pytest.mark.parametrize(
    ("flags", "able"), [("fma avx512_bf16", True), ("amx_bf16 amx_tile", True), ("avx2 avx512f", False)]
)
def test_bfloat16_is_used_where_the_processor_has_it(flags, able, monkeypatch):
    monkeypatch.setattr(pathlib.Path, "read_text", lambda path: f"flags\t\t: {flags}\n")
    assert demo.computes_in_bfloat16() is able
