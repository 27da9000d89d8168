"""`practicum export`: what was played as files to learn from, with a manifest that makes them again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from practicum.memory import Store
from tests.mcp_server.cli.conftest import Practicum
from tests.training.played import play, tasks_of

FLIGHT = ("rollout", "flight", "--episodes", "3")


@pytest.fixture
def played(practicum: Practicum) -> Practicum:
    said = practicum(*FLIGHT, "--seed", 0, "--json")
    assert said.code == 0, said.err
    return practicum


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_rows_go_to_stdout_where_no_file_is_named(played: Practicum) -> None:
    said = played("export")
    assert said.code == 0
    found = lines(said.out)
    assert len(found) == 3
    assert {row["split"] for row in found} == {"train"}
    assert found[0]["messages"][0]["role"] == "system"


@pytest.mark.parametrize("form", ["sft", "kto", "openai", "sharegpt"])
def test_a_file_has_its_manifest_beside_it(played: Practicum, tmp_path: Path, form: str) -> None:
    file = tmp_path / "out" / "rows.jsonl"
    said = played("export", "--format", form, "--output", file)
    assert said.code == 0
    assert said.out == f"3 examples in {file} (train 3)\n"
    manifest = json.loads((tmp_path / "out" / "rows.jsonl.manifest.json").read_text(encoding="utf-8"))
    assert (manifest["format"], manifest["examples"]) == (form, 3)
    assert len(file.read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize("option", ["--from", "--manifest"])
def test_a_manifest_makes_the_file_again(played: Practicum, tmp_path: Path, option: str) -> None:
    file = tmp_path / "rows.jsonl"
    played("export", "-o", file, "--best", 2)
    before = file.read_bytes()
    played(*FLIGHT, "--seed", 900)
    said = played("export", option, f"{file}.manifest.json", "-o", tmp_path / "again.jsonl", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["examples"] == 2
    assert (tmp_path / "again.jsonl").read_bytes() == before


def test_filters_narrow_what_is_exported(played: Practicum) -> None:
    def count(*filters: str) -> int:
        said = played("export", *filters)
        assert said.code == 0, said.err
        return len(said.out.splitlines())

    assert count("--success") + count("--failure") == 3
    assert count("--env", "flight", "--limit", "2") == 2
    assert count("--env", "retail") == 0
    assert count("--agent", "SCRIPTED") == count("--client", "rollout") == 3
    assert count("--min-return", "99") == count("--since", "2999-01-01") == count("--split", "test") == 0
    assert count("--split", "test", "--split", "train", "--purpose", "practice") == 3
    assert count("--principal", "nobody") == 0


def test_evaluations_are_never_exported(practicum: Practicum, db: Path) -> None:
    store = Store.open(db)
    play(store, tasks=tasks_of("flight", count=3), purpose="evaluation")
    store.close()
    assert practicum("export", "--split", "train", "--split", "test").out == ""
    refusal = practicum("export", "--purpose", "evaluation").refusal
    assert refusal == "purpose 'evaluation' is none that rows are made of; there are practice, import"


def test_a_file_of_rows_becomes_another_format(played: Practicum, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    played("export", "-o", file)
    said = played("export", "--train-file", file, "--format", "openai")
    assert said.out == played("export", "--format", "openai").out != ""


def test_pairs_come_from_what_people_prefer(played: Practicum, tmp_path: Path) -> None:
    played(*FLIGHT, "--seed", 0, "--agent", "random")
    found = lines(played("export", "--format", "dpo").out)
    chosen, rejected = found[0]["sessions"]
    file = tmp_path / "preferences.jsonl"
    file.write_text(json.dumps({"chosen": rejected, "rejected": chosen}) + "\n", encoding="utf-8")
    (pair,) = lines(played("export", "--format", "dpo", "--preferences", file).out)
    assert pair["sessions"] == [rejected, chosen]
    assert lines(played("export", "--format", "dpo", "-p", "log").out) == []
    assert lines(played("export", "--format", "dpo", "--step-pairs", "--gap", "0.5").out)


def test_a_system_message_is_given_or_read_from_a_file(played: Practicum, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("Be quick. {instruction}\n", encoding="utf-8")
    given = lines(played("export", "--system", "Be quick. {instruction}").out)
    assert given == lines(played("export", "--system", f"@{file}").out)
    assert given[0]["messages"][0]["content"].startswith("Be quick. ")


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (("--format", "csv"), "no format is called 'csv'; there are sft, openai, sharegpt, dpo, kto, grpo"),
        (("--split", "dev"), "split 'dev' is none that rows are made of; there are train, verify, test"),
        (("--since", "soon"), "--since 'soon': expected a day such as 2026-11-21"),
        (("--json",), "--json prints the manifest where the lines would go; name a file with --output"),
        (("--preferences", "x"), "preferences make examples of dpo, not of sft"),
        (
            ("--train-file", "no.jsonl"),
            "cannot read no.jsonl: [Errno 2] No such file or directory: 'no.jsonl'",
        ),
        (("--from", "x", "--env", "flight"), "--env is the manifest's to say; leave it out with --from"),
        (("--from", "no.json"), "cannot read no.json: No such file or directory"),
        (("--system", "@no.txt"), "--system @no.txt: cannot read the file: "),
    ],
)
def test_a_mistake_is_one_line_with_the_way_out(
    played: Practicum, options: tuple[str, ...], refusal: str
) -> None:
    assert played("export", *options).refusal.startswith(refusal)


def test_a_log_without_what_is_asked_for_says_where_to_look(played: Practicum, tmp_path: Path) -> None:
    said = played("export", "--env", "retail", "-o", tmp_path / "rows.jsonl")
    assert said.code == 0
    assert said.err == "practicum: nothing matches; `practicum sessions` lists what was played\n"


def test_sessions_of_a_client_are_exported_with_its_words(
    practicum: Practicum, log_session: Callable[..., str]
) -> None:
    session = log_session(("look", {}), ("store", {"parcel": "P9", "locker": "L9"}))
    assert practicum("export").out == ""
    ended = log_session(*[("look", {})] * 50)
    (row,) = lines(practicum("export").out)
    assert row["session"] == ended != session
    assert [message["role"] for message in row["messages"][-2:]] == ["assistant", "tool"]
