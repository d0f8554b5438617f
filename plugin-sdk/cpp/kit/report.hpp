// Findings, and the report and the failure that a check comes to.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json.hpp"

namespace evidenced {

// The text of strings and numbers, one after the other: text("valid for ", days, " days").
template <class... Parts> std::string text(const Parts&... parts) {
    auto one = [](const auto& part) -> std::string {
        using part_type = std::decay_t<decltype(part)>;
        if constexpr (std::is_floating_point_v<part_type>) return json::of_number(part);
        else if constexpr (std::is_integral_v<part_type>) return std::to_string(part);
        else return std::string(part);
    };
    return (std::string() + ... + one(parts));
}

// Why a control could not be tested at all.
struct failure {
    enum kinds { internal, unreachable, denied, throttled, timeout, bad_input, unsupported };
    kinds kind = internal;
    std::string message;
    std::string source;            // empty = none
};

// Either a value, or the failure that there is instead of it.
template <class T> class result {
public:
    result(T value) : value_(std::move(value)) {}
    result(failure why) : failure_(std::move(why)) {}
    explicit operator bool() const { return value_.has_value(); }
    const T& operator*() const { return *value_; }
    const T* operator->() const { return &*value_; }
    const failure& why() const { return failure_; }

private:
    std::optional<T> value_;
    failure failure_;
};

// What a subject came to. A failure that is returned in place of one makes the finding an `error`.
struct verdict {
    enum statuses { error, fail, pass, not_applicable };
    statuses status = error;
    std::string message = "the check came to no verdict";
    bool attention = false;        // passes, but a person should look

    verdict() = default;
    verdict(statuses status, std::string message) : status(status), message(std::move(message)) {}
    verdict(const failure& why) : message(why.message) {}
    static verdict pass_if(bool good, std::string message) { return {good ? pass : fail, std::move(message)}; }
};

// One finding in the making.
class finding {
public:
    explicit finding(std::string subject) : subject_(std::move(subject)) {}

    void label(std::string name) { label_ = std::move(name); }           // for people; may change
    void as_of(std::string instant) { as_of_ = std::move(instant); }     // when it was true at the source
    void event(std::string id) { event_ = std::move(id); }               // the source's own id
    void measure(std::string_view name, double value, std::string_view unit) { add(name, value, unit, {}); }
    // Records a value with its limit, and answers whether it is good: on the limit is.
    bool at_most(std::string_view name, double value, std::string_view unit, double limit) {
        add(name, value, unit, limit);
        return value <= limit;
    }
    bool at_least(std::string_view name, double value, std::string_view unit, double limit) {
        add(name, value, unit, limit);
        return value >= limit;
    }

private:
    friend class findings;

    void add(std::string_view name, double value, std::string_view unit, std::optional<double> limit) {
        if (!std::isfinite(value) || (limit && !std::isfinite(*limit))) {
            broken_ = text("the measurement `", name, "` is not a finite number");
            return;
        }
        measurements_ += text(measurements_.empty() ? "" : ",", "{\"name\":", json::quoted(name), ",\"value\":", value,
                              ",\"unit\":", json::quoted(unit));
        measurements_ += limit ? text(",\"limit\":", *limit, "}") : "}";
    }

    std::string dump(verdict reached) const {
        static constexpr const char* words[] = {"error", "fail", "pass", "not-applicable"};
        if (!broken_.empty()) reached = {verdict::error, broken_};
        std::string out = text("{\"subject\":", json::quoted(subject_), ",\"status\":\"", words[reached.status],
                               "\",\"message\":", json::quoted(reached.message));
        if (label_) out += ",\"label\":" + json::quoted(*label_);
        if (as_of_) out += ",\"as_of\":" + json::quoted(*as_of_);
        if (event_) out += ",\"event\":" + json::quoted(*event_);
        if (reached.attention && reached.status == verdict::pass) out += ",\"attention\":true";
        return out + ",\"measurements\":[" + measurements_ + "]}";
    }

    std::string subject_, measurements_, broken_;
    std::optional<std::string> label_, as_of_, event_;
};

// What is printed in the end.
struct report {
    std::string json_members;
};

// A report in the making: one finding for every subject, also for those that pass.
class findings {
public:
    // `population_query` tells the auditor how the subjects were found.
    explicit findings(std::string population_query) : query_(std::move(population_query)) {}

    // Looks at one subject. `look` takes the finding and returns a verdict, or a failure: that is an `error` finding.
    template <class Look> void subject(std::string subject, Look&& look) {
        finding draft(std::move(subject));
        verdict reached = look(draft);
        std::string made = draft.dump(reached);
        if (reached.status != verdict::pass || !draft.broken_.empty()) did_not_pass_++;
        list_ += text(count_ == 0 ? "" : ",", made);
        count_++;
    }

    std::size_t size() const { return count_; }
    std::size_t did_not_pass() const { return did_not_pass_; }
    // Subjects in scope, when they are more than those that are listed.
    void population(std::uint32_t subjects) { population_ = subjects; }
    // What the source itself says that there is.
    void source_total(std::uint32_t total) { rest_ += text(",\"source_total\":", total); }
    // Why not everything in scope was looked at.
    void incomplete(std::string_view why) { rest_ += text(",\"incomplete\":", json::quoted(why)); }
    // Events are judged up to here; for checks whose needs say `interval`.
    void covered_until(std::string_view instant) { rest_ += text(",\"covered_until\":", json::quoted(instant)); }

    report finish() const { return finish(text(did_not_pass_, " of ", count_, " did not pass")); }
    report finish(std::string_view summary) const {
        return {text("\"summary\":", json::quoted(summary), ",\"population\":", population_.value_or(count_),
                     ",\"population_query\":", json::quoted(query_), ",\"listing\":\"",
                     population_ ? "not-passing" : "every-subject", "\",\"findings\":[", list_, "]", rest_)};
    }

private:
    std::string query_, list_, rest_;
    std::size_t count_ = 0, did_not_pass_ = 0;
    std::optional<std::size_t> population_;
};

}  // namespace evidenced
