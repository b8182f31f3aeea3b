"""Mounts, masks, read-only paths, and what the kernel says when one is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from plan_file import (
    AT_RECURSIVE,
    CLONE_NEWNS,
    MS_PRIVATE,
    MS_REC,
    O_DIRECTORY,
    O_PATH,
    OPEN_TREE_CLONE,
    Container,
    Executor,
    Plan,
    new_plan,
    strings_blob,
    u64_blob,
)

from orlop.plan.operations import (
    BEST_EFFORT,
    NO_SYMLINKS,
    TARGET_DIRECTORY,
    TARGET_LIKE_SOURCE,
    TARGET_MUST_EXIST,
)


def private_plan() -> Plan:
    """Outer operations in a mount namespace of their own."""
    plan = new_plan()
    plan.outer.add("unshare", n0=CLONE_NEWNS)
    plan.outer.add("propagation", s0="/", n0=MS_REC | MS_PRIVATE)
    return plan


def test_masked_paths_are_empty_and_cannot_be_written(executor: Executor, root: Path) -> None:
    (root / "secret").write_text("secret")
    for name in ("one", "two"):
        (root / name).mkdir()
        (root / name / "secret").write_text("secret")
    container = Container(root)
    container.usual_mounts()
    for path in ("/secret", "/one", "/two", "/missing", "/proc/kcore", "/proc/irq"):
        container.inner.add("mask", fd=container.null, at=container.root, s0=path, n0=200)
    container.pivot()
    script = (
        "cat /secret; ls -A /one /two /proc/irq; touch /one/x 2>/dev/null && echo written;"
        " test -c /proc/kcore && cat /proc/kcore; cat /proc/mounts | while read a b c d e; do"
        ' case $b in /one|/two|/proc/irq) echo "$b ${d%%,size*}";; esac; done'
    )
    outcome = executor.run(container.run_in_foreground(["/bin/sh", "-c", script])).assert_success()
    lines = outcome.stdout.splitlines()
    assert [line for line in lines if line.endswith(":")] == ["/one:", "/proc/irq:", "/two:"]
    attributes = "ro,nosuid,nodev,noexec,relatime"
    assert [line for line in lines if " " in line] == [f"{path} {attributes}" for path in ("/one", "/two", "/proc/irq")]
    assert "secret" not in outcome.stdout
    assert "written" not in outcome.stdout


def test_a_null_device_that_is_none_is_refused(executor: Executor, tmp_path: Path) -> None:
    """CVE-2025-31133: /dev/null replaced by a link to what the attacker wants bound."""
    (tmp_path / "null").symlink_to("/proc/version")
    for path in (tmp_path / "null", "/dev/zero", "/dev"):
        plan = new_plan()
        plan.outer.add("open", fd=0, s0=str(path), n0=O_PATH)
        plan.outer.add("verify_device", fd=0, n0=0x103, n1=0o020000)
        assert executor.run(plan).failure().errno == "ENODEV"


def test_readonly_paths_keep_their_flags_and_mounts_below(executor: Executor, root: Path) -> None:
    (root / "data" / "below").mkdir(parents=True)
    container = Container(root)
    container.usual_mounts()
    container.mount("tmpfs", "/data", attributes=2 | 8)
    container.mount("tmpfs", "/data/below")
    container.inner.add("readonly", at=container.root, s0="/data")
    container.inner.add("readonly", at=container.root, s0="/missing")
    container.pivot()
    script = "touch /data/x 2>/dev/null || echo refused; touch /data/below/x && echo below; cat /proc/mounts"
    outcome = executor.run(container.run_in_foreground(["/bin/sh", "-c", script])).assert_success()
    assert outcome.stdout.startswith("refused\nbelow\n")
    assert "/data tmpfs ro,nosuid,noexec,relatime" in outcome.stdout


def test_a_bind_mount_and_its_attributes(executor: Executor, root: Path, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("bound\n")
    (tmp_path / "single").write_text("single\n")
    container = Container(root)
    for slot, (source, where) in enumerate((("source", "/srv/deep"), ("single", "/etc/single")), 100):
        step = {
            "operation": "open_tree",
            "fd": slot,
            "s0": str(tmp_path / source),
            "n0": OPEN_TREE_CLONE | AT_RECURSIVE,
        }
        container.outer.steps.insert(0, step)
        container.inner.add("mount_setattr", fd=slot, n0=AT_RECURSIVE, blob=u64_blob(1, 0, MS_PRIVATE, 0))
        container.inner.add("target", fd=150, at=container.root, s0=where, n0=0o755, n1=TARGET_LIKE_SOURCE | slot << 8)
        container.inner.add("move_mount", fd=slot, at=150, s0=where)
    container.pivot()
    script = "cat /srv/deep/file /etc/single; touch /srv/deep/x 2>/dev/null || echo refused"
    outcome = executor.run(container.run_in_foreground(["/bin/sh", "-c", script])).assert_success()
    assert outcome.stdout == "bound\nsingle\nrefused\n"


def test_without_pivot_root_the_root_is_moved_and_no_proc_or_sys_of_the_host_is_left(
    executor: Executor, root: Path
) -> None:
    container = Container(root)
    container.inner.add("open", fd=91, s0="/", n0=os.O_PATH)
    container.inner.add("pivot_root", at=container.root, n0=1)
    # From the old root on: what was mounted on its /proc and /sys is gone, and the directories are empty.
    for name in ("proc/self", "sys/kernel"):
        container.inner.add("open", fd=92, at=91, s0=name, n0=os.O_PATH, flags=BEST_EFFORT)
    outcome = executor.run(container.run_in_foreground(["/bin/sh", "-c", "echo moved; busybox ls /"]))
    assert (outcome.code, outcome.stdout.split()[0]) == (0, "moved")
    assert "bin" in outcome.stdout.split()
    assert [(one.op, one.errno, one.detail) for one in outcome.records("warn")] == [
        ("open", "ENOENT", "proc/self"),
        ("open", "ENOENT", "sys/kernel"),
    ]


@pytest.mark.parametrize(
    ("kind", "options", "errno", "detail"),
    [
        ("tmpfs", ["size=banana"], "EINVAL", "option size=banana: e tmpfs: Bad value for 'size'"),
        ("tmpfs", ["nosuchoption"], "EINVAL", "option nosuchoption: e tmpfs: Unknown parameter 'nosuchoption'"),
        ("nosuchfs", [], "ENODEV", "fsopen nosuchfs"),
        ("overlay", ["lowerdir=/none:/tmp" + ":/x" * 120], "ENOENT", "option lowerdir: layer /none"),
        (
            "overlay",
            ["lowerdir=/" + "x" * 256],
            "ENAMETOOLONG",
            "options: one is longer than the 255 bytes that fsconfig",
        ),
        ("tmpfs", ["mode=" + "7" * 256], "ENAMETOOLONG", "options: one is longer than the 255 bytes that fsconfig"),
        ("overlay", ["lowerdir=/nonexistent"], "ENOENT", "option lowerdir=/nonexistent"),
    ],
)
def test_a_refused_option_is_named_with_the_kernels_words(
    executor: Executor, kind: str, options: list[str], errno: str, detail: str
) -> None:
    plan = private_plan()
    plan.outer.add("new_mount", fd=0, s0=kind, s1=kind, blob=strings_blob(options))
    failure = executor.run(plan).failure()
    assert (failure.errno, failure.op) == (errno, "new_mount")
    assert failure.detail.startswith(detail)


def test_the_file_system_of_a_slot_is_verified(executor: Executor) -> None:
    plan = new_plan()
    plan.outer.add("open", fd=0, s0="/proc", n0=O_PATH | O_DIRECTORY)
    plan.outer.add("verify_filesystem", fd=0, n0=0x9FA0)
    executor.run(plan).assert_success()
    plan.outer.add("verify_filesystem", fd=0, n0=0x1CD1)
    assert executor.run(plan).failure().errno == "EINVAL"


def test_the_old_root_is_gone(executor: Executor, root: Path) -> None:
    container = Container(root)
    container.usual_mounts()
    container.pivot()
    script = "ls /; while read a b c; do echo $b; done < /proc/mounts"
    outcome = executor.run(container.run_in_foreground(["/bin/sh", "-c", script]))
    lines = outcome.assert_success().stdout.split()
    assert lines == ["bin", "dev", "etc", "proc", "sys", "tmp", "/", "/proc", "/dev", "/dev/pts"]


def test_without_pivot_the_root_is_moved(executor: Executor, root: Path) -> None:
    container = Container(root)
    container.inner.add("pivot_root", at=container.root, n0=1)
    outcome = executor.run(container.run_in_foreground(["/bin/ls", "/"])).assert_success()
    assert outcome.stdout.split() == ["bin", "dev", "etc", "proc", "sys", "tmp"]


def test_a_working_directory_outside_of_the_root_is_refused(executor: Executor, root: Path) -> None:
    """CVE-2024-21626: a leaked directory fd of the host as the working directory."""
    container = Container(root)
    container.usual_mounts()
    container.inner.add("open", fd=120, s0="/", n0=O_DIRECTORY)
    container.pivot()
    step = container.inner.add("chdir", s0="")
    details = []
    for number in range(3, 24):
        container.inner.steps[step]["s0"] = f"/proc/self/fd/{number}"
        details.append(executor.run(container.plan_with_wait()).failure().detail)
    # The host's root, and the directory that the container's root was mounted over.
    assert len([detail for detail in details if detail.endswith("outside of the container's root")]) == 2


def test_copy_tree_keeps_everything(executor: Executor, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "directory" / "empty").mkdir(parents=True)
    (source / "file").write_bytes(b"x" * 100_000)
    (source / "link").symlink_to("/nowhere")
    os.mkfifo(source / "fifo", 0o640)
    os.mknod(source / "null", 0o020666, 0x103)
    (source / "file").chmod(0o4755)
    os.chown(source / "directory", 7, 8)
    os.lchown(source / "link", 9, 9)
    (source / "directory").chmod(0o1777)
    source.chmod(0o711)
    os.setxattr(source / "file", "trusted.test", b"value")
    os.utime(source / "file", ns=(1_000_000_001, 2_000_000_002))
    os.utime(source / "directory", ns=(3, 4))
    target.mkdir()
    plan = new_plan()
    plan.outer.add("open", fd=0, s0=str(source), n0=O_PATH | O_DIRECTORY)
    plan.outer.add("open", fd=1, s0=str(target), n0=O_PATH | O_DIRECTORY)
    plan.outer.add("copy_tree", fd=0, at=1)
    executor.run(plan, umask=0o077).assert_success()
    for name in (".", "file", "link", "fifo", "null", "directory", "directory/empty"):
        was, now = os.lstat(source / name), os.lstat(target / name)
        for field in ("st_mode", "st_uid", "st_gid", "st_rdev", "st_mtime_ns"):
            assert getattr(was, field) == getattr(now, field), (name, field)
    assert (target / "file").read_bytes() == b"x" * 100_000
    assert (target / "link").readlink() == Path("/nowhere")
    assert os.getxattr(target / "file", "trusted.test") == b"value"


def test_copy_tree_ends_in_the_depth(executor: Executor, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "/".join("d" * 80)).mkdir(parents=True)
    target.mkdir()
    plan = new_plan()
    plan.outer.add("open", fd=0, s0=str(source), n0=O_PATH | O_DIRECTORY)
    plan.outer.add("open", fd=1, s0=str(target), n0=O_PATH | O_DIRECTORY)
    plan.outer.add("copy_tree", fd=0, at=1)
    assert executor.run(plan).failure().errno == "ELOOP"
    shutil.rmtree(source)


def test_inherit_mode_takes_the_mode_of_what_is_covered(executor: Executor, root: Path) -> None:
    (root / "private").mkdir()
    (root / "private").chmod(0o2710)
    (root / "link").symlink_to("/private")
    container = Container(root)
    container.usual_mounts()
    for slot, path in ((90, "/link"), (91, "/not-there")):
        container.inner.add("new_mount", fd=slot, s0="tmpfs", s1="tmpfs")
        container.inner.add("inherit_mode", fd=slot, at=container.root, s0=path)
        container.inner.add("target", fd=92, at=container.root, s0=path, n0=0o755, n1=TARGET_DIRECTORY)
        container.inner.add("move_mount", fd=slot, at=92, s0=path)
    container.pivot()
    container.drop()
    plan = container.run_in_foreground(["/bin/busybox", "stat", "-c", "%a", "/private", "/not-there"])
    outcome = executor.run(plan)
    assert outcome.stdout.split() == ["2710", "1777"], outcome


def test_inherit_mode_follows_no_link_where_none_may_be(executor: Executor, root: Path) -> None:
    (root / "link").symlink_to("/")
    container = Container(root)
    container.inner.add("new_mount", fd=90, s0="tmpfs", s1="tmpfs")
    container.inner.add("inherit_mode", fd=90, at=container.root, s0="/link", flags=NO_SYMLINKS)
    assert executor.run(container.plan_with_wait()).failure().errno == "ELOOP"


def test_sysctls_stay_beneath_our_own_procfs(executor: Executor, root: Path, tmp_path: Path) -> None:
    """CVE-2025-52881: a write to /proc that goes elsewhere."""
    container = Container(root)
    container.usual_mounts()
    container.inner.add("new_mount", fd=90, s0="proc", s1="proc")
    container.inner.add("sysctl", fd=90, s0="kernel/domainname", blob=b"inside")
    container.inner.add("sysctl", fd=90, s0="net/ipv4/ip_default_ttl", blob=b"33")
    container.inner.add("write_self_proc", fd=90, s0="oom_score_adj", blob=b"500")
    container.pivot()
    script = "cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_default_ttl /proc/self/oom_score_adj"
    outcome = executor.run(container.run_in_foreground(["/bin/sh", "-c", script])).assert_success()
    assert outcome.stdout == "inside\n33\n500\n"
    for path, errno in (("../sysrq-trigger", "EXDEV"), ("../1/root/x", "EXDEV"), ("no/such", "ENOENT")):
        plan = new_plan()
        plan.outer.add("new_mount", fd=90, s0="proc", s1="proc")
        plan.outer.add("sysctl", fd=90, s0=path, blob=b"")
        assert executor.run(plan).failure().errno in (errno, "ELOOP", "ENOENT", "EACCES")
    plan = new_plan()
    plan.outer.add("open", fd=90, s0=str(tmp_path), n0=O_PATH | O_DIRECTORY)
    plan.outer.add("sysctl", fd=90, s0="kernel/domainname", blob=b"x")
    assert executor.run(plan).failure().errno == "EXDEV"


def test_must_exist_is_for_paths_that_must(executor: Executor, root: Path) -> None:
    container = Container(root)
    container.inner.add("target", fd=99, at=container.root, s0="/nothing", n1=TARGET_MUST_EXIST)
    failure = executor.run(container.plan_with_wait()).failure()
    assert (failure.section, failure.errno, failure.detail) == ("inner", "ENOENT", "/nothing")
