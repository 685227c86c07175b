#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
load house

@test "a measured document is valid by the schema, and the scratch is empty after it" {
    doc=$(a_document)
    python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is missing"
    tests/validate-document "$doc"
    is_empty "$BATS_FILE_TMPDIR/disk"
}

@test "a figure can be traced to its probe, parameters, samples and interval" {
    doc=$(a_document)
    jq -e '.measurements[] | select(.probe == "disk.wal") | .parameters.record == 2300 and .seed != null
           and (.metrics[] | select(.id == "disk.wal") | .n > 100 and .observed_ns > 0
                and (.statistics[] | select(.name == "p99") | .low <= .value and .value <= .high))' "$doc"
}

@test "host facts are in the document, each with a value or the reason why not" {
    doc=$(a_document)
    jq -e '.host["host.kernel.release"].value == $r' --arg r "$(uname -r)" "$doc"
    jq -e '[.host[] | select(.value == null and .reason == null)] | length == 0' "$doc"
}

@test "the same document gives the same report" {
    doc=$(a_document)
    "$PLIMSOLL" report "$doc" >"$work/a" || [ $? -le 3 ]
    "$PLIMSOLL" report - <"$doc" >"$work/b" || [ $? -le 3 ]
    cmp "$work/a" "$work/b"
}

@test "every format renders it" {
    doc=$(a_document)
    for f in text json markdown html; do
        run "$PLIMSOLL" report --format "$f" "$doc"
        [ "$status" -le 3 ]
        [ -n "$output" ]
    done
}

@test "a missing directory is refused with path and remedy" {
    refused measure disk.wal --dir "$work/none"
    [[ $stderr == *"$work/none"* && $stderr == *"--dir"* ]]
}

@test "a file is no directory" {
    touch "$work/file"
    refused measure disk.wal --dir "$work/file"
    [[ $stderr == *"not a directory"* ]]
}

@test "a directory that may not be written is refused" {
    if [ "$(id -u)" = 0 ]; then
        command -v setpriv || skip "setpriv is missing"
        chmod 755 "$work" && chmod 700 "$disk"
        run -3 setpriv --reuid=65534 --regid=65534 --clear-groups "$PLIMSOLL" measure disk.wal --dir "$disk"
    else
        chmod 500 "$disk"
        run -3 "$PLIMSOLL" measure disk.wal --dir "$disk"
    fi
    [[ $output == *"$disk"* ]]
}

