"""Namespaces that are shared with others than before."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.insight.change import CHANGED, STRONGER, WEAKER
from orlop.insight.diff_namespaces import has_user_namespace, namespace_changes

from .verdicts import told, verdicts

_MAP = {"containerID": 0, "hostID": 1000, "size": 10}


def _linux(path: str | None) -> dict[str, Any]:
    """None: no network namespace, "": a new one."""
    return {"namespaces": [] if path is None else [{"type": "network", **({"path": path} if path else {})}]}


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("", None, WEAKER),
        ("", "/proc/7/ns/net", WEAKER),
        ("", "/proc/1/ns/net", WEAKER),
        ("/proc/7/ns/net", None, WEAKER),
        ("/proc/7/ns/net", "/proc/1/ns/net", WEAKER),
        ("/proc/7/ns/net", "/proc/8/ns/net", CHANGED),
        (None, "/proc/self/ns/net", CHANGED),
        (None, "", STRONGER),
        (None, "/proc/7/ns/net", STRONGER),
        ("/proc/7/ns/net", "", STRONGER),
    ],
)
def test_the_fewer_share_it_the_stronger(old: str | None, new: str | None, verdict: str) -> None:
    assert verdicts(namespace_changes(_linux(old), _linux(new))) == [verdict]


def test_who_it_is_shared_with_is_told() -> None:
    (change,) = namespace_changes(_linux(""), _linux(None))
    assert (change.field, change.old, change.new) == ("linux.namespaces (network)", "its own", "the host's")
    assert change.words == (
        "Shared with the host: it has the host's interfaces and addresses, and reaches what listens on the host's"
        " localhost."
    )
    (change,) = namespace_changes(_linux(""), _linux("/proc/7/ns/net"))
    assert change.words == "Shared with whoever is in /proc/7/ns/net."


def test_the_order_of_namespaces_means_nothing() -> None:
    kinds = [{"type": "pid"}, {"type": "mount"}]
    assert list(namespace_changes({"namespaces": kinds}, {"namespaces": kinds[::-1]})) == []


def test_root_of_the_host_comes_into_reach() -> None:
    old, new = {"uidMappings": [_MAP]}, {"uidMappings": [{**_MAP, "hostID": 0}]}
    assert told(namespace_changes(old, new)) == [
        ("linux.uidMappings", WEAKER, "0-9 inside are 1000-1009 on the host", "0-9 inside are 0-9 on the host")
    ]
    assert verdicts(namespace_changes(new, old)) == [STRONGER]
    assert verdicts(namespace_changes(old, {"uidMappings": [{**_MAP, "size": 11}]})) == [CHANGED]


def test_whether_ids_are_the_containers_own() -> None:
    assert has_user_namespace({"namespaces": [{"type": "user"}]})
    assert has_user_namespace({"namespaces": [{"type": "user", "path": "/proc/7/ns/user"}]})
    assert not has_user_namespace({"namespaces": [{"type": "user", "path": "/proc/1/ns/user"}]})
    assert not has_user_namespace({})
