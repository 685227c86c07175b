# Shared by the bats files: a directory of its own for each test, the program under test, helpers.
PLIMSOLL=${PLIMSOLL:-build/release/plimsoll}

setup() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-bats-XXXXXX")
    disk=$work/disk
    mkdir "$disk"
}

teardown() {
    rm -rf "$work"
}

# Fails with what is there when the directory is not empty.
is_empty() {
    left=$(ls -A "$1")
    [ -z "$left" ] || { echo "left behind: $left"; false; }
}

# One line on stderr that begins with "plimsoll: ", nothing on stdout, exit status 3.
refused() {
    run --separate-stderr "$PLIMSOLL" "$@"
    echo "status $status, stdout '$output', stderr '$stderr'"
    [ "$status" -eq 3 ]
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ ${stderr_lines[0]} == "plimsoll: "* ]]
}

# The document of a short run, made once for a file of tests.
a_document() {
    if [ ! -e "$BATS_FILE_TMPDIR/doc.json" ]; then
        mkdir -p "$BATS_FILE_TMPDIR/disk"
        "$PLIMSOLL" measure -q --budget 5s --dir "$BATS_FILE_TMPDIR/disk" --seed 7 host disk.wal \
            --out "$BATS_FILE_TMPDIR/doc.json"
    fi
    echo "$BATS_FILE_TMPDIR/doc.json"
}
