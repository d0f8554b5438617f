// A check for evidenced, in C++. It is two functions:
//
//     evidenced::description describe();
//     evidenced::result<evidenced::report> check(evidenced::run& run);
//
// and this header in one source file of the program. The program is run anew for each round of questions: it is written as
// if it were answered at once, and a question that has no answer yet ends the round there. So everything before a question
// happens again, and must be the same: there is no clock and no randomness but the run's, and this is so by itself.
//
// Older answers are kept in the memo, which holds 1 MiB. Of an answer of which little is needed say what, by `reduce`:
// its body is then what `reduce` made of it, from the first time on.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"
#include "report.hpp"
#include "time.hpp"

namespace evidenced {

// What the check is and needs. Pure: nothing can be asked for it.
struct description {
    struct input {
        std::string name, media_type;
        bool optional = false;
    };
    std::string name, version, summary;
    std::string_view config_schema;      // JSON Schema of the configuration; empty = any object
    std::vector<input> inputs;
    std::vector<std::string> hosts;      // JSON Pointers to URLs in the configuration that the check will call
    bool tls = false, state = false, history = false, interval = false;
};

// One question over HTTP. The host adds the credential.
struct call {
    std::string url;
    std::string method = "GET";
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;                    // empty = none
    bool anonymous = false;              // without the credential of the grant
    std::vector<int> accept;             // statuses besides 200 to 299 that are an answer
    unsigned timeout_ms = 0;             // 0 = what is left of the run
    std::function<std::string(const std::string& body)> reduce;
};

// An answer, or why there is none.
struct answer {
    bool ok = false;
    std::string error;                   // "status 403", "unreachable: …", "timed out"
    failure::kinds kind = failure::internal;
    std::string url;
    int status = 0;                      // 0 = no answer at all
    evidenced::json http;                // headers, timings, peer; absent in an answer that was reduced
    std::string body;

    explicit operator bool() const { return ok; }
    std::optional<evidenced::json> json() const { return evidenced::json::parse(body); }
    // The failure that this answer means, and its URL as the source: answer.failed("keys") says "keys: status 403".
    failure failed(std::string_view purpose) const { return {kind, text(purpose, ": ", error), url}; }
    // The failure of a check that cannot make sense of the answer.
    failure not_as_expected(std::string_view purpose, std::string_view why) const {
        return {failure::bad_input, text(purpose, ": ", why), url};
    }
};

class run {
public:
    explicit run(json request) : request_(std::move(request)), now_(instant::parse(request_["now"].text())) {
        for (const auto& [id, kept] : request_["memo"].members()) know(id, {kept, true});
        for (const json& given : request_["answers"].items()) know(given["id"].text(), {given, false});
    }

    const json& request() const { return request_; }
    const json& config() const { return request_["config"]; }
    // The only clock, and it stands still.
    instant now() const { return now_.value_or(instant{}); }
    // Facts of an input (`source`, `rows`, `observed`, `http` …); absent when the control has none of this name.
    const json& input(std::string_view name) const {
        static const json nothing;
        for (const json& input : request_["inputs"].items())
            if (input["name"].text() == name) return input;
        return nothing;
    }
    // The bytes of an input.
    result<std::string> read(std::string_view name) const {
        std::FILE* file = std::fopen(input(name)["path"].text().c_str(), "rb");
        if (!file) return failure{failure::unsupported, text("the control has no input `", name, "`"), ""};
        std::string all = read_all(file);
        std::fclose(file);
        return all;
    }
    // A line in the daemon's log; never evidence.
    void log(std::string_view line) const { std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data()); }

    answer get(std::string url) { return send({.url = std::move(url)}); }
    answer send(call one) { return send_all({std::move(one)}).front(); }
    // Side by side, in one round; answers in the order of the calls.
    std::vector<answer> send_all(const std::vector<call>& calls) {
        std::vector<std::string> questions;
        for (const call& one : calls) questions.push_back(question(one));
        auto given = ask(questions, calls);
        std::vector<answer> answers;
        for (std::size_t at = 0; at < calls.size(); at++) answers.push_back(read_answer(calls[at], given[at]));
        return answers;
    }
    // What else a command may ask, as the contract writes it: ask("\"tls\":{\"host\":\"a.example\",\"port\":443}").
    // The answer has `ok` or `error`.
    json ask(std::string question) { return ask({std::move(question)}, {{}}).front(); }

    static std::string read_all(std::FILE* file) {
        std::string all;
        char piece[4096];
        while (std::size_t length = std::fread(piece, 1, sizeof piece, file)) all.append(piece, length);
        return all;
    }
    static void print(const std::string& out) { std::fwrite(out.data(), 1, out.size(), stdout); }
    [[noreturn]] static void print_failure(const failure& why) {
        static constexpr const char* words[] = {"internal", "unreachable", "denied", "throttled",
                                                "timeout", "bad-input", "unsupported"};
        std::string source = why.source.empty() ? "" : ",\"source\":" + json::quoted(why.source);
        print(text("{\"failure\":{\"kind\":\"", words[why.kind], "\",\"message\":", json::quoted(why.message), source,
                   "}}\n"));
        std::exit(0);
    }

private:
    struct known {
        json given;
        bool kept = false;               // came out of the memo, so it was reduced before
    };

    // Questions are q1, q2 … in the order in which they are asked. The memo comes back in an order of its own.
    void know(const std::string& id, known answer) {
        std::size_t number = std::strtoul(id.c_str() + 1, nullptr, 10);
        if (known_.size() < number) known_.resize(number);
        if (number > 0) known_[number - 1] = std::move(answer);
    }

