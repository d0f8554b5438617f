// The few functions of WASI that a command needs.

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: u32, iovs: usize, count: u32, read: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: u32, iovs: usize, count: u32, written: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_open")
declare function path_open(fd: u32, flags: u32, path: usize, length: u32, how: u32, rights: u64, inherited: u64, fdflags: u32, opened: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: u32): void;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "args_sizes_get")
declare function args_sizes_get(count: usize, bytes: usize): u32;

const room = memory.data(16);

/** Everything that a descriptor has, as text. */
export function readAll(fd: u32): string {
  let all = new Uint8Array(65536);
  let length = 0;
  while (true) {
    if (length == all.length) {
      const larger = new Uint8Array(length * 2);
      larger.set(all);
      all = larger;
    }
    store<usize>(room, all.dataStart + length);
    store<u32>(room, all.length - length, 4);
    if (fd_read(fd, room, 1, room + 8) != 0) break;
    const read = load<u32>(room, 8);
    if (read == 0) break;
    length += read;
  }
  return String.UTF8.decodeUnsafe(all.dataStart, length);
}

/** An input as text; null when there is none. */
export function readInput(name: string): string | null {
  const path = Uint8Array.wrap(String.UTF8.encode(name));
  if (path_open(3, 0, path.dataStart, path.length, 0, 2, 0, 0, room) != 0) return null;
  return readAll(load<u32>(room));
}

export function write(fd: u32, text: string): void {
  const bytes = Uint8Array.wrap(String.UTF8.encode(text));
  for (let from = 0; from < bytes.length; from += load<u32>(room, 8)) {
    store<usize>(room, bytes.dataStart + from);
    store<u32>(room, bytes.length - from, 4);
    if (fd_write(fd, room, 1, room + 8) != 0) return;
  }
}

/** Prints the output and ends the program. */
export function end(output: string): void {
  write(1, output + "\n");
  proc_exit(0);
}

/** A check is called with its name alone, or with `--describe` behind it. */
export function describing(): bool {
  args_sizes_get(room, room + 4);
  return load<u32>(room) > 1;
}
