//! Judges what the host gathered from an HTTPS endpoint: its status, how long it took, and its certificate.

const std = @import("std");
const evidenced = @import("evidenced");

pub const description: evidenced.Description = .{
    .name = "{{name}}",
    .version = "0.1.0",
    .summary = "An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon",
    .config_schema = @embedFile("config.schema.json"),
    .needs = .{ .inputs = &.{.{ .name = "endpoint" }} },
};

pub const Config = struct { status: f64 = 200, max_latency_ms: f64, min_certificate_days: f64 };

pub fn check(run: *evidenced.Run, config: Config) !evidenced.Report {
    const input = run.input("endpoint") orelse return run.fail(.bad_input, "input `endpoint` is missing", .{});
    if (input.http == null)
        return run.fail(.bad_input, "input `endpoint` is no answer of a server: give it by `http`", .{});

    var findings: evidenced.Findings = .init(run, "status, latency and certificate of the input `endpoint`");
    try findings.subject("status", lookAtStatus, .{ input, config });
    try findings.subject("latency", lookAtLatency, .{ input, config });
    try findings.subject("certificate", lookAtCertificate, .{ input, config, run.now });
    return findings.finish();
}

fn lookAtStatus(finding: *evidenced.Finding, input: evidenced.Input, config: Config) !void {
    finding.as_of = input.observed;
    const status: f64 = @floatFromInt(input.http.?.status);
    try finding.measure("status", status, "1");
    try finding.passIf(status == config.status, "answered {d}, expected {d}", .{ status, config.status });
}

fn lookAtLatency(finding: *evidenced.Finding, input: evidenced.Input, config: Config) !void {
    finding.as_of = input.observed;
    const good = try finding.atMost("latency", input.http.?.timings.total, "ms", config.max_latency_ms);
    try finding.passIf(good, "at most {d} ms are allowed", .{config.max_latency_ms});
}

/// An error that is returned from here is the `error` finding `certificate`.
fn lookAtCertificate(finding: *evidenced.Finding, input: evidenced.Input, config: Config, now: evidenced.Instant) !void {
    finding.as_of = input.observed;
    const peer: evidenced.Peer = input.http.?.peer orelse .{};
    if (peer.chain.len == 0) return finding.unknown("no certificate was seen: is the URL https?", .{});
    if (peer.untrusted) |why| return finding.fail("not trusted: {s}", .{why});

    const not_after: evidenced.Instant = try .parse(peer.chain[0].not_after);
    const days: f64 = @floatFromInt(not_after.daysSince(now));
    const min = config.min_certificate_days;
    const good = try finding.atLeast("days_left", days, "d", min);
    if (days < 0) return finding.passIf(good, "expired {d} days ago", .{-days});
    return finding.passIf(good, "valid for {d} more days, at least {d} are wanted", .{ days, min });
}

pub fn main(init: std.process.Init) !void {
    return evidenced.main(@This(), init);
}

test "an endpoint that answers late fails in that and nothing else" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const request = @embedFile("tests/late.json");
    const printed = try evidenced.answer(@This(), arena.allocator(), std.testing.io, request);
    const Printed = struct { summary: []const u8, findings: []const struct { subject: []const u8, status: []const u8 } };
    const lenient: std.json.ParseOptions = .{ .ignore_unknown_fields = true };
    const report = try std.json.parseFromSliceLeaky(Printed, arena.allocator(), printed, lenient);
    try std.testing.expectEqualStrings("1 of 3 did not pass", report.summary);
    for (report.findings, [_][]const u8{ "pass", "fail", "pass" }) |finding, expected|
        try std.testing.expectEqualStrings(expected, finding.status);
}
