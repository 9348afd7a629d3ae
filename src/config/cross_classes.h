/* SPDX-License-Identifier: MIT */
/* cross_classes.h - classes of traffic: a link that one names is there, and ports have a protocol.
 */
#ifndef CONFIG_CROSS_CLASSES_H
#define CONFIG_CROSS_CLASSES_H

struct config_sections;

void config_cross_classes(const struct config_sections *s);

#endif
