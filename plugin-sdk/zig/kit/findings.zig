//! Findings, and the report that they become.

const std = @import("std");
const Run = @import("run.zig").Run;

pub const Report = struct {
    summary: []const u8,
    population: usize,
    source_total: ?u32 = null,
    population_query: []const u8,
    listing: []const u8,
    findings: []const Made,
    incomplete: ?[]const u8 = null,
    covered_until: ?[]const u8 = null,
};

const Made = struct {
    subject: []const u8,
    label: ?[]const u8 = null,
    status: []const u8,
    attention: bool = false,
    message: []const u8,
    measurements: []const Measurement,
    as_of: ?[]const u8 = null,
    event: ?[]const u8 = null,
};

const Measurement = struct { name: []const u8, value: f64, unit: []const u8, limit: ?f64 = null };

/// One finding in the making: an `error` until it is judged.
pub const Finding = struct {
    run: *Run,
    status: enum { @"error", fail, pass, @"not-applicable" } = .@"error",
    message: []const u8 = "the check came to no verdict",
    /// For people; may change.
    label: ?[]const u8 = null,
    /// When this was true at the source.
    as_of: ?[]const u8 = null,
    /// The source's own id of the event.
    event: ?[]const u8 = null,
    /// Passes, but a person should look.
    attention: bool = false,
    measurements: std.ArrayList(Measurement) = .empty,
    not_finite: ?[]const u8 = null,

    pub fn passIf(finding: *Finding, good: bool, comptime format: []const u8, args: anytype) !void {
        finding.status = if (good) .pass else .fail;
        finding.message = try finding.run.arena.print(format, args);
    }

    pub fn pass(finding: *Finding, comptime format: []const u8, args: anytype) !void {
        return finding.passIf(true, format, args);
    }

    pub fn fail(finding: *Finding, comptime format: []const u8, args: anytype) !void {
        return finding.passIf(false, format, args);
    }

    pub fn notApplicable(finding: *Finding, comptime format: []const u8, args: anytype) !void {
        try finding.passIf(false, format, args);
        finding.status = .@"not-applicable";
    }

    /// It could not be judged, in the check's own words.
    pub fn unknown(finding: *Finding, comptime format: []const u8, args: anytype) !void {
        try finding.passIf(false, format, args);
        finding.status = .@"error";
    }

    /// A value without a limit. One that is not finite makes the finding an `error`.
    pub fn measure(finding: *Finding, name: []const u8, value: f64, unit: []const u8) !void {
        return finding.add(.{ .name = name, .value = value, .unit = unit });
    }

    /// Records a value with its limit, and answers whether it is good: on the limit is.
    pub fn atMost(finding: *Finding, name: []const u8, value: f64, unit: []const u8, limit: f64) !bool {
        try finding.add(.{ .name = name, .value = value, .unit = unit, .limit = limit });
        return value <= limit;
    }

    pub fn atLeast(finding: *Finding, name: []const u8, value: f64, unit: []const u8, limit: f64) !bool {
        try finding.add(.{ .name = name, .value = value, .unit = unit, .limit = limit });
        return value >= limit;
    }

    fn add(finding: *Finding, measurement: Measurement) !void {
        if (std.math.isFinite(measurement.value) and std.math.isFinite(measurement.limit orelse 0))
            return finding.measurements.append(finding.run.arena, measurement);
        finding.not_finite = measurement.name;
    }
};

/// A report in the making: one finding for every subject, also for those that pass.
pub const Findings = struct {
    run: *Run,
    population_query: []const u8,
    made: std.ArrayList(Made) = .empty,
    did_not_pass: usize = 0,
    /// Subjects in scope, when they are more than those that are listed.
    population: ?usize = null,
    /// What the source itself says that there is.
    source_total: ?u32 = null,
    /// "N of M did not pass", unless it is set.
    summary: ?[]const u8 = null,
    /// Why not everything in scope was looked at.
    incomplete: ?[]const u8 = null,
    /// Events are judged up to here; for checks whose needs say `interval`.
    covered_until: ?[]const u8 = null,

    /// `population_query` tells the auditor how the subjects were found.
    pub fn init(run: *Run, population_query: []const u8) Findings {
        return .{ .run = run, .population_query = population_query };
    }

    /// Looks at one subject: calls `look` with the finding and `args`. An error of it is the `error` finding of this
    /// subject, and the loop goes on.
    pub fn subject(findings: *Findings, id: []const u8, comptime look: anytype, args: anytype) error{ Asked, OutOfMemory }!void {
        const run = findings.run;
        var finding: Finding = .{ .run = run };
        @as(anyerror!void, @call(.auto, look, .{&finding} ++ args)) catch |fault| switch (fault) {
            error.Asked => return error.Asked,
            error.OutOfMemory => return error.OutOfMemory,
            error.Failed => try finding.unknown("{s}", .{run.failure.message}),
            else => try finding.unknown("{t}", .{fault}),
        };
        if (finding.not_finite) |name| try finding.unknown("the measurement `{s}` is not a finite number", .{name});
        if (finding.status != .pass) findings.did_not_pass += 1;
        try findings.made.append(run.arena, .{
            .subject = id,
            .label = finding.label,
            .status = @tagName(finding.status),
            .attention = finding.attention and finding.status == .pass,
            .message = finding.message,
            .measurements = finding.measurements.items,
            .as_of = finding.as_of,
            .event = finding.event,
        });
    }

    /// The `error` finding of a subject about which an error was just returned.
    pub fn failed(findings: *Findings, id: []const u8, fault: anyerror) error{ Asked, OutOfMemory }!void {
        return findings.subject(id, pass_on, .{fault});
    }

    fn pass_on(_: *Finding, fault: anyerror) anyerror!void {
        return fault;
    }

    pub fn finish(findings: Findings) !Report {
        const listed = findings.made.items.len;
        const counted = try findings.run.arena.print("{d} of {d} did not pass", .{ findings.did_not_pass, listed });
        return .{
            .summary = findings.summary orelse counted,
            .population = findings.population orelse listed,
            .source_total = findings.source_total,
            .population_query = findings.population_query,
            .listing = if (findings.population == null) "every-subject" else "not-passing",
            .findings = findings.made.items,
            .incomplete = findings.incomplete,
            .covered_until = findings.covered_until,
        };
    }
};
