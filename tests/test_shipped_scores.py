"""What ships says nothing of the machine it was made on, and its numbers can be repeated."""

import json
import re
from pathlib import Path

import pytest

from hybridstudio import commands, paths, runs
from hybridstudio.messages import Score

# A path from the root, in quotes, after = or a blank; a drive of Windows; the folder above.
ABSOLUTE = re.compile(rb"""(?:["'=\s:](?:/(?:[\w.+-]+/)+[\w.+-]*|~/)|\b[A-Za-z]:\\{1,2}\w|\.\./)""")
TEXT = {".json", ".jsonl", ".toml", ".csv", ".txt", ".md"}
SHIPPED = sorted(path.parent for path in paths.checkpoints().glob("*/run.toml"))


def test_no_shipped_file_holds_a_path_of_a_machine():
    told = {}
    for root in (paths.checkpoints(), paths.resources()):
        for file in root.rglob("*"):
            if file.suffix in TEXT and (found := ABSOLUTE.search(file.read_bytes())):
                told[str(file.relative_to(root))] = found[0]
            elif file.suffix == ".png" and re.search(rb"/(work|home|root|tmp)/", file.read_bytes()):
                told[str(file.relative_to(root))] = b"in the picture's notes"
    assert told == {}


@pytest.mark.parametrize("text", [
    b'"source":"/home/me/x"', b"--data-root ../data", b'path = "C:\\\\Users\\\\me"', b" ~/runs"])
def test_paths_are_recognised(text):
    assert ABSOLUTE.search(text)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_number_says_how_to_repeat_it(path):
    for record in runs.scores(path):
        asked = commands.repeated(record)
        assert asked.source == path
        assert asked.data_root is None
        assert "model" not in record  # else its speed would pass for this machine's
        assert asked.step in runs.read(path).checkpoints
        assert record["command"].startswith(f"hybridstudio score {path.name} ")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_card_tells_how_a_model_was_made_and_how_good_it_is(path):
    card = runs.read(path).card
    assert card is not None
    assert card["command"].startswith("hybridstudio train ")
    assert card["data"] == runs.read(path).config.data.name
    assert (card["step"],) == runs.read(path).checkpoints
    assert card["seconds"] > 0
    assert card["scores"]
    assert "N = " in card["scored"]
    if card["data"] == "mnist":
        assert card["scores"]["classes"]["seen"] == 10, "a digit is missing"


def test_the_ready_models_take_no_more_room_than_they_may():
    files = (file for file in paths.checkpoints().rglob("*") if file.is_file())
    assert sum(file.stat().st_size for file in files) <= 32_000_000


def test_a_record_is_made_portable(tmp_path):
    asked = Score(tmp_path / "run", "mnist", features=f"run:{tmp_path}/judge", nfe=3,
                  data_root=tmp_path)
    record = {"request": commands.as_fields(asked), "source": str(tmp_path / "run"), "step": 7,
              "scores": {}, "command": commands.as_command(asked)}
    found = commands.portable(record, "gan-gaussians25")
    assert str(tmp_path) not in json.dumps(found)
    assert found["source"] == "gan-gaussians25"
    assert "--features run:judge" in found["command"]
    assert "--step 7" in found["command"]
    assert commands.repeated(found).source == Path(paths.checkpoints() / "gan-gaussians25")
