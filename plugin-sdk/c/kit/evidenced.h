/* A check for evidenced, in C. It is one function:
 *
 *     bool ev_check(ev_run *run) {
 *         ev_scope(run, "every key of the API");
 *         ev_answer *answer = ev_get(run, "https://api.example.com/keys");
 *         if (!answer->ok) return ev_fail_by(run, answer, "keys");       // the control could not be tested at all
 *         for (size_t i = 0; i < ev_length(answer->json); i++) {
 *             const ev_json *key = ev_item(answer->json, i);
 *             ev_finding *finding = ev_subject(run, ev_string(ev_member(key, "id")));
 *             if (ev_at_most(finding, "age", ev_number(ev_member(key, "age")), "d", 90)) ev_pass(finding, "young");
 *             else ev_mark_failed(finding, "old");
 *         }
 *         return true;
 *     }
 *
 * What is forgotten is never a pass: a finding without a verdict is an error, and so is one with a measurement that is
 * not a finite number; a status outside of 200 to 299 is an error unless the call accepts it.
 *
 * Memory is never given back: each run has an instance of its own. A text is a pointer and a length, and is not ended
 * by a zero. A JSON value that is not there is NULL, and every function that reads JSON takes NULL. */
#ifndef EVIDENCED_H
#define EVIDENCED_H

#include "bindings/check.h"

typedef check_string_t ev_text;
typedef evidenced_check_types_request_t ev_request;
typedef evidenced_check_types_input_t ev_input;
typedef evidenced_check_types_exchange_t ev_exchange;
typedef evidenced_check_types_peer_t ev_peer;
typedef evidenced_check_types_report_t ev_report;
typedef evidenced_check_types_failure_t ev_failure;
typedef evidenced_check_types_description_t ev_description;

typedef enum { EV_ERROR, EV_FAIL, EV_PASS, EV_NOT_APPLICABLE } ev_status;
typedef enum {
    EV_INTERNAL, EV_UNREACHABLE, EV_DENIED, EV_THROTTLED, EV_TIMEOUT, EV_BAD_INPUT, EV_UNSUPPORTED
} ev_failure_kind;
typedef enum { EV_LOG_DEBUG, EV_LOG_INFO, EV_LOG_WARN, EV_LOG_ERROR } ev_log_level;

/* ---- What you write ---- */

typedef struct ev_run ev_run;
typedef struct ev_json ev_json;
typedef struct ev_finding ev_finding;

/* What the check is and needs; called once for each file, and the outside cannot be asked in it. */
void ev_describe(ev_description *about);
/* Looks at everything in scope. false: the control could not be tested, and `ev_fail` said why. */
bool ev_check(ev_run *run);

/* ---- Describing ---- */

void ev_about(ev_description *about, const char *name, const char *version, const char *summary, const char *schema);
void ev_needs_input(ev_description *about, const char *name, const char *media_type, bool optional);
/* A JSON Pointer into the configuration, such as "/url", where a URL stands that the check will call. */
void ev_needs_host(ev_description *about, const char *pointer);

/* ---- The run ---- */

struct ev_run {
    const ev_request *request;
    const ev_json *config;
    int64_t now;                        /* milliseconds since 1970: the only clock, and it stands still */
    struct ev_draft *draft;
};

/* Where an input came from; NULL when the control has none of this name. */
const ev_input *ev_input_named(const ev_run *run, const char *name);
/* The bytes of an input as text; false: the failure is set. */
bool ev_read_input(ev_run *run, const char *name, ev_text *text);
void ev_log(ev_log_level level, ev_text message);

/* The failure of the run. Always false, for `return ev_fail(…)`. `source` may be an empty text. */
bool ev_fail(ev_run *run, ev_failure_kind kind, ev_text message, ev_text source);

/* ---- Asking ---- */

typedef struct {
    ev_text url;
    const char *method;                 /* NULL = GET */
    ev_text body;                       /* empty = none */
    const char *media_type;             /* of the body */
    bool anonymous;                     /* without the credential of the grant */
    uint16_t accept[4];                 /* statuses besides 200 to 299 that are an answer; 0 = none */
    uint32_t timeout_ms;                /* 0 = what is left of the run */
} ev_call;

typedef struct {
    bool ok;
    ev_text error;                      /* why not: "status 403", "unreachable: …", "timed out" */
    ev_failure_kind kind;               /* what that means for the run */
    ev_text url;
    const ev_exchange *exchange;        /* status, headers, timings; NULL when there was no answer */
    ev_text body;
    const ev_json *json;                /* the body as JSON; NULL when it is none */
} ev_answer;

ev_answer *ev_get(ev_run *run, ev_text url);
ev_answer *ev_send(ev_run *run, const ev_call *call);
/* Side by side; answers in the order of the calls. */
ev_answer *ev_send_all(ev_run *run, const ev_call *calls, size_t count);
/* A header of the answer by its name in any case; empty when there is none. */
ev_text ev_header(const ev_answer *answer, const char *name);
/* The failure of the run that this answer means: "keys: status 403", and its URL as the source. Always false. */
bool ev_fail_by(ev_run *run, const ev_answer *answer, const char *purpose);

/* ---- Findings ---- */

