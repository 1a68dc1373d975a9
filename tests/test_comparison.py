import json
import math
import shutil

import numpy as np
import pytest

from hybridstudio import engine, paths, runs, variants
from hybridstudio.cli import main
from hybridstudio.comparison import Reader, differences, facts, notes, overlays, score_table
from hybridstudio.comparison.curves import thin, title_of
from hybridstudio.comparison.reading import MOST
from hybridstudio.config import RunConfig, with_values
from hybridstudio.errors import ConfigError, UsageError
from hybridstudio.messages import Done, Notice, Sheet, Sheets

SHIPPED = ("ddpm-mnist", "hybrid-mnist", "vae-mnist", "gan-gaussians25")
FEATURES = {"name": "digits-net", "sha256": "c2"}


def shipped(*names):
    return [paths.checkpoints() / name for name in names]


def write(folder, name, values=None, losses=(1.0, 0.5, 0.25)):
    path = folder / name
    config = with_values(RunConfig(name=name), {"data.size": 8, "data.channels": 1,
                                                **(values or {})})
    runs.create(path, config)
    log = runs.MetricsLog(path)
    log.mark("started", step=0, device="cpu, 1 thread, fp32")
    for place, loss in enumerate(losses, start=1):
        log.append(10 * place, {"loss": loss, "grad_norm/unet": 1.0}, seconds=2.0 * place)
    log.mark("done", step=10 * len(losses), outcome="finished")
    log.close()
    return path


def scored(path, value, n=5000, low=None, high=None, **more):
    figure = {"value": value, "low": low or value - 0.1, "high": high or value + 0.1,
              "floor": 0.3, "ceiling": 400.0}
    runs.record_score(path, {"when": "2026-01-01", "scores": {"frechet": figure}, "n": n,
                             "features": FEATURES, "data": "digits", "split": "test",
                             "label": f"digits-net, N = {n}", "step": 30, **more})


def told(*folders):
    return Reader().read(folders).subjects


# --- settings


def test_only_what_differs_is_told_with_unit_and_default(tmp_path):
    found = differences(told(write(tmp_path, "a"), write(tmp_path, "b", {
        "train.lr": 1e-3, "train.batch_size": 64, "train.warmup": 100})))
    assert [one.path for one in found] == ["train.batch_size", "train.lr"]
    batch, lr = found
    assert (batch.unit, batch.default, batch.values) == ("pictures", "128", ("128", "64"))
    assert lr.values == ("0.0002", "0.001")
    assert lr.is_default == (True, False)


def test_a_field_that_a_family_lacks_is_missing():
    found = {one.path: one for one in differences(told(*shipped("ddpm-mnist", "vae-mnist")))}
    assert found["model.family"].values == ("ddpm", "vae")
    assert found["model.timesteps"].values[1] is None
    assert next(iter(found)) == "model.family"  # what is learned comes first
    assert "name" not in found
    assert "says" not in found


def test_runs_of_one_name_are_told_apart(tmp_path):
    subjects = told(write(tmp_path / "one", "a"), write(tmp_path / "two", "a"))
    assert [subject.name for subject in subjects] == ["one/a", "two/a"]
    assert len({subject.colour for subject in subjects}) == 2


# --- curves and facts


def test_curves_of_one_name_are_laid_over_each_other(tmp_path):
    subjects = told(write(tmp_path, "a"), write(tmp_path, "b", losses=(3.0, math.nan, 1.0)))
    found = overlays(subjects)
    assert [(one.name, len(one.lines)) for one in found] == [("loss", 2)]
    assert "grad_norm/unet" in {one.name for one in overlays(subjects, details=True)}
    assert title_of("test/loss") == "Held out: loss"
    assert title_of("score/frechet") == "Fréchet distance"
    assert title_of("score/class_entropy") == "Class entropy"
    assert title_of("p/fake") == "Probability of being real: generated"


def test_a_log_axis_is_for_curves_that_stay_above_zero(tmp_path):
    falls = told(write(tmp_path, "a", losses=(100.0, 10.0, 1.0)))
    crosses = told(write(tmp_path, "b", losses=(100.0, 10.0, -1.0)))
    assert overlays(falls)[0].log
    assert not overlays(crosses)[0].log


