/* Pages to the last one, and keys that cannot be read. */
#include "kit/testing/testing.h"

static ev_result run(void) {
    ev_request request =
        ev_test_request("2026-03-02T06:00:00.000Z", "{\"url\": \"https://a.example\", \"max_age_days\": 90}");
    return ev_test_run(&request);
}

int main(void) {
    ev_expect(ev_equals(run().failure.message, "users: refused: no answer is known to https://a.example/users?page=1"));

    ev_test_answer("https://a.example/users?page=1", 200, "{\"users\":[{\"id\":\"u001\"}],\"next\":2}");
    ev_test_answer("https://a.example/users?page=2", 200, "{\"users\":[{\"id\":\"u002\"}],\"next\":null}");
    ev_test_answer("https://a.example/users/u001/keys", 200,
                   "{\"keys\":[{\"id\":\"k1\",\"created\":\"2026-01-05T09:00:00.000Z\"}]}");
    ev_result result = run();
    ev_expect(result.reported && ev_equals(result.report.summary, "1 of 2 did not pass"));
    ev_expect(result.report.findings.ptr[0].status == EV_PASS);
    ev_expect(ev_equals(result.report.findings.ptr[0].subject, "u001/k1"));
    ev_expect(result.report.findings.ptr[1].status == EV_ERROR);
    ev_expect(ev_equals(result.report.findings.ptr[1].subject, "u002"));
    return 0;
}
