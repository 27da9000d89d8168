"""Credentials: what looks like one is hidden, what only resembles one stays, and no text takes long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practicum.memory.redact import REDACTED, Redactor

hide = Redactor().text


@pytest.mark.parametrize(
    "key",
    [
        "sk-abcdefghij1234567890",
        "sk-proj-AbC_def-123456789012345",
        "sk-ant-api03-AbCdEf0123456789",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "github_pat_11ABCDEFG0123456789_abcdefghijklmnop",
        "glpat-abcdefgh12345678",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "xoxb-123456789012-abcdef",
        "hf_abcdefghijklmnopqrstuvwxyz0123456789",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "4242424242424242",
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "6011111111111117",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEow, and it was cut here",
    ],
)
def test_a_key_of_a_known_form_is_hidden_in_any_text(key):
    cut = key.endswith("here")
    for before, after in (
        ("", ""),
        ("use ", "" if cut else " now"),
        ('{"a": "', "" if cut else '"}'),
        ("(", "" if cut else ")"),
    ):
        assert hide(f"{before}{key}{after}") == f"{before}{REDACTED}{after}"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [redacted]"),
        ("authorization: basic dXNlcjpwYXNz1", "authorization: basic [redacted]"),
        ("password=hunter", "password=[redacted]"),
        ("DB_PASSWORD = 'my old dog'", "DB_PASSWORD = '[redacted]'"),
        ('{"password": "letmein"}', '{"password": "[redacted]"}'),
        (r'"{\"api_key\": \"abcd1234\"}"', r'"{\"api_key\": \"[redacted]\"}"'),
        ("token=abc123def&page=2", "token=[redacted]&page=2"),
        ("apiKey: 'a1b2c3d4'", "apiKey: '[redacted]'"),
        ("https://me:pa55word@host/x", "https://me:[redacted]@host/x"),
    ],
)
def test_what_is_said_to_be_a_password_or_a_token_is_hidden(said, shown):
    assert hide(said) == shown


@pytest.mark.parametrize(
    "text",
    [
        "The card token is not accepted; use the token of the customer's card",
        "'card_token' is missing (string)",
        "enter_card takes card_token.",
        "password: required",
        "token: string",
        "tokens: 123456",
        "token = tokens[i]",
        "password = getpass()",
        "secret santa, the bearer authentication scheme, a bearer of news",
        "task-force-0123456789012345678",
        "risk-assessment-of-the-first-kind",
        "4242424242424243",
        "1763712345123456789",
        "4006381333931",
        "tok_4242424242",
        "2025-10-15 10:00 IB6123 BK123456 890.50",
        "9f1c5e7a4242424242424242deadbeef01234567",
    ],
)
def test_what_only_resembles_one_stays(text):
    assert hide(text) == text


def test_a_member_is_hidden_by_its_name_and_its_look():
    shown = Redactor().value(
        {"apiKey": "a1b2c3", "dbPassword": "x", "token": "the", "tokens": 512, "cvv": 123, "password": None}
    )
    assert shown == {
        "apiKey": REDACTED,
        "dbPassword": REDACTED,
        "token": "the",
        "tokens": 512,
        "cvv": REDACTED,
        "password": None,
    }


def test_a_card_number_is_hidden_as_a_number_too():
    assert Redactor().value([4242424242424242, 4242424242424243]) == [REDACTED, 4242424242424243]


MILLION = 1_000_000


@pytest.mark.parametrize(
    "part",
    [
        "a", "sk-", "sk-1", "eyJaaaaaa.", "4", "4 ", "-----BEGIN PRIVATE KEY-----", "-----END ", "password=",
        "token:", "token: ", "token='", 'token="x', "bearer a", "://a:b", "xoxb-", "secret", "\\", "-", "aA",
        "The quick brown fox jumps over 13 lazy dogs. ",
    ],
)  # fmt: skip
def test_a_text_of_a_million_characters_is_read_once_whatever_it_repeats(part):
    text = part * (MILLION // len(part))
    for ending in ("", "(", "["):
        shown = hide(f"{text}{ending} ghp_16C7e42F292c6912E7710c838347Ae178B4a")
        assert "ghp_16C7" not in shown
    Redactor().value({text: "a1b2c3d4"})


@given(st.text(max_size=300))
def test_what_is_hidden_once_stays_as_it_is(text):
    once = hide(text)
    assert hide(once) == once
