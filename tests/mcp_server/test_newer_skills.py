"""Skills that a newer Practicum wrote into the same log: left out and told once, and nobody else suffers."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from mcp.client import Client

from practicum.mcp_server.server import PracticumServer
from practicum.memory import Store
from practicum.memory.skill_rows import NewVersion, change, insert_version
from practicum.skills.library import EVERY, Library
from tests.mcp_server.clients import call, refusal
from tests.mcp_server.skilled import a_skill, publish, skills_of

pytestmark = pytest.mark.anyio

NEWER = "skill_newer"


def publish_newer(store: Store) -> None:
    """Publish a program in a language that this version does not know."""
    new = NewVersion(
        name=NEWER, version=1, env="parcels", env_version=1, principal="local", hash="f" * 64, support=9,
        body={**a_skill().as_json(), "ir": 99}, schema={}, evidence={},
    )  # fmt: skip
    with store.writing() as connection:
        insert_version(connection, new, 1.0)
        change(connection, "verified", (NEWER, 1), {"hits": 20, "misses": 0}, 2.0)
        change(connection, "published", (NEWER, 1), {}, 3.0)


async def test_a_skill_that_cannot_be_read_is_left_out_and_the_others_are_there(
    serve: Callable[..., PracticumServer], store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    publish_newer(store)
    publish(store, a_skill())
    caplog.set_level(logging.WARNING)
    async with Client(serve(settings={"parcels": 1})) as client:
        assert await skills_of(client) == ["skill_store_all"]
        assert "skill_store_all" in (await call(client, "open_session"))["tools"]
        found = (await call(client, "search_skills", query="store"))["skills"]
        assert [each["name"] for each in found] == ["skill_store_all"]
        assert f"no skill {NEWER!r}" in await refusal(client, "run_skill", name=NEWER)
        assert (await call(client, "run_skill", name="skill_store_all"))["finished"]
    told = [each for each in caplog.messages if NEWER in each]
    assert told == [
        f"{NEWER} version 1 is left out: no skill: it is written in version 99 of the language, this knows 1"
    ]


def test_a_skill_that_cannot_be_read_keeps_its_name(store: Store) -> None:
    publish_newer(store)
    library = Library(store)
    assert library.entries(None, statuses=EVERY) == []
    assert library.get(NEWER, None) is None
    assert library.versions() == {NEWER: 1}
