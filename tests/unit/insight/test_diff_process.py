"""What the process may do more or less than before."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.insight.change import CHANGED, STRONGER, WEAKER
from orlop.insight.diff_process import process_changes

from .verdicts import told, verdicts


def _changes(old: dict[str, Any], new: dict[str, Any], linux: dict[str, Any] | None = None) -> list[Any]:
    return list(process_changes({"process": old, "linux": linux or {}}, {"process": new, "linux": linux or {}}))


def test_root_is_weaker() -> None:
    (change,) = _changes({"user": {"uid": 1}}, {"user": {"uid": 0}})
    assert told([change]) == [("process.user.uid", WEAKER, "1", "0")]
    assert change.words == "Root: the host's own, without a user namespace."
    (change,) = _changes({"user": {"uid": 1}}, {}, {"namespaces": [{"type": "user"}]})
    assert (change.verdict, change.words) == (WEAKER, "Root inside, another user outside.")
    assert verdicts(_changes({}, {"user": {"uid": 1}})) == [STRONGER]
    assert verdicts(_changes({"user": {"uid": 2}}, {"user": {"uid": 1}})) == [CHANGED]


def test_groups() -> None:
    old, new = {"user": {"gid": 1, "additionalGids": [5, 6]}}, {"user": {"gid": 0, "additionalGids": [6, 7]}}
    assert told(_changes(old, new)) == [
        ("process.user.gid", WEAKER, "1", "0"),
        ("process.user.additionalGids", WEAKER, None, "7"),
        ("process.user.additionalGids", STRONGER, "5", None),
    ]


@pytest.mark.parametrize(
    ("old", "new", "verdict"), [(0o022, 0o077, STRONGER), (0o077, 0, WEAKER), (0o022, 0o700, CHANGED)]
)
def test_a_umask_that_takes_more_is_stronger(old: int, new: int, verdict: str) -> None:
    assert verdicts(_changes({"user": {"umask": old}}, {"user": {"umask": new}})) == [verdict]


def test_the_default_umask_is_no_change() -> None:
    assert _changes({}, {"user": {"umask": 0o022}}) == []


def test_a_capability_in_any_set_is_told_once() -> None:
    old = {"capabilities": {"bounding": ["CAP_KILL"]}}
    new = {"capabilities": {"bounding": ["CAP_KILL", "CAP_SYS_ADMIN"], "effective": ["CAP_SYS_ADMIN"], "ambient": []}}
    (change,) = _changes(old, new)
    assert told([change]) == [("process.capabilities (CAP_SYS_ADMIN)", WEAKER, None, "bounding, effective")]
    assert change.words.startswith("It may mount file systems")
    assert change.words.endswith("It is one of those that help to break out.")
    (change,) = _changes(new, old)
    assert (change.verdict, change.words[:10]) == (STRONGER, "It may not")


@pytest.mark.parametrize(
    ("new", "verdict"),
    [(("bounding", "permitted"), WEAKER), ((), STRONGER), (("ambient",), CHANGED)],
)
def test_a_capability_in_more_sets_is_weaker(new: tuple[str, ...], verdict: str) -> None:
    old = {"capabilities": {"bounding": ["CAP_KILL"]}}
    assert verdicts(_changes(old, {"capabilities": {kind: ["CAP_KILL"] for kind in new}})) == [verdict]


def test_the_order_of_capabilities_means_nothing() -> None:
    names = ["CAP_KILL", "CAP_CHOWN"]
    assert _changes({"capabilities": {"bounding": names}}, {"capabilities": {"bounding": names[::-1]}}) == []


def test_new_privileges() -> None:
    assert told(_changes({"noNewPrivileges": True}, {})) == [
        ("process.noNewPrivileges", WEAKER, "true", "false"),
    ]
    assert verdicts(_changes({"noNewPrivileges": False}, {"noNewPrivileges": True})) == [STRONGER]


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ((1, 2), None, WEAKER),
        (None, (1, 2), STRONGER),
        ((1, 2), (1, 3), WEAKER),
        ((1, 2), (0, 2), STRONGER),
        ((1, 2), (0, 3), CHANGED),
    ],
)
def test_a_lower_limit_is_stronger(old: tuple[int, int] | None, new: tuple[int, int] | None, verdict: str) -> None:
    limits = [
        {"rlimits": [{"type": "RLIMIT_CORE", "soft": one[0], "hard": one[1]}] if one else []} for one in (old, new)
    ]
    assert verdicts(_changes(*limits)) == [verdict]


def test_no_limit_at_all_is_told_by_name() -> None:
    new = {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": (1 << 64) - 1}]}
    assert told(_changes({}, new)) == [("process.rlimits (RLIMIT_NOFILE)", STRONGER, None, "soft 1, hard unlimited")]


def test_who_is_killed_later_than_the_host_is_weaker() -> None:
    assert verdicts(_changes({"oomScoreAdj": 0}, {"oomScoreAdj": -500})) == [WEAKER]
    assert verdicts(_changes({"oomScoreAdj": 0}, {"oomScoreAdj": 500})) == [STRONGER]
    assert told(_changes({}, {"oomScoreAdj": 0})) == [("process.oomScoreAdj", CHANGED, None, "0")]
