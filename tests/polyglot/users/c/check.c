/* Judges the age of every key of every user of an API. */
#include <stdlib.h>

#include "kit/evidenced.h"

static const char schema[] = {
#embed "config.schema.json"
    , 0};

void ev_describe(ev_description *about) {
    ev_about(about, "users", "0.1.0", "Every key of every user is young", schema);
    ev_needs_host(about, "/url");
}

/* The ids of all users, to the last page. */
typedef struct {
    ev_text *ids;
    size_t count;
} users;

static bool list_users(ev_run *run, ev_text url, users *all) {
    for (double next = 1;;) {
        ev_answer *page = ev_get(run, ev_join(url, "/users?page=", next));
        if (!page->ok) return ev_fail_by(run, page, "users");
        const ev_json *listed = ev_member(page->json, "users"), *after = ev_member(page->json, "next");
        next = ev_number_or(after, 0);
        if (page->json && next < 1 && !ev_is_null(after))
            return ev_fail(run, EV_BAD_INPUT, "users: the answer does not say whether it is the last page", page->url);
        if (!ev_is_array(listed))
            return ev_fail(run, EV_BAD_INPUT, "users: the answer is not the JSON that was expected", page->url);
        all->ids = realloc(all->ids, (all->count + ev_length(listed)) * sizeof *all->ids);
        for (size_t i = 0; i < ev_length(listed); i++)
            all->ids[all->count++] = ev_string(ev_member(ev_item(listed, i), "id"));
        if (ev_is_null(after)) return true;
    }
}

static void look_at_key(ev_run *run, ev_text user, const ev_json *key, double max) {
    ev_finding *finding = ev_subject(run, ev_join(user, "/", ev_string(ev_member(key, "id"))));
    ev_text made = ev_string(ev_member(key, "created"));
    int64_t created;
    if (!ev_instant(made, &created)) {
        ev_mark_error(finding, ev_join("not a date and time: ", made));
        return;
    }
    int64_t days = ev_days(created, run->now);
    bool good = ev_at_most(finding, "age", (double)days, "d", max);
    ev_pass_if(finding, good, ev_join("created ", days, " days ago, at most ", max, " are allowed"));
}

bool ev_check(ev_run *run) {
    ev_text url = ev_string(ev_member(run->config, "url"));
    double max = ev_number(ev_member(run->config, "max_age_days"));
    users all = {0};
    if (!list_users(run, url, &all)) return false;

    ev_scope(run, "every key of every user, to the last page");
    ev_call *calls = calloc(all.count + 1, sizeof *calls);
    for (size_t i = 0; i < all.count; i++) calls[i].url = ev_join(url, "/users/", all.ids[i], "/keys");
    ev_answer *answers = ev_send_all(run, calls, all.count);
    for (size_t i = 0; i < all.count; i++) {
        const ev_json *keys = ev_member(answers[i].json, "keys");
        if (!answers[i].ok)
            ev_mark_error(ev_subject(run, all.ids[i]), ev_join("keys: ", answers[i].error));
        else if (!ev_is_array(keys))
            ev_mark_error(ev_subject(run, all.ids[i]), "keys: the answer is not the JSON that was expected");
        for (size_t at = 0; at < ev_length(keys); at++) look_at_key(run, all.ids[i], ev_item(keys, at), max);
    }
    return true;
}
