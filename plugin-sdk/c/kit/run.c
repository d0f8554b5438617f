/* The run: what it is told, how it asks, and the report that it becomes. */
#include <stdlib.h>
#include <string.h>

#include "evidenced.h"

struct ev_finding {
    evidenced_check_types_finding_t made;
    size_t room;
    const char *not_finite;             /* a measurement that broke it */
    ev_finding *next;
};

struct ev_draft {
    ev_report report;
    ev_failure failure;
    ev_finding *first, **last;
    bool population_said;
};

static void some(check_option_string_t *option, ev_text text) {
    option->is_some = true;
    option->val = text;
}

/* ---- Describing ---- */

void ev_about(ev_description *about, const char *name, const char *version, const char *summary, const char *schema) {
    about->name = ev_of_c(name);
    about->version = ev_of_c(version);
    about->summary = ev_of_c(summary);
    about->config_schema = ev_of_c(schema);
}

void ev_needs_input(ev_description *about, const char *name, const char *media_type, bool optional) {
    evidenced_check_types_list_input_need_t *inputs = &about->needs.inputs;
    inputs->ptr = realloc(inputs->ptr, (inputs->len + 1) * sizeof *inputs->ptr);
    inputs->ptr[inputs->len++] =
        (evidenced_check_types_input_need_t){ev_of_c(name), ev_of_c(media_type), optional};
}

void ev_needs_host(ev_description *about, const char *pointer) {
    check_list_string_t *hosts = &about->needs.hosts;
    hosts->ptr = realloc(hosts->ptr, (hosts->len + 1) * sizeof *hosts->ptr);
    hosts->ptr[hosts->len++] = ev_of_c(pointer);
}

/* What the host gets it gives back by `free`, so that it must be ours to give: the bindings' post-return frees each text. */
static void own(ev_text *text) {
    if (text->len > 0) *text = ev_join_all(text, 1);
}

void exports_evidenced_check_checker_describe(ev_description *about) {
    memset(about, 0, sizeof *about);
    ev_describe(about);
    own(&about->name), own(&about->version), own(&about->summary), own(&about->config_schema);
    for (size_t i = 0; i < about->needs.inputs.len; i++)
        own(&about->needs.inputs.ptr[i].name), own(&about->needs.inputs.ptr[i].media_type);
    for (size_t i = 0; i < about->needs.hosts.len; i++) own(&about->needs.hosts.ptr[i]);
}

/* ---- The run ---- */

const ev_input *ev_input_named(const ev_run *run, const char *name) {
    for (size_t i = 0; i < run->request->inputs.len; i++)
        if (ev_equals(run->request->inputs.ptr[i].name, name)) return &run->request->inputs.ptr[i];
    return NULL;
}

bool ev_read_input(ev_run *run, const char *name, ev_text *text) {
    ev_text wanted = ev_of_c(name);
    evidenced_check_inputs_error_t error;
    if (evidenced_check_inputs_read_text(&wanted, text, &error)) return true;
    if (error.tag == EVIDENCED_CHECK_INPUTS_ERROR_UNKNOWN)
        return ev_fail(run, EV_UNSUPPORTED, ev_join("the control has no input `", name, "`"), name);
    return ev_fail(run, EV_BAD_INPUT, ev_join("an input cannot be read: ", error.val.unreadable), name);
}

void (ev_log)(ev_log_level level, ev_text message) { evidenced_check_log_write((uint8_t)level, &message); }

bool (ev_fail)(ev_run *run, ev_failure_kind kind, ev_text message, ev_text source) {
    ev_failure *failure = &run->draft->failure;
    failure->kind = (uint8_t)kind;
    failure->message = message;
    failure->source = (check_option_string_t){source.len > 0, source};
    return false;
}

/* ---- Asking ---- */

static ev_failure_kind kind_of_status(unsigned status) {
    switch (status) {
    case 401: case 403: return EV_DENIED;
    case 408: case 504: return EV_TIMEOUT;
    case 429: return EV_THROTTLED;
    default: return status >= 500 && status < 600 ? EV_UNREACHABLE : EV_BAD_INPUT;
    }
}

