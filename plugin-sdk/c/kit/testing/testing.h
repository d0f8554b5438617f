/* A native run of the check, without WebAssembly and without a network. */
#ifndef EVIDENCED_TESTING_H
#define EVIDENCED_TESTING_H

#include "../evidenced.h"

typedef struct {
    bool reported;
    ev_report report;
    ev_failure failure;
} ev_result;

/* What a run at this time is told; add to `inputs` what the check reads. */
ev_request ev_test_request(const char *now, const char *config);
/* What the outside answers when this URL is asked for; any other is refused. At most 32. */
void ev_test_answer(const char *url, int status, const char *body);
ev_result ev_test_run(ev_request *request);
/* Ends the test program with the line where something is not as it should be. */
#define ev_expect(good) ev_expect_at((good), #good, __FILE__, __LINE__)
void ev_expect_at(bool good, const char *what, const char *file, int line);

#endif