def test_a_long_curve_is_thinned_to_its_means_and_ends():
    y = np.sin(np.arange(10_000.0))
    y[7] = math.nan
    line = thin(np.arange(10_000), y, 100)
    assert line.mean.size == 100
    assert np.abs(line.mean).max() < 0.1
    assert line.low.min() < -0.99
    assert line.high.max() > 0.99
    assert thin(np.arange(3), y[:3], 100).mean.tolist() == y[:3].tolist()


def test_facts_of_shipped_models():
    subjects = told(*shipped(*SHIPPED))
    found = {fact.name: fact.values for fact in facts(subjects)}
    assert found["Family"] == ("ddpm", "hybrid", "vae", "gan")
    assert found["Pictures seen"][0] == "524,800"
    assert found["Parameters"][0] == "2.99 M"
    assert any("different data" in note for note in notes(subjects))


def test_parameters_are_counted_where_no_card_tells_them(tmp_path):
    path = tmp_path / "copy"
    shutil.copytree(paths.checkpoints() / "vae-mnist", path)
    (path / "card.json").unlink()
    (subject,) = told(path)
    assert set(subject.parameters) == {"encoder", "decoder"}
    assert subject.size > 100_000


def test_more_runs_than_colours_are_read_all_the_same(tmp_path):
    subjects = told(*(write(tmp_path, f"r{place}") for place in range(MOST + 2)))
    assert subjects[MOST].colour == 0


# --- scores


def test_scores_taken_alike_are_comparable_and_the_best_is_found(tmp_path):
    a, b, c = (write(tmp_path, name) for name in "abc")
    scored(a, 2.0)
    scored(b, 2.15)
    scored(c, 5.0)
    table = score_table(told(a, b, c))
    assert table.reasons == ("", "", "")
    assert table.best["frechet"] == {0, 1}  # their intervals meet
    assert table.rows["frechet"][2].interval == "4.9 to 5.1"


def test_another_n_is_told_and_the_common_one_preferred(tmp_path):
    a, b, c = (write(tmp_path, name) for name in "abc")
    scored(a, 2.0)
    scored(a, 9.0, n=100)  # newer, but like no other's
    scored(b, 3.0)
    scored(c, 1.0, n=600)
    table = score_table(told(a, b, c))
    assert table.rows["frechet"][0].value == 2.0
    assert "N = 600, not 5,000" in table.reasons[2]
    assert not table.rows["frechet"][2].is_fair
    assert table.best["frechet"] == {0}


def test_records_of_one_checkpoint_add_up(tmp_path):
    path = write(tmp_path, "a")
    scored(path, 2.0)
    runs.record_score(path, {"scores": {"kid": {"value": 0.1}}, "n": 5000, "features": FEATURES,
                             "data": "digits", "split": "test", "step": 30})
    assert set(score_table(told(path)).rows) == {"frechet", "kid"}


def test_what_was_never_scored_and_what_a_card_alone_tells(tmp_path):
    path = tmp_path / "copy"
    shutil.copytree(paths.checkpoints() / "vae-mnist", path)
    (path / "scores.jsonl").unlink()
    table = score_table(told(path, write(tmp_path, "a")))
    assert "score it again" in table.reasons[0]
    assert table.reasons[1] == "it was never scored"
    assert table.rows["frechet"][0].interval == ""


@pytest.mark.parametrize("garbage", [
    b"{]\n", b"[1, 2]\n", b'{"scores": {"frechet": "x", "kid": {"value": true}, "a": []}, "n": 1,'
    b' "features": {}}\n', b'{"scores": {"frechet": {"value": NaN}}, "n": 5, "features": {}}\n',
    b"\xff\xfe\n"])
def test_garbage_among_scores_and_curves_is_survived(tmp_path, garbage):
    path = write(tmp_path, "a")
    (path / "scores.jsonl").write_bytes(garbage)
    (path / "card.json").write_bytes(garbage)
    with (path / "metrics.jsonl").open("ab") as file:
        file.write(garbage)
    subjects = told(path, write(tmp_path, "b"))
    score_table(subjects)
    assert facts(subjects)
    assert differences(subjects) == ()


