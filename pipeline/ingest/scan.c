/* Reads blocks of log lines and counts what is certainly an ordinary event of one line.

   Plain C99 without any library: `scan.py` loads it, tells it all it knows of formats, times and
   severities as numbers, and hands it one block of bytes after the other. For each line the answer
   is one of

       counted   an event of this line alone that nobody keeps: it is added to the counts
       kept      everything else, in order, its envelope taken off where that was certain

   Whatever is not certain is kept as it is, so that the slower reader decides. A line is counted
   only when the next line of its stream certainly begins an event, for then nothing can follow
   it; and only when the line before it in its stream was a whole one.

   Nothing here trusts its input: every read is checked against the end of the text that it is of,
   work is bounded by the length of the line, and tables grow by `grow`, which may fail: a failed
   allocation ends the scan of that stream, and the slower reader takes over. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

#define SCAN_VERSION 5

typedef uint8_t u8;
typedef int32_t i32;
typedef uint32_t u32;
typedef int64_t i64;
typedef uint64_t u64;

enum { NO = 0, YES = 1, UNSURE = 2 };

#define MAX_LINE (1 << 18)      /* longer lines are left to the slower reader */
#define MAX_EXACT (1 << 20)     /* `lines.py` cuts longer ones */
#define MAX_WRAPPED 16000       /* and these when they are wrapped (`envelopes.py`) */
#define DRAWN_SHARE 64          /* one request in so many is drawn, as in latencies.py */
#define MAX_SLOTS 14            /* captured groups, two slots each */
#define STACK 512
#define SET_BYTES 264           /* a byte for each byte, then one for the end of the text */
#define MAX_AROUND 512
#define MAX_PAIRS 16
#define WORDS 32                /* words of severity that were met last */
#define NOTABLE_SLOTS 32768     /* of hashes of three bytes */
#define MAX_STREAMS 3           /* none, stdout, stderr */
#define MICROS 1000000LL
#define NONE INT64_MIN

/* Text of known length */
typedef struct { const u8 *at; i32 size; } text;

/* ---- The machine that runs patterns (`programs.py`) ---------------------------------------- */

enum { MATCH, BYTE, SET, SPAN, SPLIT, JUMP, SAVE, END, BEGIN, BORDER };
enum { ALL, LONGEST, SHORTEST };
enum { WAY, GIVE_BACK, TAKE_MORE, RESTORE };

typedef struct { i32 kind, pc, at, bound, next; } step;

typedef struct {
    const i32 *code; i32 code_size;
    const u8 *sets; i32 set_count;
    const i32 *entries; const u8 *needs_ascii; i32 program_count;
} machine;

static inline int in_set(const machine *m, i32 set, u8 byte) {
    return m->sets[(size_t)set * SET_BYTES + byte];
}

/* Whether what comes at *at* is in the set of next bytes, to which the end may belong. */
static inline int may_follow(const machine *m, i32 set, text t, i32 at) {
    if (at < t.size) return in_set(m, set, t.at[at]);
    return m->sets[(size_t)set * SET_BYTES + 256];
}

static inline int is_border(text t, i32 at) {
    return at >= t.size || (t.at[at] & 0xC0) != 0x80;
}

static inline i32 after_letter(text t, i32 at) {
    at++;
    while (!is_border(t, at)) at++;
    return at;
}

