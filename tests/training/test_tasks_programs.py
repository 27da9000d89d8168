"""Programs that make tasks: generator, pipeline and settings under the names that they are known by."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from practicum.envs.errors import UsageError
from practicum.envs.retail.scenarios import SCENARIOS
from practicum.training.llm import ModelUnavailable, ScriptedChat
from practicum.training.tasks import (
    PipelineConfig,
    TaskConfigurationPipeline,
    TauBenchConfig,
    TauBenchOpenAIGenerator,
    generate,
    read_records,
    validate,
)
from practicum.training.tasks.records import key_of
from tests.mcp_server.clients import ROOT


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_generator_makes_a_task_with_agentflow() -> None:
    result = TauBenchOpenAIGenerator("envs/retail").generate_task_with_agentflow(
        max_turns=5, include_metadata=True
    )
    assert result["success"] is True
    assert set(result["task"]) == {"q", "agt", "ogt"}
    assert result["metadata"]["generation_method"] == "agentflow"
    assert 2 <= result["metadata"]["turns"] <= 5
    assert result["validation_report"] == {"valid": True, "missing": [], "suggestions": []}
    assert validate(result).valid


def test_metadata_is_left_out_where_it_is_not_wanted() -> None:
    generator = TauBenchOpenAIGenerator("envs/retail")
    assert "metadata" not in generator.generate_task_with_agentflow(include_metadata=False)


def test_a_task_that_does_not_come_about_is_an_answer_with_an_error() -> None:
    result = TauBenchOpenAIGenerator("envs/retail").generate_task_with_agentflow(max_turns=1)
    assert result["success"] is False
    assert result["error"].startswith("turns: not complete after 1 turns: ")


def test_diverse_tasks_are_saved_in_a_file_that_the_commands_read() -> None:
    generator = TauBenchOpenAIGenerator("envs/retail")
    tasks = generator.generate_diverse_tasks(num_tasks=16, use_agentflow=True)
    generator.save_tasks_to_file(tasks, "generated_tasks/my_tasks.json")
    assert json.loads(Path("generated_tasks/my_tasks.json").read_text()) == tasks
    records = read_records(Path("generated_tasks/my_tasks.json"))
    assert [record.scenario for record in records].count("item_return") == 2
    assert {record.scenario for record in records} == set(SCENARIOS)


def test_a_generator_does_not_repeat_itself() -> None:
    generator = TauBenchOpenAIGenerator()
    tasks = [*generator.generate_diverse_tasks(), *generator.generate_diverse_tasks(20, use_agentflow=True)]
    assert len(tasks) == TauBenchConfig().num_tasks + 20
    assert len({key_of(made["task"]["agt"]) for made in tasks}) == len(tasks)


def test_a_pipeline_follows_its_settings_and_saves_what_passed() -> None:
    settings = PipelineConfig(envs_path="envs/retail", max_iterations=5, committee_size=5, use_agentflow=True)
    pipeline = TaskConfigurationPipeline(settings)
    tasks = pipeline.run(num_tasks=8)
    saved = read_records(Path(settings.save_path))
    assert [record.as_json() for record in saved] == tasks
    assert saved == generate("", 8, mode="agentflow", max_iterations=5, committee_size=5)
    assert (pipeline.stats.asked, pipeline.stats.made) == (8, 8)


def test_a_pipeline_tries_as_often_as_its_settings_say() -> None:
    pipeline = TaskConfigurationPipeline(PipelineConfig(max_iterations=5), model=ScriptedChat([]))
    assert pipeline.run(num_tasks=2) == []
    assert pipeline.stats.reasons == {"model": 10}


def test_the_shipped_records_are_meant_from_the_checkout_and_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = TauBenchOpenAIGenerator("envs/retail").generate_diverse_tasks(num_tasks=8)
    assert TauBenchOpenAIGenerator(ROOT / "envs" / "retail").generate_diverse_tasks(num_tasks=8) == elsewhere
    monkeypatch.chdir(ROOT)
    assert TauBenchOpenAIGenerator("envs/retail").generate_diverse_tasks(num_tasks=8) == elsewhere


def test_a_folder_without_records_is_refused_in_a_line() -> None:
    for make in (
        lambda: TauBenchOpenAIGenerator("nowhere"),
        lambda: TaskConfigurationPipeline(PipelineConfig(envs_path="nowhere")),
    ):
        with pytest.raises(UsageError, match=r"^no folder .*nowhere; a retail world is a folder with "):
            make()


def test_the_settings_have_their_known_names_and_defaults() -> None:
    assert asdict(TauBenchConfig()) == {
        "envs_path": "envs/retail",
        "user_model": "gpt-4o",
        "user_api_key": "",
        "user_base_url": "https://api.openai.com/v1",
        "default_model": "vllm-a40-gpt-oss-120b",
        "default_api_key": "",
        "default_base_url": "",
        "num_tasks": 10,
        "temperature": 0.0,
        "max_tokens": 16384,
        "max_retries": 3,
        "timeout": 180,
        "test_timeout": 180,
        "max_workers": 2,
        "output_dir": "tau_bench_results",
        "save_visualizations": True,
        "min_success_rate": 0.7,
        "min_action_recall": 0.6,
        "min_action_precision": 0.6,
        "scenario_keys": list(SCENARIOS),
    }


def test_settings_that_are_assigned_are_those_of_the_generator() -> None:
    config = TauBenchConfig()
    config.num_tasks = 50
    config.scenario_keys = ["item_exchange"]
    tasks = TauBenchOpenAIGenerator(config.envs_path, config=config).generate_diverse_tasks()
    assert len(tasks) == 50
    assert {made["metadata"]["scenario"] for made in tasks} == {"item_exchange"}


def test_the_two_models_of_the_settings_are_opened_with_their_own_servers_and_keys() -> None:
    config = TauBenchConfig(user_api_key="sk-user", default_base_url="http://127.0.0.1:9/v1", temperature=0.7)
    user, default = config.open_user_model(), config.open_default_model()
    assert (user.name, user.url) == ("gpt-4o", "https://api.openai.com/v1")
    assert (default.name, default.url) == ("vllm-a40-gpt-oss-120b", "http://127.0.0.1:9/v1")
    assert user.settings.temperature == default.settings.temperature == 0.7
    with pytest.raises(ModelUnavailable, match=r"gpt-4o at https://api.openai.com/v1 needs a key"):
        TauBenchConfig().open_user_model()
