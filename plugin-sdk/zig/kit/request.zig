//! What the host tells a command on standard input. Members that are not named here are ignored.

const std = @import("std");

pub const Request = struct {
    now: []const u8,
    interval: ?Interval = null,
    config: std.json.Value = .null,
    inputs: []const Input = &.{},
    /// Answers of earlier rounds, by the id of their question.
    memo: ?std.json.ArrayHashMap(Kept) = null,
    /// Those of the newest round.
    answers: []const Given = &.{},
};

pub const Interval = struct { from: []const u8, until: []const u8 };

/// Information produced by the entity: where the bytes came from.
pub const Input = struct {
    name: []const u8,
    source: []const u8 = "",
    query: []const u8 = "",
    media_type: []const u8 = "",
    observed: []const u8 = "",
    rows: ?u32 = null,
    source_total: ?u32 = null,
    /// Inputs over HTTP only.
    http: ?Exchange = null,
};

pub const Exchange = struct {
    status: u16,
    headers: []const [2][]const u8 = &.{},
    timings: Timings = .{},
    peer: ?Peer = null,
};

/// Milliseconds, measured by the host.
pub const Timings = struct { resolve: f64 = 0, connect: f64 = 0, handshake: f64 = 0, first_byte: f64 = 0, total: f64 = 0 };

pub const Peer = struct {
    address: []const u8 = "",
    protocol: []const u8 = "",
    cipher: []const u8 = "",
    /// Why the chain does not lead to a trusted root, or the name does not match.
    untrusted: ?[]const u8 = null,
    /// The end entity first.
    chain: []const Certificate = &.{},
};

pub const Certificate = struct {
    subject: []const u8 = "",
    issuer: []const u8 = "",
    names: []const []const u8 = &.{},
    not_before: []const u8 = "",
    not_after: []const u8,
    key: []const u8 = "",
};

/// An answer, with exactly one of the two.
pub const Kept = struct { ok: ?std.json.Value = null, @"error": ?Refusal = null };
pub const Given = struct { id: []const u8, ok: ?std.json.Value = null, @"error": ?Refusal = null };
pub const Refusal = struct { kind: []const u8, message: []const u8 = "", status: ?u16 = null, body: ?[]const u8 = null };