static void explain(ev_answer *answer, evidenced_check_http_error_t *error) {
    switch (error->tag) {
    case EVIDENCED_CHECK_HTTP_ERROR_REFUSED:
        answer->kind = EV_UNSUPPORTED;
        answer->error = ev_join("refused: ", error->val.refused);
        break;
    case EVIDENCED_CHECK_HTTP_ERROR_UNREACHABLE:
        answer->kind = EV_UNREACHABLE;
        answer->error = ev_join("unreachable: ", error->val.unreachable);
        break;
    case EVIDENCED_CHECK_HTTP_ERROR_TIMEOUT:
        answer->kind = EV_TIMEOUT;
        answer->error = ev_of_c("timed out");
        break;
    case EVIDENCED_CHECK_HTTP_ERROR_TLS:
        answer->kind = EV_UNREACHABLE;
        answer->error = ev_join("TLS: ", error->val.tls);
        break;
    case EVIDENCED_CHECK_HTTP_ERROR_STATUS:
        answer->exchange = &error->val.status.exchange;
        answer->body = (ev_text){error->val.status.body.ptr, error->val.status.body.len};
        answer->kind = kind_of_status(answer->exchange->status);
        answer->error = ev_join("status ", answer->exchange->status);
        break;
    default:
        answer->kind = ev_equals(error->val.limit, "wall") ? EV_TIMEOUT : EV_UNSUPPORTED;
        answer->error = ev_join("over the limit ", error->val.limit);
    }
}

static void request_of(const ev_call *call, evidenced_check_http_request_t *request) {
    request->method = ev_of_c(call->method ? call->method : "GET");
    request->url = call->url;
    request->auth.tag = call->anonymous ? EVIDENCED_CHECK_HTTP_AUTH_ANONYMOUS : EVIDENCED_CHECK_HTTP_AUTH_GRANTED;
    request->timeout_ms = call->timeout_ms;
    request->accept.ptr = (uint16_t *)call->accept;
    while (request->accept.len < 4 && call->accept[request->accept.len]) request->accept.len++;
    if (call->body.len > 0) request->body = (check_option_list_u8_t){true, {call->body.ptr, call->body.len}};
    if (call->media_type) {
        request->headers.ptr = malloc(sizeof *request->headers.ptr);
        *request->headers.ptr = (check_tuple2_string_string_t){ev_of_c("content-type"), ev_of_c(call->media_type)};
        request->headers.len = 1;
    }
}

ev_answer *ev_send_all(ev_run *run, const ev_call *calls, size_t count) {
    (void)run;
    ev_answer *answers = calloc(count + 1, sizeof *answers);
    evidenced_check_http_list_request_t requests = {calloc(count + 1, sizeof *requests.ptr), count};
    evidenced_check_http_list_result_response_error_t results = {0};
    for (size_t i = 0; i < count; i++) request_of(&calls[i], &requests.ptr[i]);
    if (count > 0) evidenced_check_http_send_all(&requests, &results);
    for (size_t i = 0; i < count; i++) {
        answers[i].url = calls[i].url;
        answers[i].ok = !results.ptr[i].is_err;
        if (!answers[i].ok) {
            explain(&answers[i], &results.ptr[i].val.err);
            continue;
        }
        evidenced_check_http_response_t *response = &results.ptr[i].val.ok;
        answers[i].exchange = &response->exchange;
        answers[i].body = (ev_text){response->body.ptr, response->body.len};
        answers[i].json = ev_parse(answers[i].body);
    }
    return answers;
}

ev_answer *ev_send(ev_run *run, const ev_call *call) { return ev_send_all(run, call, 1); }
ev_answer *(ev_get)(ev_run *run, ev_text url) { return ev_send(run, &(ev_call){.url = url}); }

static bool same_name(ev_text name, const char *other) {
    if (name.len != strlen(other)) return false;
    for (size_t i = 0; i < name.len; i++)
        if ((name.ptr[i] | 0x20) != (other[i] | 0x20)) return false;
    return true;
}

ev_text ev_header(const ev_answer *answer, const char *name) {
    for (size_t i = 0; answer->exchange && i < answer->exchange->headers.len; i++)
        if (same_name(answer->exchange->headers.ptr[i].f0, name)) return answer->exchange->headers.ptr[i].f1;
    return (ev_text){0};
}

bool ev_fail_by(ev_run *run, const ev_answer *answer, const char *purpose) {
    return ev_fail(run, answer->kind, ev_join(purpose, ": ", answer->error), answer->url);
}

/* ---- Findings ---- */

void ev_scope(ev_run *run, const char *query) { run->draft->report.population_query = ev_of_c(query); }

ev_finding *(ev_subject)(ev_run *run, ev_text subject) {
    ev_finding *finding = calloc(1, sizeof *finding);
    finding->made.subject = subject;
    finding->made.message = ev_of_c("the check came to no verdict");
    *run->draft->last = finding;
    run->draft->last = &finding->next;
    return finding;
}

static void judge(ev_finding *finding, ev_status status, ev_text message) {
    finding->made.status = (uint8_t)status;
    finding->made.message = message;
}

