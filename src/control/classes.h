/* SPDX-License-Identifier: MIT */
/* classes.h - the rules for classes of traffic that a configuration asks for, as the data plane
 * takes them. A link that a rule names is told by its id, which another link may have after it: so
 * they are made anew with every other configuration.
 */
#ifndef CONTROL_CLASSES_H
#define CONTROL_CLASSES_H

struct desired;
struct links;
struct traffic_rules;

/* Room for them, in *@ret, for classes_resolve(); NULL if there are no classes. Returns 0 or
 * -ENOMEM.
 */
int classes_ready(const struct desired *wanted, struct traffic_rules **ret);

/* Writes those of @wanted to @rules, which were readied for it and are NULL without classes. */
void classes_resolve(const struct desired *wanted, const struct links *links,
                     struct traffic_rules *rules);

#endif
