/* Judges what the host gathered from an HTTPS endpoint: its status, how long it took, and its certificate. */
#include "kit/evidenced.h"

static const char schema[] = {
#embed "config.schema.json"
    , 0};

void ev_describe(ev_description *about) {
    ev_about(about, "{{name}}", "0.1.0",
             "An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon", schema);
    ev_needs_input(about, "endpoint", "", false);
}

static void look_at_status(ev_finding *finding, const ev_exchange *http, double expected) {
    ev_measure(finding, "status", http->status, "1");
    ev_pass_if(finding, http->status == expected, ev_join("answered ", http->status, ", expected ", expected));
}

static void look_at_latency(ev_finding *finding, const ev_exchange *http, double max) {
    bool good = ev_at_most(finding, "latency", http->timings.total, "ms", max);
    ev_pass_if(finding, good, ev_join("at most ", max, " ms are allowed"));
}

static void look_at_certificate(ev_finding *finding, const ev_exchange *http, int64_t now, double min) {
    const ev_peer *peer = &http->peer.val;
    int64_t not_after;
    if (!http->peer.is_some || peer->chain.len == 0) {
        ev_mark_error(finding, "no certificate was seen: is the URL https?");
        return;
    }
    if (peer->untrusted.is_some) {
        ev_mark_failed(finding, ev_join("not trusted: ", peer->untrusted.val));
        return;
    }
    if (!ev_instant(peer->chain.ptr[0].not_after, &not_after)) {
        ev_mark_error(finding, ev_join("not a date and time: ", peer->chain.ptr[0].not_after));
        return;
    }
    int64_t days = ev_days(now, not_after);
    bool good = ev_at_least(finding, "days_left", (double)days, "d", min);
    ev_text left = ev_join("valid for ", days, " more days, at least ", min, " are wanted");
    ev_pass_if(finding, good, days < 0 ? ev_join("expired ", -days, " days ago") : left);
}

bool ev_check(ev_run *run) {
    const ev_input *input = ev_input_named(run, "endpoint");
    if (!input) return ev_fail(run, EV_BAD_INPUT, "input `endpoint` is missing", "");
    if (!input->http.is_some)
        return ev_fail(run, EV_BAD_INPUT, "input `endpoint` is no answer of a server: give it by `http`", "");

    ev_scope(run, "status, latency and certificate of the input `endpoint`");
    ev_finding *status = ev_subject(run, "status");
    ev_finding *latency = ev_subject(run, "latency");
    ev_finding *certificate = ev_subject(run, "certificate");
    ev_as_of(status, input->observed);
    ev_as_of(latency, input->observed);
    ev_as_of(certificate, input->observed);

    const ev_exchange *http = &input->http.val;
    look_at_status(status, http, ev_number_or(ev_member(run->config, "status"), 200));
    look_at_latency(latency, http, ev_number(ev_member(run->config, "max_latency_ms")));
    look_at_certificate(certificate, http, run->now, ev_number(ev_member(run->config, "min_certificate_days")));
    return true;
}
