"""The text of uid_map and gid_map."""

from __future__ import annotations

from orlop.linux.id_map import id_map_text


def test_a_line_has_container_id_host_id_and_size() -> None:
    mappings = [
        {"containerID": 0, "hostID": 1000, "size": 1},
        {"size": 65536, "hostID": 100000, "containerID": 1},
    ]
    assert id_map_text(mappings) == "0 1000 1\n1 100000 65536\n"


def test_no_mappings_are_no_text() -> None:
    assert id_map_text([]) == ""
