"""Regions come back from JSON as they were, or not at all."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from diad_deploy.regions import Region
from diad_deploy.report.region_json import regions_from_json

REGION = Region(contour=((0, 1), (2, 3)), box=(0, 1, 3, 3), area_px=4, peak=0.25, peak_xy=(1, 2))
VALUES = asdict(REGION)


def test_there_and_back() -> None:
    assert regions_from_json(json.loads(json.dumps([VALUES, VALUES]))) == (REGION, REGION)
    assert regions_from_json([]) == ()
    assert regions_from_json(None) is None


@pytest.mark.parametrize(
    "values",
    [
        {},
        "text",
        [1],
        [{**VALUES, "extra": 1}],
        [{name: value for name, value in VALUES.items() if name != "peak"}],
        [{**VALUES, "box": [1, 2, 3]}],
        [{**VALUES, "contour": [[1]]}],
        [{**VALUES, "peak": "high"}],
    ],
)
def test_something_else(values: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        regions_from_json(values)
