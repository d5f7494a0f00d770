"""Bundles: the same training gives the same bytes, and whatever is changed afterwards is found and named."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import farol
from farol import files
from farol.errors import BundleError
from farol.files import canonical_json, replace_file
from farol.i18n import Message
from farol.model import bundle as bundle_module
from farol.model.bundle import FILES, MANIFEST, Bundle, read_bundle, write_bundle
from farol.model.trained import TrainedModel
from tests.bundles import make_bundle, trained_model


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good bundle that no test may change."""
    return make_bundle(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture
def path(good: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(good, tmp_path / "current" / good.name))


def changed(trained: TrainedModel, files: Mapping[str, bytes]) -> TrainedModel:
    return replace(trained, files={**trained.files, **files})


def resealed(path: Path, **content: object) -> None:
    """Change the manifest and make its version true again, as somebody might who knows how it is made."""
    manifest = {**json.loads((path / MANIFEST).read_bytes()), **content}
    del manifest["version"]
    digest = hashlib.sha256(canonical_json(manifest)).hexdigest()[:10]
    (path / MANIFEST).write_bytes(canonical_json({**manifest, "version": f"{manifest['last_year']}-{digest}"}))


def refused(path: Path, name: str) -> BundleError:
    """The error of reading `path`; it names file `name`, in its text and as its place."""
    with pytest.raises(BundleError) as caught:
        read_bundle(path)
    assert name in str(caught.value.problem)
    assert caught.value.where.file == str(path / name)
    assert caught.value.fix is not None
    return caught.value


def test_a_bundle_read_is_the_model_that_was_written(good: Path) -> None:
    trained = trained_model()
    bundle = read_bundle(good)
    assert bundle.files == trained.files
    assert bundle.onnx == trained.files["model.onnx"]
    assert (bundle.task, bundle.version) == ("current", good.name)
    assert bundle.task_spec.features == bundle.manifest.features == trained.features
    assert bundle.report["task"] == "current"
    assert bundle.manifest.train_years == (2022, 2023)
    assert bundle.notes == ()


def test_the_manifest_has_sizes_and_hashes_and_no_time(good: Path) -> None:
    manifest = json.loads((good / MANIFEST).read_bytes())
    assert sorted(manifest["files"]) == sorted(name.name for name in good.iterdir() if name.name != MANIFEST)
    for name, entry in manifest["files"].items():
        data = (good / name).read_bytes()
        assert entry == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert not {"time", "date", "created", "at"} & set(manifest)


def test_the_same_training_gives_the_same_bytes_elsewhere(good: Path, tmp_path: Path) -> None:
    again = make_bundle(tmp_path)
    assert again.name == good.name
    assert {f.name: f.read_bytes() for f in again.iterdir()} == {f.name: f.read_bytes() for f in good.iterdir()}


def test_the_version_is_the_last_year_and_a_hash(good: Path) -> None:
    manifest = json.loads((good / MANIFEST).read_bytes())
    del manifest["version"]
    assert good.name == "2024-" + hashlib.sha256(canonical_json(manifest)).hexdigest()[:10]


def test_another_training_gives_another_version(good: Path, tmp_path: Path) -> None:
    assert write_bundle(tmp_path, replace(trained_model(), threshold=0.4)).name != good.name


def test_a_version_that_is_there_and_good_is_left_as_it_is(tmp_path: Path) -> None:
    path = make_bundle(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in path.iterdir()}
    assert make_bundle(tmp_path) == path
    assert {file: file.stat().st_mtime_ns for file in path.iterdir()} == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_damaged_version_is_moved_aside_and_replaced(tmp_path: Path) -> None:
    path = make_bundle(tmp_path)
    (path / "card.html").write_bytes(b"damaged")
    told: list[Message] = []
    assert write_bundle(tmp_path, trained_model(), tell=told.append) == path
    assert read_bundle(path).version == path.name
    (aside,) = (entry for entry in path.parent.iterdir() if entry != path)
    assert (aside / "card.html").read_bytes() == b"damaged"
    assert len(told) == 1
    assert str(aside) in str(told[0])
    assert "card.html" in str(told[0])


def test_two_processes_that_write_the_same_version_both_succeed(tmp_path: Path) -> None:
    path = make_bundle(tmp_path)
    (path / "card.html").unlink()

    def other_process(_message: Message) -> None:
        make_bundle(tmp_path)

    assert write_bundle(tmp_path, trained_model(), tell=other_process) == path
    assert read_bundle(path).version == path.name


def test_a_file_in_place_of_the_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "current").write_bytes(b"")
    with pytest.raises(BundleError, match="cannot be read or written"):
        make_bundle(tmp_path)


