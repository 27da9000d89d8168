"""`practicum score`: what the steps of sessions are worth, by rules, a judge and people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from practicum.envs.errors import UsageError, nearest
from practicum.envs.tasks import LARGEST_INTEGER
from practicum.mcp_server.cli.bars import progress_bar
from practicum.mcp_server.cli.models import takes_writer
from practicum.mcp_server.cli.options import AsJson, Db, open_existing_store, print_json
from practicum.memory import LogUnavailable, Sessions, Store
from practicum.memory.scores import JudgeCache, Layer
from practicum.training.llm import ModelShelf

if TYPE_CHECKING:
    from practicum.envs.domains import DomainProfile
    from practicum.training.rubrics import Judge, SessionScore

PANEL = "Judge"
PAGE = 100
"""Sessions that are listed at a time."""
Which = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SESSION|FILE", help="Sessions, by a unique beginning, or files of trajectories as JSON."
    ),
]
Every = Annotated[bool, typer.Option("--all", help="Every ended session of practice and every imported one.")]
Domain = Annotated[
    str | None, typer.Option(help="Domain whose weights count; that of the session's environment by default.")
]
Pairs = Annotated[
    bool, typer.Option("--pairs", help="Also keep which session of each task is to be preferred.")
]
Delta = Annotated[float, typer.Option(min=0.0001, max=1, help="How far the scores of a pair must be apart.")]
Layers = Annotated[
    list[str] | None,
    typer.Option("--layer", metavar="LAYER", help="rules (the default), judge or human; repeats."),
]
MaxCalls = Annotated[
    int | None,
    typer.Option(min=0, max=LARGEST_INTEGER, rich_help_panel=PANEL, help="Most calls of the judge."),
]
MaxCost = Annotated[
    float | None, typer.Option(min=0, rich_help_panel=PANEL, help="Most money for the judge; needs prices.")
]
PriceIn = Annotated[
    float, typer.Option(min=0, rich_help_panel=PANEL, help="Money for 1,000 tokens that the judge reads.")
]
PriceOut = Annotated[
    float, typer.Option(min=0, rich_help_panel=PANEL, help="Money for 1,000 tokens that the judge writes.")
]


@takes_writer
def score(
    writer: ModelShelf | None,
    which: Which = None,
    every: Every = False,
    domain: Domain = None,
    layer: Layers = None,
    max_calls: MaxCalls = None,
    max_cost: MaxCost = None,
    price_in: PriceIn = 0.0,
    price_out: PriceOut = 0.0,
    pairs: Pairs = False,
    delta: Delta = 0.1,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Score sessions step by step; what is scored stands in the log and is not scored again."""
    from practicum.mcp_server.cli.score_tables import print_agreement, print_scores

    if bool(which) == every:
        raise UsageError("score takes sessions or files, or --all")
    layers = _layers(layer or ["rules"])
    judge = _judge(writer, (price_in, price_out), max_calls, max_cost) if "judge" in layers else None
    with ExitStack() as opened:
        opened.enter_context(_told_in_one_line())
        given = _Given(opened, which or (), db)
        found = _scored(given, layers, judge, domain, as_json=as_json)
        scores = [each.in_brief if every else each for each in found]
        made = _made_pairs(given.store, layers, judge, delta) if pairs else None
    if as_json:
        print_json(_as_json(scores, layers, judge, made))
        return
    print_scores(scores, in_brief=every)
    print_agreement(scores, layers)
    _tell(scores, judge, made)


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    try:
        yield
    except LogUnavailable as error:
        raise UsageError(str(error)) from None


