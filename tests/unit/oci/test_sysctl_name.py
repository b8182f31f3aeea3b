"""The two forms of a sysctl's name."""

from __future__ import annotations

import pytest

from orlop.oci.sysctl_name import dotted_name, is_sysctl_name, namespace_of, sysctl_path


@pytest.mark.parametrize(
    ("name", "dotted", "path"),
    [
        ("net.ipv4.ip_forward", "net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/100.mtu", "net.ipv4.conf.eth0/100.mtu", "net/ipv4/conf/eth0.100/mtu"),
        ("net/ipv4/conf/eth0.100/mtu", "net.ipv4.conf.eth0/100.mtu", "net/ipv4/conf/eth0.100/mtu"),
        ("kernel", "kernel", "kernel"),
    ],
)
def test_both_forms_name_one_file(name: str, dotted: str, path: str) -> None:
    assert dotted_name(name) == dotted
    assert sysctl_path(name) == path


@pytest.mark.parametrize(
    "name", ["", "kernel", ".", "..", "a..b", "a/../b", "a./.b", "a.//.b", ".a", "a.", "/a/b", "a//b"]
)
def test_a_name_with_an_empty_or_dotted_component_is_none(name: str) -> None:
    assert not is_sysctl_name(name)


@pytest.mark.parametrize("name", ["a.b", "a/b", "net.ipv4.conf.eth0/1.x", "a-b._c"])
def test_a_name_of_components_is_one(name: str) -> None:
    assert is_sysctl_name(name)


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("net.x", "network"),
        ("net/x", "network"),
        ("network.x", ""),
        ("fs.mqueue.msg_max", "ipc"),
        ("fs/mqueue/msg_max", "ipc"),
        ("fs.mqueuex.y", ""),
        ("kernel.shm_rmid_forced", "ipc"),
        ("kernel.core_pattern", ""),
        ("kernel.hostname", "uts"),
        ("user.max_user_namespaces", "user"),
    ],
)
def test_a_sysctl_belongs_to_a_namespace_or_to_the_host(name: str, namespace: str) -> None:
    assert namespace_of(name) == namespace
