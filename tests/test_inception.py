"""Inception features: the original weights, from a file or downloaded, and what to do without."""

import hashlib
import sys
import types

import numpy as np
import pytest
import torch

from hybridstudio import engine, paths
from hybridstudio.errors import StudioError
from hybridstudio.messages import Done, Score
from hybridstudio.scores import features

CPU = torch.device("cpu")


class Extractor(torch.nn.Module):
    """Stands in for torch-fidelity's: its features are sums of the bytes that it is given."""

    def __init__(self, name, features_list, feature_extractor_weights_path):
        super().__init__()
        assert features_list == ["2048", "logits_unbiased"]
        self.scale = torch.load(feature_extractor_weights_path, weights_only=True)["scale"]

    def forward(self, images):
        assert images.dtype == torch.uint8
        assert images.shape[1] == 3
        sums = images.float().mean((2, 3)) * self.scale
        return sums, torch.cat([sums, torch.zeros(len(images), 1005)], 1)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Install the package's stand-in; returns a file of weights that passes for the original."""
    module = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.URL_INCEPTION_V3 = "https://nowhere.invalid/inception.pth"
    module.FeatureExtractorInceptionV3 = Extractor
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(features.importlib.util, "find_spec", lambda name: object())
    monkeypatch.delenv("HYBRIDSTUDIO_INCEPTION", raising=False)
    file = tmp_path / "inception.pth"
    torch.save({"scale": torch.tensor(2.0)}, file)
    monkeypatch.setattr(features, "INCEPTION", hashlib.sha256(file.read_bytes()).hexdigest()[:8])
    return file


def test_pictures_go_in_as_the_bytes_they_were(weights):
    lens = features.inception(CPU, str(weights))
    assert lens.distance == "FID"
    grey = torch.tensor([0, 1, 127, 128, 255]).reshape(5, 1, 1, 1).expand(-1, -1, 4, 4)
    found, probabilities = lens.embed(grey / 127.5 - 1.0)
    torch.testing.assert_close(found[:, 0], torch.tensor([0.0, 2.0, 254.0, 256.0, 510.0]))
    torch.testing.assert_close(probabilities.sum(1), torch.ones(5))


def test_weights_come_from_a_file_the_environment_or_the_network(weights, monkeypatch):
    monkeypatch.setenv("HYBRIDSTUDIO_INCEPTION", str(weights))
    assert features.inception(CPU).sha256 == features.inception(CPU, str(weights)).sha256
    monkeypatch.delenv("HYBRIDSTUDIO_INCEPTION")
    asked = []

    def download(url, place, prefix, progress):
        asked.append((url, prefix))
        with open(place, "wb") as file:
            file.write(weights.read_bytes())

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    features.inception(CPU)
    features.inception(CPU)
    assert asked == [("https://nowhere.invalid/inception.pth", features.INCEPTION)], "once"
    assert (paths.cache() / "features" / "inception.pth").is_file()


def test_without_a_network_the_error_says_how_to_get_them(weights, monkeypatch):
    def fail(*_args, **_more):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(StudioError) as told:
        features.inception(CPU)
    assert "no route to host" in told.value.why
    for words in ("https://nowhere.invalid/inception.pth", "inception:FILE",
                  "HYBRIDSTUDIO_INCEPTION"):
        assert words in told.value.fix
    with pytest.raises(StudioError, match="cannot be read"):
        features.inception(CPU, "nowhere.pth")


class Harmful:
    def __reduce__(self):
        return print, ("this should never run",)


def test_other_weights_and_harmful_files_are_refused(weights, monkeypatch, capsys):
    other = weights.with_name("other.pth")
    torch.save({"scale": torch.tensor(3.0)}, other)
    with pytest.raises(StudioError, match="does not hold the original"):
        features.inception(CPU, str(other))
    torch.save(Harmful(), other)
    forged = hashlib.sha256(other.read_bytes()).hexdigest()[:8]
    monkeypatch.setattr(features, "INCEPTION", forged)
    with pytest.raises(StudioError, match="more than weights"):
        features.inception(CPU, str(other))
    assert capsys.readouterr().out == ""


def test_a_score_with_them_is_a_fid_and_says_when_papers_cannot_be_compared(weights, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((20, 8, 8), np.uint8))
    request = Score(tmp_path / "x.npy", "digits", 20, f"inception:{weights}", ("fid",),
                    device="cpu")
    events = list(engine.run(request))
    result = next(event for event in events if isinstance(event, Done)).result
    assert (result["distance"], result["split"]) == ("FID", "train")
    assert any("Papers tell the FID of 50,000" in one["what"] for one in result["warnings"])
