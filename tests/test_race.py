"""Races: several ways of drawing, one frame of each in turn, each by its own clock."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_branching import a_run

from hybridstudio import cli, commands, engine, racing
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.gui import canned
from hybridstudio.messages import Branch, Done, Draw, Frame, Lap, Notice, Progress, Race, Started
from hybridstudio.racing import Lane
from hybridstudio.ways import Way, branch_words, read_branch, read_way


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("race")
    a_run(folder / "ddpm")
    a_run(folder / "gan", "gan")
    return folder


def raced(*draws: Draw) -> list[object]:
    return list(engine.run(Race(draws)))


def laps(told: list[object]) -> list[Lap]:
    return [event for event in told if isinstance(event, Lap)]


# --- the engine


def test_frames_come_in_turn_and_all_draw_the_same_noise(folder: Path) -> None:
    run = folder / "ddpm"
    told = raced(Draw(run, 2, "ddim", 3, seed=4), Draw(run, 2, "ancestral", 5, seed=4),
                 Draw(folder / "gan", 2, seed=4))
    assert isinstance(told[0], Started)
    ways = [lap.way for lap in laps(told)]
    assert ways == [0, 1, 2, 0, 1, 0, 1, 0, 1, 1, 1]
    one, other = laps(told)[:2]
    assert one.frame is not None
    assert other.frame is not None
    assert np.array_equal(one.frame.x_t, other.frame.x_t)
    alone = [event for event in engine.run(Draw(run, 2, "ddim", 3, seed=4))
             if isinstance(event, Frame)]
    for lap, frame in zip([lap for lap in laps(told) if lap.way == 0], alone, strict=True):
        assert lap.frame is not None
        assert np.array_equal(lap.frame.x_t, frame.x_t)
    progress = [event for event in told if isinstance(event, Progress)]
    assert (progress[-1].step, progress[-1].total) == (11, 11)
    done = told[-1]
    assert isinstance(done, Done)
    assert [way["nfe"] for way in done.result["ways"]] == [3, 5, 1]
    assert sorted(way["finish"] for way in done.result["ways"]) == [1, 2, 3]


def test_a_clock_stands_still_while_others_draw(
        folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(request: Draw, keeps: bool = True):
        yield Started("Drawing")
        for frame in canned.frames(1, 4):
            time.sleep(0.02 if request.seed else 0.0)
            yield frame
        yield Done("finished", {"sampler": "ddim", "nfe": 4})

    monkeypatch.setattr(sys.modules["hybridstudio.engine.race"], "draw", slow)
    told = raced(Draw(folder / "ddpm", 1, seed=0), Draw(folder / "ddpm", 1, seed=1))
    ends = {lap.way: lap.frame.seconds for lap in laps(told) if lap.frame is not None}
    assert ends[0] < 0.02 < 0.1 <= ends[1]
    done = told[-1]
    assert isinstance(done, Done)
    assert [way["finish"] for way in done.result["ways"]] == [1, 2]


def test_one_that_fails_leaves_the_race(folder: Path) -> None:
    told = raced(Draw(folder / "ddpm", 1, "ddim", 3), Draw(folder / "nowhere", 1),
                 Draw(folder / "gan", 1, "ddim"))
    notices = [event.what for event in told if isinstance(event, Notice)]
    assert sum("leaves the race" in words for words in notices) == 2
    assert [lap.way for lap in laps(told) if lap.frame is None] == [1, 2]
    done = told[-1]
    assert isinstance(done, Done)
    assert "error" in done.result["ways"][1]
    with pytest.raises(StudioError):
        raced(Draw(folder / "nowhere", 1))
    with pytest.raises(UsageError, match="nobody"):
        raced()


def test_models_of_other_data_are_told(folder: Path, tmp_path: Path) -> None:
    from test_branching import made

    from hybridstudio import runs

    config = made("gan")
    runs.create(tmp_path / "other", config.model_copy(
        update={"data": config.data.model_copy(update={"name": "mnist"})}))
    told = raced(Draw(folder / "gan", 1), Draw(tmp_path / "other", 1))
    notices = [event for event in told if isinstance(event, Notice)]
    assert notices[0].what == "These models learned different data"
    assert "mnist" in notices[0].why
    assert "leaves the race" in notices[1].what  # it has no checkpoint


def test_a_race_can_be_stopped(folder: Path) -> None:
    events = engine.run(Race((Draw(folder / "ddpm", 1, "ddim", 5),)))
    assert any(isinstance(next(events), Lap) for _ in range(5))
    events.close()  # type: ignore[attr-defined]


# --- how it is shown


def lanes() -> list[Lane]:
    quick, slow = Lane("quick"), Lane("slow")
    quick.frames = list(canned.frames(2, 4))  # 0.02 s a step
    slow.frames = list(canned.frames(2, 10))
    return [quick, slow, Lane("gone", failed="left the race")]


def test_lanes_in_step_and_in_time() -> None:
    quick, slow, gone = lanes()
    assert racing.end([quick, slow, gone], "step") == 10
    assert racing.end([quick, slow, gone], "time") == pytest.approx(0.2)
    assert quick.at(7, "step") is quick.frames[-1]
    assert slow.at(0.07, "time") is slow.frames[3]
    assert slow.at(0.08, "time") is slow.frames[4]
    assert gone.at(0, "time") is None
    assert racing.order([quick, slow, gone]) == {0: 1, 1: 2}
    assert racing.readout(gone, None) == "left the race"
    assert racing.readout(quick, quick.frames[-1]) == "t = 0 · 40 ms each · 4 evaluations"


def test_pages_have_one_size() -> None:
    for by in ("step", "time"):
        pages = list(racing.pages(lanes(), by, 5))
        assert len({page.shape for page in pages}) == 1
    assert racing.still(lanes(), "time").shape[2] == 3


# --- words


def test_ways_and_branches_are_read_as_they_are_written() -> None:
    for way in (Way("run"), Way("run", "dpm++2m"), Way("run", None, 20), Way("C:\\run", "ddim", 5)):
        assert read_way(way.words) == way
    branch = Branch(3, 5, "dpm++2m", 7, 0.5, 2.0, 1)
    assert read_branch(branch_words(branch)) == branch
    assert read_branch("at=2, label=cat", ("dog", "cat")) == Branch(2, label=1)
    for text, words in (("seed=3", "where it leaves"), ("at=x", "can be read"),
                        ("at=3,sead=2", "has no sead"), ("at=3,label=bird", "no class bird"),
                        ("at=3,seed=", "can be read")):
        with pytest.raises(UsageError) as caught:
            read_branch(text)
        assert words in f"{caught.value.what} {caught.value.why}"
    with pytest.raises(UsageError):
        read_way("")


# --- the command line


def test_race_writes_and_tells(folder: Path, tmp_path: Path, capsys) -> None:
    words = ["race", f"{folder / 'ddpm'}:ddim:3", f"{folder / 'gan'}", "--count", "2", "--json"]
    for name in ("race.gif", "race.webp", "race.png"):
        assert cli.main([*words, "--out", str(tmp_path / name), "--frames", "4"]) == 0
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert [way["nfe"] for way in told["ways"]] == [3, 1]
        with Image.open(tmp_path / name) as image:
            assert (getattr(image, "n_frames", 1) > 1) != name.endswith("png")
    assert cli.main([*words, "--out", str(tmp_path / "race.gif")]) == 2
    assert cli.main([*words, "--out", str(tmp_path / "race.txt")]) == 2
    assert cli.main(words) == 0
    assert cli.main(["race", "nowhere"]) == 2


def test_denoise_branches(folder: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "b.png"
    words = ["denoise", str(folder / "ddpm"), "--sampler", "ddim", "--nfe", "5", "--count", "1",
             "--branch", "at=2,sampler=ancestral,seed=3", "--out", str(out)]
    assert cli.main(words) == 0
    assert out.is_file()
    assert cli.main([*words, "--branch", "at=1", "--force"]) == 2
    assert "follow one another" in capsys.readouterr().err
    request = Draw(folder / "ddpm", 1, "ddim", 5, branches=(Branch(2, 3, "ancestral"),))
    assert commands.words_of(request)[-2:] == ["--branch", "at=2,seed=3,sampler=ancestral"]
    race = Race((Draw(folder / "ddpm", 1, "ddim", 5), Draw(folder / "gan", 1, "one-pass", 1)))
    assert commands.words_of(race)[:4] == [
        "hybridstudio", "race", f"{folder / 'ddpm'}:ddim:5", f"{folder / 'gan'}:one-pass:1"]
