"""`orun features`: the document, complete with what only the runtime knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orlop import __version__
from orlop.linux.mount_options import option_names
from orlop.runtime.verb_features import VERB

if TYPE_CHECKING:
    from .conftest import Orun


def test_it_takes_nothing() -> None:
    assert (VERB.name, VERB.minimum, VERB.maximum, list(VERB.flags)) == ("features", 0, 0, [])


def test_the_document_is_indented_json_of_this_version(orun: Orun) -> None:
    outcome = orun("features")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith('{\n  "')
    assert outcome.out.endswith("}\n")
    document = json.loads(outcome.out)
    assert __version__ in json.dumps(document["annotations"])
    assert set(document["mountOptions"]) == set(option_names())


def test_it_takes_no_argument(orun: Orun) -> None:
    outcome = orun("features", "web")
    assert outcome.err == (
        'orun: features: unexpected argument "web"; flags go before the arguments; see orun features --help\n'
    )
