"""Scored: the process rewards of sessions, from the scores that are kept beside the log."""

from __future__ import annotations

from collections.abc import Mapping

from practicum.envs.domains import GENERIC
from practicum.memory.scores import Scores
from practicum.memory.store import Store
from practicum.skills.roles import environment
from practicum.training.datasets.reading import FindScores, Logged
from practicum.training.rubrics.weights import step_reward


def kept_scores(store: Store) -> FindScores:
    """The process rewards as `practicum score` left them, weighted as the session's domain has it."""
    scores = Scores(store)

    def find(session: Logged) -> Mapping[int, float]:
        env_class = environment(session.found_by)
        profile = GENERIC if env_class is None else env_class.profile()
        rewards = {
            turn: step_reward(by_layer, profile.rubric_weights)
            for turn, by_layer in scores.newest(session.id).items()
        }
        return {turn: reward for turn, reward in rewards.items() if reward is not None}

    return find
