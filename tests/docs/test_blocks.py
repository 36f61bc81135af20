"""Every code block of the documentation is run as it stands, or says above it why not."""

import pytest

from tests.docs.blocks import BLOCKS, REASONS, RUN, SHOWN, Block
from tests.docs.world import World, name_new_cases, write_data

TYPED = [block for block in BLOCKS if block.language in RUN and not block.said("not run")]
DOCUMENTS = sorted({block.document for block in TYPED})


def where(block: Block) -> str:
    return f"{block.document}:{block.line}"


@pytest.mark.parametrize("block", BLOCKS, ids=where)
def test_a_block_has_a_language_and_a_remark_that_is_understood(block):
    assert block.language in (*RUN, *SHOWN)
    assert all(part.startswith(("in ", "after ", "not run: ")) for part in block.parts)
    assert block.said("not run") in ("", *REASONS)
    assert block.language in RUN or not block.remark


def test_most_blocks_are_run():
    assert len(TYPED) > len([block for block in BLOCKS if block.said("not run")])


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS)
def test_blocks_run_as_they_stand(document, data, tmp_path):
    world = World(tmp_path, data)
    for block in TYPED:
        if block.document == document:
            name_new_cases(data, block.folder)
            world.run(block)