static inline int is_word(text t, i32 at) {
    if (at < 0 || at >= t.size) return 0;
    u8 c = t.at[at];
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Run a program; the text must be UTF-8. Slots are offsets, -1 for a group that took no part. */
static int run(const machine *m, i32 program, text t, int is_ascii, i32 *slots) {
    step stack[STACK];
    i32 depth = 0, pc, at = 0;
    i64 work = 0, most = 4000 + 16LL * t.size;
    if (program < 0 || program >= m->program_count) return UNSURE;
    if (!is_ascii && m->needs_ascii[program]) return UNSURE;
    pc = m->entries[program];
    for (int i = 0; i < 2 * MAX_SLOTS; i++) slots[i] = -1;
    for (;;) {
        const i32 *op = m->code + pc;
        if (++work > most) return UNSURE;
        switch (op[0]) {
        case MATCH:
            return YES;
        case BYTE:
            if (at >= t.size || t.at[at] != op[1]) break;
            at++;
            pc += 2;
            continue;
        case SET:
            if (at >= t.size || !in_set(m, op[1], t.at[at])) break;
            at = after_letter(t, at);
            pc += 2;
            continue;
        case SPAN: {
            i32 least = at, end = at, count = 0;
            if (op[3] == INT32_MAX && op[2] <= 1) {
                const u8 *set = m->sets + (size_t)op[1] * SET_BYTES;
                while (end < t.size && set[t.at[end]]) end++;
                if (op[2] == 1) {
                    if (end == at) break;
                    least = after_letter(t, at);
                }
            } else {
                while (count < op[3] && end < t.size && in_set(m, op[1], t.at[end])) {
                    end = after_letter(t, end);
                    if (++count == op[2]) least = end;
                }
                if (count < op[2]) break;
            }
            work += (end - at) >> 3;
            if (op[4] == ALL) {
                at = end;
            } else if (op[4] == LONGEST) {
                while (end >= least && !(is_border(t, end) && may_follow(m, op[5], t, end))) end--;
                if (end < least) break;
                if (end > least) {
                    if (depth == STACK) return UNSURE;
                    stack[depth++] = (step){GIVE_BACK, pc + 6, end - 1, least, op[5]};
                }
                at = end;
            } else {
                while (least <= end && !(is_border(t, least) && may_follow(m, op[5], t, least)))
                    least++;
                if (least > end) break;
                if (least < end) {
                    if (depth == STACK) return UNSURE;
                    stack[depth++] = (step){TAKE_MORE, pc + 6, least + 1, end, op[5]};
                }
                at = least;
            }
            pc += 6;
            continue;
        }
        case SPLIT: {
            int here = may_follow(m, op[1], t, at), there = may_follow(m, op[2], t, at);
            i32 first = pc + 5, second = pc + op[3];
            if (!here && !there) break;
            if (here && there) {
                if (op[4]) { i32 swap = first; first = second; second = swap; }
                if (depth == STACK) return UNSURE;
                stack[depth++] = (step){WAY, second, at, 0, 0};
                pc = first;
            } else {
                pc = here ? first : second;
            }
            continue;
        }
        case JUMP:
            pc += op[1];
            continue;
        case SAVE:
            if (op[1] < 0 || op[1] >= 2 * MAX_SLOTS) return UNSURE;
            if (depth) {
                if (depth == STACK) return UNSURE;
                stack[depth++] = (step){RESTORE, op[1], slots[op[1]], 0, 0};
            }
            slots[op[1]] = at;
            pc += 2;
            continue;
        case END:
            if (at != t.size) break;
            pc += 1;
            continue;
        case BEGIN:
            if (at != 0) break;
            pc += 1;
            continue;
        case BORDER:
            if (is_word(t, at - 1) == is_word(t, at)) break;
            pc += 1;
            continue;
        default:
            return UNSURE;
        }
        /* No match this way: take the last other one. */
        for (;;) {
            if (!depth) return NO;
            step *s = &stack[depth - 1];
            if (s->kind == RESTORE) {
                slots[s->pc] = s->at;
                depth--;
            } else if (s->kind == WAY) {
                pc = s->pc;
                at = s->at;
                depth--;
                break;
            } else {
                i32 now = s->at, by = s->kind == GIVE_BACK ? -1 : 1, from = now;
                while ((by < 0 ? now >= s->bound : now <= s->bound)
                       && !(is_border(t, now) && may_follow(m, s->next, t, now)))
                    now += by;
                work += (by < 0 ? from - now : now - from) >> 3;
                if (by < 0 ? now < s->bound : now > s->bound) {
                    depth--;
                    continue;
                }
                pc = s->pc;
                at = now;
                s->at = now + by;
                break;
            }
        }
    }
}

/* Whether a program may match a text that begins with *byte*. */
static int may_begin(const machine *m, i32 program, u8 byte) {
    if (program < 0 || program >= m->program_count) return 1;
    const i32 *op = m->code + m->entries[program];
    for (int steps = 0; steps < 32; steps++) {
        switch (op[0]) {
        case BYTE: return op[1] == byte;
        case SET: return in_set(m, op[1], byte);
        case SPAN: return op[2] < 1 || in_set(m, op[1], byte);
        case SPLIT: return in_set(m, op[1], byte) || in_set(m, op[2], byte);
        case JUMP: op += op[1]; break;
        case SAVE: op += 2; break;
        case BEGIN: op += 1; break;
        default: return 1;
        }
    }
    return 1;
}

/* ---- What `scan.py` tells ------------------------------------------------------------------ */

/* Groups that are captured; `scan.py` has the same numbers. */
enum {
    TIMESTAMP, SEVERITY, REQUEST, METHOD, URL, STATUS, BASE, FRACTION, ZONE, STREAM, TAG, BODY,
    CLOCK, HALF,
    ROLES
};
enum { REGEX, JSON, OTHER };                     /* kinds of formats */
enum { DATE, EPOCH, LEFT };                /* kinds of layouts */
enum { UNKNOWN, HEAD, NO_HEAD };                 /* what a line is */
enum { RAW, DOCKER, WRAPPED };                   /* envelopes */

typedef struct {
    i32 kind;
    i32 local;                  /* 1: times without a zone are those of a place */
    i32 fallback;               /* severity of events without one, -1: to be looked for */
    i32 layouts, layout_count;  /* into `numbers` */
    i32 words, word_count;      /* into `numbers`: offset, size in `pool`, severity */
    i32 require, require_count;
    i32 cells[STATUS + 1], cell_counts[STATUS + 1];
} format;

typedef struct { i32 format, pattern, program, counted, roles; } test;
typedef struct { i32 program, kind, base, base_size, blank, blank_size; } layout;

typedef struct {
    machine m;
    const i32 *numbers; i32 number_count;
    const u8 *pool; i32 pool_size;
    const format *formats; i32 format_count;
    const layout *layouts; i32 layout_count;
    const test *tests; i32 test_count;           /* in the order of trying */
    const i32 *objects; i32 object_count;        /* JSON formats, in the order of trying */
    const i32 *keys; i32 key_count;              /* offset, size in `pool` of each */
    const u8 *tells_exception;                   /* per key: its value makes an event kept */
    const i32 *continuations; i32 continuation_count;
    const i64 *borders; i32 border_count;
    const i32 *verbs; i32 verb_count;            /* offset, size in `pool` of each */
    i32 services, service_count;                 /* keys that say who wrote an object */
    const i32 *telling; i32 telling_count;       /* what a frame below a header has */
    i32 above, below;                            /* lines around it that stay; at most MAX_AROUND */
    i32 envelope, envelope_program, request_program;
    i64 clock_shift; i32 has_clock_shift;        /* of times without a zone, from UTC */
    i64 near, earliest, latest;                  /* how far own times may be from the envelope's */
    i32 warn, whole_lines;                       /* severities below *warn* are not kept; of so */
                                                 /* many lines all requests are drawn */
    const u8 *notable; i32 notable_size;         /* texts that an ordinary line is kept for, */
    const i32 *notes; i32 note_count;            /* offset and size of each */
} config;

typedef struct { i64 begin, count, first, last; i32 stream, severity, status, name; } hour;
typedef struct { i64 begin, count, requests, first, last; } minute;
typedef struct { i32 at, method_size, path_size; u32 hash; } name;

/* A kept line. *state* is UNKNOWN for one that the slower reader must take as it is. */
typedef struct {
    i64 offset, line, time;
    i32 size, text, text_size, format, pattern;
    u8 state, stream, is_whole, is_decoded, has_escape, is_dead;
} row;

/* *zones*: none was assumed, UTC was, the envelope's. */
enum { OWN_ZONE, ASSUMED, INFERRED };
typedef struct { i64 events, first, last, zones[3]; } tally;

/* A line that may be counted once enough others have followed it. */
typedef struct {
    i32 row;                    /* -1: it is kept */
    i32 severity, status, name, format, zone;
    i64 time;
} open_line;

/* What is known of the lines of one stream. */
typedef struct {
    open_line open[MAX_AROUND]; /* the last lines, a ring: headers all of them */
    i64 begun, seen;            /* numbers of the oldest one in it, and of the next line */
    i64 clear;                  /* from this number on, no frame is near above */
    u8 is_after_whole;          /* the line before was a whole record */
    i64 before;                 /* time of the event before; NONE: not known */
} stream_state;

/* A word of severity that was met, and what it means to a format. */
typedef struct { const format *f; u8 letters[12]; i32 size, severity; } word;

typedef struct {
    const config *c;
    u8 *scratch; size_t scratch_size;
    i32 *table; i32 table_size;                  /* keys by hash */
    text *values; u8 *types; u32 *stamps; u32 stamp;
    row *rows; size_t row_count, row_room;
    u8 *texts; size_t text_size, text_room;
    hour *hours; size_t hour_count, hour_room; i32 *hour_table; size_t hour_slots;
    minute *minutes; size_t minute_count, minute_room; i32 *minute_table; size_t minute_slots;
    name *names; size_t name_count, name_room; i32 *name_table; size_t name_slots;
    u8 *letters; size_t letter_count, letter_room;
    u8 *format_seen;
    tally total;
    stream_state streams[MAX_STREAMS];
    u8 begins[MAX_PAIRS][2], pairs[8192]; /* how what is telling begins, and a bit for each two */
    i32 pair_count;
    u8 note_steps[NOTABLE_SLOTS];                /* see `is_notable` */
    i32 *note_heads, *note_nexts, note_reach;
    i32 *candidates[256], candidate_counts[256]; /* tests by the first byte of the text */
    word words[WORDS];
    size_t last_minute;
    int has_told;               /* whether the object has a key that tells of an exception */
    int failed;
} scanner;

static int grow(void **memory, size_t *room, size_t need, size_t unit) {
    if (need <= *room) return 1;
    size_t more = *room ? *room : 64;
    while (more < need) {
        if (more > SIZE_MAX / 4 / unit) return 0;
        more *= 2;
    }
    void *moved = realloc(*memory, more * unit);
    if (!moved) return 0;
    *memory = moved;
    *room = more;
    return 1;
}

static u32 hash_bytes(const u8 *at, size_t size, u32 h) {
    u64 x = h ^ 0x9E3779B97F4A7C15ULL;
    while (size >= 8) {
        u64 w;
        memcpy(&w, at, 8);
        x = (x ^ w) * 0xFF51AFD7ED558CCDULL;
        x ^= x >> 32;
        at += 8;
        size -= 8;
    }
    u64 w = 0;
    if (size) memcpy(&w, at, size);
    x = (x ^ w ^ ((u64)size << 56)) * 0xC4CEB9FE1A85EC53ULL;
    x ^= x >> 29;
    return (u32)(x ^ x >> 32);
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL
#define HAS_ZERO(x) (((x) - ONES) & ~(x) & HIGHS)

/* Return the offset of the first byte that is no plain ASCII letter: a control character, DEL not
   counted, a quote, a backslash, or beyond ASCII. */
static inline size_t plain_run(const u8 *at, size_t size) {
    size_t i = 0;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i blank = _mm_set1_epi8(0x20);
    for (; i + 16 <= size; i += 16) {
        __m128i w = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
        /* Signed: what is beyond ASCII is below a blank as well. */
        __m128i odd = _mm_or_si128(_mm_cmplt_epi8(w, blank),
                                   _mm_or_si128(_mm_cmpeq_epi8(w, quote), _mm_cmpeq_epi8(w, slash)));
        int found = _mm_movemask_epi8(odd);
        if (found) return i + (size_t)__builtin_ctz((unsigned)found);
    }
#else
    while (i + 8 <= size) {
        u64 w;
        memcpy(&w, at + i, 8);
        u64 odd = w & HIGHS;
        odd |= HAS_ZERO(w ^ (ONES * '"')) | HAS_ZERO(w ^ (ONES * '\\'));
        odd |= (w - ONES * 0x20) & ~w & HIGHS;
        if (odd) break;
        i += 8;
    }
#endif
    while (i < size) {
        u8 c = at[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
        i++;
    }
    return i;
}

/* Return the size of the UTF-8 letter at *at*, 0 when it is none. */
static inline size_t letter_size(const u8 *at, size_t left) {
    u8 c = at[0];
    if (c < 0x80) return 1;
    if (c < 0xC2) return 0;
    if (c < 0xE0) return left >= 2 && (at[1] & 0xC0) == 0x80 ? 2 : 0;
    if (c < 0xF0) {
        if (left < 3 || (at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80) return 0;
        if (c == 0xE0 && at[1] < 0xA0) return 0;
        if (c == 0xED && at[1] >= 0xA0) return 0;
        return 3;
    }
    if (c > 0xF4 || left < 4) return 0;
    if ((at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80 || (at[3] & 0xC0) != 0x80) return 0;
    if (c == 0xF0 && at[1] < 0x90) return 0;
    if (c == 0xF4 && at[1] >= 0x90) return 0;
    return 4;
}

static inline int hex(u8 c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Check text that is no JSON: UTF-8 with no control characters but tabs. */
static int check_text(text t, int *is_ascii) {
    size_t i = 0, size = (size_t)t.size;
    *is_ascii = 1;
    while (i < size) {
        i += plain_run(t.at + i, size - i);
        if (i >= size) break;
        u8 c = t.at[i];
        if (c < 0x20 && c != '\t') return 0;
        if (c >= 0x80) {
            size_t n = letter_size(t.at + i, size - i);
            if (!n) return 0;
            *is_ascii = 0;
            i += n;
        } else {
            i++;
        }
    }
    return 1;
}

/* Find the end of a JSON string that begins after its quote, checking it. Returns the offset of the
   closing quote, or -1. *escapes* counts escapes, *is_ascii* is cleared by letters beyond. */
static i64 string_end(const u8 *at, size_t size, i32 *escapes, int *is_ascii) {
    size_t i = 0;
    for (;;) {
        i += plain_run(at + i, size - i);
        if (i >= size) return -1;
        u8 c = at[i];
        if (c == '"') return (i64)i;
        if (c == '\\') {
            if (i + 1 >= size) return -1;
            u8 e = at[i + 1];
            ++*escapes;
            if (e == 'u') {
                if (i + 6 > size) return -1;
                for (size_t k = i + 2; k < i + 6; k++)
                    if (hex(at[k]) < 0) return -1;
                i += 6;
            } else if (e == 'n' || e == '"' || e == '\\' || e == '/' || e == 't' || e == 'r'
                       || e == 'b' || e == 'f') {
                i += 2;
            } else {
                return -1;
            }
        } else if (c >= 0x80) {
            size_t n = letter_size(at + i, size - i);
            if (!n) return -1;
            *is_ascii = 0;
            i += n;
        } else {
            return -1;
        }
    }
}

/* Write out a checked JSON string without its escapes; returns the size, or -1 where it holds what
   no ordinary text does: control characters, surrogates. *to* has room for the input's size. */
static i64 unescape(const u8 *at, size_t size, u8 *to, int *is_ascii) {
    size_t i = 0, o = 0;
    while (i < size) {
        const u8 *slash = memchr(at + i, '\\', size - i);
        size_t run_size = slash ? (size_t)(slash - (at + i)) : size - i;
        memmove(to + o, at + i, run_size);
        i += run_size;
        o += run_size;
        if (i + 1 >= size) {
            if (i < size) return -1;
            break;
        }
        u8 e = at[i + 1];
        if (e == '"' || e == '\\' || e == '/') {
            to[o++] = e;
            i += 2;
        } else if (e == 't') {
            to[o++] = '\t';
            i += 2;
        } else if (e == 'u') {
            if (i + 6 > size) return -1;
            int c = 0;
            for (size_t k = i + 2; k < i + 6; k++) {
                int h = hex(at[k]);
                if (h < 0) return -1;
                c = c * 16 + h;
            }
            if (c < 0x20 || (c >= 0xD800 && c < 0xE000)) return -1;
            if (c < 0x80) {
                to[o++] = (u8)c;
            } else if (c < 0x800) {
                to[o++] = (u8)(0xC0 | c >> 6);
                to[o++] = (u8)(0x80 | (c & 63));
                *is_ascii = 0;
            } else {
                to[o++] = (u8)(0xE0 | c >> 12);
                to[o++] = (u8)(0x80 | (c >> 6 & 63));
                to[o++] = (u8)(0x80 | (c & 63));
                *is_ascii = 0;
            }
            i += 6;
        } else {
            return -1;
        }
    }
    return (i64)o;
}

/* ---- Times ----------------------------------------------------------------------------------- */

static int digits(const u8 *at, int count, i32 *value) {
    i32 v = 0;
    for (int i = 0; i < count; i++) {
        u8 d = (u8)(at[i] - '0');
        if (d > 9) return 0;
        v = v * 10 + d;
    }
    *value = v;
    return 1;
}

/* Microseconds since 1970 of a civil time, NONE when it is none, or far from our days. */
static i64 civil(i32 year, i32 month, i32 day, i32 h, i32 min, i32 s) {
    static const u8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1990 || year > 2200 || month < 1 || month > 12 || h > 23 || min > 59 || s > 59)
        return NONE;
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day < 1 || day > days[month - 1] + (month == 2 && leap)) return NONE;
    i32 y = month <= 2 ? year - 1 : year, era = y / 400, yoe = y - era * 400;
    i32 doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    i64 doe = (i64)yoe * 365 + yoe / 4 - yoe / 100 + doy;
    i64 days_since = (i64)era * 146097 + doe - 719468;
    return ((days_since * 24 + h) * 60 + min) * 60 * MICROS + (i64)s * MICROS;
}

/* RFC 3339 as container runtimes write it: UTC, 0 to 9 digits of a second. */
static i64 runtime_time(text t) {
    i32 v[6];
    const u8 *p = t.at;
    if (t.size < 20 || t.size > 30 || p[t.size - 1] != 'Z') return NONE;
    if (p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':') return NONE;
    if (!digits(p, 4, v) || !digits(p + 5, 2, v + 1) || !digits(p + 8, 2, v + 2)
        || !digits(p + 11, 2, v + 3) || !digits(p + 14, 2, v + 4) || !digits(p + 17, 2, v + 5))
        return NONE;
    i64 base = civil(v[0], v[1], v[2], v[3], v[4], v[5]);
    if (base == NONE || t.size == 20) return base;
    if (p[19] != '.' || t.size == 21) return NONE;
    i64 micros = 0;
    for (i32 i = 20, place = 0; i < t.size - 1; i++, place++) {
        u8 d = (u8)(p[i] - '0');
        if (d > 9) return NONE;
        if (place < 6) micros = micros * 10 + d;
    }
    for (i32 place = t.size - 21; place < 6; place++) micros *= 10;
    return base + micros;
}

/* Read *t* by a layout's base format: %Y %m %d %b %H %M %S with all their digits, else letters;
   the layout tells what stands for a blank. */
static i64 read_base(text t, const u8 *by, i32 by_size, text blank) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    i32 v[6] = {-1, -1, -1, -1, -1, -1}, at = 0;
    for (i32 i = 0; i < by_size; i++) {
        if (by[i] != '%') {
            if (at >= t.size) return NONE;
            u8 c = t.at[at++];
            if (c != by[i] && !(by[i] == ' ' && memchr(blank.at, c, (size_t)blank.size))) return NONE;
            continue;
        }
        if (++i >= by_size) return NONE;
        int which, width = 2;
        switch (by[i]) {
        case 'Y': which = 0; width = 4; break;
        case 'm': which = 1; break;
        case 'b': which = 1; width = 3; break;
        case 'd':
        case 'e': which = 2; break;
        case 'H':
        case 'k': which = 3; break;
        case 'M': which = 4; break;
        case 'S': which = 5; break;
        default: return NONE;
        }
        if (at + width > t.size) return NONE;
        if (by[i] == 'b') {
            for (int k = 0; k < 12; k++)
                if (!memcmp(t.at + at, months + 3 * k, 3)) v[1] = k + 1;
        } else if (!digits(t.at + at, width, &v[which])) {
            return NONE;
        }
        at += width;
    }
    if (at != t.size) return NONE;
    for (int i = 0; i < 6; i++)
        if (v[i] < 0) return NONE;
    return civil(v[0], v[1], v[2], v[3], v[4], v[5]);
}

static text group(text t, const i32 *slots, int role) {
    i32 from = slots[2 * role], to = slots[2 * role + 1];
    if (from < 0 || to < from || to > t.size) return (text){NULL, 0};
    return (text){t.at + from, to - from};
}

static i64 fraction_micros(text t) {
    i64 micros = 0;
    for (i32 i = 0; i < 6; i++) micros = micros * 10 + (i < t.size ? t.at[i] - '0' : 0);
    return micros;
}

/* Microseconds east of UTC; the pattern has seen to the form. 0 in *has* for none. */
static int zone_micros(text t, i64 *east, int *has) {
    i32 h, min;
    *east = 0;
    *has = t.size > 0;
    if (!t.size || (t.size == 1 && (t.at[0] == 'Z' || t.at[0] == 'z'))) return 1;
    if (t.size >= 3 && (!memcmp(t.at, "UTC", 3) || !memcmp(t.at, "GMT", 3))) {
        t.at += 3;
        t.size -= 3;
        if (!t.size) return 1;
    }
    if ((t.size != 5 && t.size != 6) || (t.at[0] != '+' && t.at[0] != '-')) return 0;
    if (!digits(t.at + 1, 2, &h) || !digits(t.at + t.size - 2, 2, &min)) return 0;
    if (t.size == 6 && t.at[3] != ':') return 0;
    *east = (i64)(h * 3600 + min * 60) * MICROS * (t.at[0] == '-' ? -1 : 1);
    return 1;
}

/* Read a time by the layouts of a format. YES with *time* (NONE for no time), or UNSURE. */
static int read_time(const config *c, const format *f, text t, int is_ascii, i64 *time, int *has) {
    i32 slots[2 * MAX_SLOTS];
    *time = NONE;
    *has = 0;
    for (i32 i = 0; i < f->layout_count; i++) {
        const layout *l = &c->layouts[c->numbers[f->layouts + i]];
        if (l->kind == LEFT) return UNSURE;
        int found = run(&c->m, l->program, t, is_ascii, slots);
        if (found == UNSURE) return UNSURE;
        if (found == NO) continue;
        text base = group(t, slots, BASE), fraction = group(t, slots, FRACTION);
        text clock = group(t, slots, CLOCK);
        u8 joined[48];
        if (slots[2 * HALF] >= 0) return UNSURE;
        if (l->kind == EPOCH) {
            i64 whole = 0;
            if (base.size > 18) return UNSURE;
            for (i32 k = 0; k < base.size; k++) whole = whole * 10 + (base.at[k] - '0');
            const i64 low = 946684800, high = 4102444800LL;
            if (whole >= low && whole <= high)
                *time = whole * MICROS + fraction_micros(fraction);
            else if (fraction.size)
                return UNSURE;
            else if (whole >= low * 1000 && whole <= high * 1000)
                *time = whole * 1000;
            else if (whole >= low * MICROS && whole <= high * MICROS)
                *time = whole;
            else if (whole >= low * 1000 * MICROS)
                *time = whole / 1000;
            else
                return UNSURE;
            *has = 1;
            return YES;
        }
        if (clock.at) {
            if (base.size + clock.size + 1 > (i32)sizeof joined) return UNSURE;
            memcpy(joined, base.at, (size_t)base.size);
            joined[base.size] = ' ';
            memcpy(joined + base.size + 1, clock.at, (size_t)clock.size);
            base = (text){joined, base.size + 1 + clock.size};
        }
        text blank = {c->pool + l->blank, l->blank_size};
        i64 east, seconds = read_base(base, c->pool + l->base, l->base_size, blank);
        if (seconds == NONE || !zone_micros(group(t, slots, ZONE), &east, has)) return UNSURE;
        *time = seconds + fraction_micros(fraction) - east;
        if (*has) return YES;
        if (f->local) return UNSURE;
        *time -= c->clock_shift;
        return YES;
    }
    return YES;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

enum { STRING, ESCAPED, WHOLE_NUMBER, NUMBER, TRUE_, FALSE_, NULL_, NESTED };

static inline size_t blanks(const u8 *at, size_t size) {
    size_t i = 0;
    while (i < size && (at[i] == ' ' || at[i] == '\t')) i++;
    return i;
}

/* Pass a JSON value; returns its size, or 0 where it is not surely one. */
static size_t pass_value(const u8 *at, size_t size, int depth, u8 *type) {
    if (!size || depth > 24) return 0;
    if (at[0] == '"') {
        i32 escapes = 0;
        int is_ascii;
        i64 end = string_end(at + 1, size - 1, &escapes, &is_ascii);
        if (end < 0) return 0;
        *type = escapes ? ESCAPED : STRING;
        return (size_t)end + 2;
    }
    if (at[0] == '{' || at[0] == '[') {
        u8 close = at[0] == '{' ? '}' : ']', inner;
        size_t i = 1;
        i += blanks(at + i, size - i);
        *type = NESTED;
        if (i < size && at[i] == close) return i + 1;
        for (;;) {
            if (close == '}') {
                if (i >= size || at[i] != '"') return 0;
                size_t n = pass_value(at + i, size - i, depth + 1, &inner);
                if (!n) return 0;
                i += n;
                i += blanks(at + i, size - i);
                if (i >= size || at[i] != ':') return 0;
                i++;
                i += blanks(at + i, size - i);
            }
            size_t n = pass_value(at + i, size - i, depth + 1, &inner);
            if (!n) return 0;
            i += n;
            i += blanks(at + i, size - i);
            if (i >= size) return 0;
            if (at[i] == close) return i + 1;
            if (at[i] != ',') return 0;
            i++;
            i += blanks(at + i, size - i);
        }
    }
    static const struct { const char *word; u8 size, type; } words[] = {
        {"true", 4, TRUE_}, {"false", 5, FALSE_}, {"null", 4, NULL_}};
    for (int k = 0; k < 3; k++)
        if (size >= words[k].size && !memcmp(at, words[k].word, words[k].size)) {
            *type = words[k].type;
            return words[k].size;
        }
    size_t i = 0, from;
    if (at[i] == '-') i++;
    from = i;
    while (i < size && at[i] >= '0' && at[i] <= '9') i++;
    if (i == from || i - from > 18 || (at[from] == '0' && i - from > 1)) return 0;
    *type = from ? NUMBER : WHOLE_NUMBER;
    if (i < size && at[i] == '.') {
        size_t dot = ++i;
        while (i < size && at[i] >= '0' && at[i] <= '9') i++;
        if (i == dot || i - dot > 18) return 0;
        *type = NUMBER;
    }
    if (i < size && (at[i] == 'e' || at[i] == 'E')) return 0;
    return i;
}

static i32 find_key(const scanner *s, text t) {
    const config *c = s->c;
    u32 h = hash_bytes(t.at, (size_t)t.size, 1);
    for (i32 i = (i32)(h & (u32)(s->table_size - 1));; i = (i + 1) & (s->table_size - 1)) {
        i32 k = s->table[i];
        if (k < 0) return -1;
        if (c->keys[2 * k + 1] == t.size && !memcmp(c->pool + c->keys[2 * k], t.at, (size_t)t.size))
            return k;
    }
}

/* Read the top level of an object into `values`; NO where it is not surely one. */
static int read_object(scanner *s, text t) {
    const u8 *at = t.at;
    size_t size = (size_t)t.size, i = 1;
    if (++s->stamp == 0) return NO;
    s->has_told = 0;
    if (size < 2 || at[0] != '{' || at[size - 1] != '}') return NO;
    i += blanks(at + i, size - i);
    if (i < size && at[i] == '}') return i + 1 == size ? YES : NO;
    for (;;) {
        u8 type;
        if (i >= size || at[i] != '"') return NO;
        size_t n = pass_value(at + i, size - i, 0, &type);
        if (!n || type != STRING) return NO;
        i32 k = find_key(s, (text){at + i + 1, (i32)n - 2});
        i += n;
        i += blanks(at + i, size - i);
        if (i >= size || at[i] != ':') return NO;
        i++;
        i += blanks(at + i, size - i);
        n = pass_value(at + i, size - i, 0, &type);
        if (!n) return NO;
        if (k >= 0) {
            if (s->stamps[k] == s->stamp) return NO; /* twice: which one counts is not said */
            s->stamps[k] = s->stamp;
            s->has_told |= s->c->tells_exception[k] && type != NULL_;
            s->types[k] = type;
            s->values[k] = type <= ESCAPED ? (text){at + i + 1, (i32)n - 2}
                                           : (text){at + i, (i32)n};
        }
        i += n;
        i += blanks(at + i, size - i);
        if (i >= size) return NO;
        if (at[i] == '}') return i + 1 == size ? YES : NO;
        if (at[i] != ',') return NO;
        i++;
        i += blanks(at + i, size - i);
    }
}

static inline int is_there(const scanner *s, i32 k) {
    return k >= 0 && s->stamps[k] == s->stamp && s->types[k] != NULL_;
}

/* Look for *names* (a path with dots) in a checked object: YES with *found*, NO, or UNSURE. */
static int reach(text t, text names, text *found) {
    while (names.size) {
        const u8 *dot = memchr(names.at, '.', (size_t)names.size);
        i32 name_size = dot ? (i32)(dot - names.at) : names.size;
        size_t size = (size_t)t.size, i = 1;
        text value = {NULL, 0};
        u8 type = NULL_;
        if (t.size < 2 || t.at[0] != '{') return t.size && t.at[0] == '[' ? UNSURE : NO;
        i += blanks(t.at + i, size - i);
        while (i < size && t.at[i] == '"') {
            u8 inner;
            size_t n = pass_value(t.at + i, size - i, 0, &inner);
            if (!n || inner == ESCAPED) return UNSURE;
            int is_it = (i32)n - 2 == name_size && !memcmp(t.at + i + 1, names.at, (size_t)name_size);
            i += n;
            i += blanks(t.at + i, size - i);
            if (i >= size || t.at[i] != ':') return UNSURE;
            i++;
            i += blanks(t.at + i, size - i);
            n = pass_value(t.at + i, size - i, 0, &inner);
            if (!n) return UNSURE;
            if (is_it) {
                if (value.at) return UNSURE; /* twice */
                value = (text){t.at + i, (i32)n};
                type = inner;
            }
            i += n;
            i += blanks(t.at + i, size - i);
            if (i < size && t.at[i] == ',') i++;
            i += blanks(t.at + i, size - i);
        }
        if (!value.at) return NO;
        names.at += name_size + (dot != NULL);
        names.size -= name_size + (dot != NULL);
        if (!names.size) {
            if (type == STRING) {
                *found = (text){value.at + 1, value.size - 2};
                return YES;
            }
            *found = value;
            return type == WHOLE_NUMBER ? YES : UNSURE;
        }
        t = value;
    }
    return UNSURE;
}

/* Whether an object has a key (four numbers: flat, object, the path into it): YES with *found*, NO,
   or UNSURE. */
static int read_key(const scanner *s, const i32 *numbers, text *found) {
    i32 flat = numbers[0], object = numbers[1];
    if (is_there(s, flat)) {
        *found = s->values[flat];
        u8 type = s->types[flat];
        return type == STRING || type == WHOLE_NUMBER ? YES : UNSURE;
    }
    if (!is_there(s, object)) return NO;
    text value = s->values[object];
    u8 type = s->types[object];
    if (type == NESTED) {
        if (numbers[3] < 0) return UNSURE;
        return reach(value, (text){s->c->pool + numbers[2], numbers[3]}, found);
    }
    /* Text may be an object written in a string. */
    if (type == ESCAPED) return UNSURE;
    if (type == STRING && value.size && (value.at[0] <= ' ' || value.at[0] == '{' || value.at[0] == '['))
        return UNSURE;
    return NO;
}

/* The first of a column's keys that the object has: YES with *found*, NO, or UNSURE. */
static int read_cell(const scanner *s, const format *f, int role, text *found) {
    const i32 *keys = s->c->numbers + f->cells[role];
    for (i32 i = 0; i < f->cell_counts[role]; i++) {
        int has = read_key(s, keys + 4 * i, found);
        if (has != NO) return has;
    }
    return NO;
}

/* ---- What one line is ------------------------------------------------------------------------ */

typedef struct {
    int state;                  /* UNKNOWN, HEAD, NO_HEAD */
    i32 format, pattern;
    int is_counted;             /* an ordinary event, which nobody keeps */
    i64 time;
    i32 severity, status;
    int has_method, has_path, zone;
    text method, path;
} finding;

/* What may stand around a word of severity and is no part of it (`severity.py`). */
static inline int is_around(u8 c) { return c && strchr(" \t[]()<>|\"'*:", c) != NULL; }

static i32 severity_of(const config *c, const format *f, text word) {
    u8 folded[24];
    i32 n = 0;
    text bare = word;
    while (bare.size && is_around(bare.at[0])) {
        bare.at++;
        bare.size--;
    }
    while (bare.size && is_around(bare.at[bare.size - 1])) bare.size--;
    if (bare.size) word = bare; /* else the mark itself may be the word */
    if (word.size > (i32)sizeof folded) return -1;
    for (; n < word.size; n++) {
        u8 l = word.at[n];
        if (l < 0x20 || l >= 0x80) return -1;
        folded[n] = l >= 'A' && l <= 'Z' ? (u8)(l + 32) : l;
    }
    const i32 *words = c->numbers + f->words;
    for (i32 i = 0; i < f->word_count; i++, words += 3)
        if (words[1] == n && !memcmp(c->pool + words[0], folded, (size_t)n)) return words[2];
    return 0;
}

/* The same, with what was asked last kept. */
static i32 known_severity(scanner *s, const format *f, text t) {
    if (t.size < 1 || t.size > (i32)sizeof s->words[0].letters) return severity_of(s->c, f, t);
    word *w = &s->words[(t.at[0] * 7 + t.at[t.size - 1] + t.size) % WORDS];
    if (w->f != f || w->size != t.size || memcmp(w->letters, t.at, (size_t)t.size)) {
        w->severity = severity_of(s->c, f, t);
        w->f = f;
        w->size = t.size;
        memcpy(w->letters, t.at, (size_t)t.size);
    }
    return w->severity;
}

static int is_verb_of(const config *c, text method) {
    for (i32 i = 0; i < c->verb_count; i++)
        if (c->verbs[2 * i + 1] == method.size
            && !memcmp(c->pool + c->verbs[2 * i], method.at, (size_t)method.size))
            return 1;
    return 0;
}

/* Settle what is counted of an event from the cells of its format. */
static void settle(scanner *s, const format *f, const text *cells, int is_ascii, i64 observed,
                   finding *out) {
    const config *c = s->c;
    i64 own = NONE;
    int has_zone = 0;
    out->is_counted = 0;
    out->time = NONE;
    if (cells[TIMESTAMP].at && f->layout_count) {
        if (read_time(c, f, cells[TIMESTAMP], is_ascii, &own, &has_zone) != YES) return;
    }
    out->zone = OWN_ZONE;
    if (own != NONE) {
        i64 apart = observed == NONE ? 0 : own > observed ? own - observed : observed - own;
        /* Further apart, one of the clocks is wrong, or in another zone. */
        if (apart > c->near || own < c->earliest || own > c->latest) return;
        if (!has_zone)
            out->zone = c->has_clock_shift || (observed != NONE && apart <= 5 * MICROS)
                            ? INFERRED : ASSUMED;
    }
    if (observed != NONE && (observed < c->earliest || observed > c->latest)) return;
    out->time = own != NONE ? own : observed;
    if (out->time == NONE) return;
    out->status = -1;
    if (cells[STATUS].at) {
        if (cells[STATUS].size != 3 || !digits(cells[STATUS].at, 3, &out->status)) return;
        if (out->status < 100 || out->status >= 400) return;
    }
    text method = cells[METHOD], url = cells[URL];
    if (cells[REQUEST].at) {
        i32 slots[2 * MAX_SLOTS];
        if (method.at || url.at) return;
        if (run(&c->m, c->request_program, cells[REQUEST], is_ascii, slots) != YES) return;
        method = group(cells[REQUEST], slots, METHOD);
        url = group(cells[REQUEST], slots, URL);
    }
    if (url.at) {
        if (!url.size || url.at[0] != '/') return;
        i32 end = 0;
        while (end < url.size && url.at[end] != '?' && url.at[end] != '#' && url.at[end] != ';')
            end++;
        url.size = end;
    }
    if (f->kind == JSON) {
        /* Keys of these names may hold anything else (`parse.py`). */
        int is_verb = method.at && is_verb_of(c, method);
        if (!is_verb) method.at = NULL;
        int has_path = url.at != NULL, has_status = out->status >= 0;
        if (!is_verb && !has_status) url.at = NULL;
        if (has_status && !is_verb && !has_path) out->status = -1;
    }
    out->severity = cells[SEVERITY].at ? known_severity(s, f, cells[SEVERITY]) : -1;
    if (cells[SEVERITY].at && out->severity <= 0) return;
    if (out->status >= 0 && out->severity < 9) out->severity = 9; /* that of an answer */
    if (out->severity < 0) out->severity = f->fallback;
    if (out->severity <= 0 || out->severity >= c->warn) return;
    out->has_method = method.at != NULL;
    out->method = method;
    out->has_path = url.at != NULL;
    out->path = url;
    out->is_counted = 1;
}

static void classify_object(scanner *s, text t, int is_ascii, i64 observed, finding *out) {
    const config *c = s->c;
    if (read_object(s, t) != YES) return;
    for (i32 i = 0; i < c->object_count; i++) {
        const format *f = &c->formats[c->objects[i]];
        const i32 *require = c->numbers + f->require;
        int fits = 1;
        for (i32 k = 0; k < f->require_count && fits; k++) {
            i32 choices = *require++;
            int has = NO;
            for (i32 j = 0; j < choices; j++) {
                text found;
                int one = is_there(s, require[4 * j]) ? YES : read_key(s, require + 4 * j, &found);
                if (one == YES || has == NO) has = has == YES ? YES : one;
            }
            if (has == UNSURE) return;
            fits = has == YES;
            require += 4 * choices;
        }
        if (!fits) continue;
        out->state = HEAD;
        out->format = c->objects[i];
        out->pattern = 0;
        text cells[STATUS + 1];
        int is_sure = !s->has_told;
        memset(cells, 0, sizeof cells);
        for (int role = 0; role <= STATUS; role++) {
            int has = read_cell(s, f, role, &cells[role]);
            if (has == UNSURE) is_sure = 0;
            if (has != YES) cells[role] = (text){NULL, 0};
        }
        for (i32 k = 0; k < c->service_count; k++) {
            text found;
            if (read_key(s, c->numbers + c->services + 4 * k, &found) != NO) is_sure = 0;
        }
        if (is_sure) settle(s, f, cells, is_ascii, observed, out);
        return;
    }
}

/* The tests that a text may pass which begins with *byte*; 0 when memory ran out. */
static int find_candidates(scanner *s, u8 byte) {
    const config *c = s->c;
    i32 count = 0, *list = malloc(((size_t)c->test_count + 1) * sizeof(i32));
    if (!list) return 0;
    for (i32 i = 0; i < c->test_count; i++)
        if (may_begin(&c->m, c->tests[i].program, byte)
            || (c->tests[i].counted >= 0 && may_begin(&c->m, c->tests[i].counted, byte)))
            list[count++] = i;
    s->candidates[byte] = list;
    s->candidate_counts[byte] = count;
    return 1;
}

static void classify(scanner *s, text t, int is_ascii, i64 observed, finding *out) {
    const config *c = s->c;
    i32 slots[2 * MAX_SLOTS];
    memset(out, 0, sizeof *out);
    out->state = UNKNOWN;
    out->time = NONE;
    if (!t.size) return;
    for (i32 i = 0; i < c->continuation_count; i++)
        if (run(&c->m, c->continuations[i], t, is_ascii, slots) != NO) return;
    u8 first = t.at[0];
    if (first == ' ' || first == '\t') {
        out->state = NO_HEAD;
        return;
    }
    if (first >= 0x80) return; /* it may be a blank that only Unicode knows */
    if (first == '{') {
        classify_object(s, t, is_ascii, observed, out);
        return;
    }
    if (!s->candidates[first] && !find_candidates(s, first)) return;
    for (i32 i = 0; i < s->candidate_counts[first]; i++) {
        const test *e = &c->tests[s->candidates[first][i]];
        int fits = e->counted >= 0 ? run(&c->m, e->counted, t, is_ascii, slots) : NO;
        if (fits != YES) fits = run(&c->m, e->program, t, is_ascii, slots);
        if (fits == UNSURE) return;
        if (fits == NO) continue;
        const format *f = &c->formats[e->format];
        if (f->kind != REGEX) return;
        out->state = HEAD;
        out->format = e->format;
        out->pattern = e->pattern;
        text cells[STATUS + 1];
        for (int role = 0; role <= STATUS; role++) cells[role] = group(t, slots, role);
        settle(s, f, cells, is_ascii, observed, out);
        return;
    }
    out->state = NO_HEAD;
}

/* ---- Counting -------------------------------------------------------------------------------- */

static int rehash(i32 **table, size_t *slots, size_t count) {
    if (*slots > 2 * count) return 1;
    size_t more = *slots ? *slots * 2 : 1024;
    i32 *fresh = malloc(more * sizeof(i32));
    if (!fresh) return -1;
    for (size_t i = 0; i < more; i++) fresh[i] = -1;
    free(*table);
    *table = fresh;
    *slots = more;
    return 0;
}

static void put(i32 *table, size_t slots, u32 hash, i32 value) {
    size_t i = hash & (slots - 1);
    while (table[i] >= 0) i = (i + 1) & (slots - 1);
    table[i] = value;
}

/* Number the pair of method and path, in which segments that are numbers are masked. -1: no room. */
static i32 number_name(scanner *s, const finding *f) {
    size_t need = s->letter_count + (size_t)f->method.size + 5 * ((size_t)f->path.size + 1) + 8;
    if (!grow((void **)&s->letters, &s->letter_room, need, 1)) return -1;
    if (!grow((void **)&s->names, &s->name_room, s->name_count + 1, sizeof(name))) return -1;
    u8 *from = s->letters + s->letter_count, *to = from;
    if (f->has_method) memcpy(to, f->method.at, (size_t)f->method.size);
    to += f->has_method ? f->method.size : 0;
    u8 *path = to;
    for (i32 i = 0; f->has_path && i < f->path.size;) {
        u8 l = f->path.at[i];
        *to++ = l;
        i++;
        if (l != '/') continue;
        i32 k = i;
        while (k < f->path.size && f->path.at[k] >= '0' && f->path.at[k] <= '9') k++;
        if (k > i && (k == f->path.size || f->path.at[k] == '/')) {
            memcpy(to, "{id}", 4);
            to += 4;
            i = k;
        }
    }
    i32 method_size = f->has_method ? f->method.size : -1;
    i32 path_size = f->has_path ? (i32)(to - path) : -1;
    u32 h = hash_bytes(from, (size_t)(to - from), (u32)(method_size * 31 + path_size));
    if (s->name_slots)
        for (size_t i = h & (s->name_slots - 1);; i = (i + 1) & (s->name_slots - 1)) {
            i32 k = s->name_table[i];
            if (k < 0) break;
            name *n = &s->names[k];
            if (n->hash == h && n->method_size == method_size && n->path_size == path_size
                && !memcmp(s->letters + n->at, from, (size_t)(to - from)))
                return k;
        }
    if (s->letter_count > INT32_MAX / 2) return -1;
    i32 number = (i32)s->name_count++;
    s->names[number] = (name){(i32)s->letter_count, method_size, path_size, h};
    s->letter_count += (size_t)(to - from);
    int done = rehash(&s->name_table, &s->name_slots, s->name_count);
    if (done < 0) return -1;
    if (done)
        put(s->name_table, s->name_slots, h, number);
    else
        for (i32 i = 0; i <= number; i++) put(s->name_table, s->name_slots, s->names[i].hash, i);
    return number;
}

static u32 hour_hash(const hour *h) {
    i64 parts[3] = {h->begin, (i64)h->stream << 48 | (i64)h->severity << 32 | (u32)h->status,
                    h->name};
    return hash_bytes((const u8 *)parts, sizeof parts, 7);
}

static u32 minute_hash(i64 begin) { return hash_bytes((const u8 *)&begin, sizeof begin, 9); }

static i64 floor_to(i64 value, i64 unit) {
    i64 rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

static int count_hour(scanner *s, const open_line *o, int stream) {
    const config *c = s->c;
    i64 begin = floor_to(o->time, 3600 * MICROS);
    for (i32 i = 0; i < c->border_count; i++)
        if (o->time >= c->borders[i] && c->borders[i] > begin) begin = c->borders[i];
    hour h = {begin, 1, o->time, o->time, stream, o->severity, o->status, o->name};
    u32 at = hour_hash(&h);
    if (s->hour_slots)
        for (size_t i = at & (s->hour_slots - 1);; i = (i + 1) & (s->hour_slots - 1)) {
            i32 k = s->hour_table[i];
            if (k < 0) break;
            hour *e = &s->hours[k];
            if (e->begin == begin && e->stream == stream && e->severity == h.severity
                && e->status == h.status && e->name == h.name) {
                e->count++;
                if (h.first < e->first) e->first = h.first;
                if (h.last > e->last) e->last = h.last;
                return 1;
            }
        }
    if (!grow((void **)&s->hours, &s->hour_room, s->hour_count + 1, sizeof(hour))) return 0;
    s->hours[s->hour_count++] = h;
    int done = rehash(&s->hour_table, &s->hour_slots, s->hour_count);
    if (done < 0) return 0;
    if (done)
        put(s->hour_table, s->hour_slots, at, (i32)s->hour_count - 1);
    else
        for (size_t i = 0; i < s->hour_count; i++)
            put(s->hour_table, s->hour_slots, hour_hash(&s->hours[i]), (i32)i);
    return 1;
}

static void add_minute(minute *e, const open_line *o, int is_request) {
    e->count++;
    e->requests += is_request;
    if (o->time < e->first) e->first = o->time;
    if (o->time > e->last) e->last = o->time;
}

static int count_minute(scanner *s, const open_line *o) {
    i64 begin = floor_to(o->time, 60 * MICROS);
    int is_request = o->status >= 0;
    if (s->last_minute < s->minute_count && s->minutes[s->last_minute].begin == begin) {
        add_minute(&s->minutes[s->last_minute], o, is_request);
        return 1;
    }
    if (s->minute_slots)
        for (size_t i = minute_hash(begin) & (s->minute_slots - 1);;
             i = (i + 1) & (s->minute_slots - 1)) {
            i32 k = s->minute_table[i];
            if (k < 0) break;
            minute *e = &s->minutes[k];
            if (e->begin == begin) {
                add_minute(e, o, is_request);
                s->last_minute = (size_t)k;
                return 1;
            }
        }
    if (!grow((void **)&s->minutes, &s->minute_room, s->minute_count + 1, sizeof(minute))) return 0;
    s->last_minute = s->minute_count;
    s->minutes[s->minute_count++] = (minute){begin, 1, is_request, o->time, o->time};
    int done = rehash(&s->minute_table, &s->minute_slots, s->minute_count);
    if (done < 0) return 0;
    if (done)
        put(s->minute_table, s->minute_slots, minute_hash(begin), (i32)s->minute_count - 1);
    else
        for (size_t i = 0; i < s->minute_count; i++)
            put(s->minute_table, s->minute_slots, minute_hash(s->minutes[i].begin), (i32)i);
    return 1;
}

/* Count a line, which is now known to be an event by itself. */
static int count_open(scanner *s, open_line *o, int stream) {
    if (!count_hour(s, o, stream) || !count_minute(s, o)) return 0;
    tally *t = &s->total;
    if (!t->events || o->time < t->first) t->first = o->time;
    if (!t->events || o->time > t->last) t->last = o->time;
    t->events++;
    t->zones[o->zone]++;
    s->format_seen[o->format] = 1;
    s->rows[o->row].is_dead = 1;
    o->row = -1;
    return 1;
}

static int tells_at(const scanner *s, text t, i32 i) {
    const config *c = s->c;
    for (i32 k = 0; k < c->telling_count; k++) {
        i32 size = c->telling[2 * k + 1];
        if (size <= t.size - i && !memcmp(c->pool + c->telling[2 * k], t.at + i, (size_t)size))
            return 1;
    }
    return 0;
}

/* Whether a header may have a frame behind it, which concerns the lines around. */
static int is_telling(const scanner *s, text t) {
    i32 i = 0;
    if (t.size < 2 || t.at[0] == '{') return 0;
#ifdef __SSE2__
    if (s->pair_count <= MAX_PAIRS)
        for (; i + 17 <= t.size; i += 16) {
            __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(t.at + i));
            __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(t.at + i + 1));
            __m128i hit = _mm_setzero_si128();
            for (i32 k = 0; k < s->pair_count; k++)
                hit = _mm_or_si128(
                    hit, _mm_and_si128(_mm_cmpeq_epi8(here, _mm_set1_epi8((char)s->begins[k][0])),
                                       _mm_cmpeq_epi8(next, _mm_set1_epi8((char)s->begins[k][1]))));
            for (unsigned found = (unsigned)_mm_movemask_epi8(hit); found; found &= found - 1)
                if (tells_at(s, t, i + __builtin_ctz(found))) return 1;
        }
#endif
    for (; i + 1 < t.size; i++) {
        u32 pair = (u32)t.at[i] << 8 | t.at[i + 1];
        if ((s->pairs[pair >> 3] >> (pair & 7) & 1) && tells_at(s, t, i)) return 1;
    }
    return 0;
}

static inline u32 note_hash(const u8 *at) {
    u32 three = (u32)at[0] | (u32)at[1] << 8 | (u32)at[2] << 16;
    return (three * 0x9E3779B1u) >> 17;
}

/* Whether a line that would be counted has one of the texts that it is kept for. The search of Wu
   and Manber: most three bytes end in no text's beginning, and tell how far on one may end. */
static int is_notable(const scanner *s, text t) {
    const config *c = s->c;
    i32 reach = s->note_reach, end = reach;
    if (!c->note_count) return 0;
    while (end <= t.size) {
        u32 hash = note_hash(t.at + end - 3);
        if (s->note_steps[hash]) {
            end += s->note_steps[hash];
            continue;
        }
        for (i32 k = s->note_heads[hash]; k >= 0; k = s->note_nexts[k]) {
            i32 size = c->notes[2 * k + 1], at = end - reach;
            if (size <= t.size - at && !memcmp(t.at + at, c->notable + c->notes[2 * k], (size_t)size))
                return 1;
        }
        end++;
    }
    return 0;
}

/* Learn the texts; of each, as much counts for the steps as the shortest has. */
static int learn_notes(scanner *s) {
    const config *c = s->c;
    s->note_reach = 255;
    for (i32 k = 0; k < c->note_count; k++)
        if (c->notes[2 * k + 1] < s->note_reach) s->note_reach = c->notes[2 * k + 1];
    if (s->note_reach < 3) return 0;
    s->note_heads = malloc(NOTABLE_SLOTS * sizeof(i32));
    s->note_nexts = malloc(((size_t)c->note_count + 1) * sizeof(i32));
    if (!s->note_heads || !s->note_nexts) return 0;
    memset(s->note_steps, s->note_reach - 2, sizeof s->note_steps);
    for (i32 i = 0; i < NOTABLE_SLOTS; i++) s->note_heads[i] = -1;
    for (i32 k = 0; k < c->note_count; k++) {
        const u8 *at = c->notable + c->notes[2 * k];
        for (i32 end = 3; end <= s->note_reach; end++) {
            u32 hash = note_hash(at + end - 3);
            if (s->note_reach - end < s->note_steps[hash])
                s->note_steps[hash] = (u8)(s->note_reach - end);
            if (end < s->note_reach) continue;
            s->note_nexts[k] = s->note_heads[hash];
            s->note_heads[hash] = k;
        }
    }
    return 1;
}

/* Keep all lines of a stream that wait. */
static void keep_open(stream_state *t) { t->begun = t->seen; }

/* Add a header to those of its stream that wait, and count the one that has waited long enough. */
static int add_open(scanner *s, int stream, open_line line) {
    stream_state *t = &s->streams[stream];
    if (t->seen - t->begun >= s->c->above) {
        open_line *oldest = &t->open[t->begun++ % MAX_AROUND];
        if (oldest->row >= 0 && !count_open(s, oldest, stream)) return 0;
    }
    t->open[t->seen++ % MAX_AROUND] = line;
    return 1;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

typedef struct { text payload; i64 time; int stream, is_whole, has_escape, is_ascii; text raw; } record;

/* Take a final escape off; its backslash must not itself be escaped. */
static int ends_in(const u8 *at, i64 *size, u8 letter, i32 *escapes) {
    i64 n = *size, slashes = 0;
    if (n < 2 || at[n - 1] != letter) return 0;
    while (slashes < n - 1 && at[n - 2 - slashes] == '\\') slashes++;
    if (!(slashes & 1)) return 0;
    *size = n - 2;
    --*escapes;
    return 1;
}

/* Docker's record as its daemon writes it: log, stream, time, in this order and nothing else. */
static int open_docker(scanner *s, text line, record *out) {
    static const char begin[] = "{\"log\":\"", middle[] = "\",\"stream\":\"std", last[] = "\",\"time\":\"";
    const u8 *at = line.at, *end = line.at + line.size;
    i32 escapes = 0;
    int is_ascii = 1;
    if (line.size < 64 || memcmp(at, begin, 8)) return 0;
    at += 8;
    i64 size = string_end(at, (size_t)(end - at), &escapes, &is_ascii);
    if (size < 0) return 0;
    const u8 *log = at;
    at += size;
    if (end - at < 40 || memcmp(at, middle, 15)) return 0;
    at += 15;
    if (!memcmp(at, "out", 3)) out->stream = 1;
    else if (!memcmp(at, "err", 3)) out->stream = 2;
    else return 0;
    at += 3;
    if (memcmp(at, last, 10)) return 0;
    at += 10;
    i32 rest = (i32)(end - at);
    if (rest < 22 || end[-1] != '}' || end[-2] != '"') return 0;
    out->time = runtime_time((text){at, rest - 2});
    if (out->time == NONE) return 0;
    out->is_whole = ends_in(log, &size, 'n', &escapes);
    if (out->is_whole) ends_in(log, &size, 'r', &escapes);
    out->raw = (text){log, (i32)size};
    out->payload = out->raw;
    out->has_escape = escapes > 0;
    if (escapes > 0) {
        if (!grow((void **)&s->scratch, &s->scratch_size, (size_t)size + 8, 1)) return -1;
        i64 n = unescape(log, (size_t)size, s->scratch, &is_ascii);
        if (n < 0) return 0;
        out->payload = (text){s->scratch, (i32)n};
    }
    out->is_ascii = is_ascii;
    return 1;
}

/* Text as it is, or in an envelope that a pattern tells. */
static int open_plain(scanner *s, text line, record *out) {
    const config *c = s->c;
    if (line.size && line.at[line.size - 1] == '\r') line.size--;
    if (!check_text(line, &out->is_ascii)) return 0;
    if (line.size >= 3 && line.at[0] == 0xEF && line.at[1] == 0xBB && line.at[2] == 0xBF) return 0;
    out->payload = line;
    out->stream = 0;
    out->time = NONE;
    out->is_whole = 1;
    out->has_escape = 0;
    if (c->envelope == WRAPPED) {
        if (line.size >= MAX_WRAPPED) return 0; /* runtimes do more to these than wrap them */
        i32 slots[2 * MAX_SLOTS];
        if (run(&c->m, c->envelope_program, line, out->is_ascii, slots) != YES) return 0;
        text time = group(line, slots, TIMESTAMP), stream = group(line, slots, STREAM);
        text tag = group(line, slots, TAG);
        out->time = runtime_time(time);
        if (out->time == NONE) return 0;
        if (stream.at) {
            if (stream.size != 6) return 0;
            out->stream = stream.at[3] == 'o' ? 1 : 2;
        }
        out->is_whole = !(tag.size && tag.at[0] == 'P');
        out->payload = group(line, slots, BODY);
        if (!out->payload.at) out->payload = (text){line.at + line.size, 0};
    }
    out->raw = out->payload;
    return 1;
}

/* Count the lines of a block; returns whether the bytes are those lines to the letter. */
API int scan_look(const u8 *block, i64 size, i64 *lines) {
    i64 at = 0, ends = 0, returns = 0;
    *lines = 0;
    if (!size || memchr(block, 0, (size_t)size)) return 0;
    while (at < size) {
        const u8 *nl = memchr(block + at, '\n', (size_t)(size - at));
        i64 end = nl ? nl - block : size;
        if (end - at > MAX_EXACT) return 0;
        ends += nl != NULL;
        ++*lines;
        at = end + 1;
    }
    for (at = 0; at < size; at++) {
        const u8 *cr = memchr(block + at, '\r', (size_t)(size - at));
        if (!cr) break;
        at = cr - block;
        if (at + 1 == size) return 0;
        returns += block[at + 1] == '\n';
    }
    if (returns && (returns != ends || block[size - 1] != '\n')) return 0;
    for (at = 0; at < size;) {
        u64 w[4];
        if (size - at >= 32) {
            memcpy(w, block + at, 32);
            if (!((w[0] | w[1] | w[2] | w[3]) & HIGHS)) {
                at += 32;
                continue;
            }
        }
        for (i64 until = size - at >= 32 ? at + 32 : size; at < until;) {
            size_t n = letter_size(block + at, (size_t)(size - at));
            if (!n) return 0;
            if (n == 3 && block[at] == 0xEF && block[at + 1] == 0xBB && block[at + 2] == 0xBF)
                return 0;
            at += (i64)n;
        }
    }
    return 1;
}

/* A line that may be of any stream, and anything. */
static void mark_unknown(stream_state *t) {
    keep_open(t);
    t->seen++;
    t->begun++;
    t->clear = t->seen + MAX_AROUND;
    t->is_after_whole = 0;
    t->before = NONE;
}

/* What comes next may go on with a line that was not seen. */
API void scan_forget(scanner *s) {
    for (int k = 0; k < MAX_STREAMS; k++) mark_unknown(&s->streams[k]);
}

/* Whether the request on a line is one whose duration is counted: see latencies.py. */
static int is_drawn(const config *c, i64 line) {
    return line <= c->whole_lines || (u32)((u64)line * 2654435761u) < (u32)(0x100000000u / DRAWN_SHARE);
}

/* Scan whole lines; returns 0, or -1 when memory ran out. */
API int scan_block(scanner *s, const u8 *block, i64 size, i64 first_line, i64 first_offset) {
    const config *c = s->c;
    i64 at = 0, line = first_line;
    s->row_count = 0;
    s->text_size = 0;
    memset(&s->total, 0, sizeof s->total);
    memset(s->format_seen, 0, (size_t)c->format_count + 1);
    while (at < size) {
        const u8 *nl = memchr(block + at, '\n', (size_t)(size - at));
        i64 end = nl ? nl - block : size, next = nl ? end + 1 : size;
        record r = {0};
        finding f = {0};
        int opened = 0;
        if (end - at <= MAX_LINE) {
            text whole = {block + at, (i32)(end - at)};
            opened = c->envelope == DOCKER ? open_docker(s, whole, &r) : open_plain(s, whole, &r);
            if (opened < 0) return -1;
        }
        if (!grow((void **)&s->rows, &s->row_room, s->row_count + 1, sizeof(row))) return -1;
        if (s->row_count > INT32_MAX / 2) return -1;
        if (!opened) {
            for (int k = 0; k < MAX_STREAMS; k++) mark_unknown(&s->streams[k]);
            i64 last = end > at && block[end - 1] == '\r' ? end - 1 : end;
            s->rows[s->row_count++] = (row){.offset = first_offset + at, .line = line,
                                            .size = (i32)(next - at), .text = (i32)at,
                                            .text_size = (i32)(last - at)};
        } else {
            stream_state *t = &s->streams[r.stream];
            f.state = UNKNOWN;
            if (r.is_whole) classify(s, r.payload, r.is_ascii, r.time, &f);
            if (f.state == HEAD && !is_telling(s, r.payload)) {
                open_line o = {.row = -1};
                if (t->seen > t->begun) {
                    /* Only what follows in time takes nothing from the order of the others. */
                    open_line *last = &t->open[(t->seen - 1) % MAX_AROUND];
                    if (f.time == NONE || f.time < last->time) last->row = -1;
                }
                if (f.is_counted && t->is_after_whole && t->seen >= t->clear && t->before != NONE
                    && f.time >= t->before && !is_notable(s, r.payload)
                    && !(f.status >= 0 && is_drawn(c, line))) {
                    i32 number = number_name(s, &f);
                    if (number < 0) return -1;
                    o = (open_line){(i32)s->row_count, f.severity, f.status, number, f.format,
                                    f.zone, f.time};
                }
                if (!add_open(s, r.stream, o)) return -1;
            } else {
                keep_open(t);
                t->seen++;
                t->begun++;
                t->clear = t->seen + c->below;
            }
            t->is_after_whole = (u8)r.is_whole;
            if (f.state == HEAD)
                t->before = f.time;
            else if (f.state == UNKNOWN && r.payload.size)
                t->before = NONE;
            else if (t->before != NONE && r.time > t->before)
                t->before = r.time; /* should it be an event of its own */
            s->rows[s->row_count++] = (row){
                .offset = first_offset + at, .line = line, .time = r.time,
                .size = (i32)(next - at), .text = (i32)(r.raw.at - block),
                .text_size = r.raw.size,
                .format = f.state == HEAD ? f.format : -1,
                .pattern = f.state == HEAD ? f.pattern : -1,
                .state = (u8)f.state, .stream = (u8)r.stream, .is_whole = (u8)r.is_whole,
                .is_decoded = 1, .has_escape = (u8)r.has_escape};
        }
        line++;
        at = next;
    }
    /* What is not decided by the end of a block is not decided here. */
    for (int k = 0; k < MAX_STREAMS; k++) {
        stream_state *t = &s->streams[k];
        for (i64 i = t->begun; i < t->seen; i++) t->open[i % MAX_AROUND].row = -1;
    }
    /* Gather what is kept. */
    size_t kept = 0, need = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        if (s->rows[i].is_dead) continue;
        s->rows[kept++] = s->rows[i];
        need += (size_t)s->rows[i].text_size;
    }
    s->row_count = kept;
    if (!grow((void **)&s->texts, &s->text_room, need + 8, 1)) return -1;
    for (size_t i = 0; i < kept; i++) {
        row *r = &s->rows[i];
        u8 *to = s->texts + s->text_size;
        int is_ascii;
        if (r->has_escape) {
            i64 n = unescape(block + r->text, (size_t)r->text_size, to, &is_ascii);
            if (n < 0) return -1;
            r->text_size = (i32)n;
        } else if (r->text_size) {
            memcpy(to, block + r->text, (size_t)r->text_size);
        }
        s->text_size += (size_t)r->text_size;
    }
    return 0;
}

/* ---- Handing over ---------------------------------------------------------------------------- */

API int scan_version(void) { return SCAN_VERSION; }

API i64 scan_kept(const scanner *s) { return (i64)s->row_count; }

API i64 scan_text_size(const scanner *s) { return (i64)s->text_size; }

/* Write the kept rows as columns, of which the caller has made room: the text without its envelope
   where that was taken off (*opened*), else the line. */
API void scan_rows(const scanner *s, i64 *offsets, u8 *texts, i64 *lines, i64 *byte_offsets,
                   i64 *sizes, i64 *times, i32 *formats, i32 *patterns, u8 *states, u8 *streams,
                   u8 *wholes, u8 *opened) {
    i64 at = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        const row *r = &s->rows[i];
        offsets[i] = at;
        at += r->text_size;
        lines[i] = r->line;
        byte_offsets[i] = r->offset;
        sizes[i] = r->size;
        times[i] = r->time;
        formats[i] = r->format;
        patterns[i] = r->pattern;
        states[i] = r->state;
        streams[i] = r->stream;
        wholes[i] = r->is_whole;
        opened[i] = r->is_decoded;
    }
    offsets[s->row_count] = at;
    if (s->text_size) memcpy(texts, s->texts, s->text_size);
}

API void scan_tally(const scanner *s, i64 *five, u8 *formats) {
    five[0] = s->total.events;
    five[1] = s->total.first;
    five[2] = s->total.last;
    five[3] = s->total.zones[ASSUMED];
    five[4] = s->total.zones[INFERRED];
    memcpy(formats, s->format_seen, (size_t)s->c->format_count);
}

API void scan_sizes(const scanner *s, i64 *four) {
    four[0] = (i64)s->hour_count;
    four[1] = (i64)s->minute_count;
    four[2] = (i64)s->name_count;
    four[3] = (i64)s->letter_count;
}

/* Write the counts, eight numbers an hour and five a minute, and forget them. Names are three
   numbers each: where their letters begin, and how many are method and path (-1: null). */
API void scan_counts(scanner *s, i64 *hours, i64 *minutes, i64 *names, u8 *letters) {
    for (size_t i = 0; i < s->hour_count; i++, hours += 8) {
        const hour *h = &s->hours[i];
        hours[0] = h->begin;
        hours[1] = h->count;
        hours[2] = h->first;
        hours[3] = h->last;
        hours[4] = h->stream;
        hours[5] = h->severity;
        hours[6] = h->status;
        hours[7] = h->name;
    }
    for (size_t i = 0; i < s->minute_count; i++, minutes += 5) {
        const minute *m = &s->minutes[i];
        minutes[0] = m->begin;
        minutes[1] = m->count;
        minutes[2] = m->requests;
        minutes[3] = m->first;
        minutes[4] = m->last;
    }
    for (size_t i = 0; i < s->name_count; i++, names += 3) {
        names[0] = s->names[i].at;
        names[1] = s->names[i].method_size;
        names[2] = s->names[i].path_size;
    }
    if (s->letter_count) memcpy(letters, s->letters, s->letter_count);
    s->hour_count = s->minute_count = s->name_count = s->letter_count = 0;
    for (size_t i = 0; i < s->hour_slots; i++) s->hour_table[i] = -1;
    for (size_t i = 0; i < s->minute_slots; i++) s->minute_table[i] = -1;
    for (size_t i = 0; i < s->name_slots; i++) s->name_table[i] = -1;
}

/* Run one program: for tests. */
API int scan_match(const config *c, i32 program, const u8 *at, i32 size, int is_ascii, i32 *slots) {
    return run(&c->m, program, (text){at, size}, is_ascii, slots);
}

API void scan_close(scanner *s) {
    if (!s) return;
    void *all[] = {s->scratch, s->table, s->values, s->types, s->stamps, s->rows, s->texts, s->hours,
                   s->hour_table, s->minutes, s->minute_table, s->names, s->name_table, s->letters,
                   s->format_seen, s->note_heads, s->note_nexts};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    for (int i = 0; i < 256; i++) free(s->candidates[i]);
    free(s);
}

/* Open a scanner; *c* and all that it names must live as long as it. */
API scanner *scan_open(const config *c) {
    scanner *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->c = c;
    s->table_size = 64;
    while (s->table_size < 4 * c->key_count) s->table_size *= 2;
    size_t keys = (size_t)c->key_count + 1;
    s->table = malloc((size_t)s->table_size * sizeof(i32));
    s->values = calloc(keys, sizeof(text));
    s->types = calloc(keys, 1);
    s->stamps = calloc(keys, sizeof(u32));
    s->format_seen = calloc((size_t)c->format_count + 1, 1);
    if (!s->table || !s->values || !s->types || !s->stamps || !s->format_seen) {
        scan_close(s);
        return NULL;
    }
    if (c->above > MAX_AROUND || c->above < 1 || !learn_notes(s)) {
        scan_close(s);
        return NULL;
    }
    for (i32 k = 0; k < c->telling_count; k++) {
        const u8 *t = c->pool + c->telling[2 * k];
        u32 pair = (u32)t[0] << 8 | t[1];
        if (s->pairs[pair >> 3] >> (pair & 7) & 1) continue;
        s->pairs[pair >> 3] |= (u8)(1 << (pair & 7));
        if (s->pair_count < MAX_PAIRS) {
            s->begins[s->pair_count][0] = t[0];
            s->begins[s->pair_count][1] = t[1];
        }
        s->pair_count++;
    }
    for (i32 i = 0; i < s->table_size; i++) s->table[i] = -1;
    for (i32 k = 0; k < c->key_count; k++) {
        u32 h = hash_bytes(c->pool + c->keys[2 * k], (size_t)c->keys[2 * k + 1], 1);
        put(s->table, (size_t)s->table_size, h, k);
    }
    /* At the beginning of a stream nothing comes before. */
    for (int k = 0; k < MAX_STREAMS; k++) {
        s->streams[k].is_after_whole = 1;
        s->streams[k].before = 0;
    }
    return s;
}
