"""Program: become a server that ends with its parent. Standard library only; run with `python -I -S`.

Usage: launch.py PARENT_PID SIGNAL USER COMMAND...

USER is ``uid:gid`` to become, or ``-``. The kernel sends SIGNAL to the command when the thread that started this
program ends, whatever ended it; that request is lost on a change of user, so it is made after it.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, signal_number: str, user: str, *command: str) -> None:
    """Never returns: the command replaces this program."""
    if user != "-":
        uid, gid = map(int, user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != int(parent):  # it ended before the request was made
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
