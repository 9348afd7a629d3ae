/* SPDX-License-Identifier: MIT */
/* ctl.h - the control socket: how `vtrunkd status`, tests and other programs ask a running daemon.
 *
 * A stream socket DIRECTORY/INTERFACE.sock, mode 0600, where DIRECTORY is CTL_DIRECTORY or what the
 * daemon was given instead. The client sends one JSON object on one line, at most CTL_REQUEST_MAX
 * bytes with its newline; the server answers with one JSON object on one line and closes. Text is
 * UTF-8. Members that a side does not know are ignored by it.
 *
 *   request   {"request":"status"}               optional "protocol": CTL_PROTOCOL; absent means 1
 *   reply     {"ok":true,"status":{...}}
 *             {"ok":false,"error":"text for people"}
 *
 * Members of the status object, and in what form each comes, are listed in vtrunkd/status.h.
 */
#ifndef VTRUNKD_CTL_H
#define VTRUNKD_CTL_H

#define CTL_PROTOCOL  1
#define CTL_DIRECTORY "/run/vtrunkd"
#define CTL_SUFFIX    ".sock"

/* Bytes: with a slash, an interface's name, the suffix and a zero they fill a socket's address. */
#define CTL_DIRECTORY_LEN_MAX 86u

#define CTL_REQUEST_MAX 65536u       /* bytes: the server refuses longer lines */
#define CTL_REPLY_MAX   (256u << 20) /* bytes: 4096 peers of 16 paths fit; clients refuse more */

#endif
