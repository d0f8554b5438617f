/* What the recorded cases do not say: how a certificate near its end is judged. */
#include "kit/testing/testing.h"

static ev_result run(const char *not_after, double total_ms) {
    ev_request request =
        ev_test_request("2026-03-02T06:00:00.000Z", "{\"max_latency_ms\": 500, \"min_certificate_days\": 30}");
    evidenced_check_types_certificate_t certificate = {.not_after = ev_of_c(not_after)};
    ev_input input = {.name = ev_of_c("endpoint"), .observed = request.now, .http.is_some = true};
    input.http.val.status = 200;
    input.http.val.timings.total = total_ms;
    input.http.val.peer.is_some = true;
    input.http.val.peer.val.chain.ptr = &certificate;
    input.http.val.peer.val.chain.len = 1;
    request.inputs.ptr = &input;
    request.inputs.len = 1;
    return ev_test_run(&request);
}

int main(void) {
    ev_result young = run("2026-04-01T06:00:00.000Z", 500);
    ev_expect(young.reported && young.report.findings.len == 3);
    ev_expect(ev_equals(young.report.summary, "0 of 3 did not pass"));

    ev_result late = run("2026-04-01T05:59:59.999Z", 500.5);
    ev_expect(ev_equals(late.report.summary, "2 of 3 did not pass"));
    ev_expect(ev_equals(late.report.findings.ptr[2].message, "valid for 29 more days, at least 30 are wanted"));

    ev_result expired = run("2026-03-02T05:59:59.999Z", 1);
    ev_expect(ev_equals(expired.report.findings.ptr[2].message, "expired 1 days ago"));

    ev_result odd = run("soon", 0.0 / 0.0);
    ev_expect(odd.report.findings.ptr[1].status == EV_ERROR && odd.report.findings.ptr[2].status == EV_ERROR);
    return 0;
}
