"""What may stand in a `datasets.yaml`, and which file stands for a series."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from raysweep.errors import SeriesError
from raysweep.forecasting.dataset_file import Dataset, Original, read_dataset_file
from raysweep.forecasting.datasets import load_series, locate, read_datasets
from raysweep.paths import PROJECT_ROOT
from tests.forecasting.nobody import as_nobody

CONTENT = "t,v\n0,1\n1,2\n2,4\n"
OTHER_CONTENT = "t,v\n0,1\n1,2\n2,5\n"
SHA256 = hashlib.sha256(CONTENT.encode()).hexdigest()
ADDRESS = "https://example.org/data/a.csv"


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(files: dict[str, str]) -> None:
    for name, content in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def entry(name: str = "a", **changes: str) -> str:
    """One entry as YAML, with keys changed or added."""
    keys = {"file": f"{name}.csv", "time_column": "t", "value_columns": "[v]", "unit": "m"} | changes
    return f"{name}:\n" + "".join(f"  {key}: {value}\n" for key, value in keys.items())


def messages(yaml: str) -> list[str]:
    write({"d/datasets.yaml": yaml})
    with pytest.raises(SeriesError) as caught:
        read_dataset_file(Path("d/datasets.yaml"))
    return [str(problem) for problem in caught.value.problems]


def test_an_entry_with_all_keys() -> None:
    original = f"{{address: {ADDRESS}, sha256: {SHA256.upper()}}}"
    write({"d/datasets.yaml": entry(description="Some words.", original=original, stand_in="s/a.csv", unit="µg/m³")})
    assert read_dataset_file(Path("d/datasets.yaml")) == {
        "a": Dataset(
            name="a",
            folder=Path("d"),
            file="a.csv",
            time_column="t",
            value_columns=("v",),
            unit="µg/m³",
            description="Some words.",
            original=Original(address=ADDRESS, sha256=SHA256),
            stand_in="s/a.csv",
        )
    }


def test_an_entry_with_the_needed_keys_alone() -> None:
    write({"d/datasets.yaml": entry(value_columns="[v, w]")})
    dataset = read_dataset_file(Path("d/datasets.yaml"))["a"]
    assert dataset.value_columns == ("v", "w")
    assert (dataset.description, dataset.original, dataset.stand_in) == ("", None, None)


FILE_RULE = "a path below the data folder, without .., that ends with .csv or .parquet"
TEXT_RULE = "text, in quotes if need be"
NEEDED = "the keys file, time_column, value_columns, unit are needed"
KEYS = "the keys are file, time_column, value_columns, unit, description, original, stand_in"
ADDRESS_RULE = "an address that begins with https:// or http://"
SHA_RULE = "64 hexadecimal digits, as `sha256sum FILE` prints"

BAD = {
    "a name that is none": (
        entry("a b"),
        [
            "d/datasets.yaml:1: a b: not a valid name; "
            "a name has up to 64 letters, digits, - and _, and begins with a letter or digit"
        ],
    ),
    "a name twice": (entry() + entry(), ["d/datasets.yaml:6: a: given twice, first at line 1; each key once"]),
    "no mapping": ("a: a.csv\n", [f"d/datasets.yaml:1: a: 'a.csv'; {KEYS.replace('are ', '')}"]),
    "missing keys": (
        "a:\n  time_column: t\n  unit: m\n",
        [f"d/datasets.yaml:1: a.file: missing; {NEEDED}", f"d/datasets.yaml:1: a.value_columns: missing; {NEEDED}"],
    ),
    "unknown keys": (
        entry(value_colums="[w]", zzz="1"),
        [
            "d/datasets.yaml:6: a.value_colums: unknown key; did you mean value_columns?",
            f"d/datasets.yaml:7: a.zzz: unknown key; {KEYS}",
        ],
    ),
    "an absolute path": (entry(file="/etc/a.csv"), [f"d/datasets.yaml:2: a.file: '/etc/a.csv'; {FILE_RULE}"]),
    "a path that leaves": (entry(file="b/../../a.csv"), [f"d/datasets.yaml:2: a.file: 'b/../../a.csv'; {FILE_RULE}"]),
    "another suffix": (entry(file="a.txt"), [f"d/datasets.yaml:2: a.file: 'a.txt'; {FILE_RULE}"]),
    "a stand-in that leaves": (entry(stand_in="../a.csv"), [f"d/datasets.yaml:6: a.stand_in: '../a.csv'; {FILE_RULE}"]),
    "wrong types": (
        entry(file="7", time_column="", value_columns="v", unit="[m]"),
        [
            f"d/datasets.yaml:2: a.file: 7; {FILE_RULE}",
            f"d/datasets.yaml:3: a.time_column: nothing; {TEXT_RULE}",
            "d/datasets.yaml:4: a.value_columns: 'v'; a list of column names, such as [value]",
            f"d/datasets.yaml:5: a.unit: a list; {TEXT_RULE}",
        ],
    ),
    "no value columns": (
        entry(value_columns="[]"),
        ["d/datasets.yaml:4: a.value_columns: an empty list; a list of column names, such as [value]"],
    ),
    "a value column that is a number": (
        entry(value_columns="[v, 2024]"),
        [f"d/datasets.yaml:4: a.value_columns: 2024; {TEXT_RULE}"],
    ),
    "columns twice": (
        entry(value_columns="[v, t, v]"),
        [
            "d/datasets.yaml:4: a.value_columns: 'v' given 2 times; each column once",
            "d/datasets.yaml:4: a.value_columns: the time column among them; the columns that are to be forecast",
        ],
    ),
    "an original that is none": (
        entry(original="{address: ftp://a/b, sha256: 12ab}"),
        [
            f"d/datasets.yaml:6: a.original.address: 'ftp://a/b'; {ADDRESS_RULE}",
            f"d/datasets.yaml:6: a.original.sha256: '12ab'; {SHA_RULE}",
        ],
    ),
    "an original with half its keys": (
        entry(original=f"{{adress: {ADDRESS}}}"),
        [
            "d/datasets.yaml:6: a.original.adress: unknown key; did you mean address?",
            "d/datasets.yaml:6: a.original.address: missing; the keys address, sha256 are needed",
            "d/datasets.yaml:6: a.original.sha256: missing; the keys address, sha256 are needed",
        ],
    ),
    "several entries": (
        entry("a", file="a.txt") + entry("b", stand_in="/b.csv"),
        [f"d/datasets.yaml:2: a.file: 'a.txt'; {FILE_RULE}", f"d/datasets.yaml:11: b.stand_in: '/b.csv'; {FILE_RULE}"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_entry(name: str) -> None:
    yaml, expected = BAD[name]
    assert sorted(messages(yaml)) == sorted(expected)


@pytest.mark.parametrize(
    "yaml",
    [
        pytest.param("", id="empty"),
        pytest.param("- a\n", id="a list"),
        pytest.param("a: [\n", id="no YAML"),
        pytest.param(entry(unit="!!python/object/apply:os.getcwd []"), id="a tag"),
        pytest.param("x: &x [1]\ny: *x\n", id="an alias"),
        pytest.param("[" * 5000, id="nested"),
        pytest.param("#" * 1_000_001, id="too long"),
        pytest.param("a: \0", id="binary"),
    ],
)
def test_a_file_that_can_not_be_read_names_the_place(yaml: str) -> None:
    assert all(message.startswith("d/datasets.yaml") for message in messages(yaml))


PYTHON_TAGS = [
    "!!python/object/apply:os.system ['touch owned']",
    "!!python/object/new:os.system ['touch owned']",
    "!!python/name:os.system",
    "!!python/module:owned",
]


@pytest.mark.parametrize("tag", PYTHON_TAGS)
def test_a_tag_runs_nothing(tag: str) -> None:
    shown, rule = tag.partition(" ")[0], "no tags: write the plain value, and text in quotes"
    assert messages(entry(unit=tag)) == [f"d/datasets.yaml:5: unit: the tag {shown}; {rule}"]
    assert not list(Path().rglob("owned*"))


LEAVING = [
    "../a.csv",
    "b/../../a.csv",
    "/etc/a.csv",
    "//etc/a.csv",
    "..",
    "b/..",
    "./../a.csv",
    "https://example.org/a",
    "~/a",
]


@pytest.mark.parametrize("file", LEAVING)
def test_a_path_must_not_leave_the_folder(file: str) -> None:
    assert messages(entry(file=file)) == [f"d/datasets.yaml:2: a.file: {file!r}; {FILE_RULE}"]


def test_a_home_or_an_address_is_a_name_below_the_folder() -> None:
    write({"d/datasets.yaml": entry("a", file="~/a.csv") + entry("b", file="https://example.org/b.csv")})
    datasets = read_datasets([Path("d")])
    for name, file in (("a", "~/a.csv"), ("b", "https://example.org/b.csv")):
        assert refusal(datasets[name], "d").startswith(f"d/datasets.yaml: {name}: no {file} in d, ")


def test_a_pipe_beside_a_file_is_not_waited_for() -> None:
    write({"d/datasets.yaml": entry(stand_in="s.csv"), "d/a.csv": CONTENT})
    os.mkfifo("d/s.csv")
    assert locate(read_datasets([Path("d")])["a"], [Path("d")]).source == "file"


def test_folders_and_links_can_not_drive_the_terminal() -> None:
    folder = Path("\x1b[2J")
    original = f"{{address: {ADDRESS}, sha256: {SHA256}}}"
    entries = entry("a", original=original) + entry("b", stand_in="s/b.csv") + entry("c")
    write({f"{folder}/datasets.yaml": entries, f"{folder}/a.csv": OTHER_CONTENT, "\x1b[31m/c.csv": CONTENT})
    (folder / "c.csv").symlink_to(Path("\x1b[31m/c.csv").resolve())
    datasets = read_datasets([folder])
    texts = [*locate(datasets["a"], [folder]).notices, refusal(datasets["b"], str(folder))]
    texts.append(refusal(datasets["c"], str(folder)))
    assert len(texts) == 3
    assert all(text.isprintable() for text in texts)


def test_the_files_of_an_entry_in_order_of_preference() -> None:
    write({"d/datasets.yaml": entry(stand_in="s/a.csv"), "d/s/a.csv": CONTENT, "u/note.txt": ""})
    folders = [Path("u"), Path("d")]
    dataset = read_datasets(folders)["a"]
    assert (locate(dataset, folders).path, locate(dataset, folders).source) == (Path("d/s/a.csv"), "stand-in")
    write({"d/a.csv": OTHER_CONTENT})
    assert (locate(dataset, folders).path, locate(dataset, folders).source) == (Path("d/a.csv"), "file")
    write({"u/a.csv": OTHER_CONTENT})
    assert (locate(dataset, folders).path, locate(dataset, folders).source) == (Path("u/a.csv"), "file")


def test_an_original_is_known_by_its_digest() -> None:
    original = f"{{address: {ADDRESS}, sha256: {SHA256}}}"
    write({"d/datasets.yaml": entry(original=original), "d/a.csv": CONTENT})
    dataset = read_datasets([Path("d")])["a"]
    assert load_series(dataset, [Path("d")]).source == "original"
    write({"d/a.csv": OTHER_CONTENT})
    series = load_series(dataset, [Path("d")])
    assert series.source == "file"
    assert series.notices == ("a: d/a.csv is not the listed original (its SHA-256 differs)",)


def test_a_copy_of_a_stand_in_stays_a_stand_in() -> None:
    write({"d/datasets.yaml": entry(stand_in="s/a.csv"), "d/s/a.csv": CONTENT, "u/a.csv": CONTENT})
    dataset = read_datasets([Path("d")])["a"]
    assert load_series(dataset, [Path("u"), Path("d")]).source == "stand-in"
    write({"u/a.csv": OTHER_CONTENT})
    assert load_series(dataset, [Path("u"), Path("d")]).source == "file"


def test_a_series_has_what_its_entry_says() -> None:
    write({"d/datasets.yaml": entry(value_columns="[w, v]"), "d/a.csv": "x,v,t,w\n0,1,0,5\n0,2,1,6\n0,3,5,7\n"})
    series = load_series(read_datasets([Path("d")])["a"], [Path("d")])
    assert (series.name, series.unit, series.columns, series.file) == ("a", "m", ("w", "v"), "d/a.csv")
    assert series.values.tolist() == [[5, 1], [6, 2], [7, 3]]


def test_the_users_folder_adds_names_and_replaces_entries() -> None:
    write(
        {
            "d/datasets.yaml": entry("a") + entry("b"),
            "u/datasets.yaml": entry("b", unit="km", file="mine.csv") + entry("c"),
            "u/mine.csv": CONTENT,
        }
    )
    folders = [Path("u"), Path("d")]
    datasets = read_datasets(folders)
    assert set(datasets) == {"a", "b", "c"}
    assert (datasets["b"].unit, locate(datasets["b"], folders).path) == ("km", Path("u/mine.csv"))
    assert datasets["b"].folder == Path("u")


def refusal(dataset: Dataset, *folders: str) -> str:
    with pytest.raises(SeriesError) as caught:
        locate(dataset, [Path(folder) for folder in folders])
    return str(caught.value)


def test_neither_file_nor_stand_in() -> None:
    original = f"{{address: {ADDRESS}, sha256: {SHA256}}}"
    write({"d/datasets.yaml": entry("a", original=original, stand_in="s/a.csv") + entry("b"), "u/note.txt": ""})
    datasets = read_datasets([Path("d")])
    put = "put the file into one of these folders, or name the folder that has it with --data-dir"
    assert refusal(datasets["a"], "u", "d") == (
        f"d/datasets.yaml: a: no a.csv in u or d, and no stand-in d/s/a.csv; {put}; it is published at {ADDRESS}"
    )
    assert refusal(datasets["b"], "d") == f"d/datasets.yaml: b: no b.csv in d, and no stand-in listed; {put}"


def test_a_link_must_not_leave_the_folder() -> None:
    write(
        {"d/datasets.yaml": entry("a") + entry("b", stand_in="s/b.csv"), "secret/a.csv": CONTENT, "d/s/x.csv": CONTENT}
    )
    Path("d/a.csv").symlink_to("../secret/a.csv")
    Path("d/s/b.csv").symlink_to("../../secret/a.csv")
    datasets = read_datasets([Path("d")])
    remedy = "copy the file into it, or name the folder where it really lies with --data-dir"
    for name, path in [("a", "d/a.csv"), ("b", "d/s/b.csv")]:
        assert refusal(datasets[name], "d") == (
            f"d/datasets.yaml: {name}: {path} is a link that leads out of its folder, "
            f"to {Path('secret/a.csv').resolve()}; {remedy}"
        )
    Path("d/a.csv").unlink()
    Path("d/a.csv").symlink_to("s/x.csv")
    assert locate(datasets["a"], [Path("d")]).path == Path("d/a.csv")


def test_a_folder_may_be_a_link_itself() -> None:
    write({"real/datasets.yaml": entry(), "real/a.csv": CONTENT})
    Path("d").symlink_to("real")
    assert load_series(read_datasets([Path("d")])["a"], [Path("d")]).source == "file"


def test_a_link_to_nothing_is_no_reason_for_a_stand_in() -> None:
    write({"d/datasets.yaml": entry(stand_in="s.csv"), "d/s.csv": CONTENT})
    Path("d/a.csv").symlink_to("gone.csv")
    with pytest.raises(SeriesError, match=r"^d/a\.csv: there is no such file; check the path$"):
        load_series(read_datasets([Path("d")])["a"], [Path("d")])


def test_folders_that_can_not_be_used() -> None:
    write({"u/note.txt": "", "v/note.txt": ""})
    with pytest.raises(SeriesError) as caught:
        read_datasets([Path("gone"), Path("u/note.txt")])
    assert [str(problem) for problem in caught.value.problems] == [
        "gone: there is no such folder; check --data-dir",
        "u/note.txt: there is no such folder; check --data-dir",
    ]
    with pytest.raises(SeriesError) as caught:
        read_datasets([Path("u"), Path("v")])
    assert str(caught.value) == "u and v: no datasets.yaml; a data folder has a datasets.yaml that names the series"


def test_a_folder_that_may_not_be_read_is_no_reason_for_stand_ins() -> None:
    write({"d/datasets.yaml": entry(stand_in="s.csv"), "d/s.csv": CONTENT, "u/a.csv": CONTENT})
    Path("u").chmod(0)
    Path().chmod(0o755)
    with as_nobody(), pytest.raises(SeriesError) as caught:
        read_datasets([Path("u"), Path("d")])
    assert str(caught.value) == "u: permission denied; make the folder readable for your user (chmod u+rx)"


def test_all_datasets_yaml_are_judged_at_once() -> None:
    write({"d/datasets.yaml": entry(file="a.txt"), "u/datasets.yaml": entry(unit="7")})
    with pytest.raises(SeriesError) as caught:
        read_datasets([Path("u"), Path("d")])
    assert [problem.where for problem in caught.value.problems] == ["u/datasets.yaml:5", "d/datasets.yaml:2"]


def test_the_example_in_the_readme_is_valid() -> None:
    readme = (PROJECT_ROOT / "data" / "README.md").read_text()
    indented = readme.partition("       my_series:\n")[2].partition("\n\n")[0]
    write({"d/datasets.yaml": "my_series:\n" + indented.replace("\n       ", "\n").removeprefix("       ")})
    assert read_dataset_file(Path("d/datasets.yaml"))["my_series"].value_columns == ("temperature", "humidity")