def test_a_rename_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(BundleError, match="the disk is full"):
        make_bundle(tmp_path)
    assert list((tmp_path / "current").iterdir()) == []


def test_parts_that_do_not_fit_are_never_published(tmp_path: Path) -> None:
    other = trained_model("next-year").files
    for name in ("preprocessing.json", "reference.json", "report.json"):
        with pytest.raises(BundleError, match=f"{name} does not fit"):
            write_bundle(tmp_path, changed(trained_model(), {name: other[name]}))
    for damaged in ({"profile.toml": b"format = 1\n"}, {"report.json": b"[]"}, {"reference.json": b"{}"}):
        with pytest.raises(BundleError, match="does not fit"):
            write_bundle(tmp_path, changed(trained_model(), damaged))
    report = json.loads(trained_model().files["report.json"])
    for lacking in ("bands", "prevalence", "promotable", "served", "support", "test"):
        without = {key: value for key, value in report.items() if key != lacking}
        with pytest.raises(BundleError, match=r"report\.json does not fit"):
            write_bundle(tmp_path, changed(trained_model(), {"report.json": canonical_json(without)}))
    for broken in (
        replace(trained_model(), task="another"),
        replace(trained_model(), profile_fingerprint="0"),
        replace(trained_model(), features=("IAA",)),
        replace(trained_model(), threshold=1.0),
    ):
        with pytest.raises(BundleError, match="does not fit"):
            write_bundle(tmp_path, broken)
    assert [entry.name for folder in tmp_path.iterdir() for entry in folder.iterdir()] == []


@pytest.mark.parametrize("name", ["../evil", "extra.txt", MANIFEST])
def test_a_model_has_exactly_its_files(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a model has the files"):
        write_bundle(tmp_path, changed(trained_model(), {name: b""}))
    assert list(tmp_path.iterdir()) == []


# ── Damage ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([MANIFEST, *FILES]), st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_found_and_the_file_named(
    good: Path, tmp_path_factory: pytest.TempPathFactory, name: str, place: int, bit: int
) -> None:
    path = Path(shutil.copytree(good, tmp_path_factory.mktemp("flipped") / good.name))
    flip(path / name, place, bit)
    refused(path, name)


def test_every_byte_of_a_manifest_counts(path: Path) -> None:
    source = (path / MANIFEST).read_bytes()
    for place in range(len(source)):
        flip(path / MANIFEST, place, place % 8)
        refused(path, MANIFEST)
    (path / MANIFEST).write_bytes(source)
    read_bundle(path)


def flip(file: Path, place: int, bit: int) -> None:
    data = bytearray(file.read_bytes())
    data[place % len(data)] ^= 1 << bit
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("name", [MANIFEST, *FILES])
def test_a_missing_file_is_named(path: Path, name: str) -> None:
    (path / name).unlink()
    assert "missing" in str(refused(path, name).problem)


@pytest.mark.parametrize("name", [".hidden", "model.pkl"])
def test_a_file_that_is_not_the_models_is_refused(path: Path, name: str) -> None:
    (path / name).write_bytes(b"")
    refused(path, name)


def test_a_folder_in_a_bundle_is_refused(path: Path) -> None:
    (path / "more").mkdir()
    refused(path, "more")


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
@pytest.mark.parametrize("name", [MANIFEST, "model.onnx"])
def test_a_link_in_place_of_a_file_is_refused(path: Path, good: Path, name: str) -> None:
    (path / name).unlink()
    (path / name).symlink_to(good / name)
    assert "plain file" in str(refused(path, name).problem)


