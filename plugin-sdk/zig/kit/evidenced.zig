//! A check for evidenced, in Zig: a description, a type for the configuration, and one function.
//!
//!     pub const description: evidenced.Description = .{ .name = "young-keys", .summary = "Keys are young" };
//!     pub const Config = struct { url: []const u8, max_age_days: f64 };
//!
//!     pub fn check(run: *evidenced.Run, config: Config) !evidenced.Report {
//!         const keys = try (try run.get("keys", config.url)).json([]Key);
//!         var findings: evidenced.Findings = .init(run, "every key of the API");
//!         for (keys) |key| try findings.subject(key.id, look, .{ run, key, config.max_age_days });
//!         return findings.finish();
//!     }
//!
//! An error inside of `look` makes the finding of that subject an `error`, an error outside of it ends the run as a failure:
//! with the words that `Run.fail` had, or else the name of the error. A finding that `look` does not judge is an `error`.
//!
//! The program is run anew for each round of questions. It is written as if it were answered at once: a question without an
//! answer returns `error.Asked`, which is to be passed on (`try`), and everything before it happens again in the next round.
//! Older answers are kept in the memo, which holds 1 MiB; of an answer of which little is needed say what, by `reduce`.

const std = @import("std");

pub const Instant = @import("instant.zig").Instant;
pub const Findings = @import("findings.zig").Findings;
pub const Finding = @import("findings.zig").Finding;
pub const Report = @import("findings.zig").Report;
pub const Run = @import("run.zig").Run;
pub const Answer = @import("run.zig").Answer;
pub const Response = @import("run.zig").Response;
pub const Call = @import("run.zig").Call;
pub const Input = @import("request.zig").Input;
pub const Exchange = @import("request.zig").Exchange;
pub const Peer = @import("request.zig").Peer;
const Request = @import("request.zig").Request;

/// What a check is and needs.
pub const Description = struct {
    name: []const u8,
    version: []const u8 = "0.1.0",
    summary: []const u8 = "",
    /// JSON Schema 2020-12 of the configuration: `@embedFile("config.schema.json")`.
    config_schema: []const u8 = "null",
    needs: Needs = .{},
};

pub const Needs = struct {
    inputs: []const InputNeed = &.{},
    /// JSON Pointers to URLs in the configuration that the check will call: `&.{"/url"}`.
    hosts: []const []const u8 = &.{},
    tls: bool = false,
    state: bool = false,
    history: bool = false,
    interval: bool = false,
};

pub const InputNeed = struct { name: []const u8, media_type: []const u8 = "", optional: bool = false };

pub const FailureKind = enum {
    internal,
    unreachable_,
    denied,
    throttled,
    timeout,
    bad_input,
    unsupported,

    pub fn word(kind: FailureKind) []const u8 {
        return switch (kind) {
            .unreachable_ => "unreachable",
            .bad_input => "bad-input",
            else => @tagName(kind),
        };
    }
};

/// Why the control could not be tested at all.
pub const Failure = struct { kind: FailureKind, message: []const u8, source: ?[]const u8 = null };

/// The program: `pub fn main(init: std.process.Init) !void { return evidenced.main(@This(), init); }`
pub fn main(comptime Check: type, init: std.process.Init) !void {
    const arena = init.arena.allocator();
    const args = try init.minimal.args.toSlice(arena);
    const describing = args.len > 1 and std.mem.eql(u8, args[1], "--describe");
    const printed = if (describing) try describe(arena, Check.description) else round: {
        var buffer: [4096]u8 = undefined;
        var stdin = std.Io.File.stdin().readerStreaming(init.io, &buffer);
        const request = try stdin.interface.allocRemaining(arena, .unlimited);
        break :round try answer(Check, arena, init.io, request);
    };
    var buffer: [4096]u8 = undefined;
    var stdout = std.Io.File.stdout().writerStreaming(init.io, &buffer);
    try stdout.interface.writeAll(printed);
    try stdout.interface.flush();
}

/// What the program prints for a request: a report, a failure or questions. Tests call it with a recorded request.
pub fn answer(comptime Check: type, arena: std.mem.Allocator, io: std.Io, text: []const u8) ![]const u8 {
    const lenient: std.json.ParseOptions = .{ .ignore_unknown_fields = true };
    const request = std.json.parseFromSliceLeaky(Request, arena, text, lenient) catch |fault| {
        return printFailure(arena, .{ .kind = .internal, .message = try arena.print("the request cannot be read: {t}", .{fault}) });
    };
    var run: Run = try .init(arena, io, request);
    const config = std.json.parseFromValueLeaky(Check.Config, arena, request.config, .{}) catch |fault| {
        const message = try arena.print("the configuration does not fit the check: {t}", .{fault});
        return printFailure(arena, .{ .kind = .bad_input, .message = message });
    };
    const report = Check.check(&run, config) catch |fault| switch (@as(anyerror, fault)) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Asked => return run.questions(),
        error.Failed => return printFailure(arena, run.failure),
        else => return printFailure(arena, .{ .kind = .internal, .message = @errorName(fault) }),
    };
    return print(arena, report);
}

fn printFailure(arena: std.mem.Allocator, failure: Failure) ![]const u8 {
    const told = .{ .kind = failure.kind.word(), .message = failure.message, .source = failure.source };
    return print(arena, .{ .failure = told });
}

fn print(arena: std.mem.Allocator, value: anytype) ![]const u8 {
    return std.json.Stringify.valueAlloc(arena, value, .{ .emit_null_optional_fields = false });
}

fn describe(arena: std.mem.Allocator, description: Description) ![]const u8 {
    const needs = try print(arena, description.needs);
    const head = try print(arena, .{
        .contract = "1.0",
        .name = description.name,
        .version = description.version,
        .summary = description.summary,
    });
    return arena.print("{s},\"config_schema\":{s},\"needs\":{s}}}\n", .{ head[0 .. head.len - 1], description.config_schema, needs });
}

test {
    std.testing.refAllDecls(@This());
}