@test "tmpfs is skipped by name: it answers from memory" {
    [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || skip "/dev/shm is no tmpfs"
    mkdir "/dev/shm/plimsoll-bats-$$"
    run -0 --separate-stderr "$PLIMSOLL" measure -q disk.wal --budget 5s --dir "/dev/shm/plimsoll-bats-$$"
    rmdir "/dev/shm/plimsoll-bats-$$"
    jq -e '.measurements[0].status == "skipped" and (.measurements[0].reason | test("memory"))' <<<"$output"
}

@test "two directories are measured apart, under their names" {
    mkdir "$disk/a" "$disk/b"
    run -0 --separate-stderr "$PLIMSOLL" measure -q disk.wal --budget 5s --dir "$disk/a" --dir images="$disk/b"
    echo "$output" >"$work/doc.json"
    jq -e --arg a "$disk/a" --arg b "$disk/b" '.run.places == [{name: "", dir: $a}, {name: "images", dir: $b}]
           and ([.measurements[] | [.probe, .place]] == [["disk.wal", null], ["disk.wal", "images"]])' "$work/doc.json"
    if python3 -c 'import jsonschema' 2>/dev/null; then tests/validate-document "$work/doc.json"; fi
    run "$PLIMSOLL" report "$work/doc.json"
    flat=$(tr -s ' \n' ' ' <<<"$output") # lines are wrapped
    [[ $flat == *"$disk/a, $disk/b (images)"* ]]
    [[ $flat == *" disk.wal@images "* ]]
    is_empty "$disk/a"
    is_empty "$disk/b"
}

@test "directories that cannot be told apart are refused" {
    refused measure disk.wal --dir "$disk" --dir "$disk"
    [[ $stderr == *"needs a name"*"--dir images="* ]]
    refused measure disk.wal --dir a="$disk" --dir a="$disk"
    [[ $stderr == *"of that name already"* ]]
    refused measure disk.wal --dir "$disk" --dir images="$work/none"
    [[ $stderr == *"$work/none"* ]]
    is_empty "$disk"
}

@test "explain says what was found, from a document or from the newest report here" {
    doc=$(a_document)
    program=$(realpath "$PLIMSOLL")
    run -0 "$PLIMSOLL" explain disk.wal "$doc"
    [[ $output == *"measured 20"*"$doc"*"disk.wal "*"p50"*"preallocated"* ]]
    cd "$work"
    run -0 "$program" explain disk.wal
    [[ $output == *"No document is at hand"* ]]
    mkdir plimsoll-x-1
    cp "$doc" plimsoll-x-1/result.json
    run -0 "$program" explain disk.wal
    [[ $output == *"plimsoll-x-1/result.json"* ]]
    run -3 "$program" explain disk.wal "$work/none.json"
    [[ $output == *"none.json"* ]]
    run -3 "$program" explain k8s-worker "$doc"
    [[ $output == *"'k8s-worker' is none"* ]]
    echo '{' >plimsoll-x-1/result.json # nobody named it
    run -0 "$program" explain disk.wal
    [[ $output == *"What was found is not told: "*"result.json"* ]]
}

@test "without --peer the network says so, and how to add one" {
    run -0 --separate-stderr "$PLIMSOLL" measure -q net.rtt --budget 5s --dir "$disk"
    jq -e '.measurements[0].status == "skipped" and (.measurements[0].reason | test("--peer"))' <<<"$output"
}

@test "each --peer has a result of its own" {
    run -3 --separate-stderr "$PLIMSOLL" measure -q net.rtt --peer 127.0.0.1:9 --peer 127.0.0.2:9 --dir "$disk"
    jq -e '[.measurements[] | [.probe, .peer, .status]] ==
           [["net.rtt", "127.0.0.1:9", "failed"], ["net.rtt", "127.0.0.2:9", "failed"]]' <<<"$output"
}

@test "an engine by name is used and written down" {
    run -0 --separate-stderr "$PLIMSOLL" measure -q disk.read --budget 6s --dir "$disk" --set disk.read.engine=sync \
        --set disk.read.file=64MiB
    jq -e '.measurements[0].parameters.engine_used == "sync"
           and (.measurements[0].notes | map(test("pread and pwrite, as asked")) | any)' <<<"$output"
}

@test "interrupted, it ends within a second, says what it has and leaves nothing" {
    "$PLIMSOLL" measure disk.wal --budget 60s --dir "$disk" >"$work/out" 2>"$work/err" &
    pid=$!
    sleep 2
    start=$(date +%s%N)
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    took_ms=$((($(date +%s%N) - start) / 1000000))
    echo "status $status after $took_ms ms"
    [ "$status" -eq 130 ]
    jq -e '.run.interrupted and (.measurements[0].metrics[0].n > 0)' "$work/out"
    is_empty "$disk"
}

@test "killed, it leaves nothing that the next run does not sweep" {
    "$PLIMSOLL" measure image.runtime --budget 60s --dir "$disk" >/dev/null 2>&1 &
    pid=$!
    sleep 3
    kill -KILL "$pid"
    wait "$pid" || true
    for _ in $(seq 50); do
        pgrep -f "measure image.runtime --budget 60s --dir $disk" >/dev/null || break
        sleep 0.1
    done
    run -0 --separate-stderr "$PLIMSOLL" measure -q disk.wal --budget 5s --dir "$disk"
    is_empty "$disk"
}

@test "--out replaces no pipe, link or directory, and says so before it measures" {
    mkfifo "$work/pipe"
    ln -s target "$work/link"
    for out in "$work/pipe" "$work/link" "$disk" "$work/none/doc.json"; do
        refused measure host --dir "$disk" --out "$out"
        [[ $stderr == *"--out"*"$out"*"name "* ]]
    done
    [ -p "$work/pipe" ]
    [ -L "$work/link" ]
    is_empty "$disk"
}

@test "--out of vet that holds a report already is refused, and the report stays" {
    mkdir "$work/out"
    echo mine >"$work/out/report.md"
    refused vet --dir "$disk" --out "$work/out"
    [[ $stderr == *"already holds a report.md"* ]]
    [ "$(cat "$work/out/report.md")" = mine ]
}

@test "a key that cannot be read is refused before anything is measured, with a peer or without" {
    refused measure net.rtt --dir "$disk" --key-file "$work/none"
    [[ $stderr == *"--key-file"*"'$work/none'"*"No such file"* ]]
    refused measure net.mtu --dir "$disk" --peer 127.0.0.1:9 --key-file "$work/none"
    refused measure net.load --dir "$disk" --peer 127.0.0.1:9 --key-file "$work/none"
    echo short >"$work/key"
    chmod 600 "$work/key"
    refused measure net.rtt --dir "$disk" --key-file "$work/key"
    chmod 644 "$work/key"
    refused measure net.rtt --dir "$disk" --key-file "$work/key"
    [[ $stderr == *"chmod o="* ]]
    is_empty "$disk"
}

@test "a long command line is cut at 64 words, and the document says how many it lost" {
    for i in $(seq 40); do words+=(--connect "127.0.0.1:$i"); done
    "$PLIMSOLL" measure -q host --dir "$disk" "${words[@]}" >"$work/long.json"
    # plimsoll, measure, -q, host, --dir and its word, 80 more.
    jq -e '(.run.argv | length) == 64 and .run.argv_cut == 22' "$work/long.json"
    "$PLIMSOLL" measure -q host --dir "$disk" >"$work/short.json"
    jq -e '.run | (.argv | length) == 6 and (has("argv_cut") | not)' "$work/short.json"
    if python3 -c 'import jsonschema' 2>/dev/null; then tests/validate-document "$work"/{long,short}.json; fi
}
