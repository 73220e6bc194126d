"""What a password may be: long enough, not what everybody tries first, not the name (ASVS 6.2)."""

from __future__ import annotations

import pytest

from planflow.services import passwords


def code(password: str, name: str = "zhangwei") -> str:
    return " ".join(one.code for one in passwords.faults(password, name))


@pytest.mark.parametrize(
    ("password", "found"),
    [
        ("1234567", "short_password"),
        ("x" * 257, "too_long"),
        ("password", "common_password"),
        ("PassWord1", "common_password"),
        ("ｐａｓｓｗｏｒｄ", "common_password"),
        ("12345678", "common_password"),
        ("23456789", "common_password"),
        ("jihgfedcba", "common_password"),
        ("aaaaaaaaaaaaaaa", "common_password"),
        ("abababababab", "common_password"),
        ("zhangwei", "password_of_name"),
        ("ZhangWei2026!", "password_of_name"),
        ("iewgnahz", "password_of_name"),
        ("planflow", "password_of_name"),
        ("Planflow-1", "password_of_name"),
        ("long enough", ""),
        ("correct horse battery staple", ""),
        ("三个词连在一起就好", ""),
        ("zhangwei and the nine villages", ""),
        ("x1" * 4 + "yz" * 60, ""),
    ],
)
def test_the_policy(password: str, found: str) -> None:
    assert code(password) == found


def test_a_short_name_is_in_many_a_word() -> None:
    assert code("a long secret", name="a") == ""


def test_a_password_is_kept_as_argon2id_and_nobody_fits_nothing() -> None:
    kept = passwords.kept("long enough")
    assert kept.startswith("$argon2id$")
    assert "long enough" not in kept
    assert passwords.fits("long enough", kept)
    assert not passwords.fits("long enougH", kept)
    assert not passwords.fits("long enough", None)
