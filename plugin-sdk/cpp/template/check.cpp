// Judges what the host gathered from an HTTPS endpoint: its status, how long it took, and its certificate.
#include "kit/evidenced.hpp"

using namespace evidenced;

static constexpr char schema[] = {
#embed "config.schema.json"
    , 0};

description describe() {
    return {.name = "{{name}}",
            .version = "0.1.0",
            .summary = "An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon",
            .config_schema = schema,
            .inputs = {{.name = "endpoint"}},
            .hosts = {}};
}

static verdict look_at_certificate(finding& found, const json& peer, instant now, double min) {
    if (peer["chain"].items().empty()) return {verdict::error, "no certificate was seen: is the URL https?"};
    if (peer["untrusted"].is_string()) return {verdict::fail, text("not trusted: ", peer["untrusted"].text())};
    const std::string& end = peer["chain"].items().front()["not_after"].text();
    auto not_after = instant::parse(end);
    if (!not_after) return failure{failure::bad_input, text("not a date and time: ", end), ""};

    auto days = not_after->days_since(now);
    bool good = found.at_least("days_left", static_cast<double>(days), "d", min);
    if (days < 0) return verdict::pass_if(good, text("expired ", -days, " days ago"));
    return verdict::pass_if(good, text("valid for ", days, " more days, at least ", min, " are wanted"));
}

result<report> check(run& run) {
    const json& input = run.input("endpoint");
    if (!input) return failure{failure::bad_input, "input `endpoint` is missing", ""};
    const json& http = input["http"];
    if (!http.is_object())
        return failure{failure::bad_input, "input `endpoint` is no answer of a server: give it by `http`", ""};

    findings all("status, latency and certificate of the input `endpoint`");
    all.subject("status", [&](finding& found) {
        double status = http["status"].number(), expected = run.config()["status"].number_or(200);
        found.as_of(input["observed"].text());
        found.measure("status", status, "1");
        return verdict::pass_if(status == expected, text("answered ", status, ", expected ", expected));
    });
    all.subject("latency", [&](finding& found) {
        double max = run.config()["max_latency_ms"].number();
        found.as_of(input["observed"].text());
        bool good = found.at_most("latency", http["timings"]["total"].number(), "ms", max);
        return verdict::pass_if(good, text("at most ", max, " ms are allowed"));
    });
    all.subject("certificate", [&](finding& found) {
        found.as_of(input["observed"].text());
        return look_at_certificate(found, http["peer"], run.now(), run.config()["min_certificate_days"].number());
    });
    return all.finish();
}
