"""The encoder's bytes, slots, and finding a step again."""

from __future__ import annotations

import struct

import pytest

from orlop.errors import InvalidArgument
from orlop.plan.builder import MAGIC, Plan, counts, strings_blob, u32_blob, u64_blob
from orlop.plan.operations import CODE, ENCODING, OPERATION_SIZE, SLOT_MAX

from .plan_rules import as_wire, decode

_HEADER = struct.Struct("<IIIIIII")


def _decode(data: bytes) -> tuple[list[int], list[tuple[int, ...]], bytes]:
    header = list(_HEADER.unpack_from(data))
    count = sum(header[4:])
    operations = [struct.unpack_from(ENCODING, data, _HEADER.size + index * OPERATION_SIZE) for index in range(count)]
    return header, operations, data[_HEADER.size + count * OPERATION_SIZE :]


def _text(area: bytes, offset: int) -> str:
    return area[offset : area.index(b"\0", offset)].decode()


def test_an_encoded_plan_decodes_to_its_steps() -> None:
    plan = Plan("x")
    plan.outer.add("mkdir", s0="/a", n0=0o755, flags=1)
    plan.until_cgroup.add("write", s0="/a/b", blob=b"data")
    plan.after_clone.add("release", n0=3)
    plan.inner.add("symlink", at=4, s0="/l", s1="/a")
    plan.cleanup.add("rmdir", s0="/a")
    header, operations, area = _decode(plan.encode())
    assert header == [MAGIC, 1, 0, len(area), 3, 1, 1]
    assert [row[0] for row in operations] == [CODE[n] for n in ("mkdir", "write", "release", "symlink", "rmdir")]
    assert operations[0][1] == 1
    assert operations[0][8] == 0o755
    assert _text(area, operations[0][4]) == "/a"
    assert area[operations[1][6] : operations[1][6] + operations[1][7]] == b"data"
    assert operations[3][2:4] == (-1, 4)
    assert _text(area, operations[3][5]) == "/a"
    assert area[0] == 0


def test_equal_strings_are_stored_once() -> None:
    plan = Plan("x")
    for _ in range(5):
        plan.outer.add("unlink", s0="/the/same")
    assert plan.encode().count(b"/the/same") == 1


def test_no_string_is_offset_zero() -> None:
    plan = Plan("x")
    plan.outer.add("setsid")
    assert _decode(plan.encode())[1][0][4:7] == (0, 0, 0)


def test_being_traced_is_a_flag_of_the_header() -> None:
    plan = Plan("cannot test")
    plan.is_traced = True
    assert plan.encode()[8] == 1
    plan.keep_executor = True
    assert plan.encode()[8] == 3


def test_keep_executor_is_a_flag_of_the_header() -> None:
    plan = Plan("x")
    plan.keep_executor = True
    assert _decode(plan.encode())[0][2] == 2


def test_a_step_is_found_by_section_and_index() -> None:
    plan = Plan("x")
    plan.outer.about("first")
    plan.outer.add("setsid")
    plan.after_clone.about("second")
    plan.after_clone.add("setsid")
    plan.inner.about("third")
    plan.inner.add("setsid")
    found = [plan.step(section, index) for section, index in ((0, 0), (0, 1), (1, 0))]
    assert [step.field if step else None for step in found] == ["first", "second", "third"]
    assert plan.step(1, 1) is None
    assert plan.step(9, 0) is None


def test_slots_run_out_with_an_error_that_names_the_field() -> None:
    plan = Plan("x")
    plan.outer.about("mounts[299]")  # a neighbour's: the one that asks comes before its steps
    assert [plan.slot() for _ in range(SLOT_MAX)] == list(range(SLOT_MAX))
    with pytest.raises(InvalidArgument, match=r"mounts\[300\]: .* more than 256 open files"):
        plan.slot("mounts[300]")


