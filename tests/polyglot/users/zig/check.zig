//! Judges the age of every key of every user of an API.

const std = @import("std");
const evidenced = @import("evidenced");

pub const description: evidenced.Description = .{
    .name = "users",
    .version = "0.1.0",
    .summary = "Every key of every user is young",
    .config_schema = @embedFile("config.schema.json"),
    .needs = .{ .hosts = &.{"/url"} },
};

pub const Config = struct { url: []const u8, max_age_days: f64 };

/// `next` is null on the last page; what it is when it is left out can be told apart from that.
const Page = struct { users: ?[]const struct { id: []const u8 } = null, next: std.json.Value = .{ .bool = false } };
const Key = struct { id: []const u8, created: []const u8 };

pub fn check(run: *evidenced.Run, config: Config) !evidenced.Report {
    const users = try listUsers(run, config.url);
    const calls = try run.arena.alloc(evidenced.Call, users.len);
    for (users, calls) |user, *call|
        call.* = .{ .purpose = "keys", .url = try run.arena.print("{s}/users/{s}/keys", .{ config.url, user }) };
    const answers = try run.sendAll(calls);

    var findings: evidenced.Findings = .init(run, "every key of every user, to the last page");
    for (users, answers) |user, answer| {
        const listed = answer.json(struct { keys: []const Key }) catch |fault| {
            try findings.failed(user, fault);
            continue;
        };
        for (listed.keys) |key| {
            const subject = try run.arena.print("{s}/{s}", .{ user, key.id });
            try findings.subject(subject, lookAtKey, .{ key, run.now, config.max_age_days });
        }
    }
    return findings.finish();
}

/// The ids of all users, to the last page.
fn listUsers(run: *evidenced.Run, url: []const u8) ![]const []const u8 {
    var users: std.ArrayList([]const u8) = .empty;
    var number: i64 = 1;
    while (true) {
        const page_url = try run.arena.print("{s}/users?page={d}", .{ url, number });
        const response = try run.send(.{ .purpose = "users", .url = page_url, .reduce = idsAndNext });
        const page = try response.json(Page);
        const next: ?i64 = switch (page.next) {
            .null => null,
            .integer => |next| next,
            else => return response.notAsExpected("the answer does not say whether it is the last page", .{}),
        };
        const listed = page.users orelse return response.notAsExpected("the answer is not the JSON that was expected", .{});
        for (listed) |user| try users.append(run.arena, user.id);
        number = next orelse return users.items;
    }
}

/// Of a page only the ids and the next number are kept for later rounds. What is no such page stays as it is.
fn idsAndNext(arena: std.mem.Allocator, body: []const u8) ![]const u8 {
    const page = std.json.parseFromSliceLeaky(Page, arena, body, .{ .ignore_unknown_fields = true }) catch return body;
    return if (page.users == null) body else std.json.Stringify.valueAlloc(arena, page, .{});
}

fn lookAtKey(finding: *evidenced.Finding, key: Key, now: evidenced.Instant, max: f64) !void {
    const days: f64 = @floatFromInt(now.daysSince(try .parse(key.created)));
    const good = try finding.atMost("age", days, "d", max);
    try finding.passIf(good, "created {d} days ago, at most {d} are allowed", .{ days, max });
}

pub fn main(init: std.process.Init) !void {
    return evidenced.main(@This(), init);
}
