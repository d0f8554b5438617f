/* Text and time. Nothing of <stdio.h>: it would make the component import files. */
#include <stdlib.h>
#include <string.h>

#include "evidenced.h"

ev_text ev_same(ev_text text) { return text; }

ev_text ev_of_c(const char *text) { return (ev_text){(uint8_t *)text, strlen(text)}; }

bool ev_equals(ev_text text, const char *other) {
    return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

ev_text ev_join_all(const ev_text *parts, size_t count) {
    size_t length = 0, at = 0;
    for (size_t i = 0; i < count; i++) length += parts[i].len;
    ev_text all = {malloc(length + 1), length};
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) memcpy(all.ptr + at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    return all;
}

ev_text ev_of_integer(int64_t number) {
    uint8_t digits[20];
    size_t from = sizeof digits;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do digits[--from] = (uint8_t)('0' + left % 10);
    while (left /= 10);
    ev_text parts[] = {ev_of_c(number < 0 ? "-" : ""), {digits + from, sizeof digits - from}};
    return ev_join_all(parts, 2);
}

ev_text ev_of_double(double number) {
    if (number != number) return ev_of_c("NaN");
    if (number < -9e15 || number > 9e15) return ev_of_c(number < 0 ? "less than -9e15" : "more than 9e15");
    bool negative = number < 0;
    double positive = negative ? -number : number;
    uint64_t whole = (uint64_t)positive;
    unsigned thousandths = (unsigned)((positive - (double)whole) * 1000 + 0.5);
    if (thousandths == 1000) whole++, thousandths = 0;
    ev_text text = ev_of_integer(negative ? -(int64_t)whole : (int64_t)whole);
    if (thousandths == 0) return text;
    uint8_t point[4] = {'.', (uint8_t)('0' + thousandths / 100), (uint8_t)('0' + thousandths / 10 % 10),
                        (uint8_t)('0' + thousandths % 10)};
    size_t length = 4;
    while (point[length - 1] == '0') length--;
    ev_text parts[] = {ev_of_c(negative && whole == 0 ? "-" : ""), text, {point, length}};
    return ev_join_all(parts, 3);
}

/* So many digits at a place, or -1. */
static int digits(ev_text text, size_t at, size_t count) {
    int number = 0;
    if (at + count > text.len) return -1;
    for (size_t i = at; i < at + count; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return -1;
        number = number * 10 + (text.ptr[i] - '0');
    }
    return number;
}

static bool one_of(ev_text text, size_t at, const char *allowed) {
    return at < text.len && text.ptr[at] != 0 && strchr(allowed, text.ptr[at]) != NULL;
}

static int days_in_month(int year, int month) {
    if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Days from 1970-01-01. The year is counted from March, so that the leap day is its last. */
static int64_t days_of(int year, int month, int day) {
    int from_march = month > 2 ? month - 3 : month + 9;
    int64_t y = month > 2 ? year : year - 1;
    int64_t leaps = y < 0 ? -1 : y / 4 - y / 100 + y / 400;
    return y * 365 + leaps + (153 * from_march + 2) / 5 + day - 1 - 719468;
}

bool ev_instant(ev_text text, int64_t *ms) {
    bool shaped = one_of(text, 4, "-") && one_of(text, 7, "-") && one_of(text, 10, "Tt ") && one_of(text, 13, ":") &&
                  one_of(text, 16, ":");
    int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
    int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
    if (!shaped || year < 0 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;
    size_t at = 19;
    int fraction = 0;
    if (one_of(text, at, ".")) {
        int counted = 0;
        for (at++; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++, counted++)
            if (counted < 3) fraction = fraction * 10 + (text.ptr[at] - '0');
        if (counted == 0) return false;
        for (; counted < 3; counted++) fraction *= 10;
    }
    int64_t offset = 0;
    if (one_of(text, at, "+-") && text.len == at + 6 && text.ptr[at + 3] == ':') {
        int hours = digits(text, at + 1, 2), minutes = digits(text, at + 4, 2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
        offset = (text.ptr[at] == '+' ? 1 : -1) * (hours * 60 + minutes);
    } else if (!one_of(text, at, "Zz") || text.len != at + 1) {
        return false;
    }
    int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute - offset;
    *ms = (minutes * 60 + second) * 1000 + fraction;
    return true;
}

int64_t ev_days(int64_t from_ms, int64_t until_ms) {
    const int64_t day = 86400000;
    int64_t span = until_ms - from_ms, days = span / day;
    return span % day < 0 ? days - 1 : days;
}
