//! One run of a check: what it is told, and how it asks.

const std = @import("std");
const kit = @import("evidenced.zig");
const wire = @import("request.zig");

/// One question over HTTP. The host adds the credential.
pub const Call = struct {
    /// What it is for, in the words of errors: `keys`.
    purpose: []const u8,
    url: []const u8,
    method: []const u8 = "GET",
    headers: []const [2][]const u8 = &.{},
    body: ?[]const u8 = null,
    /// Without the credential of the grant.
    anonymous: bool = false,
    /// Statuses besides 200 to 299 that are an answer.
    accept: []const u16 = &.{},
    /// 0 = what is left of the run.
    timeout_ms: u32 = 0,
    /// What is needed of the body: from the first time on, this is the body, and nothing else but the status is kept.
    reduce: ?*const fn (std.mem.Allocator, []const u8) anyerror![]const u8 = null,
};

/// An answer that counts: its status is 200 to 299, or one that was accepted.
pub const Response = struct {
    run: *Run,
    call: Call,
    exchange: wire.Exchange,
    body: []const u8,

    /// A header by its name in any case.
    pub fn header(response: Response, name: []const u8) ?[]const u8 {
        for (response.exchange.headers) |pair| if (std.ascii.eqlIgnoreCase(pair[0], name)) return pair[1];
        return null;
    }

    /// The body as JSON; members that `T` does not have are ignored.
    pub fn json(response: Response, comptime T: type) error{ Failed, OutOfMemory }!T {
        const options: std.json.ParseOptions = .{ .ignore_unknown_fields = true };
        return std.json.parseFromSliceLeaky(T, response.run.arena, response.body, options) catch |fault| switch (fault) {
            error.OutOfMemory => error.OutOfMemory,
            else => response.notAsExpected("the answer is not the JSON that was expected: {t}", .{fault}),
        };
    }

    /// The failure of a check that cannot make sense of this answer.
    pub fn notAsExpected(response: Response, comptime format: []const u8, args: anytype) error{ Failed, OutOfMemory } {
        return response.run.failFrom(response.call.url, .bad_input, "{s}: " ++ format, .{response.call.purpose} ++ args);
    }
};

/// Of many questions that were asked together, the answer to one, or why there is none.
pub const Answer = struct {
    run: *Run,
    call: Call,
    given: wire.Kept,

    /// The answer, if it counts. Else the failure of the run is what it means: "keys: status 403".
    pub fn response(answer: Answer) error{ Failed, OutOfMemory }!Response {
        if (answer.given.@"error") |refusal| return answer.fail(refusal);
        const ok = answer.given.ok orelse .null;
        const lenient: std.json.ParseOptions = .{ .ignore_unknown_fields = true };
        const Ok = struct { body: []const u8 = "" };
        const arena = answer.run.arena;
        const exchange = std.json.parseFromValueLeaky(wire.Exchange, arena, ok, lenient) catch return answer.unreadable();
        const body = std.json.parseFromValueLeaky(Ok, arena, ok, lenient) catch return answer.unreadable();
        return .{ .run = answer.run, .call = answer.call, .exchange = exchange, .body = body.body };
    }

    pub fn json(answer: Answer, comptime T: type) error{ Failed, OutOfMemory }!T {
        return (try answer.response()).json(T);
    }

    fn unreadable(answer: Answer) error{ Failed, OutOfMemory } {
        return answer.run.fail(.internal, "the host's answer cannot be read", .{});
    }

    fn fail(answer: Answer, refusal: wire.Refusal) error{ Failed, OutOfMemory } {
        const why = refusal.message;
        const Case = enum { refused, @"unreachable", timeout, tls, status, limit, other };
        const kind: kit.FailureKind, const before: []const u8, const said: []const u8 =
            switch (std.meta.stringToEnum(Case, refusal.kind) orelse .other) {
                .refused => .{ .unsupported, "refused: ", why },
                .@"unreachable" => .{ .unreachable_, "unreachable: ", why },
                .timeout => .{ .timeout, "", "timed out" },
                .tls => .{ .unreachable_, "TLS: ", why },
                .status => .{ kindOfStatus(refusal.status orelse 0), "", why },
                .limit => .{ if (std.mem.eql(u8, why, "wall")) .timeout else .unsupported, "over the limit ", why },
                .other => .{ .bad_input, "", why },
            };
        return answer.run.failFrom(answer.call.url, kind, "{s}: {s}{s}", .{ answer.call.purpose, before, said });
    }
};

fn kindOfStatus(status: u16) kit.FailureKind {
    return switch (status) {
        401, 403 => .denied,
        408, 504 => .timeout,
        429 => .throttled,
        500...503, 505...599 => .unreachable_,
        else => .bad_input,
    };
}