    static std::string question(const call& one) {
        std::string out = text("\"http\":{\"method\":", json::quoted(one.method), ",\"url\":", json::quoted(one.url));
        std::string list;
        for (const auto& [name, value] : one.headers)
            list += text(list.empty() ? "" : ",", "[", json::quoted(name), ",", json::quoted(value), "]");
        if (!list.empty()) out += text(",\"headers\":[", list, "]");
        if (!one.body.empty()) out += ",\"body\":" + json::quoted(one.body);
        if (one.anonymous) out += ",\"auth\":\"anonymous\"";
        list.clear();
        for (int status : one.accept) list += text(list.empty() ? "" : ",", status);
        if (!list.empty()) out += text(",\"accept\":[", list, "]");
        if (one.timeout_ms > 0) out += text(",\"timeout_ms\":", one.timeout_ms);
        return out + "}";
    }

    // The answers, if all are known. Else this round ends here, with the questions.
    std::vector<json> ask(const std::vector<std::string>& questions, const std::vector<call>& calls) {
        std::vector<json> answers;
        std::string asked;
        for (std::size_t at = 0; at < questions.size(); at++) {
            if (++number_ <= known_.size()) {
                known& found = known_[number_ - 1];
                if (!found.kept && calls[at].reduce) reduce(found, calls[at]);
                found.kept = true;
                answers.push_back(found.given);
            } else {
                asked += text(asked.empty() ? "" : ",", "{\"id\":\"q", number_, "\",", questions[at], "}");
            }
        }
        if (!asked.empty()) end_round(asked);
        return answers;
    }

    static void reduce(known& one, const call& of) {
        const json& ok = one.given["ok"];
        if (!ok) return;
        std::string body = json::quoted(of.reduce(ok["body"].text()));
        one.given = *json::parse(text("{\"ok\":{\"status\":", ok["status"].dump(), ",\"body\":", body, "}}"));
    }

    [[noreturn]] void end_round(const std::string& asked) const {
        std::string memo;
        for (std::size_t at = 0; at < known_.size(); at++) {
            const char* which = known_[at].given["ok"] ? "ok" : "error";
            memo += text(at == 0 ? "" : ",", "\"q", at + 1, "\":{\"", which, "\":", known_[at].given[which].dump(), "}");
        }
        if (memo.size() > (1u << 20) - 2)
            print_failure({failure::internal, "the answers so far do not fit into the memo of 1 MiB: use `reduce`", ""});
        print(text("{\"ask\":[", asked, "],\"memo\":{", memo, "}}\n"));
        std::exit(0);
    }

    static answer read_answer(const call& of, const json& given) {
        answer out;
        out.url = of.url;
        out.ok = static_cast<bool>(given["ok"]);
        out.http = out.ok ? given["ok"] : given["error"];
        out.status = static_cast<int>(out.http["status"].number_or(0));
        out.body = out.http["body"].text();
        if (!out.ok) explain(out, given["error"]["kind"].text(), given["error"]["message"].text());
        return out;
    }

    static void explain(answer& out, const std::string& kind, const std::string& message) {
        int status = out.status;
        if (kind == "refused") out.kind = failure::unsupported, out.error = "refused: " + message;
        else if (kind == "unreachable") out.kind = failure::unreachable, out.error = "unreachable: " + message;
        else if (kind == "tls") out.kind = failure::unreachable, out.error = "TLS: " + message;
        else if (kind == "timeout") out.kind = failure::timeout, out.error = "timed out";
        else if (kind == "limit") {
            out.kind = message == "wall" ? failure::timeout : failure::unsupported;
            out.error = "over the limit " + message;
        } else if (kind == "status") {
            out.kind = status == 401 || status == 403   ? failure::denied
                       : status == 408 || status == 504 ? failure::timeout
                       : status == 429                  ? failure::throttled
                       : status >= 500 && status < 600  ? failure::unreachable
                                                        : failure::bad_input;
            out.error = text("status ", status);
        } else out.kind = failure::bad_input, out.error = message;
    }

    json request_;
    std::optional<instant> now_;
    std::vector<known> known_;
    std::size_t number_ = 0;             // of the question that was asked last
};

inline std::string dump(const description& about) {
    std::string inputs, hosts;
    for (const auto& input : about.inputs)
        inputs += text(inputs.empty() ? "" : ",", "{\"name\":", json::quoted(input.name), ",\"media_type\":",
                       json::quoted(input.media_type), ",\"optional\":", input.optional ? "true" : "false", "}");
    for (const auto& host : about.hosts) hosts += text(hosts.empty() ? "" : ",", json::quoted(host));
    auto flag = [](const char* name, bool set) { return set ? text(",\"", name, "\":true") : std::string(); };
    return text("{\"contract\":\"1.0\",\"name\":", json::quoted(about.name), ",\"version\":", json::quoted(about.version),
                ",\"summary\":", json::quoted(about.summary), ",\"config_schema\":",
                about.config_schema.empty() ? "null" : about.config_schema, ",\"needs\":{\"inputs\":[", inputs,
                "],\"hosts\":[", hosts, "]", flag("tls", about.tls), flag("state", about.state),
                flag("history", about.history), flag("interval", about.interval), "}}\n");
}

}  // namespace evidenced

evidenced::description describe();
evidenced::result<evidenced::report> check(evidenced::run& run);

int main(int count, char** words) {
    using evidenced::failure, evidenced::run;
    if (count > 1 && std::string_view(words[1]) == "--describe") {
        run::print(evidenced::dump(describe()));
        return 0;
    }
    auto request = evidenced::json::parse(run::read_all(stdin));
    if (!request) run::print_failure({failure::internal, "the request cannot be read", ""});
    run told(std::move(*request));
    auto done = check(told);
    if (!done) run::print_failure(done.why());
    run::print("{" + done->json_members + "}\n");
}
