#!/usr/bin/env python3
"""Boots the lab machine of DIR (vm.sh) on one CPU of this host and lets its script (vm-noise.sh) go on, a
measurement at a time; beside those whose name begins with "beside" a spinner takes half of that CPU.
    vm_noise.py DIR CPU
DIR/console is what the machine said; DIR/lost has for each measurement the share of its CPU that the
thread which is the machine's CPU did not get while it wanted it, by this host's schedstat."""
import os
import subprocess
import sys
import threading
import time

SECONDS = 300


def cpu_thread(pid):
    """The thread that is the guest's CPU: by far the one that ran longest."""
    def ran(task):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0])
    return max(os.listdir(f"/proc/{pid}/task"), key=ran)


def schedstat(pid, task):
    with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
        ran, waited = f.read().split()[:2]
    return int(ran), int(waited)


def spinner(cpu):
    end = time.monotonic() + 60
    os.sched_setaffinity(0, {cpu})
    while time.monotonic() < end:
        pass


def lost_share(before, after):
    ran, waited = after[0] - before[0], after[1] - before[1]
    return waited / (ran + waited) if ran + waited else 0


def serve(machine, directory, cpu):
    before, beside = (0, 0), None
    with open(f"{directory}/console", "w", encoding="utf-8") as console, \
            open(f"{directory}/lost", "w", encoding="utf-8") as lost:
        for raw in machine.stdout:
            line = raw.decode(errors="replace").replace("\r", "").rstrip("\n")
            print(line, file=console, flush=True)
            word, _, name = line.partition(" ")
            if word == "ready":
                if name.startswith("beside"):
                    beside = subprocess.Popen([sys.executable, __file__, "spin", str(cpu)])
                before = schedstat(machine.pid, cpu_thread(machine.pid))
                machine.stdin.write(b"\n")
                machine.stdin.flush()
            elif word == "done":
                after = schedstat(machine.pid, cpu_thread(machine.pid))
                print(name, lost_share(before, after), file=lost, flush=True)
                if beside:
                    beside.kill()
                    beside.wait()
                beside = None


def main(directory, cpu):
    os.sched_setaffinity(0, {cpu})
    # As vm.sh run does it, with one CPU, and with a console that can be written to.
    machine = subprocess.Popen(
        ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,+invtsc,x-force-features=on", "-m", "1024",
         "-smp", "1", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot", "-nic",
         "none", "-kernel", f"{directory}/vmlinuz", "-initrd", f"{directory}/initrd", "-append",
         "console=ttyS0 quiet panic=-1 tsc=reliable"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    watchdog = threading.Timer(SECONDS, machine.kill)
    watchdog.start()
    try:
        serve(machine, directory, cpu)
    finally:
        machine.kill()
        machine.wait()
        watchdog.cancel()


if __name__ == "__main__":
    if sys.argv[1:2] == ["spin"]:
        spinner(int(sys.argv[2]))
    else:
        main(sys.argv[1], int(sys.argv[2]))