void (ev_pass)(ev_finding *finding, ev_text message) { judge(finding, EV_PASS, message); }
void (ev_mark_failed)(ev_finding *finding, ev_text message) { judge(finding, EV_FAIL, message); }
void (ev_mark_error)(ev_finding *finding, ev_text message) { judge(finding, EV_ERROR, message); }
void (ev_not_applicable)(ev_finding *finding, ev_text message) { judge(finding, EV_NOT_APPLICABLE, message); }

void (ev_pass_if)(ev_finding *finding, bool good, ev_text message) { judge(finding, good ? EV_PASS : EV_FAIL, message); }

void ev_label(ev_finding *finding, ev_text label) { some(&finding->made.label, label); }
void ev_event(ev_finding *finding, ev_text id) { some(&finding->made.event, id); }
void ev_attention(ev_finding *finding) { finding->made.attention = true; }

void ev_as_of(ev_finding *finding, ev_text instant) {
    finding->made.as_of = (evidenced_check_types_option_instant_t){true, instant};
}

static void measure(ev_finding *finding, const char *name, double value, const char *unit, check_option_f64_t limit) {
    if (value - value != 0 || limit.val - limit.val != 0) {
        finding->not_finite = name;
        return;
    }
    evidenced_check_types_list_measurement_t *all = &finding->made.measurements;
    if (all->len == finding->room) {
        finding->room = finding->room * 2 + 1;
        all->ptr = realloc(all->ptr, finding->room * sizeof *all->ptr);
    }
    all->ptr[all->len++] = (evidenced_check_types_measurement_t){ev_of_c(name), value, ev_of_c(unit), limit};
}

void ev_measure(ev_finding *finding, const char *name, double value, const char *unit) {
    measure(finding, name, value, unit, (check_option_f64_t){0});
}

bool ev_at_most(ev_finding *finding, const char *name, double value, const char *unit, double limit) {
    measure(finding, name, value, unit, (check_option_f64_t){true, limit});
    return value <= limit;
}

bool ev_at_least(ev_finding *finding, const char *name, double value, const char *unit, double limit) {
    measure(finding, name, value, unit, (check_option_f64_t){true, limit});
    return value >= limit;
}

void ev_population(ev_run *run, uint32_t subjects) {
    run->draft->report.population = subjects;
    run->draft->population_said = true;
}

void (ev_summary)(ev_run *run, ev_text summary) { run->draft->report.summary = summary; }
void (ev_incomplete)(ev_run *run, ev_text why) { some(&run->draft->report.incomplete, why); }

void ev_covered_until(ev_run *run, ev_text instant) {
    run->draft->report.covered_until = (evidenced_check_types_option_instant_t){true, instant};
}

/* ---- The report ---- */

static void own_finding(evidenced_check_types_finding_t *finding) {
    own(&finding->subject), own(&finding->label.val), own(&finding->message), own(&finding->as_of.val);
    own(&finding->event.val);
    for (size_t i = 0; i < finding->measurements.len; i++)
        own(&finding->measurements.ptr[i].name), own(&finding->measurements.ptr[i].unit);
}

static void finish(struct ev_draft *draft, ev_report *report) {
    size_t listed = 0, passed = 0;
    for (ev_finding *finding = draft->first; finding; finding = finding->next) listed++;
    *report = draft->report;
    report->findings.ptr = calloc(listed + 1, sizeof *report->findings.ptr);
    for (ev_finding *finding = draft->first; finding; finding = finding->next) {
        if (finding->not_finite) {
            const char *name = finding->not_finite;
            ev_mark_error(finding, ev_join("the measurement `", name, "` is not a finite number"));
        }
        if (finding->made.status != EV_PASS) finding->made.attention = false;
        passed += finding->made.status == EV_PASS;
        own_finding(&finding->made);
        report->findings.ptr[report->findings.len++] = finding->made;
    }
    if (!draft->population_said) {
        report->population = (uint32_t)listed;
        report->listing = EVIDENCED_CHECK_TYPES_LISTING_EVERY_SUBJECT;
    }
    if (report->summary.len == 0) report->summary = ev_join(listed - passed, " of ", listed, " did not pass");
    own(&report->summary), own(&report->population_query), own(&report->incomplete.val);
    own(&report->covered_until.val);
}

bool exports_evidenced_check_checker_run(ev_request *request, ev_report *report, ev_failure *failure) {
    struct ev_draft draft = {.failure.message = ev_of_c("the check failed without a reason")};
    draft.last = &draft.first;
    ev_run run = {.request = request, .config = ev_parse(request->config), .draft = &draft};
    bool done = run.config && ev_instant(request->now, &run.now);
    if (!done) ev_fail(&run, EV_INTERNAL, "the request cannot be read", "");
    else if ((done = ev_check(&run))) finish(&draft, report);
    if (done) return true;
    *failure = draft.failure;
    own(&failure->message), own(&failure->source.val);
    return false;
}
