"""Settings: the file, the flags, and which of them counts."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from orlop.cli import settings
from orlop.cli.settings import SETTINGS, Setting, Settings, example, load
from orlop.errors import InvalidArgument


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_a_flag_goes_before_the_file_and_the_file_before_the_default(file: Path) -> None:
    file.write_text('root = "/file"\nstate = "/file"\n[registry]\nattempts = 2\n')
    found = load(file, {"root": "/flag"})
    assert (found.text("root"), found.text("state"), found.text("namespace")) == ("/flag", "/file", "default")
    assert found.number("registry.attempts") == 2
    assert found.path("state").name == "file"
    assert "/etc/docker/certs.d" in [str(path) for path in found.paths("registry.config_path")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("rot = 1", "rot is not a setting; did you mean root"),
        ("[registry]\natempts = 1", "registry.atempts is not a setting; did you mean registry.attempts"),
        ("xyzzy = 1", "xyzzy is not a setting; see `orlop config`"),
        ("root = 1", "root: must be a text"),
        ("[registry]\nattempts = '1'", "registry.attempts: must be a number"),
        ("[registry]\nattempts = true", "registry.attempts: must be a number"),
        ("[registry]\nattempts = 0", "registry.attempts: must be 1 or more"),
        ("[registry]\nconfig_path = '/x'", "registry.config_path: must be a list of texts"),
        ("snapshotter = 'btrfs'", 'snapshotter: "btrfs" is none of auto, erofs, overlayfs, native'),
    ],
)
def test_a_mistake_in_the_file_names_file_and_key(file: Path, text: str, error: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidArgument) as raised:
        load(file, {})
    assert str(raised.value) == f"{file}: {error}"


def test_a_file_that_is_no_toml_names_the_line(file: Path) -> None:
    file.write_text("root = 'a'\nroot\n")
    with pytest.raises(InvalidArgument, match=r"config\.toml: .*line 2"):
        load(file, {})


def test_a_file_that_is_asked_for_must_be_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgument, match=rf"^--config: {file} does not exist$"):
        load(file, {})
    monkeypatch.setattr(settings, "DEFAULT_FILE", file)
    assert load(None, {}).text("root") == "/var/lib/orlop"
    file.mkdir()
    with pytest.raises(InvalidArgument, match="cannot be read"):
        load(None, {})


def test_the_example_is_the_defaults(file: Path) -> None:
    text = example()
    assert tomllib.loads(text) == {"registry": {}, "pull": {}, "unpack": {}, "verifier": {}}, (
        "all of it is commented out"
    )
    uncommented = "\n".join(line[1:] if line[:1] == "#" and line[1:2].isalpha() else line for line in text.splitlines())
    file.write_text(uncommented)
    assert load(file, {}).values() == Settings({}).values()
    for setting in SETTINGS:
        assert setting.doc in text


def test_keys_are_in_one_table_deep_and_once() -> None:
    keys = [setting.key for setting in SETTINGS]
    assert len(set(keys)) == len(keys)
    assert max(key.count(".") for key in keys) == 1
    assert Setting("a", 1, "doc").checked(0, "a") == 0


def test_a_setting_is_asked_for_by_its_type() -> None:
    values = Settings({})
    with pytest.raises(TypeError):
        values.text("registry.attempts")
    with pytest.raises(TypeError):
        values.number("root")
    with pytest.raises(TypeError):
        values.paths("root")


def test_every_setting_is_asked_for_somewhere() -> None:
    sources = [path for path in Path(settings.__file__).parent.glob("*.py") if path.name != "settings.py"]
    text = "".join(path.read_text() for path in sources)
    assert [one.key for one in SETTINGS if f'"{one.key}"' not in text] == []
