"""Chain ids: the recursion of config.md, link by link."""

from __future__ import annotations

import hashlib

from orlop.oci.chain_id import chain_ids
from orlop.oci.digest import Digest

_A, _B, _C = (Digest.of(name) for name in (b"a", b"b", b"c"))


def _sha256(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_no_layers_have_no_chain() -> None:
    assert chain_ids([]) == []


def test_the_lowest_layer_is_its_own_chain() -> None:
    assert chain_ids([_A]) == [_A]


def test_each_link_is_of_the_one_before_and_the_layer() -> None:
    ab = _sha256(f"{_A} {_B}")
    abc = _sha256(f"{ab} {_C}")
    assert [str(one) for one in chain_ids([_A, _B, _C])] == [str(_A), ab, abc]


def test_the_order_of_layers_counts() -> None:
    assert chain_ids([_A, _B])[-1] != chain_ids([_B, _A])[-1]


def test_the_chain_of_the_specification_example() -> None:
    # config.md's diff ids; the chain as sha256sum gives it.
    diff_ids = [
        Digest.parse("sha256:c6f988f4874bb0add23a778f753c65efe992244e148a1d2ec2a8b664fb66bbd1"),
        Digest.parse("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"),
    ]
    expected = "sha256:c3191d32a37d7159b2e30830937d2e30268ad6c375a773a8994911a3aba9b93f"
    assert str(chain_ids(diff_ids)[-1]) == expected
