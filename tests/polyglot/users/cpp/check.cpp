// Judges the age of every key of every user of an API.
#include "kit/evidenced.hpp"

using namespace evidenced;

static constexpr char schema[] = {
#embed "config.schema.json"
    , 0};

description describe() {
    return {.name = "users",
            .version = "0.1.0",
            .summary = "Every key of every user is young",
            .config_schema = schema,
            .inputs = {},
            .hosts = {"/url"}};
}

// Of a page only the ids and the next number are kept for later rounds. What is no such page stays as it is.
static std::string ids_and_next(const std::string& body) {
    auto page = json::parse(body);
    if (!page || !(*page)["users"].is_array()) return body;
    std::string ids;
    for (const json& user : (*page)["users"].items())
        ids += text(ids.empty() ? "" : ",", "{\"id\":", json::quoted(user["id"].text()), "}");
    const json& next = (*page)["next"];
    return text("{\"users\":[", ids, "]", next ? ",\"next\":" + next.dump() : "", "}");
}

static result<std::vector<std::string>> list_users(run& run, const std::string& url) {
    std::vector<std::string> users;
    for (double next = 1;;) {
        answer page = run.send({.url = text(url, "/users?page=", next), .reduce = ids_and_next});
        if (!page) return page.failed("users");
        auto listed = page.json();
        bool is_last = listed && (*listed)["next"].is_null();
        next = listed ? (*listed)["next"].number_or(0) : 0;
        if (listed && next < 1 && !is_last)
            return page.not_as_expected("users", "the answer does not say whether it is the last page");
        if (!listed || !(*listed)["users"].is_array())
            return page.not_as_expected("users", "the answer is not the JSON that was expected");
        for (const json& user : (*listed)["users"].items()) users.push_back(user["id"].text());
        if (is_last) return users;
    }
}

result<report> check(run& run) {
    const std::string& url = run.config()["url"].text();
    double max = run.config()["max_age_days"].number();
    auto users = list_users(run, url);
    if (!users) return users.why();

    std::vector<call> calls;
    for (const auto& user : *users) calls.push_back({.url = text(url, "/users/", user, "/keys")});
    auto answers = run.send_all(calls);

    findings all("every key of every user, to the last page");
    for (std::size_t at = 0; at < users->size(); at++) {
        const auto& user = (*users)[at];
        auto listed = answers[at].json();
        if (!answers[at] || !listed || !(*listed)["keys"].is_array()) {
            auto why = answers[at] ? answers[at].not_as_expected("keys", "the answer is not the JSON that was expected")
                                   : answers[at].failed("keys");
            all.subject(user, [&](finding&) { return verdict(why); });
            continue;
        }
        for (const json& key : (*listed)["keys"].items())
            all.subject(text(user, "/", key["id"].text()), [&](finding& found) -> verdict {
                auto created = instant::parse(key["created"].text());
                if (!created) return failure{failure::bad_input, text("not a date and time: ", key["created"].text()), ""};
                auto days = run.now().days_since(*created);
                bool good = found.at_most("age", static_cast<double>(days), "d", max);
                return verdict::pass_if(good, text("created ", days, " days ago, at most ", max, " are allowed"));
            });
    }
    return all.finish();
}