def test_a_file_of_another_size_is_refused_with_both_sizes(path: Path) -> None:
    size = (path / "card.html").stat().st_size
    with (path / "card.html").open("ab") as file:
        file.write(b"!")
    error = refused(path, "card.html")
    assert str(error.expected) == f"{size} bytes"
    assert str(error.got) == f"{size + 1} bytes"


def test_another_format_is_refused_naming_both(path: Path) -> None:
    resealed(path, format=2, something_new=True)
    error = refused(path, MANIFEST)
    assert str(error.expected) == "format 1"
    assert str(error.got) == "format 2"


@pytest.mark.parametrize("source", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"format": true}', b'{"format": "1"}'])
def test_an_invalid_manifest_is_refused(path: Path, source: bytes) -> None:
    (path / MANIFEST).write_bytes(source)
    refused(path, MANIFEST)


def test_a_manifest_written_otherwise_is_refused(path: Path) -> None:
    content = json.loads((path / MANIFEST).read_bytes())
    (path / MANIFEST).write_text(json.dumps(content))
    refused(path, MANIFEST)


@pytest.mark.parametrize(("key", "value"), [("seed", "0"), ("seed", 0.5), ("features", "IAA"), ("more", 1)])
def test_a_refused_manifest_names_the_field(path: Path, key: str, value: object) -> None:
    resealed(path, **{key: value})
    assert key in str(refused(path, MANIFEST).problem)


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "more.txt"])
def test_a_manifest_cannot_lead_to_files_elsewhere(path: Path, name: str) -> None:
    files = json.loads((path / MANIFEST).read_bytes())["files"]
    resealed(path, files={**files, name: files["card.html"]})
    refused(path, MANIFEST)


def test_where_there_is_no_model_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="farol train"):
        read_bundle(tmp_path / "nothing")


# ── Notes and dependencies ─────────────────────────────────────────────────────────────────────────────────────────


def notes(path: Path) -> list[str]:
    return [str(note) for note in read_bundle(path).notes]


def test_other_versions_are_noted_and_not_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resealed(path, farol="0.1.7", libraries={"numpy": "1.26.0", "xgboost": "1.0", "unknown-to-us": "9.0"})
    written = notes(path)
    assert len(written) == 2
    assert "numpy 1.26.0" in written[0]
    assert "xgboost 1.0" in written[1]
    monkeypatch.setattr(farol, "__version__", "0.2.0")
    assert "made by Farol 0.1.7, and this is Farol 0.2.0" in notes(path)[0]


def test_a_bundle_is_written_where_folders_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FOLDERS_CAN_SYNC", False)
    assert isinstance(read_bundle(make_bundle(tmp_path)), Bundle)


def test_all_is_synced_before_the_bundle_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, rename, sync_folder = os.fsync, Path.rename, files.sync_folder

    def spy_fsync(descriptor: int) -> None:
        steps.append("file")
        fsync(descriptor)

    def spy_folder(folder: Path) -> None:
        sync_folder(folder)
        steps[-1] = "folder"

    def spy_rename(self: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(bundle_module, "sync_folder", spy_folder)
    monkeypatch.setattr(Path, "rename", spy_rename)
    make_bundle(tmp_path)
    assert steps == ["file"] * (len(FILES) + 1) + ["folder", "rename", "folder", "folder"]


def test_a_failed_replacement_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "choice.json"
    replace_file(path, b"old")

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["choice.json"]


@pytest.mark.parametrize("module", ["bundle", "registry", "scoring", "inputs", "features", "reference"])
def test_serving_parts_import_no_training_library(module: str) -> None:
    heavy = {"sklearn", "xgboost", "onnx", "onnxmltools", "pandas", "polars", "pyarrow", "scipy", "matplotlib"}
    code = f"import sys, farol.model.{module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)
