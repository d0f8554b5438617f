# Puts each (text "…") into the memory, once, and its address in its place. The memory is filled from 64 to 32767.
BEGIN { address = 64 }
{
    while (match($0, /\(text "([^"\\]|\\.)*"\)/)) {
        found = substr($0, RSTART + 7, RLENGTH - 9)
        if (!(found in at)) {
            at[found] = address
            data = data sprintf("  (data (i32.const %d) \"%s\\00\")\n", address, found)
            # Escaped, it is never shorter than in the memory.
            address += length(found) + 1
        }
        $0 = substr($0, 1, RSTART - 1) "(i32.const " at[found] ")" substr($0, RSTART + RLENGTH)
    }
    print
}
END {
    if (address > 32768) { print "texts: more than 32,704 bytes" > "/dev/stderr"; exit 1 }
    printf "%s", data
}
