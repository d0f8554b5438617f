/* The imports of the component, answered from memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testing.h"

static struct {
    const char *url, *body;
    int status;
} answers[32];
static size_t answer_count;

ev_request ev_test_request(const char *now, const char *config) {
    ev_text instant = ev_of_c(now);
    return (ev_request){.control = ev_of_c("TEST-01"), .slot = instant, .now = instant, .config = ev_of_c(config)};
}

void ev_test_answer(const char *url, int status, const char *body) {
    ev_expect(answer_count < sizeof answers / sizeof *answers);
    answers[answer_count].url = url;
    answers[answer_count].body = body;
    answers[answer_count++].status = status;
}

ev_result ev_test_run(ev_request *request) {
    ev_result result = {0};
    result.reported = exports_evidenced_check_checker_run(request, &result.report, &result.failure);
    return result;
}

void ev_expect_at(bool good, const char *what, const char *file, int line) {
    if (good) return;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    exit(1);
}

static void answer(const evidenced_check_http_request_t *request, evidenced_check_http_result_response_error_t *result) {
    for (size_t i = 0; i < answer_count; i++) {
        if (!ev_equals(request->url, answers[i].url)) continue;
        int status = answers[i].status;
        evidenced_check_http_response_t response = {.exchange.status = (uint16_t)status, .exchange.attempts = 1};
        response.body = (check_list_u8_t){(uint8_t *)answers[i].body, strlen(answers[i].body)};
        result->is_err = status < 200 || status > 299;
        for (size_t at = 0; at < request->accept.len; at++) result->is_err &= request->accept.ptr[at] != status;
        if (result->is_err) {
            result->val.err.tag = EVIDENCED_CHECK_HTTP_ERROR_STATUS;
            result->val.err.val.status = response;
        } else result->val.ok = response;
        return;
    }
    result->is_err = true;
    result->val.err.tag = EVIDENCED_CHECK_HTTP_ERROR_REFUSED;
    result->val.err.val.refused = ev_join("no answer is known to ", request->url);
}

void evidenced_check_http_send_all(evidenced_check_http_list_request_t *requests,
                                   evidenced_check_http_list_result_response_error_t *results) {
    results->ptr = calloc(requests->len + 1, sizeof *results->ptr);
    results->len = requests->len;
    for (size_t i = 0; i < requests->len; i++) answer(&requests->ptr[i], &results->ptr[i]);
}

bool evidenced_check_inputs_read_text(check_string_t *name, check_string_t *text, evidenced_check_inputs_error_t *error) {
    (void)text;
    error->tag = EVIDENCED_CHECK_INPUTS_ERROR_UNKNOWN;
    error->val.unknown = *name;
    return false;
}

void evidenced_check_log_write(evidenced_check_log_level_t level, check_string_t *message) {
    fprintf(stderr, "log %d: %.*s\n", level, (int)message->len, (const char *)message->ptr);
}
