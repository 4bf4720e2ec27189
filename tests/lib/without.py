#!/usr/bin/env python3
"""A command on a system that lacks a part: without.py landlock|seccomp COMMAND…

The system calls of that part fail in it as in an older kernel, or under a container's profile: by a filter of system
calls that is in force before the command begins."""
import ctypes
import os
import platform
import struct
import sys

LOAD, JUMP_IF, RETURN = 0x20, 0x15, 0x06  # BPF: a word of the call, whether it is equal, what becomes of the call
ALLOW, NO_SUCH_CALL = 0x7FFF0000, 0x00050000 | 38
NO_NEW_PRIVS, SET_SECCOMP, FILTER = 38, 22, 2

calls = {"x86_64": {"seccomp": 317, "prctl": 157}, "aarch64": {"seccomp": 277, "prctl": 167}}[platform.machine()]
part, command = sys.argv[1], sys.argv[2:]
if part == "landlock":
    rules = [(LOAD, 0, 0, 0), (JUMP_IF, 0, 1, 444), (RETURN, 0, 0, NO_SUCH_CALL), (RETURN, 0, 0, ALLOW)]
else:  # seccomp(), and what it was before: prctl(PR_SET_SECCOMP)
    rules = [(LOAD, 0, 0, 0), (JUMP_IF, 3, 0, calls["seccomp"]), (JUMP_IF, 0, 3, calls["prctl"]), (LOAD, 0, 0, 16),
             (JUMP_IF, 0, 1, SET_SECCOMP), (RETURN, 0, 0, NO_SUCH_CALL), (RETURN, 0, 0, ALLOW)]
code = b"".join(struct.pack("HBBI", *rule) for rule in rules)
libc = ctypes.CDLL(None, use_errno=True)
memory = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxP", len(rules), ctypes.addressof(memory))
if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(SET_SECCOMP, FILTER, program, 0, 0) != 0:
    sys.exit("without.py: no filter can be set: " + os.strerror(ctypes.get_errno()))
os.execvp(command[0], command)
