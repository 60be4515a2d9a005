from pathlib import Path
from typing import Any

import pytest
from inferloop_runtime.capture.settings import CaptureSettings, Column
from inferloop_runtime.capture.validate import check_patterns
from inferloop_runtime.errors import CaptureError


def job(**changes: Any) -> CaptureSettings:
    settings: dict[str, Any] = {
        "job": "j",
        "dataset": "d",
        "source": {"uri": "x.csv"},
        "columns": [{"name": "a", "type": "string"}],
        "datasets_dir": Path("d"),
        "state_dir": Path("s"),
        "dsn_file": Path("f"),
        "privacy_key_file": Path("k"),
    }
    return CaptureSettings.model_validate(settings | changes)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"type": "string", "minimum": 1}, "minimum and maximum need type int64 or float64"),
        ({"type": "int64", "minimum": 2, "maximum": 1}, "minimum 2 is above maximum 1"),
        ({"type": "int64", "format": "%Y"}, "format needs type date32 or timestamp"),
        ({"type": "int64", "pattern": "x"}, "pattern needs type string"),
        ({"type": "string", "pattern": "("}, "pattern is no regular expression"),
    ],
)
def test_a_rule_that_does_not_fit_its_column_is_refused(column: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        job(columns=[{"name": "a"} | column])


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden", "a" * 101])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        job(dataset=name)
    with pytest.raises(ValueError, match="pattern"):
        job(job=name)


def test_a_column_that_is_declared_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="declared twice: a"):
        job(columns=[{"name": "a", "type": "string"}] * 2)


def test_a_job_that_would_write_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing would be written"):
        job(columns=[{"name": "a", "type": "string", "privacy": "drop"}])


def test_a_pattern_that_arrow_does_not_know_is_refused_before_anything_is_read() -> None:
    with pytest.raises(CaptureError, match="pattern of column 'a'"):
        check_patterns((Column(name="a", type="string", pattern="(?=x)"),))
