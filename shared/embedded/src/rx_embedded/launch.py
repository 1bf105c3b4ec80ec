"""Program that turns into a server which ends with its parent. Standard library only; run with `python -I -S`.

Usage: launch.py PARENT_PID SIGNAL USER COMMAND...

USER is ``uid:gid`` to switch to, or ``-``. The kernel sends SIGNAL to the command when the thread that started this
program ends for any reason (PR_SET_PDEATHSIG). A change of user clears that request, so it is made afterwards.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, signal_number: str, user: str, *command: str) -> None:
    """Replace this program by the command; never returns."""
    if user != "-":
        uid, gid = map(int, user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != int(parent):  # the parent ended before the request
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