def test_broken_and_missing_runs_are_told(tmp_path):
    broken = write(tmp_path, "broken")
    (broken / "run.toml").write_text("garbage = [")
    subjects = told(broken, tmp_path / "nothing", write(tmp_path, "a"))
    assert [subject.is_sound for subject in subjects] == [False, False, True]
    said = " ".join(notes(subjects))
    assert "broken cannot be read" in said
    assert "nothing cannot be read" in said
    assert {fact.name: fact.values for fact in facts(subjects)}["Family"] == ("–", "–", "ddpm")


# --- the same seeds


def test_sheets_come_in_order_and_one_that_fails_stops_no_other(tmp_path):
    empty = write(tmp_path, "empty")
    wanted = Sheets((*shipped("vae-mnist"), empty, *shipped("gan-gaussians25")), 4, 1)
    events = list(engine.run(wanted))
    sheets = [event for event in events if isinstance(event, Sheet)]
    assert [sheet.run.name for sheet in sheets] == ["vae-mnist", "gan-gaussians25"]
    assert sheets[0].images.shape == (4, 28, 28, 1)
    assert sheets[1].images.shape == (1, 256, 256, 3)  # a cloud
    (notice,) = (event for event in events if isinstance(event, Notice))
    assert notice.run == empty
    assert "no checkpoint" in notice.why
    assert isinstance(events[-1], Done)
    assert events[-1].result["failed"] == [str(empty)]
    again = [event for event in engine.run(wanted) if isinstance(event, Sheet)]
    assert (again[0].images == sheets[0].images).all()


# --- variants


def test_every_combination_is_a_variant_of_its_own():
    made = variants.varied(RunConfig(name="d"), {"train.lr": [1e-4, 2e-4], "data.flip": [True]})
    assert [one.name for one in made] == ["d-lr0.0001-flip-on", "d-lr0.0002-flip-on"]
    assert made[1].config.train.lr == 2e-4
    assert made[1].config.name == made[1].name


def test_all_faults_of_all_variants_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        variants.varied(RunConfig(), {"train.lr": [1e-4, 5.0], "train.batch_size": [0, 8]})
    assert {problem.path for problem in error.value.problems} == {"train.lr", "train.batch_size"}
    with pytest.raises(ConfigError, match="one problem"):
        variants.varied(RunConfig(), {"train.lrr": [1]})
    with pytest.raises(UsageError, match="too many"):
        variants.varied(RunConfig(), {"train.seed": range(1000)})


def test_values_are_read_as_toml_or_as_words():
    assert variants.read_values("train.lr=1e-4, 2e-4,2e-4") == ("train.lr", [1e-4, 2e-4])
    assert variants.values_of("cosine,linear") == ["cosine", "linear"]
    assert variants.values_of("[0.9, 0.99],[0.5, 0.9]") == [[0.9, 0.99], [0.5, 0.9]]
    for wrong in ("train.lr", "train.lr=", "=3"):
        with pytest.raises(UsageError):
            variants.read_values(wrong)


def test_train_vary_trains_all_and_goes_on_where_it_was_stopped(tmp_path, capsys):
    line = ["train", "gan-gaussians25", "--vary", "train.batch_size=16,32", "--steps", "3",
            "--out", str(tmp_path / "v"), "--json"]
    assert main(line) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])["variants"]
    assert [one["outcome"] for one in first] == ["finished", "finished"]
    (tmp_path / "v" / first[1]["name"] / "run.toml").unlink()
    shutil.rmtree(tmp_path / "v" / first[1]["name"])
    assert main(line) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])["variants"]
    assert [one["outcome"] for one in again] == ["done before", "finished"]
    assert main([*line, "--set", "train.lr=0.01"]) == 2  # the folders hold other runs
    assert "holds another run" in capsys.readouterr().out
    assert main(line[:4]) == 2  # without --out
