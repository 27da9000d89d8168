"""Metrics: what Prometheus reads is well formed, counts what happened, and names nobody."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from practicum import __version__
from practicum.mcp_server import metrics
from practicum.mcp_server.limits import Limits
from practicum.mcp_server.practice import Practice
from tests.mcp_server.clients import MODES, PARCELS, ask, call, http_client, modern, over_http, world

Practise = Callable[..., Practice]
pytestmark = [pytest.mark.anyio, pytest.mark.integration]

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
ENDINGS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


@dataclass
class Family:
    """A metric as a strict reader sees it."""

    kind: str
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)


def parsed(text: str) -> dict[str, Family]:
    """The families of the text format 0.0.4; fails on whatever Prometheus would not take, or not like."""
    assert text.endswith("\n")
    families: dict[str, Family] = {}
    helped = ""
    for line in text.splitlines():
        assert line == line.strip()
        if line.startswith("# HELP "):
            _, _, helped, says = line.split(" ", 3)
            assert says
            assert helped not in families, "a family stands in one piece"
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == helped
            families[name] = Family(kind)
            assert kind != "counter" or name.endswith("_total")
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            labels = LABEL.findall(sample[2] or "")
            assert ",".join(f'{name}="{value}"' for name, value in labels) == (sample[2] or "")
            ending = sample[1].removeprefix(helped)
            assert ending in ENDINGS[families[helped].kind], line
            key = (ending, tuple(sorted(labels)))
            assert key not in families[helped].samples, "a sample stands once"
            families[helped].samples[key] = float(sample[3])
            assert families[helped].kind == "gauge" or float(sample[3]) >= 0
    return families


def value(families: dict[str, Family], name: str, **labels: str) -> float:
    return families[name].samples["", tuple(sorted(labels.items()))]


async def read(url: str) -> dict[str, Family]:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{url}/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return parsed(answer.text)


@pytest.mark.parametrize("mode", MODES)
async def test_calls_are_counted_by_environment_tool_and_result(practise: Practise, mode: str) -> None:
    practice = practise(PARCELS, world("Talk"), limits=Limits(steps_per_session=3))
    async with over_http(practice) as (url, _), http_client(f"{url}/mcp", mode=mode) as client:
        assert "practicum_tool_calls_total" in await read(url)
        session_id = (await call(client, "open_session", env="talk"))["session_id"]
        await call(client, "say", session_id=session_id, json_text="1")
        await ask(client, "say", session_id=session_id, json_text=1)
        await ask(client, "say", session_id=session_id)
        await ask(client, "say", session_id=session_id, json_text="1")
        with pytest.raises(Exception, match="Unknown tool"):
            await client.call_tool('x"}\n', {})
        scoped = await call(client, "open_session", env="parcels", scoped=True)
        async with http_client(scoped["url"], token=scoped["token"], mode=mode) as inner:
            await call(inner, "look")
        families = await read(url)
    calls = "practicum_tool_calls_total"
    assert value(families, calls, env="", tool="open_session", result="ok") == 2
    assert value(families, calls, env="talk", tool="say", result="limit") == 1
    assert value(families, calls, env="parcels", tool="look", result="ok") == 1
    assert value(families, calls, env="", tool="unknown", result="failed") == 1
    assert value(families, calls, env="talk", tool="say", result="ok") == 1
    assert value(families, calls, env="talk", tool="say", result="refused") == 2
    assert value(families, "practicum_limit_refusals_total", limit="steps_per_session") == 1


async def test_the_histogram_grows_from_bound_to_bound_and_ends_with_all(practise: Practise) -> None:
    async with over_http(practise()) as (url, _), http_client(f"{url}/mcp") as client:
        session_id = (await call(client, "open_session"))["session_id"]
        for _ in range(5):
            await call(client, "look", session_id=session_id)
        samples = (await read(url))["practicum_tool_call_seconds"].samples
    buckets = {
        float(dict(labels)["le"]): count
        for (ending, labels), count in samples.items()
        if ending == "_bucket" and dict(labels)["env"] == "parcels"
    }
    assert list(buckets) == sorted(buckets)
    assert list(buckets.values()) == sorted(buckets.values())
    assert buckets[math.inf] == samples["_count", (("env", "parcels"),)] == 5
    assert 0 < samples["_sum", (("env", "parcels"),)] < 60


async def test_sessions_and_the_log_are_counted(practise: Practise) -> None:
    practice = practise(world("Talk"))
    async with over_http(practice) as (url, _), http_client(f"{url}/mcp") as client:
        sessions = [(await call(client, "open_session"))["session_id"] for _ in range(4)]
        await call(client, "finish", session_id=sessions[0])
        await call(client, "close_session", session_id=sessions[1])
        await call(client, "close_session", session_id=sessions[1])
        await ask(client, "crash", session_id=sessions[2])
        families = await read(url)
        assert value(families, "practicum_sessions_open") == 1
        assert value(families, "practicum_sessions_opened_total") == 4
        assert families["practicum_sessions_ended_total"].samples == {
            ("", (("reason", reason),)): 1 for reason in ("episode", "closed", "crashed")
        }
        assert value(families, "practicum_sessions_live") == len(practice.live)
        commits = value(families, "practicum_log_commits_total")
        assert commits >= 4 + 3
        assert value(families, "practicum_log_bytes") > 4096
        await call(client, "say", session_id=sessions[3], json_text="1")
        assert value(await read(url), "practicum_log_commits_total") == commits + 1


async def test_the_process_says_what_it_is_and_uses(practise: Practise) -> None:
    async with over_http(practise()) as (url, _):
        families = await read(url)
    (((_, labels), one),) = families["practicum_build_info"].samples.items()
    assert (dict(labels)["version"], one) == (__version__, 1)
    assert value(families, "process_resident_memory_bytes") > 10_000_000
    assert value(families, "process_cpu_seconds_total") > 0
    assert value(families, "process_start_time_seconds") > 1.7e9


async def test_where_the_system_does_not_tell_the_memory_all_else_is_told(
    practise: Practise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "PAGES", tmp_path / "none")
    monkeypatch.setitem(sys.modules, "resource", None)
    async with over_http(practise()) as (url, _):
        families = await read(url)
    assert "process_resident_memory_bytes" not in families
    assert "process_cpu_seconds_total" in families


async def test_no_client_can_make_a_label(practise: Practise) -> None:
    async with over_http(practise()) as (url, _), httpx2.AsyncClient() as http:
        async with http_client(f"{url}/mcp") as client:
            session_id = (await call(client, "open_session"))["session_id"]
        for number in range(50):
            body, headers = modern("tools/call", name=f"tool{number}", arguments={"session_id": session_id})
            await http.post(f"{url}/mcp", json=body, headers=headers)
            await http.get(f"{url}/health", headers={"Host": f"evil{number}.example"})
            await http.post(f"{url}/env/parcels/s/evil{number}/mcp", json=body, headers=headers)
        text = (await http.get(f"{url}/metrics")).text
    families = parsed(text)
    assert sum(len(family.samples) for family in families.values()) < 100
    for made_up in ("tool7", "evil7", session_id, "local", os.environ.get("USER") or "nobody at all"):
        assert made_up not in text
    assert value(families, "practicum_http_refusals_total", reason="host") == 50
    assert value(families, "practicum_http_refusals_total", reason="session_token") == 50
