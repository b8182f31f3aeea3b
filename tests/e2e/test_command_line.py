"""The command line itself: global flags, the log, help, version, spec, features, and what is refused."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from .marks import orun_only

if TYPE_CHECKING:
    from pathlib import Path

    from .container import Container
    from .runtime import Runtime

VERBS = (
    "create", "delete", "events", "exec", "features", "kill", "list", "pause", "ps", "resume", "run", "spec", "start",
    "state", "update",
)  # fmt: skip


def test_version_names_runtime_and_spec(runtime: Runtime) -> None:
    for flag in ("--version", "-v"):
        lines = runtime.call(flag, with_root=False).check().lines
        assert lines[0].split()[1] == "version"
        assert any(line.startswith("spec: 1.") for line in lines)


def test_help_names_every_verb(runtime: Runtime) -> None:
    for flag in ("--help", "-h"):
        out = runtime.call(flag, with_root=False).check().out
        assert all(re.search(rf"^\s+{verb}\s", out, re.MULTILINE) for verb in VERBS)
        assert "--root" in out


def test_no_verb_shows_help(runtime: Runtime) -> None:
    assert "COMMANDS" in runtime.call(with_root=False).out


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(runtime: Runtime, verb: str) -> None:
    out = runtime.call(verb, "--help").check().out
    assert verb in out
    assert "USAGE" in out.upper()


def test_an_unknown_verb_is_named(runtime: Runtime) -> None:
    outcome = runtime.call("no-such-verb")
    assert outcome.code != 0
    assert "no-such-verb" in outcome.err + outcome.out


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_flag_is_named(runtime: Runtime, token: str, verb: str) -> None:
    outcome = runtime.call(verb, "--no-such-flag", token).refused()
    assert "no-such-flag" in outcome.err


def test_an_unknown_global_flag_is_named(runtime: Runtime) -> None:
    outcome = runtime.call("--no-such-flag", "list").refused()
    assert "no-such-flag" in outcome.err


@orun_only("runc prints its help")
def test_the_way_to_the_help_is_told(runtime: Runtime) -> None:
    told = runtime.call("--no-such-flag", "list").refused().err
    assert told == "orun: unknown flag --no-such-flag; see orun --help\n"
    assert runtime.call("list", "--zzz").refused().err == "orun: list: unknown flag --zzz; see orun list --help\n"


@pytest.mark.parametrize("verb", ["create", "run", "start", "state", "kill", "delete", "exec", "ps", "pause", "resume"])
def test_a_missing_id_is_refused(runtime: Runtime, verb: str) -> None:
    assert runtime.call(verb).code == 1


def test_a_flag_without_its_value_is_refused(runtime: Runtime) -> None:
    runtime.call("list", "--format").refused()


def test_a_flag_may_be_written_with_an_equals_sign(container: Container) -> None:
    container.run_detached()
    out = container.runtime.call("list", "--format=json").check().out
    assert json.loads(out)[0]["id"] == container.id


def test_a_flag_may_be_written_with_one_dash(container: Container) -> None:
    container.run_detached()
    assert json.loads(container.runtime.call("list", "-format", "json").check().out)[0]["id"] == container.id


@pytest.mark.parametrize("verb", ["checkpoint", "restore"])
def test_a_verb_of_a_later_release_says_so(container: Container, verb: str) -> None:
    outcome = container.runtime.call(verb, container.id)
    assert outcome.code == 1
    assert "not" in outcome.err
    assert verb in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_the_systemd_driver_is_refused(container: Container) -> None:
    container.bundle.write()
    outcome = container.runtime.call("--systemd-cgroup", "run", "-b", container.bundle.directory, container.id)
    assert outcome.code == 1
    assert "--systemd-cgroup" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_how_cgroups_are_made_matters_to_no_other_verb(container: Container) -> None:
    container.create().check()
    for flags in (("--rootless=true",), ("--criu", "/no/criu")):
        assert container.id in container.runtime.call(*flags, "list", "-q").check().lines
        container.runtime.call(*flags, "state", container.id).check()
        container.runtime.call(*flags, "exec", container.id, "true").check()
        container.runtime.call(*flags, "kill", container.id, "0").check()
    container.runtime.call("--rootless=true", "delete", container.id).check()


@orun_only("runc needs a systemd that runs")
def test_the_systemd_driver_is_no_matter_of_a_container_that_exists(container: Container) -> None:
    container.create().check()
    for words in (("list",), ("state", container.id), ("start", container.id), ("delete", "-f", container.id)):
        container.runtime.call("--systemd-cgroup", *words).check()


def test_the_log_as_json_has_the_error(container: Container, directory: Path) -> None:
    log = directory / "log.json"
    words = ("--log", log, "--log-format", "json")
    container.config["process"]["args"] = ["no-such-program"]
    outcome = container.runtime.call(*words, "run", "-b", container.bundle.write(), container.id)
    assert outcome.code == 1
    errors = [entry for entry in map(json.loads, log.read_text().splitlines()) if entry["level"] == "error"]
    assert any("no-such-program" in entry["msg"] for entry in errors)
    assert all(set(entry) >= {"level", "msg", "time"} for entry in errors)


def test_the_log_as_text_has_the_error(container: Container, directory: Path) -> None:
    log = directory / "log"
    outcome = container.runtime.call("--log", log, "state", container.id)
    assert outcome.code == 1
    assert "level=error" in log.read_text()
    assert "exist" in log.read_text()


def test_the_log_is_appended_to(container: Container, directory: Path) -> None:
    log = directory / "log"
    log.write_text("before\n")
    container.runtime.call("--log", log, "state", container.id)
    assert log.read_text().startswith("before\n")
    assert len(log.read_text().splitlines()) >= 2


@pytest.mark.parametrize("verb", ["list", "run"])
def test_a_log_that_cannot_be_opened_is_an_error(container: Container, directory: Path, verb: str) -> None:
    words = ("-b", str(container.bundle.write()), container.id) if verb == "run" else ()
    outcome = container.runtime.call("--log", directory / "none/log", verb, *words).refused()
    assert "none/log" in outcome.err
    assert outcome.out == ""


def test_an_error_stands_on_stderr_too(container: Container, directory: Path) -> None:
    assert container.runtime.call("--log", directory / "log", "state", container.id).says_unknown


def test_an_unknown_log_format_is_refused(runtime: Runtime) -> None:
    assert runtime.call("--log-format", "xml", "list").code == 1


@orun_only("runc 1.1 opens the log later")
def test_an_unknown_log_format_is_told_in_the_log_as_text(runtime: Runtime) -> None:
    log = runtime.directory / "log"
    assert runtime.call("--log", log, "--log-format", "xml", "list").code == 1
    assert "level=error" in log.read_text()
    assert "xml" in log.read_text()


def test_debug_logs_more(container: Container, directory: Path) -> None:
    log = directory / "log"
    container.config["process"]["args"] = ["true"]
    words = ("--debug", "--log", log, "--log-format", "json")
    container.runtime.call(*words, "run", "-b", container.bundle.write(), container.id).check()
    if log.exists():
        assert all(json.loads(line)["level"] for line in log.read_text().splitlines())


def test_two_roots_do_not_see_each_other(container: Container, directory: Path) -> None:
    container.run_detached()
    other = container.runtime.call("--root", directory / "other", "list", "-q", with_root=False).check()
    assert other.out == ""


def test_spec_writes_a_configuration_that_runs(container: Container) -> None:
    container.runtime.call("spec", cwd=container.bundle.directory).check()
    config = json.loads(container.bundle.config_path.read_text())
    assert config["process"]["args"] == ["sh"]
    assert config["process"]["terminal"] is True
    assert config["root"] == {"path": "rootfs", "readonly": True}
    assert {one["destination"] for one in config["mounts"]} >= {"/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup"}
    config["process"] |= {"terminal": False, "args": ["/bin/echo", "it runs"]}
    container.bundle.config = config
    assert container.run().check().out == "it runs\n"


def test_spec_does_not_overwrite(container: Container) -> None:
    container.bundle.write()
    before = container.bundle.config_path.read_text()
    assert container.runtime.call("spec", "--bundle", container.bundle.directory).code == 1
    assert container.bundle.config_path.read_text() == before


def test_spec_rootless_has_a_user_namespace(container: Container) -> None:
    container.runtime.call("spec", "--rootless", "--bundle", container.bundle.directory).check()
    linux = json.loads(container.bundle.config_path.read_text())["linux"]
    assert "user" in [one["type"] for one in linux["namespaces"]]
    assert linux["uidMappings"][0]["containerID"] == 0
    assert linux["gidMappings"][0]["size"] == 1


def test_features_is_the_document_of_the_spec(runtime: Runtime) -> None:
    features = json.loads(runtime.call("features").check().out)
    assert features["ociVersionMin"] == "1.0.0"
    assert set(features["hooks"]) >= {"prestart", "createRuntime", "createContainer", "startContainer", "poststop"}
    assert {"ro", "rbind", "rro", "tmpcopyup", "rprivate"} <= set(features["mountOptions"])
    linux = features["linux"]
    assert set(linux["namespaces"]) >= {"pid", "network", "mount", "ipc", "uts", "user", "cgroup"}
    assert "CAP_SYS_ADMIN" in linux["capabilities"]
    assert (linux["cgroup"]["v1"], linux["cgroup"]["v2"]) == (True, True)
    assert "SCMP_ACT_ERRNO" in linux["seccomp"]["actions"]


def test_features_tell_what_is_not_there(runtime: Runtime) -> None:
    features = json.loads(runtime.call("features").check().out)
    assert "time" in features["linux"]["namespaces"]
    assert features["linux"]["mountExtensions"]["idmap"]["enabled"] is False
    assert features["linux"]["cgroup"]["systemd"] is False
    assert features["potentiallyUnsafeConfigAnnotations"] == []
