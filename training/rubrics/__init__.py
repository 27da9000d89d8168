"""Rubrics: process rewards, a score for every step, by rules, by a judge and by people."""

from practicum.training.rubrics.agreement import OutcomeAgreement, outcome_agreement
from practicum.training.rubrics.budget import Budget, Prices
from practicum.training.rubrics.calibration import Calibrated, Calibration, calibrate
from practicum.training.rubrics.judge import Judge
from practicum.training.rubrics.live import RuleReward, make_reward, make_reward_fn
from practicum.training.rubrics.pairs import PreferenceBuilder
from practicum.training.rubrics.rules import RuleScores
from practicum.training.rubrics.scoring import (
    ScoredStep,
    Scorer,
    SessionScore,
    score_steps,
    score_track,
)
from practicum.training.rubrics.scripted_judge import ScriptedJudge
from practicum.training.rubrics.tracks import Track, track_of

__all__ = [
    "Budget",
    "Calibrated",
    "Calibration",
    "Judge",
    "OutcomeAgreement",
    "PreferenceBuilder",
    "Prices",
    "RuleReward",
    "RuleScores",
    "ScoredStep",
    "Scorer",
    "ScriptedJudge",
    "SessionScore",
    "Track",
    "calibrate",
    "make_reward",
    "make_reward_fn",
    "outcome_agreement",
    "score_steps",
    "score_track",
    "track_of",
]