def test_blobs() -> None:
    assert strings_blob(["a", "b"], ["C=d"]) == b"a\0b\0C=d\0"
    assert strings_blob([], []) == b""
    assert counts(["a", "b"], ["c"]) == 2 | 1 << 32
    assert u32_blob(1, 2) == b"\1\0\0\0\2\0\0\0"
    assert u64_blob(1) == b"\1" + bytes(7)


def test_bytes_that_are_no_text_survive() -> None:
    plan = Plan("x")
    plan.outer.add("unlink", s0=b"/\xff".decode("utf-8", "surrogateescape"))
    assert b"/\xff\0" in plan.encode()


def test_a_plan_with_nothing_in_it_is_a_header_and_one_nul() -> None:
    assert Plan("x").encode() == _HEADER.pack(MAGIC, 1, 0, 1, 0, 0, 0) + b"\0"


@pytest.mark.parametrize("text", ["", "a", "ü", "\udcff", "with \x01 and \x02", "/" * 5000])
def test_every_string_comes_back(text: str) -> None:
    plan = Plan("x")
    plan.inner.add("symlink", s0=text, s1=text)
    plan.inner.add("symlink", s0="/other")
    assert decode(plan.encode()).sections[1] == [as_wire(step) for step in plan.inner.steps]


def test_an_empty_string_is_not_no_string() -> None:
    plan = Plan("x")
    plan.outer.add("open_tree", s0="")
    plan.outer.add("open_tree")
    assert [step.s0 for step in decode(plan.encode()).sections[0]] == ["", None]


def test_the_largest_arguments_come_back() -> None:
    plan = Plan("x")
    plan.outer.add("open", fd=255, at=255, n0=(1 << 64) - 1, n1=(1 << 64) - 1, flags=0xFFFF, blob=bytes(1 << 16))
    assert decode(plan.encode()).sections[0] == [as_wire(plan.outer.steps[0])]


@pytest.mark.parametrize(("name", "value"), [("n0", -1), ("n1", 1 << 64), ("fd", 1 << 15), ("flags", 1 << 16)])
def test_a_number_that_the_executor_cannot_hold_is_never_written(name: str, value: int) -> None:
    plan = Plan("x")
    plan.outer.add("open")
    setattr(plan.outer.steps[0], name, value)
    with pytest.raises(struct.error):
        plan.encode()


def test_an_operation_that_the_executor_does_not_know_is_never_written() -> None:
    plan = Plan("x")
    plan.outer.add("mount")
    with pytest.raises(KeyError, match="mount"):
        plan.encode()


def test_a_field_and_its_hints_go_to_the_steps_that_follow() -> None:
    plan = Plan("x")
    plan.inner.about("first", {2: "make it"})
    plan.inner.add("setsid")
    plan.inner.about("second")
    plan.inner.add("setsid")
    assert [(step.field, step.hints) for step in plan.inner.steps] == [("first", {2: "make it"}), ("second", None)]


def test_the_parts_of_the_outer_section_are_numbered_as_one() -> None:
    plan = Plan("x")
    for section, field in ((plan.after_clone, "c"), (plan.until_cgroup, "b"), (plan.outer, "a"), (plan.cleanup, "z")):
        section.about(field)
        section.add("setsid")
    found = [plan.step(0, index) for index in range(3)]
    assert [step.field if step else None for step in found] == ["a", "b", "c"]
    last = plan.step(2, 0)
    assert last is not None
    assert last.field == "z"
    assert plan.step(0, 3) is None


def test_slots_that_run_out_for_something_else_name_what_took_them() -> None:
    plan = Plan("x")
    for _ in range(SLOT_MAX):
        plan.slot()
    with pytest.raises(InvalidArgument, match=r"config\.json: mounts: "):
        plan.slot()


def test_counts_keep_both_numbers_apart() -> None:
    argv, env = ["a"] * 70000, ["b"] * 3
    assert (counts(argv, env) & 0xFFFFFFFF, counts(argv, env) >> 32) == (70000, 3)


def test_an_empty_argument_keeps_its_place() -> None:
    assert strings_blob(["a", "", "b"], [""]) == b"a\0\0b\0\0"
