"""The README's Python runs as it stands, top to bottom."""

import pathlib
import re

README = pathlib.Path(__file__).parent.parent / "README.md"


def test_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 8
    names = {}
    for block in blocks:
        exec(block, names)
    assert names["probabilities"].shape == (360, 10)
    assert (tmp_path / "plain.keras").exists()
    assert names["log_density"].shape == (4,)
    assert names["calibrated"].shape == (360, 10)
    assert names["history"].epochs == [1, 2, 3, 4, 5]
    assert (tmp_path / "q.npz").exists()