/* How the subjects were found, for the auditor. */
void ev_scope(ev_run *run, const char *population_query);
/* A subject that is looked at; an error until it is judged. */
ev_finding *ev_subject(ev_run *run, ev_text subject);
void ev_pass(ev_finding *finding, ev_text message);
void ev_mark_failed(ev_finding *finding, ev_text message);
void ev_mark_error(ev_finding *finding, ev_text message);
void ev_not_applicable(ev_finding *finding, ev_text message);
void ev_pass_if(ev_finding *finding, bool good, ev_text message);
/* A name for people; when it was true at the source; the source's own id of an event; "pass, but look". */
void ev_label(ev_finding *finding, ev_text label);
void ev_as_of(ev_finding *finding, ev_text instant);
void ev_event(ev_finding *finding, ev_text id);
void ev_attention(ev_finding *finding);
void ev_measure(ev_finding *finding, const char *name, double value, const char *unit);
/* Records a value with its limit, and answers whether it is at most, at least that: on the limit is good. */
bool ev_at_most(ev_finding *finding, const char *name, double value, const char *unit, double limit);
bool ev_at_least(ev_finding *finding, const char *name, double value, const char *unit, double limit);

/* Left out: as many as there are findings; "N of M did not pass". */
void ev_population(ev_run *run, uint32_t subjects);
void ev_summary(ev_run *run, ev_text summary);
void ev_incomplete(ev_run *run, ev_text why);
void ev_covered_until(ev_run *run, ev_text instant);

/* ---- JSON ---- */

/* NULL when the text is not JSON. */
const ev_json *ev_parse(ev_text text);
const ev_json *ev_member(const ev_json *object, const char *name);
const ev_json *ev_item(const ev_json *array, size_t at);
size_t ev_length(const ev_json *array);
bool ev_is_null(const ev_json *value);
bool ev_is_true(const ev_json *value);
bool ev_is_array(const ev_json *value);
/* NaN when it is no number, so that a measurement of it becomes an error. */
double ev_number(const ev_json *value);
double ev_number_or(const ev_json *value, double otherwise);
/* Empty when it is no string; `ev_is_string` tells that apart from "". */
ev_text ev_string(const ev_json *value);
bool ev_is_string(const ev_json *value);

/* ---- Text and time ---- */

ev_text ev_of_c(const char *text);
/* A whole number without a point, any other with at most three digits after it. */
ev_text ev_of_double(double number);
ev_text ev_of_integer(int64_t number);
ev_text ev_same(ev_text text);
bool ev_equals(ev_text text, const char *other);
ev_text ev_join_all(const ev_text *parts, size_t count);

/* An RFC 3339 instant as milliseconds since 1970; false when it is none. */
bool ev_instant(ev_text text, int64_t *ms);
/* Whole days between two instants, rounded down: -0.5 days are -1. */
int64_t ev_days(int64_t from_ms, int64_t until_ms);

/* Text of a C string, a number or a text: ev_join("valid for ", days, " days of ", name). At most 9 parts. */
#define ev_text_of(part) _Generic((part), char *: ev_of_c, const char *: ev_of_c, double: ev_of_double, \
    float: ev_of_double, ev_text: ev_same, default: ev_of_integer)(part)
#define ev_join(...) ev_join_pick(__VA_ARGS__, ev_j9, ev_j8, ev_j7, ev_j6, ev_j5, ev_j4, ev_j3, ev_j2, ev_j1)(__VA_ARGS__)
#define ev_join_pick(a, b, c, d, e, f, g, h, i, name, ...) name
#define ev_parts(...) ev_join_all((const ev_text[]){__VA_ARGS__}, sizeof((const ev_text[]){__VA_ARGS__}) / sizeof(ev_text))
#define ev_t ev_text_of
#define ev_j1(a) ev_parts(ev_t(a))
#define ev_j2(a, b) ev_parts(ev_t(a), ev_t(b))
#define ev_j3(a, b, c) ev_parts(ev_t(a), ev_t(b), ev_t(c))
#define ev_j4(a, b, c, d) ev_parts(ev_t(a), ev_t(b), ev_t(c), ev_t(d))
#define ev_j5(a, b, c, d, e) ev_parts(ev_t(a), ev_t(b), ev_t(c), ev_t(d), ev_t(e))
#define ev_j6(a, b, c, d, e, f) ev_parts(ev_t(a), ev_t(b), ev_t(c), ev_t(d), ev_t(e), ev_t(f))
#define ev_j7(a, b, c, d, e, f, g) ev_parts(ev_t(a), ev_t(b), ev_t(c), ev_t(d), ev_t(e), ev_t(f), ev_t(g))
#define ev_j8(a, b, c, d, e, f, g, h) ev_parts(ev_t(a), ev_t(b), ev_t(c), ev_t(d), ev_t(e), ev_t(f), ev_t(g), ev_t(h))
#define ev_j9(a, b, c, d, e, f, g, h, i) ev_parts(ev_t(a), ev_t(b), ev_t(c), ev_t(d), ev_t(e), ev_t(f), ev_t(g), ev_t(h), ev_t(i))

/* Where a text is wanted a C string or a number may stand. */
#define ev_fail(run, kind, message, source) ev_fail(run, kind, ev_text_of(message), ev_text_of(source))
#define ev_get(run, url) ev_get(run, ev_text_of(url))
#define ev_subject(run, subject) ev_subject(run, ev_text_of(subject))
#define ev_pass(finding, message) ev_pass(finding, ev_text_of(message))
#define ev_mark_failed(finding, message) ev_mark_failed(finding, ev_text_of(message))
#define ev_mark_error(finding, message) ev_mark_error(finding, ev_text_of(message))
#define ev_not_applicable(finding, message) ev_not_applicable(finding, ev_text_of(message))
#define ev_pass_if(finding, good, message) ev_pass_if(finding, good, ev_text_of(message))
#define ev_log(level, message) ev_log(level, ev_text_of(message))
#define ev_summary(run, summary) ev_summary(run, ev_text_of(summary))
#define ev_incomplete(run, why) ev_incomplete(run, ev_text_of(why))

#endif
