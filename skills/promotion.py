"""Promotion: let everybody use a skill that was mined from one principal's sessions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from practicum.envs.errors import UsageError
from practicum.envs.registry import EnvClass, find
from practicum.memory import Store
from practicum.memory.digests import Digests
from practicum.memory.leases import unread
from practicum.skills.constants import for_everybody, witnesses
from practicum.skills.digests import VERSION, fill_in
from practicum.skills.ingest import Trace, read_traces
from practicum.skills.language import BadSkill, Skill
from practicum.skills.library import Entry, Library
from practicum.skills.naming import free_name, goal_of, published_form, typed
from practicum.skills.proving import judged_anew, told
from practicum.skills.trials import Limits, Verification

SESSIONS_EACH = 50
"""Sessions of each principal in which constants are looked for."""
MOST_SESSIONS = 500


def promote(library: Library, entry: Entry, limits: Limits | None = None) -> Skill:
    """Verify a published skill again and let everybody use it.

    It keeps the constants that the environment itself declares and those that stand in sessions of at least
    three principals. Any other that it gives a tool becomes an argument; the skill then gets a name of its
    own, and the one that it was made from stays private.

    Args:
        library: where it stands.
        entry: the skill.
        limits: what the verification may cost.

    Returns:
        The skill that everybody may use now.

    Raises:
        UsageError: it is not published, or shared already, or did not pass, or cannot do without a constant.
        LogUnavailable: the database could not be written.
    """
    skill = entry.skill
    if entry.shared or entry.status != "published":
        found = "promoted already" if entry.shared else entry.status
        raise UsageError(f"{skill.name} is {found}; what is published and private can be promoted")
    env_class = find(skill.evidence.get("found_by", skill.env_id))
    traces = list(_traces(library.store, skill.env))
    seen = {place: {each.principal for each in found} for place, found in witnesses(skill, traces).items()}
    try:
        program = for_everybody(skill, env_class, seen)
        if program is skill:
            _passed(library, entry, skill, env_class, limits)
            library.promote(skill, {"from": skill.hash})
            return skill
        return _with_a_name_of_its_own(library, entry, program, env_class, limits, traces)
    except BadSkill as error:
        raise UsageError(str(error)) from None


def _traces(store: Store, env: str) -> Iterator[Trace]:
    """Sessions of an environment, of each principal some."""
    fill_in(store)
    digests = Digests(store, VERSION)
    of = [each.principal for each in unread(store, everything=True) if each.env == env]
    ids = [each.session for principal in of for each in islice(digests.read(principal, env), SESSIONS_EACH)]
    return read_traces(store, ids[:MOST_SESSIONS])


def _passed(
    library: Library, entry: Entry, program: Skill, env_class: EnvClass, limits: Limits | None
) -> Verification:
    verification = judged_anew(library, program, entry.principal, env_class, limits or Limits())
    if not verification.passed:
        raise UsageError(f"{entry.skill.name} is not promoted: {verification.reason}")
    return verification


def _with_a_name_of_its_own(
    library: Library,
    entry: Entry,
    program: Skill,
    env_class: EnvClass,
    limits: Limits | None,
    traces: list[Trace],
) -> Skill:
    """Publish and share a program that takes as arguments what the one that it was made from has in it."""
    program = typed(program, env_class)
    verification = _passed(library, entry, program, env_class, limits)
    goal = goal_of(program, env_class, entry.skill.evidence.get("goal", ""))
    name = free_name(goal, library.versions(), principal=entry.principal)
    evidence = told(verification, part=bool(entry.skill.evidence.get("part")))
    formed = published_form(program, env_class, name=name, goal=goal, evidence=evidence)
    seen = {place: [each.session for each in found] for place, found in witnesses(formed, traces).items()}
    if not library.add(formed, entry.principal, support=len(traces), witnesses=seen):
        raise UsageError(f"a session behind {entry.skill.name} has been forgotten meanwhile; try again")
    about = verification.as_json()
    library.verified(formed, hits=verification.hits, misses=verification.misses, about=about)
    library.publish(formed)
    library.promote(formed, {"from": entry.skill.hash})
    return formed
