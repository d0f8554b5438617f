/* A reader of JSON (RFC 8259), at most 64 levels deep. */
#include <stdlib.h>
#include <string.h>

#include "evidenced.h"

typedef enum { NUL, TRUE, FALSE, NUMBER, STRING, ARRAY, OBJECT } kind;

struct ev_json {
    kind kind;
    double number;
    ev_text text;               /* of a string */
    ev_text name;               /* of a member */
    ev_json *first, *next;      /* items of an array, members of an object */
    size_t length;
};

typedef struct {
    const uint8_t *at, *end;
} cursor;

static void skip_space(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r')) c->at++;
}

static bool take(cursor *c, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
    c->at += length;
    return true;
}

static bool hex4(cursor *c, unsigned *code) {
    *code = 0;
    for (int i = 0; i < 4; i++, c->at++) {
        if (c->at == c->end) return false;
        uint8_t digit = *c->at;
        if (digit >= '0' && digit <= '9') digit -= '0';
        else if (digit >= 'a' && digit <= 'f') digit -= 'a' - 10;
        else if (digit >= 'A' && digit <= 'F') digit -= 'A' - 10;
        else return false;
        *code = *code * 16 + digit;
    }
    return true;
}

static uint8_t *put_utf8(uint8_t *to, unsigned code) {
    if (code < 0x80) return *to++ = (uint8_t)code, to;
    if (code < 0x800) *to++ = (uint8_t)(0xc0 | code >> 6);
    else {
        if (code < 0x10000) *to++ = (uint8_t)(0xe0 | code >> 12);
        else {
            *to++ = (uint8_t)(0xf0 | code >> 18);
            *to++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        }
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (uint8_t)(0x80 | (code & 0x3f));
    return to;
}

/* `\uXXXX`, and two of them for what is beyond the first plane. */
static bool unicode(cursor *c, uint8_t **to) {
    unsigned code, low;
    if (!hex4(c, &code) || (code >= 0xdc00 && code < 0xe000)) return false;
    if (code >= 0xd800 && code < 0xdc00) {
        if (!take(c, "\\u") || !hex4(c, &low) || low < 0xdc00 || low >= 0xe000) return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = put_utf8(*to, code);
    return true;
}

static bool read_string(cursor *c, ev_text *text) {
    if (!take(c, "\"")) return false;
    const uint8_t *end = c->at;
    for (; end < c->end && *end != '"'; end++)
        if (*end == '\\' && ++end == c->end) return false;
    if (end >= c->end) return false;
    uint8_t *to = malloc((size_t)(end - c->at) + 1);
    text->ptr = to;
    while (*c->at != '"') {
        if (*c->at < 0x20) return false;
        if (*c->at != '\\') {
            *to++ = *c->at++;
            continue;
        }
        static const char escapes[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
        uint8_t escape = c->at[1];
        c->at += 2;
        const char *known = escape == 0 ? NULL : strchr(escapes, escape);
        if (known) *to++ = (uint8_t)plain[known - escapes];
        else if (escape != 'u' || !unicode(c, &to)) return false;
    }
    c->at++;
    text->len = (size_t)(to - text->ptr);
    return true;
}

static bool digits(cursor *c, double *number, int *count) {
    const uint8_t *from = c->at;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) *number = *number * 10 + (*c->at - '0');
    *count = (int)(c->at - from);
    return *count > 0;
}

/* Exact for what has at most 15 digits and a small exponent, which is every count, limit and measurement. */
static bool read_number(cursor *c, double *number) {
    bool negative = take(c, "-");
    int count, after_point = 0, exponent = 0;
    *number = 0;
    bool zero = c->at < c->end && *c->at == '0';
    if (!digits(c, number, &count) || (zero && count > 1)) return false;
    if (take(c, ".") && !digits(c, number, &after_point)) return false;
    if (take(c, "e") || take(c, "E")) {
        bool down = take(c, "-");
        if (!down) take(c, "+");
        double power = 0;
        if (!digits(c, &power, &count)) return false;
        exponent = power > 400 ? 400 : (int)power;
        if (down) exponent = -exponent;
    }
    exponent -= after_point;
    double scale = 1;
    for (int i = 0; i < (exponent < 0 ? -exponent : exponent); i++) scale *= 10;
    *number = exponent < 0 ? *number / scale : *number * scale;
    if (negative) *number = -*number;
    return true;
}

static ev_json *read_value(cursor *c, int depth);

static bool read_items(cursor *c, ev_json *value, char close, int depth) {
    ev_json **last = &value->first;
    const char end[2] = {close, 0};
    skip_space(c);
    if (take(c, end)) return true;
    do {
        ev_text name = {0};
        skip_space(c);
        if (close == '}') {
            if (!read_string(c, &name)) return false;
            skip_space(c);
            if (!take(c, ":")) return false;
        }
        ev_json *item = read_value(c, depth + 1);
        if (!item) return false;
        item->name = name;
        *last = item;
        last = &item->next;
        value->length++;
    } while (take(c, ","));
    return take(c, end);
}

static ev_json *read_value(cursor *c, int depth) {
    ev_json *value = calloc(1, sizeof *value);
    bool good = depth <= 64;
    skip_space(c);
    if (!good || c->at == c->end) return NULL;
    switch (*c->at) {
    case '{': c->at++, value->kind = OBJECT, good = read_items(c, value, '}', depth); break;
    case '[': c->at++, value->kind = ARRAY, good = read_items(c, value, ']', depth); break;
    case '"': value->kind = STRING, good = read_string(c, &value->text); break;
    case 't': value->kind = TRUE, good = take(c, "true"); break;
    case 'f': value->kind = FALSE, good = take(c, "false"); break;
    case 'n': value->kind = NUL, good = take(c, "null"); break;
    default: value->kind = NUMBER, good = read_number(c, &value->number);
    }
    skip_space(c);
    return good ? value : NULL;
}

const ev_json *ev_parse(ev_text text) {
    if (text.len == 0) return NULL;
    cursor c = {text.ptr, text.ptr + text.len};
    ev_json *value = read_value(&c, 1);
    return c.at == c.end ? value : NULL;
}

const ev_json *ev_member(const ev_json *object, const char *name) {
    const ev_json *found = NULL;
    if (!object || object->kind != OBJECT) return NULL;
    for (const ev_json *member = object->first; member; member = member->next)
        if (ev_equals(member->name, name)) found = member;
    return found;
}

const ev_json *ev_item(const ev_json *array, size_t at) {
    if (!ev_is_array(array)) return NULL;
    /* From the first on; a loop over a long list by index is quick all the same, as the last place is remembered. */
    static const ev_json *of, *place;
    static size_t index;
    if (of != array || index > at) of = array, place = array->first, index = 0;
    while (place && index < at) place = place->next, index++;
    return place;
}

size_t ev_length(const ev_json *array) { return ev_is_array(array) ? array->length : 0; }
bool ev_is_null(const ev_json *value) { return value && value->kind == NUL; }
bool ev_is_true(const ev_json *value) { return value && value->kind == TRUE; }
bool ev_is_array(const ev_json *value) { return value && value->kind == ARRAY; }
bool ev_is_string(const ev_json *value) { return value && value->kind == STRING; }
double ev_number(const ev_json *value) { return ev_number_or(value, __builtin_nan("")); }

double ev_number_or(const ev_json *value, double otherwise) {
    return value && value->kind == NUMBER ? value->number : otherwise;
}

ev_text ev_string(const ev_json *value) { return ev_is_string(value) ? value->text : (ev_text){0}; }