def _layers(names: Sequence[str]) -> list[Layer]:
    known: dict[str, Layer] = {layer: layer for layer in get_args(Layer)}
    for name in names:
        if name not in known:
            raise UsageError(f"no layer {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]


class _Given:
    """What was given to be scored: files that are there, and sessions of the log by id.

    Raises:
        UsageError: something is neither, or there is no log.
    """

    def __init__(self, opened: ExitStack, which: Sequence[str], db: Path | None) -> None:
        self.files = [Path(each) for each in which if _is_file(each)]
        names = [each for each in which if not _is_file(each)]
        self.store: Store | None = None
        self.sessions: list[str] = []
        if names or not which:
            self.store = opened.enter_context(open_existing_store(db))
            known = Sessions(self.store)
            self.sessions = [known.resolve(name).id for name in names] if which else list(_ended(known))


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # such as a name that is too long for one
        return False


def _ended(sessions: Sessions) -> Iterator[str]:
    """Every ended session that may be learned from."""
    for purpose in ("practice", "import"):
        before: str | None = None
        while found := sessions.list(None, purpose=purpose, before=before, limit=PAGE):
            before = found[-1].id
            yield from (each.id for each in found if not each.open)


def _judge(
    writer: ModelShelf | None, prices: tuple[float, float], max_calls: int | None, max_cost: float | None
) -> Judge:
    from practicum.training.rubrics import Budget, Judge, Prices, ScriptedJudge

    budget = Budget(max_calls, max_cost, Prices(*prices))
    if writer is None:
        typer.echo(
            "no --model is given: the scripted judge answers, which knows nothing of the task", err=True
        )
    return Judge(ScriptedJudge() if writer is None else writer.model(), budget)


def _scored(
    given: _Given, layers: Sequence[Layer], judge: Judge | None, domain: str | None, *, as_json: bool
) -> Iterator[SessionScore]:
    from practicum.training.rubrics import Scorer
    from practicum.training.rubrics.tracks import GENERIC, profile_named

    profile = profile_named(domain) if domain is not None else None
    for file in given.files:
        yield from _of_file(file, profile or profile_named(GENERIC), layers, judge)
    if given.store is None:
        return
    if judge is not None:
        judge.cache = JudgeCache(given.store)
    scorer = Scorer(given.store, layers, judge=judge, profile=profile)
    sessions = Sessions(given.store)
    with progress_bar("scoring", as_json=as_json) as progress:
        for done, session_id in enumerate(given.sessions, 1):
            if session := sessions.get(session_id, None):
                yield scorer.score(session)
            progress(done, len(given.sessions))


def _of_file(
    file: Path, profile: DomainProfile, layers: Sequence[Layer], judge: Judge | None
) -> Iterator[SessionScore]:
    from practicum.training.rubrics import score_track
    from practicum.training.rubrics.files import read_tracks

    if "human" in layers:
        raise UsageError(f"people rate sessions of the log; {file} is a file, so leave --layer human out")
    for named in read_tracks(file, profile):
        yield replace(score_track(named.track, judge, rules="rules" in layers), name=named.name)


def _made_pairs(store: Store | None, layers: Sequence[Layer], judge: Judge | None, delta: float) -> int:
    from practicum.training.rubrics import PreferenceBuilder, Scorer

    if store is None:
        raise UsageError("--pairs compares sessions of the log, and only files were given")
    builder = PreferenceBuilder(store, delta=delta, scorer=Scorer(store, layers, judge=judge))
    return sum(1 for _ in builder.build())


def _as_json(
    scores: Sequence[SessionScore], layers: Iterable[Layer], judge: Judge | None, pairs: int | None
) -> dict[str, Any]:
    from practicum.training.rubrics import outcome_agreement

    agreement = {layer: outcome_agreement(scores, layer) for layer in layers}
    return {
        "scores": [each.as_json() for each in scores],
        "agreement_with_outcome": {layer: found and found.as_json() for layer, found in agreement.items()},
        "judge": judge
        and {
            "version": judge.version,
            "calls": judge.budget.calls,
            "cost": round(judge.budget.cost, 6),
            "cached": judge.cached,
            "failed": judge.failed,
        },
        "pairs": pairs,
    }


def _tell(scores: Sequence[SessionScore], judge: Judge | None, pairs: int | None) -> None:
    from practicum.training.rubrics import ScriptedJudge

    if judge is not None:
        if isinstance(judge.model, ScriptedJudge):
            typer.echo(
                "no --model is given: the scripted judge answered, which knows nothing of the task", err=True
            )
        budget = judge.budget
        spent = f"{budget.calls:,} calls, {budget.cost:.4f} in money, {judge.cached:,} steps from the cache"
        typer.echo(f"{judge.model.name}: {spent}", err=True)
        for line in judge.failed:
            typer.echo(f"not scored: {line}", err=True)
    stopped = [each.stopped for each in scores if each.stopped]
    if stopped:
        typer.echo(f"stopped in {len(stopped)} of {len(scores)}: {stopped[0]}; run again to go on", err=True)
    if pairs is not None:
        typer.echo(f"{pairs} pairs of sessions of the same task", err=True)
