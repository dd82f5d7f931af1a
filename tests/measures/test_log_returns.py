"""Every return of a log: those of its file, if that is the one, and those that its own evidence sums up."""

import numpy as np
import pytest

from pipeline import PipelineError
from pipeline.data import episodes
from pipeline.evidence import recipes, records
from pipeline.measures import logs
from tests.data.test_episodes import WHOLE, WORLD


def test_the_returns_are_the_files_and_another_file_is_refused(tmp_path):
    path = tmp_path / "data.hdf5"
    episodes.write(path, WHOLE, {})
    assert logs.verified(path, WORLD, episodes.sha256(WHOLE)).returns.tolist() == [3, 12, 6]
    with pytest.raises(PipelineError, match="not the dataset that its evidence tells of"):
        logs.verified(path, WORLD, "0" * 64)


@pytest.mark.parametrize("name", recipes.LOGGED_RETURNS)
def test_committed_returns_have_the_mean_and_spread_that_the_datasets_evidence_tells(name):
    found = records.read(recipes.LOGGED_RETURNS[name].path())["values"]
    told = records.read(recipes.COLLECTIONS[name].path())["values"]
    returns = np.array(found["returns"])
    assert len(returns) == told["episodes"] == found["episodes"] == sum(found["return_histogram"]["counts"])
    summed = {"mean": returns.mean(), "sd": returns.std(ddof=1), "min": returns.min(), "max": returns.max()}
    for key, value in summed.items():
        assert value == pytest.approx(told[f"return_{key}"], abs=2e-3), key
