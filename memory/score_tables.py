"""What steps are worth, in tables: as migration `m004_training` makes them; never edited once released."""

from __future__ import annotations

SCORE_TABLES = """
CREATE TABLE step_scores (
    number INTEGER PRIMARY KEY,
    session TEXT NOT NULL,
    turn INTEGER NOT NULL,
    rubric TEXT NOT NULL,
    layer TEXT NOT NULL CHECK (layer IN ('rules', 'judge', 'human')),
    version TEXT NOT NULL,
    score REAL NOT NULL CHECK (score BETWEEN 0 AND 1),
    cost REAL NOT NULL,
    time REAL NOT NULL,
    why TEXT,
    UNIQUE (session, turn, rubric, layer, version),
    FOREIGN KEY (session, turn) REFERENCES steps (session, turn)
);
CREATE TRIGGER step_scores_refuses_replace BEFORE INSERT ON step_scores
    WHEN EXISTS (
        SELECT 1 FROM step_scores WHERE (session, turn, rubric, layer, version)
            = (NEW.session, NEW.turn, NEW.rubric, NEW.layer, NEW.version)
    )
    BEGIN SELECT RAISE(IGNORE); END;

CREATE TABLE judge_cache (
    hash TEXT PRIMARY KEY NOT NULL,
    session TEXT NOT NULL REFERENCES session_starts (id),
    model TEXT NOT NULL,
    reply TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost REAL NOT NULL,
    time REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX judge_cache_by_session ON judge_cache (session);

CREATE TABLE ratings (
    number INTEGER PRIMARY KEY,
    session TEXT NOT NULL,
    turn INTEGER NOT NULL,
    rater TEXT NOT NULL,
    rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
    time REAL NOT NULL,
    note TEXT,
    FOREIGN KEY (session, turn) REFERENCES steps (session, turn)
);
CREATE INDEX ratings_by_session ON ratings (session, turn, rater, number);

CREATE TABLE preferences (
    number INTEGER PRIMARY KEY,
    task TEXT NOT NULL REFERENCES tasks (hash),
    kind TEXT NOT NULL CHECK (kind IN ('outcome', 'score', 'rating')),
    turn INTEGER NOT NULL,
    session TEXT NOT NULL REFERENCES session_starts (id),
    other_session TEXT NOT NULL REFERENCES session_starts (id),
    margin REAL NOT NULL CHECK (margin > 0),
    version TEXT NOT NULL,
    time REAL NOT NULL,
    UNIQUE (session, other_session, turn, kind, version)
);
CREATE INDEX preferences_by_task ON preferences (task);
CREATE INDEX preferences_by_other ON preferences (other_session);
CREATE TRIGGER preferences_refuses_replace BEFORE INSERT ON preferences
    WHEN EXISTS (
        SELECT 1 FROM preferences WHERE (session, other_session, turn, kind, version)
            = (NEW.session, NEW.other_session, NEW.turn, NEW.kind, NEW.version)
    )
    BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER preferences_are_of_one_task BEFORE INSERT ON preferences
    WHEN EXISTS (
        SELECT 1 FROM session_starts
        WHERE id IN (NEW.session, NEW.other_session) AND task <> NEW.task
    )
    BEGIN SELECT RAISE(ABORT, 'a pair is of one task'); END;
"""
