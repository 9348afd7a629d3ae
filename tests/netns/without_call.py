#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Becomes a program for which one system call fails: an older kernel, or a container's profile.

    without_call.py NUMBER[:THIRD] ERRNO PROGRAM [ARGUMENT...]

With THIRD only where its third argument is that: an option of setsockopt().
"""
import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
RET_ERRNO, RET_ALLOW = 0x00050000, 0x7FFF0000
# BPF_LD|W|ABS, BPF_JMP|JA, BPF_JMP|JEQ|K, BPF_RET|K
LOAD, JUMP, JUMP_IF_EQUAL, RETURN = 0x20, 0x05, 0x15, 0x06
THIRD_ARGUMENT = 32 + 4 * (sys.byteorder == "big")  # of struct seccomp_data, its low half


def refuse(number, third, error):
    libc = ctypes.CDLL(None, use_errno=True)
    code = b"".join(struct.pack("=HBBI", *line) for line in (
        (LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 3, int(number)),
        (LOAD, 0, 0, THIRD_ARGUMENT), (JUMP_IF_EQUAL if third else JUMP, 0, 1, int(third or 0)),
        (RETURN, 0, 0, RET_ERRNO | error), (RETURN, 0, 0, RET_ALLOW)))
    memory = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(memory))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
            PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.create_string_buffer(program)):
        sys.exit(f"no filter of system calls: {os.strerror(ctypes.get_errno())}")


number, _, third = sys.argv[1].partition(":")
refuse(number, third, int(sys.argv[2]))
os.execvp(sys.argv[3], sys.argv[3:])
