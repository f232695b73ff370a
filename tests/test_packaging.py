"""The wheel holds all that the program reads, and nothing of the checkout is needed to run it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pipeline
from pipeline.resources import resource_dir

ROOT = Path(__file__).parents[1]
DATA = {".toml", ".sql", ".j2", ".css", ".js", ".json", ".md", ".svg", ".typed"}
in_checkout = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists() or not (ROOT / "pipeline").is_dir(),
    reason="the sources are not here",
)


def files(folder: Path) -> set[Path]:
    return {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel and return the names in it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(ROOT)], check=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


@in_checkout
@pytest.mark.slow
@pytest.mark.parametrize("folder", ["queries", "reports"])
def test_the_wheel_holds_every_file_of(wheel: set[str], folder: str) -> None:
    expected = {f"pipeline/{folder}/{path.as_posix()}" for path in files(ROOT / folder)}

    assert len(expected) > 5
    assert expected - wheel == set()


@in_checkout
@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel: set[str]) -> None:
    expected = {f"pipeline/{path.as_posix()}" for path in files(ROOT / "pipeline")}

    assert expected - wheel == set()


@in_checkout
@pytest.mark.slow
def test_the_wheel_holds_the_package_only(wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"pipeline"}
    assert [name for name in wheel if name.endswith("/licenses/LICENSE")]


@in_checkout
@pytest.mark.parametrize("folder", ["queries", "reports"])
def test_folders_of_resources_hold_no_python(folder: str) -> None:
    # One Python file there, and hatchling refuses editable installations.
    assert [path for path in files(ROOT / folder) if path.suffix == ".py"] == []


@in_checkout
def test_no_file_that_is_shipped_is_ignored_by_git() -> None:
    # The wheel leaves out what `.gitignore` names, without a word.
    shipped = [
        str(Path(folder) / path)
        for folder in ("pipeline", "queries", "reports")
        for path in sorted(files(ROOT / folder))
        if path.suffix in DATA | {".py"}
    ]
    names = "\n".join(shipped)

    ran = subprocess.run(
        ["git", "check-ignore", "--stdin"],
        cwd=ROOT, input=names, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert shipped
    if ran.returncode > 1:
        pytest.skip("no git here, or no repository")
    assert ran.stdout == ""


@pytest.mark.parametrize("folder", ["queries", "reports"])
def test_resources_are_found_where_the_package_is(folder: str) -> None:
    package = Path(pipeline.__file__).parent

    assert resource_dir(folder).parent in (package, package.parent)
    assert files(resource_dir(folder))


def test_a_missing_resource_is_told_by_name() -> None:
    with pytest.raises(FileNotFoundError, match="no_such_folder"):
        resource_dir("no_such_folder")
