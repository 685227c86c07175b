#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
load house

# A PATH of its own in which the package managers are these stand-ins.
fake() { # NAME SCRIPT
    printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

fresh_path() {
    mkdir -p "$work/bin"
    for t in sh awk grep mktemp rm cat env printf; do
        ln -sf "$(command -v "$t")" "$work/bin/$t"
    done
    fake id 'echo 0'
}

@test "when all is there, nothing is done and nothing is said" {
    fresh_path
    fake apt-get 'echo called >&2; exit 9'
    fake dpkg-query 'echo "install ok installed"'
    PATH=$work/bin run -0 scripts/install-deps run
    [ -z "$output" ]
}

@test "what is missing is said and installed, without a question" {
    fresh_path
    fake apt-get "echo \"\$DEBIAN_FRONTEND \$*\" >>$work/calls"
    fake dpkg-query 'case $4 in libaio-dev) exit 1 ;; *) echo "install ok installed" ;; esac'
    PATH=$work/bin run -0 scripts/install-deps run
    [ "$output" = "install-deps: installing libaio-dev" ]
    grep -q '^noninteractive install -y .*libaio-dev$' "$work/calls"
}

@test "a package manager that fails is quoted" {
    fresh_path
    fake apt-get 'echo no such package; exit 100'
    fake dpkg-query 'exit 1'
    PATH=$work/bin run -1 scripts/install-deps run
    [[ $output == *"no such package"* ]]
}

@test "without root and without sudo it says what to install" {
    fresh_path
    fake id 'echo 1000'
    fake apt-get 'exit 9'
    fake dpkg-query 'exit 1'
    PATH=$work/bin run -3 scripts/install-deps run
    [[ $output == *"as root or with sudo"*"libjansson-dev"* ]]
}

@test "dnf and apk have their own names" {
    fresh_path
    fake dnf "echo \"\$*\" >>$work/calls"
    fake rpm 'exit 1'
    PATH=$work/bin run -0 scripts/install-deps run
    grep -q 'jansson-devel' "$work/calls"
    rm "$work/bin/dnf"
    fake apk "case \$1 in info) exit 1 ;; esac; echo \"\$*\" >>$work/calls"
    PATH=$work/bin run -0 scripts/install-deps run
    grep -q 'jansson-dev' "$work/calls"
}

@test "an unknown system gets the list, and status 3" {
    fresh_path
    PATH=$work/bin run -3 scripts/install-deps run
    [[ $output == *"libarchive"* ]]
}

@test "an unknown kind is refused" {
    run -3 scripts/install-deps everything
}
