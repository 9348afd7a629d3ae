/* SPDX-License-Identifier: MIT */
/* namespace_rig.h - a network namespace of the test's own, so that nothing outside is touched, and
 * devices in it. A test that may not have them is skipped.
 */
#ifndef TESTS_NAMESPACE_RIG_H
#define TESTS_NAMESPACE_RIG_H

/* For the calling thread and those that it starts; nothing is up there, not even "lo". */
void enter_namespace(void);

/* For tests that make TUN devices with what they test. */
void need_tun(void);

/* A TUN device of one queue without headers, which goes when the descriptor is closed. */
int make_tun(const char *name);

/* Sets the IPv4 address @address in a network of 24 bits, unless it is NULL, and the MTU, unless it
 * is 0; then the device is up.
 */
void configure_device(const char *name, const char *address, int mtu);

#endif
