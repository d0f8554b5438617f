import unittest

from check import run as check
from kit import Failure, Status
from kit.testing import FakeHost, run_check

URL = "https://api.example.com"
CONFIG = {"url": URL, "max_age_days": 90}


class UsersTest(unittest.TestCase):
    def test_users_that_cannot_be_read_are_errors_and_the_others_are_looked_at(self) -> None:
        host = FakeHost()
        host.answer(f"{URL}/users?page=1", {"users": [{"id": "u001"}], "next": 2})
        host.answer(f"{URL}/users?page=2", {"users": [{"id": "u002"}, {"id": "u003"}], "next": None})
        host.answer(f"{URL}/users/u001/keys", {"keys": [{"id": "k1", "created": "2025-11-01T09:00:00.000Z"}]})
        host.answer(f"{URL}/users/u002/keys", "", status=403)
        host.answer(f"{URL}/users/u003/keys", {"keys": [{"id": "k1", "created": "2026-01-05T09:00:00.000Z"}]})
        report = run_check(check, CONFIG, host)
        self.assertEqual(
            [(finding.subject, finding.status, finding.message) for finding in report.findings],
            [
                ("u001/k1", Status.FAIL, "created 120 days ago, at most 90 are allowed"),
                ("u002", Status.ERROR, "keys: status 403"),
                ("u003/k1", Status.PASS, "created 55 days ago, at most 90 are allowed"),
            ],
        )
        self.assertEqual(report.summary, "2 of 3 did not pass")

    def test_a_list_that_may_go_on_is_a_failure(self) -> None:
        host = FakeHost()
        host.answer(f"{URL}/users?page=1", {"users": []})
        with self.assertRaises(Failure) as raised:
            run_check(check, CONFIG, host)
        self.assertEqual(str(raised.exception), "users: the answer does not say whether it is the last page")
        self.assertEqual((raised.exception.kind, raised.exception.source), ("bad-input", f"{URL}/users?page=1"))

    def test_a_page_that_is_throttled_is_a_failure(self) -> None:
        host = FakeHost()
        host.answer(f"{URL}/users?page=1", "", status=429)
        with self.assertRaises(Failure) as raised:
            run_check(check, CONFIG, host)
        self.assertEqual((raised.exception.kind, str(raised.exception)), ("throttled", "users: status 429"))
