//! Instants of RFC 3339, to the millisecond.

const std = @import("std");

pub const Instant = struct {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    ms: i64,

    /// Any offset, and any number of digits of the second; digits after the third are cut.
    pub fn parse(text: []const u8) error{NotAnInstant}!Instant {
        return parseOrNull(text) orelse error.NotAnInstant;
    }

    /// Whole days from an earlier instant to this one, rounded down: -0.5 days are -1.
    pub fn daysSince(later: Instant, earlier: Instant) i64 {
        return @divFloor(later.ms - earlier.ms, 86_400_000);
    }
};

fn parseOrNull(text: []const u8) ?Instant {
    if (text.len < 20 or text[4] != '-' or text[7] != '-' or text[13] != ':' or text[16] != ':') return null;
    if (std.mem.indexOfScalar(u8, "Tt ", text[10]) == null) return null;
    const year = digits(text[0..4]) orelse return null;
    const month = digits(text[5..7]) orelse return null;
    const day = digits(text[8..10]) orelse return null;
    const hour = digits(text[11..13]) orelse return null;
    const minute = digits(text[14..16]) orelse return null;
    const second = digits(text[17..19]) orelse return null;
    if (month < 1 or month > 12 or day < 1 or day > daysInMonth(year, month)) return null;
    if (hour > 23 or minute > 59 or second > 60) return null;

    var rest = text[19..];
    var fraction: i64 = 0;
    if (rest[0] == '.') {
        var count: usize = 0;
        while (count + 1 < rest.len and std.ascii.isDigit(rest[count + 1])) count += 1;
        if (count == 0) return null;
        for (0..3) |at| fraction = fraction * 10 + if (at < count) rest[at + 1] - '0' else 0;
        rest = rest[count + 1 ..];
    }
    const minutes = (daysFrom1970(year, month, day) * 24 + hour) * 60 + minute - (offset(rest) orelse return null);
    return .{ .ms = (minutes * 60 + second) * 1000 + fraction };
}

/// Minutes that a zone is ahead of UTC.
fn offset(zone: []const u8) ?i64 {
    if (std.mem.eql(u8, zone, "Z") or std.mem.eql(u8, zone, "z")) return 0;
    if (zone.len != 6 or zone[3] != ':' or (zone[0] != '+' and zone[0] != '-')) return null;
    const hours = digits(zone[1..3]) orelse return null;
    const minutes = digits(zone[4..6]) orelse return null;
    if (hours > 23 or minutes > 59) return null;
    const ahead = hours * 60 + minutes;
    return if (zone[0] == '+') ahead else -ahead;
}

fn digits(text: []const u8) ?i64 {
    var sum: i64 = 0;
    for (text) |digit| {
        if (!std.ascii.isDigit(digit)) return null;
        sum = sum * 10 + (digit - '0');
    }
    return sum;
}

fn daysInMonth(year: i64, month: i64) i64 {
    return switch (month) {
        4, 6, 9, 11 => 30,
        2 => if (@mod(year, 4) == 0 and (@mod(year, 100) != 0 or @mod(year, 400) == 0)) 29 else 28,
        else => 31,
    };
}

/// The year is counted from March, so that the leap day is its last.
fn daysFrom1970(year: i64, month: i64, day: i64) i64 {
    const from_march = if (month > 2) month - 3 else month + 9;
    const y = if (month > 2) year else year - 1;
    const leaps = @divFloor(y, 4) - @divFloor(y, 100) + @divFloor(y, 400);
    return y * 365 + leaps + @divFloor(153 * from_march + 2, 5) + day - 1 - 719_468;
}

test "instants" {
    const now: Instant = try .parse("2026-03-02T06:00:00.000Z");
    try std.testing.expectEqual(1_772_431_200_000, now.ms);
    try std.testing.expectEqual(now, try Instant.parse("2026-03-02t07:30:00+01:30"));
    try std.testing.expectEqual(0, now.daysSince(try .parse("2026-03-01T06:00:00.001Z")));
    try std.testing.expectEqual(-1, now.daysSince(try .parse("2026-03-02T06:00:00.0019Z")));
    for ([_][]const u8{ "", "2026-03-02", "2026-02-29T00:00:00Z", "2026-03-02T06:00:00", "2026-03-02T06:00:00.Z" }) |wrong|
        try std.testing.expectError(error.NotAnInstant, Instant.parse(wrong));
}
