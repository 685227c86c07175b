#!/usr/bin/env bats
# No package is touched: the package managers in PATH are stand-ins that write down how they were called.
bats_require_minimum_version 1.5.0
load house

# NAME SCRIPT
fake() {
    printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

# A PATH that has the plain tools and nothing else; its user is root.
fresh_path() {
    mkdir -p "$work/bin"
    for t in sh awk sed tr mktemp rm cat env dirname; do
        ln -sf "$(command -v "$t")" "$work/bin/$t"
    done
    fake id 'echo 0'
    calls=$work/calls
    : >"$calls"
}

# A machine with apt on which the packages of $1 (a pattern for case) are missing.
debian() {
    fresh_path
    fake apt-get "echo \"apt-get \$*\" >>$calls; env >>$work/env"
    fake dpkg-query "shift 3; for p; do case \$p in $1) ;; *) echo \"installed \$p\" ;; esac; done"
}

# The script beside which there is a lab-kernel only where a test puts one.
install_deps() {
    mkdir -p "$work/scripts"
    ln -sf "$PWD/scripts/install-deps" "$work/scripts/"
    PATH=$work/bin run --separate-stderr "$work/scripts/install-deps" "$@"
    echo "status $status, stdout '$output', stderr '$stderr'"
}

@test "when all is there, nothing is done and nothing is said" {
    debian none
    install_deps lab
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
    [ ! -s "$calls" ]
}

@test "a package that is known but not installed is missing" {
    debian none
    fake dpkg-query 'shift 3; for p; do case $p in make) echo "config-files $p" ;; *) echo "installed $p" ;; esac; done'
    install_deps run
    grep -q '^apt-get install .* make$' "$calls"
}

@test "what is missing is said and installed, after one update, without a question" {
    debian libaio-dev
    install_deps run
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [[ $stderr == "install-deps: installing libaio-dev"* ]]
    [ "$(grep -c '^apt-get update' "$calls")" -eq 1 ]
    [ "$(grep -c '^apt-get install' "$calls")" -eq 1 ]
    grep -q '^apt-get install -y .*--no-install-recommends .*libaio-dev$' "$calls"
    grep -q '^DEBIAN_FRONTEND=noninteractive$' "$work/env"
    grep -q '^NEEDRESTART_SUSPEND=1$' "$work/env"
}

@test "each kind has what the smaller kinds have" {
    debian none
    for kind in run test lab; do
        install_deps "$kind" --list
        [ "$status" -eq 0 ]
        printf '%s\n' "$output" | sort >"$work/$kind"
        [ -z "$(uniq -d "$work/$kind")" ]
    done
    [ -z "$(comm -23 "$work/run" "$work/test")" ]
    [ -z "$(comm -23 "$work/test" "$work/lab")" ]
    grep -qx libjansson-dev "$work/run"
    run ! grep -qx bats "$work/run"
    grep -qx bats "$work/test"
    run ! grep -qx fio "$work/test"
    grep -qx fio "$work/lab"
    [ ! -s "$calls" ]
}

@test "a list that cannot be renewed does not stop the installation" {
    debian make
    fake apt-get "echo \"apt-get \$*\" >>$calls; case \$1 in update) exit 100 ;; esac"
    install_deps run
    [ "$status" -eq 0 ]
    grep -q '^apt-get install .* make$' "$calls"
}

@test "a package manager that fails is quoted, status 3" {
    debian make
    fake apt-get 'echo "E: no such package"; exit 100'
    install_deps run
    [ "$status" -eq 3 ]
    [[ $stderr == *"E: no such package"*"apt could not install them"* ]]
}

@test "what only the lab lacks is said by name, and no failure" {
    debian 'chromium|fio'
    fake apt-get "echo \"apt-get \$*\" >>$calls; case \$* in *chromium*) exit 100 ;; esac"
    install_deps lab
    [ "$status" -eq 0 ]
    [[ $stderr == *"this system has no chromium"* ]]
    [[ $stderr != *"has no fio"* ]]
    grep -q '^apt-get install .* fio$' "$calls"
}

@test "what the tests lack is a failure for the lab too" {
    debian 'bats|fio'
    fake apt-get 'case $* in *bats*) exit 100 ;; esac'
    install_deps lab
    [ "$status" -eq 3 ]
}

@test "the kernel of the lab machine is fetched for the lab alone, on a system that packages it" {
    debian none
    mkdir -p "$work/scripts"
    printf '#!/bin/sh\necho kernel >>%s; exit 3\n' "$calls" >"$work/scripts/lab-kernel"
    chmod +x "$work/scripts/lab-kernel"
    install_deps test
    install_deps lab --list
    [ ! -s "$calls" ]
    install_deps lab
    [ "$status" -eq 0 ]
    [ "$stderr" = "install-deps: the lab machine has no kernel" ]
    [ "$(cat "$calls")" = kernel ]
    rm "$work/bin/apt-get"
    fake dnf 'exit 0'
    fake rpm 'exit 0'
    install_deps lab
    [ -z "$stderr" ]
}

@test "without root it uses sudo" {
    debian make
    fake id 'echo 1000'
    fake sudo "echo \"sudo \$*\" >>$calls; exec \"\$@\""
    install_deps run
    [ "$status" -eq 0 ]
    grep -q '^sudo apt-get update' "$calls"
    grep -q '^sudo env .* apt-get install .* make$' "$calls"
}

@test "without root and without sudo it says in one sentence what to install" {
    debian 'make|scdoc'
    fake id 'echo 1000'
    install_deps run
    [ "$status" -eq 3 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == "install-deps: as root, or with sudo, install: make scdoc"* ]]
    [ ! -s "$calls" ]
}

