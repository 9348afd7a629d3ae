# SPDX-License-Identifier: MIT
"""What the system around the daemon lacks, refuses or keeps waiting."""
import errno
import os
import sys

from checks import check, wait_until
from lab import Lab, SERVER4
from test_daemon import run_vtrunkd

EPOLL_PWAIT2 = 441  # on every architecture


def without_call(number, error):
    """What to put before a command for which this system call fails."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "without_call.py")
    return [sys.executable, script, str(number), str(error)]


def test_system_without_the_precise_wait():
    for error in (errno.ENOSYS, errno.EPERM):  # an older kernel; an older profile of a container
        with Lab(links=1) as lab:
            client, server = lab.pair()
            client.prefix = server.prefix = without_call(EPOLL_PWAIT2, error)
            server.start()
            client.start()
            client.wait_bonded(["link-1"])
            check(lab.client.ping(SERVER4), "no answer through the tunnel")
            server.stop()
            client.stop()


def test_daemon_that_cannot_wait_ends_and_says_why():
    with Lab(links=1) as lab:
        client, _ = lab.pair()
        client.prefix = without_call(EPOLL_PWAIT2, errno.EINVAL)
        client.start(wait=False)
        client.process.expected = 2
        wait_until("the daemon ends", lambda: not client.process.is_running(), 10)
        check(client.process.popen.returncode == 2, f"exit {client.process.popen.returncode}")
        check("refuses to wait for events, Invalid argument" in client.process.log(),
              "the reason is not in the log")


def test_status_finds_the_one_daemon_beside_sockets_of_killed_ones():
    with Lab(links=1) as lab:
        client, server = lab.pair()
        server.start()
        server.kill()
        check(os.path.exists(server.socket_path), "a killed daemon leaves no socket")
        # Of one that we know; other daemons of this machine may be running beside the test.
        names = run_vtrunkd(lab, "status").stderr.split()
        check(server.interface not in names, f"a killed daemon is offered: {names}")
        client.start()
        done = run_vtrunkd(lab, "status")
        check(server.interface not in done.stderr, f"a killed daemon is offered: {done.stderr}")
        check(client.interface in done.stdout + done.stderr, f"{done.stdout}{done.stderr}")
