"""What there is to complete."""

from __future__ import annotations

from orlop.cli import completion_model
from orlop.cli.command_table import COMMANDS, SHORT


def test_every_command_and_short_word_is_there() -> None:
    calls = {call for one in completion_model.commands() for call in one.calls}
    assert calls == set(COMMANDS) | {(word,) for word in SHORT}


def test_an_image_of_the_store_is_known_from_a_registrys() -> None:
    takes = {one.calls[0]: one.takes_images for one in completion_model.commands()}
    assert takes["image", "rm"]
    assert takes[("bundle",)]
    assert not takes["image", "pull"]
    assert not takes["image", "load"]


def test_options_have_their_values() -> None:
    [save] = [one for one in completion_model.commands() if one.calls[0] == ("image", "save")]
    options = {flag: option for option in save.options for flag in option.flags}
    assert options["--archive"].choices == ("oci", "docker")
    assert options["-o"].takes_value
    assert not options["--help"].takes_value
    snapshotter = next(one for one in completion_model.global_options() if "--snapshotter" in one.flags)
    assert snapshotter.choices == ("auto", "erofs", "overlayfs", "native")


def test_first_words_are_commands_short_words_and_groups() -> None:
    words = completion_model.first_words()
    assert {"pull", "rmi", "df", "image", "store", "namespace", "help"} <= set(words)
    assert "ls" not in words
    assert completion_model.groups()["store"] == {"check": COMMANDS["store", "check"].help}