@test "dnf has its own names" {
    fresh_path
    fake dnf "echo \"dnf \$*\" >>$calls"
    fake rpm 'case $* in *libaio-devel|*scdoc) exit 1 ;; esac'
    install_deps run
    [ "$status" -eq 0 ]
    [ "$(cat "$calls")" = "dnf install -y -q libaio-devel scdoc" ]
    fake rpm 'exit 0'
    install_deps test
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
}

@test "apk has its own names" {
    fresh_path
    fake apk "case \$1 in info) shift 2; for p; do [ \$p = zlib-dev ] || echo \$p; done; exit 1 ;; esac
echo \"apk \$*\" >>$calls"
    install_deps run
    [ "$status" -eq 0 ]
    grep -qx 'apk add --quiet zlib-dev' "$calls"
}

@test "an unknown system gets the list of what is needed, and status 3" {
    fresh_path
    install_deps run
    [ "$status" -eq 3 ]
    [[ $output == *"C compiler"*"liburing"*"scdoc"* ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ $stderr == *"neither apt-get, dnf nor apk"* ]]
}

@test "what is no kind is refused" {
    debian none
    for words in "" everything "run --all" "run --list more"; do
        # shellcheck disable=SC2086 # words
        install_deps $words
        [ "$status" -eq 3 ]
        [ "$stderr" = "install-deps: usage: scripts/install-deps run|test|lab [--list]" ]
    done
}

@test "vet builds from anywhere, says nothing of it, and passes its options on" {
    debian none
    mkdir -p "$work/top/scripts" "$work/top/build/release" "$work/elsewhere"
    cp scripts/vet scripts/install-deps "$work/top/scripts/"
    fake nproc 'echo 2'
    fake make "echo noise; echo \"make \$*\" >>$calls"
    printf '#!/bin/sh\nprintf "%%s," "$PWD" "$@"; exit 2\n' >"$work/top/build/release/plimsoll"
    chmod +x "$work/top/build/release/plimsoll"
    cd "$work/elsewhere"
    CDPATH=/ PATH=$work/bin run --separate-stderr ../top/scripts/vet --role 'k8s worker' --dir /srv
    [ "$status" -eq 2 ]
    [ "$output" = "$work/elsewhere,vet,--role,k8s worker,--dir,/srv," ]
    [ -z "$stderr" ]
    [ "$(cat "$calls")" = "make -C $work/top -j2" ]
}

@test "vet shows a build that fails, status 3" {
    debian none
    mkdir -p "$work/top/scripts"
    cp scripts/vet scripts/install-deps "$work/top/scripts/"
    fake nproc 'echo 2'
    fake make 'echo "cc: broken"; exit 2'
    PATH=$work/bin run --separate-stderr "$work/top/scripts/vet"
    [ "$status" -eq 3 ]
    [[ $stderr == *"cc: broken"* ]]
}
