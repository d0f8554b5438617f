"""The check on recorded answers, without WebAssembly: `python3 -m unittest`, or pytest."""

import unittest

from check import run as check
from kit import Exchange, Failure, Report, Status
from kit.testing import FakeHost, exchange, run_check

CONFIG = {"max_latency_ms": 500, "min_certificate_days": 30}


def report_on(http: Exchange) -> Report:
    host = FakeHost()
    host.input("endpoint", http=http, observed="2026-03-02T05:59:58Z")
    return run_check(check, CONFIG, host, now="2026-03-02T06:00:00Z")


class EndpointTest(unittest.TestCase):
    def test_a_good_endpoint_passes(self) -> None:
        report = report_on(exchange(200, total_ms=120.5, not_after="2026-06-01T00:00:00Z"))
        self.assertEqual([finding.status for finding in report.findings], [Status.PASS] * 3)
        self.assertEqual(report.findings[2].message, "valid for 90 more days, at least 30 are wanted")
        self.assertEqual(report.summary, "0 of 3 did not pass")

    def test_a_slow_one_with_an_expired_certificate_fails(self) -> None:
        report = report_on(exchange(503, total_ms=812, not_after="2026-02-28T00:00:00Z"))
        self.assertEqual(
            [(finding.status, finding.message) for finding in report.findings],
            [
                (Status.FAIL, "answered 503, expected 200"),
                (Status.FAIL, "at most 500 ms are allowed"),
                (Status.FAIL, "expired 3 days ago"),
            ],
        )

    def test_no_certificate_is_an_error_and_never_passes(self) -> None:
        report = report_on(exchange(200, total_ms=10))
        self.assertEqual(report.findings[2].status, Status.ERROR)

    def test_a_control_without_the_input_cannot_be_tested(self) -> None:
        with self.assertRaises(Failure) as raised:
            run_check(check, CONFIG)
        self.assertEqual((raised.exception.kind, raised.exception.message), ("bad-input", "input `endpoint` is missing"))


if __name__ == "__main__":
    unittest.main()