pub const Run = struct {
    /// Nothing is given back: each round has an instance of its own.
    arena: std.mem.Allocator,
    io: std.Io,
    request: wire.Request,
    /// The only clock, and it stands still.
    now: kit.Instant,
    /// Of the last `error.Failed`.
    failure: kit.Failure = .{ .kind = .internal, .message = "the check failed without a reason" },
    known: std.json.ArrayHashMap(wire.Kept),
    /// Of those, how many came out of the memo: they were reduced before.
    kept: usize,
    asked: std.Io.Writer.Allocating,
    questions_asked: usize = 0,

    pub fn init(arena: std.mem.Allocator, io: std.Io, request: wire.Request) !Run {
        var known = request.memo orelse std.json.ArrayHashMap(wire.Kept){};
        const kept = known.map.count();
        for (request.answers) |given| try known.map.put(arena, given.id, .{ .ok = given.ok, .@"error" = given.@"error" });
        return .{
            .arena = arena,
            .io = io,
            .request = request,
            .now = try .parse(request.now),
            .known = known,
            .kept = kept,
            .asked = .init(arena),
        };
    }

    /// Where an input came from; null when the control has none of this name.
    pub fn input(run: *const Run, name: []const u8) ?wire.Input {
        for (run.request.inputs) |one| if (std.mem.eql(u8, one.name, name)) return one;
        return null;
    }

    /// The bytes of an input.
    pub fn read(run: *Run, name: []const u8) error{ Failed, OutOfMemory }![]const u8 {
        const inputs: std.Io.Dir = .{ .handle = 3 };
        return inputs.readFileAlloc(run.io, name, run.arena, .unlimited) catch |fault| switch (fault) {
            error.OutOfMemory => error.OutOfMemory,
            else => run.failFrom(name, .bad_input, "the input `{s}` cannot be read: {t}", .{ name, fault }),
        };
    }

    /// Sets the failure of the run, and returns the error that ends it: `return run.fail(.bad_input, "…", .{})`.
    pub fn fail(run: *Run, kind: kit.FailureKind, comptime format: []const u8, args: anytype) error{ Failed, OutOfMemory } {
        run.failure = .{ .kind = kind, .message = try run.arena.print(format, args) };
        return error.Failed;
    }

    /// The same, with where it came from.
    pub fn failFrom(
        run: *Run,
        source: []const u8,
        kind: kit.FailureKind,
        comptime format: []const u8,
        args: anytype,
    ) error{ Failed, OutOfMemory } {
        const fault = run.fail(kind, format, args);
        run.failure.source = source;
        return fault;
    }

    pub fn get(run: *Run, purpose: []const u8, url: []const u8) !Response {
        return run.send(.{ .purpose = purpose, .url = url });
    }

    pub fn send(run: *Run, call: Call) !Response {
        return (try run.sendAll(&.{call}))[0].response();
    }

    /// Side by side, in one round; answers in the order of the calls.
    pub fn sendAll(run: *Run, calls: []const Call) ![]const Answer {
        const answers = try run.arena.alloc(Answer, calls.len);
        for (calls, answers) |call, *answer| {
            const question = .{
                .method = call.method,
                .url = call.url,
                .headers = if (call.headers.len > 0) call.headers else null,
                .body = call.body,
                .auth = if (call.anonymous) @as(?[]const u8, "anonymous") else null,
                .accept = if (call.accept.len > 0) call.accept else null,
                .timeout_ms = if (call.timeout_ms > 0) @as(?u32, call.timeout_ms) else null,
            };
            const given = try run.ask("http", question, call.reduce) orelse continue;
            answer.* = .{ .run = run, .call = call, .given = given };
        }
        try run.pause();
        return answers;
    }

    /// What else a command may ask, as the contract writes it: `tls`, `history` or `slots` with its members.
    pub fn other(run: *Run, comptime member: []const u8, question: anytype) !std.json.Value {
        const given = try run.ask(member, question, null);
        try run.pause();
        const refusal = given.?.@"error" orelse return given.?.ok orelse .null;
        return run.fail(.unsupported, "{s}: {s}: {s}", .{ member, refusal.kind, refusal.message });
    }

    /// The answer if it is known; else the question is put to the others of this round.
    fn ask(run: *Run, comptime member: []const u8, question: anytype, reduce: @FieldType(Call, "reduce")) !?wire.Kept {
        run.questions_asked += 1;
        const id = try run.arena.print("q{d}", .{run.questions_asked});
        if (run.known.map.getEntry(id)) |entry| {
            if (run.questions_asked > run.kept) if (reduce) |needed| try run.shorten(entry.value_ptr, needed);
            return entry.value_ptr.*;
        }
        const out = &run.asked.writer;
        if (run.asked.written().len > 0) try run.write(",");
        const text = try std.json.Stringify.valueAlloc(run.arena, question, .{ .emit_null_optional_fields = false });
        out.print("{{\"id\":\"{s}\",\"" ++ member ++ "\":{s}}}", .{ id, text }) catch return error.OutOfMemory;
        return null;
    }

    fn write(run: *Run, text: []const u8) !void {
        run.asked.writer.writeAll(text) catch return error.OutOfMemory;
    }

    fn pause(run: *Run) error{Asked}!void {
        if (run.asked.written().len > 0) return error.Asked;
    }

    fn shorten(run: *Run, one: *wire.Kept, needed: @typeInfo(@FieldType(Call, "reduce")).optional.child) !void {
        const ok = one.ok orelse return;
        if (ok != .object) return;
        const body = ok.object.get("body") orelse return;
        const short = needed(run.arena, if (body == .string) body.string else "") catch |fault| switch (fault) {
            error.OutOfMemory => return error.OutOfMemory,
            else => return run.fail(.internal, "`reduce` failed: {t}", .{fault}),
        };
        const status = ok.object.get("status") orelse .null;
        const text = try std.json.Stringify.valueAlloc(run.arena, .{ .status = status, .body = short }, .{});
        one.ok = std.json.parseFromSliceLeaky(std.json.Value, run.arena, text, .{}) catch return error.OutOfMemory;
    }

    /// What this round asks, and what is to be known in the next one.
    pub fn questions(run: *Run) ![]const u8 {
        const memo = try std.json.Stringify.valueAlloc(run.arena, run.known, .{ .emit_null_optional_fields = false });
        if (memo.len > 1 << 20) return
            \\{"failure":{"kind":"internal","message":"the answers so far do not fit into the memo of 1 MiB: use `reduce`"}}
        ;
        return run.arena.print("{{\"ask\":[{s}],\"memo\":{s}}}", .{ run.asked.written(), memo });
    }
};
