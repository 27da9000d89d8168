"""The tables about skills and mining, as migration `m003_skills` makes them; never edited once released."""

from __future__ import annotations

SKILL_TABLES = """
CREATE TABLE skill_versions (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    env TEXT NOT NULL,
    env_version INTEGER NOT NULL,
    principal TEXT NOT NULL,
    hash TEXT NOT NULL,
    made_at REAL NOT NULL,
    support INTEGER NOT NULL,
    body TEXT NOT NULL,
    schema TEXT NOT NULL,
    evidence TEXT NOT NULL,
    UNIQUE (name, version)
);
CREATE INDEX skill_versions_by_hash ON skill_versions (hash);
CREATE TRIGGER skill_versions_refuses_replace BEFORE INSERT ON skill_versions
    WHEN EXISTS (SELECT 1 FROM skill_versions WHERE (name, version) = (NEW.name, NEW.version))
    BEGIN SELECT RAISE(ABORT, 'skill version exists'); END;

CREATE TABLE skill_witnesses (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    constant TEXT NOT NULL,
    session TEXT NOT NULL REFERENCES session_starts (id),
    PRIMARY KEY (name, version, constant, session)
) WITHOUT ROWID;
CREATE INDEX skill_witnesses_by_session ON skill_witnesses (session);

CREATE TABLE skill_uses (
    number INTEGER PRIMARY KEY,
    session TEXT NOT NULL REFERENCES session_starts (id),
    turn INTEGER NOT NULL,
    time REAL NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    hash TEXT NOT NULL,
    calls INTEGER NOT NULL,
    success INTEGER,
    stop TEXT,
    hit INTEGER,
    arguments TEXT NOT NULL,
    finish TEXT NOT NULL,
    UNIQUE (session, turn)
);
CREATE INDEX skill_uses_by_skill ON skill_uses (name, version, number);
CREATE TRIGGER skill_uses_refuses_replace BEFORE INSERT ON skill_uses
    WHEN EXISTS (SELECT 1 FROM skill_uses WHERE (session, turn) = (NEW.session, NEW.turn))
    BEGIN SELECT RAISE(ABORT, 'use is written'); END;

CREATE TABLE skills (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('candidate', 'verified', 'published', 'quarantined', 'retired')),
    env TEXT NOT NULL,
    env_version INTEGER NOT NULL,
    principal TEXT NOT NULL,
    shared INTEGER NOT NULL DEFAULT 0,
    hits INTEGER NOT NULL DEFAULT 0,
    misses INTEGER NOT NULL DEFAULT 0,
    judged_from INTEGER NOT NULL DEFAULT 0,
    uses INTEGER NOT NULL DEFAULT 0,
    successes INTEGER NOT NULL DEFAULT 0,
    stops INTEGER NOT NULL DEFAULT 0,
    last_used REAL,
    last_session INTEGER NOT NULL DEFAULT 0,
    number INTEGER NOT NULL,
    changed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (name, version)
) WITHOUT ROWID;

CREATE TABLE skill_lists (
    principal TEXT NOT NULL,
    env TEXT NOT NULL,
    as_of INTEGER NOT NULL,
    names TEXT NOT NULL,
    PRIMARY KEY (principal, env)
) WITHOUT ROWID;

CREATE TABLE mined_up_to (
    principal TEXT NOT NULL,
    env TEXT NOT NULL,
    ended INTEGER NOT NULL,
    jobs TEXT NOT NULL,
    PRIMARY KEY (principal, env)
) WITHOUT ROWID;

CREATE TABLE leases (name TEXT PRIMARY KEY NOT NULL, holder TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;

CREATE TABLE digests (
    number INTEGER PRIMARY KEY,
    session TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL
);
"""
