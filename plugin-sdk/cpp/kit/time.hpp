// Instants of RFC 3339, to the millisecond.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace evidenced {

struct instant {
    std::int64_t ms = 0;                 // since 1970-01-01T00:00:00Z

    // Any offset, and any number of digits of the second; nothing when it is no instant.
    static std::optional<instant> parse(std::string_view text) {
        auto number = [&](std::size_t at, std::size_t count) {
            int sum = 0;
            for (std::size_t i = at; i < at + count; i++) {
                if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
                sum = sum * 10 + (text[i] - '0');
            }
            return sum;
        };
        if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
            text[13] != ':' || text[16] != ':')
            return std::nullopt;
        int year = number(0, 4), month = number(5, 2), day = number(8, 2);
        int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
        if (year < 0 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour < 0 || hour > 23 ||
            minute < 0 || minute > 59 || second < 0 || second > 60)
            return std::nullopt;
        std::size_t at = 19;
        int fraction = 0;
        if (text[at] == '.') {
            int counted = 0;
            for (at++; number(at, 1) >= 0; at++, counted++)
                if (counted < 3) fraction = fraction * 10 + number(at, 1);
            if (counted == 0) return std::nullopt;
            for (; counted < 3; counted++) fraction *= 10;
        }
        auto zone = text.substr(at);
        int offset = 0;
        if (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':') {
            int hours = number(at + 1, 2), minutes = number(at + 4, 2);
            if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
            offset = (zone[0] == '+' ? 1 : -1) * (hours * 60 + minutes);
        } else if (zone != "Z" && zone != "z") {
            return std::nullopt;
        }
        std::int64_t minutes = (days_from_1970(year, month, day) * 24 + hour) * 60 + minute - offset;
        return instant{(minutes * 60 + second) * 1000 + fraction};
    }

    // Whole days from an earlier instant to this one, rounded down: -0.5 days are -1.
    std::int64_t days_since(instant earlier) const {
        constexpr std::int64_t day = 86'400'000;
        std::int64_t span = ms - earlier.ms;
        return span / day - (span % day < 0 ? 1 : 0);
    }

private:
    static int days_in(int year, int month) {
        if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }

    // The year is counted from March, so that the leap day is its last.
    static std::int64_t days_from_1970(int year, int month, int day) {
        int from_march = month > 2 ? month - 3 : month + 9;
        std::int64_t y = month > 2 ? year : year - 1;
        std::int64_t leaps = y < 0 ? -1 : y / 4 - y / 100 + y / 400;
        return y * 365 + leaps + (153 * from_march + 2) / 5 + day - 1 - 719'468;
    }
};

}  // namespace evidenced
