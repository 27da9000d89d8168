"""Tasks are data: hashed by content, split by hash, kept in files."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.envs import Task, TaskSet, UsageError
from practicum.envs.tasks import SPLITS

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
TASKS = st.builds(
    Task,
    env=st.just("parcels"),
    version=st.integers(1, 9),
    seed=st.integers(0, 2**31),
    params=st.dictionaries(TEXT, JSON, max_size=3),
    instruction=TEXT,
    difficulty=st.floats(0, 1),
    secret=st.dictionaries(TEXT, JSON, max_size=3),
    step_limit=st.integers(1, 500),
    id=TEXT,
    places=st.dictionaries(TEXT, TEXT, max_size=2),
)


@given(st.lists(TASKS, min_size=1, max_size=3))
def test_what_is_saved_is_loaded(tmp_path_factory, tasks):
    path = tmp_path_factory.mktemp("tasks") / "tasks.jsonl"
    TaskSet(tasks).save(path, len(tasks))
    assert list(TaskSet.load(path)) == tasks


@given(TASKS)
def test_the_hash_is_of_the_content_and_not_of_the_name_or_order(task):
    again = Task.from_json(json.loads(json.dumps(task.as_json(), sort_keys=True)))
    other = replace(task, id="other", difficulty=0.5, places={"data": "/elsewhere"})
    assert again.hash == task.hash == other.hash
    assert replace(task, seed=task.seed + 1).hash != task.hash
    assert replace(task, secret={"new": 1}).hash != task.hash
    assert len(task.hash) == 32


def test_splits_are_eight_one_one_and_cover_everything(parcels):
    tasks = parcels.tasks().take(2000)
    counts = {split: sum(task.split == split for task in tasks) for split in SPLITS}
    assert sum(counts.values()) == 2000
    assert 1520 < counts["train"] < 1680
    assert 140 < counts["verify"] < 260
    assert 140 < counts["test"] < 260


def test_a_generated_set_is_endless_seeded_and_split_lazily(parcels):
    assert [task.seed for task in parcels.tasks(5).take(3)] == [5, 6, 7]
    assert all(task.split == "test" for task in parcels.tasks().split("test").take(20))
    assert parcels.tasks().take(3) == parcels.tasks().take(3)


def test_taking_makes_no_task_too_many():
    made = []
    TaskSet.generated(lambda seed: made.append(seed) or Task("x", 1, seed)).take(3)
    assert made == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("not json", "tasks.jsonl:2: not a JSON object"),
        ("[1]", "tasks.jsonl:2: not a JSON object"),
        ('{"env": "x", "version": 1}', "tasks.jsonl:2: no task: seed: Field required"),
        (
            '{"env": "x", "version": 1, "seed": -1}',
            "tasks.jsonl:2: no task: seed: .*greater than or equal to 0",
        ),
        (
            f'{{"env": "x", "version": 1, "seed": {2**63}}}',
            "tasks.jsonl:2: no task: seed: .*less than or equal to 9223372036854775807",
        ),
        ('{"env": "x", "version": 1, "seed": 1' + 5000 * "0" + "}", "tasks.jsonl:2: not a JSON object"),
        ('{"env": "x", "version": 1, "seed": 1, "step_limit": 0}', "no task: step_limit"),
        ('{"env": "x", "version": 1, "seed": 1, "difficulty": NaN}', "no task: difficulty"),
    ],
)
def test_a_bad_line_is_named_with_its_reason(tmp_path, text, complaint):
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"env": "x", "version": 1, "seed": 1}\n' + text + "\n")
    with pytest.raises(UsageError, match=complaint):
        TaskSet.load(path)


@pytest.mark.parametrize("seed", [-1, 2**63, 10**30])
def test_a_seed_out_of_bounds_makes_no_task(parcels, seed):
    said = rf"a task's seed is {seed}; expected 0 to 2\*\*63 - 1"
    with pytest.raises(UsageError, match=said):
        Task("parcels", 1, seed)
    with pytest.raises(UsageError, match=said):
        parcels.make_task(seed)
    assert parcels.make_task(2**63 - 1).seed == 2**63 - 1


def test_a_missing_or_empty_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot read the task file"):
        TaskSet.load(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(UsageError, match="holds no task"):
        TaskSet.load(tmp_path / "empty.jsonl")


def test_env_id_is_name_and_version():
    assert Task("parcels", 2, 0).env_id == "parcels-v2"
