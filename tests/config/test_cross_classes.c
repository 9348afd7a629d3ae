/* SPDX-License-Identifier: MIT */
#include "config/cross_classes.h"

#include "cross_rig.h"

TestSuite(cross_classes, .init = ready_crypto);

#define CLASSES(list) "wireguard: {links: [{name: dsl}, {}], classes: [" list "]}"
#define NO_LINK                                                                        \
	"must be fastest, duplicate, balanced or the name of one of wireguard.links; " \
	"this is another word\n"

Test(cross_classes, what_is_no_word_is_a_link)
{
	static const struct cross_case cases[] = {
		{CLASSES("{treat: dsl}, {treat: link-1}, {treat: FASTEST}, {treat: balanced}"), ""},
		{CLASSES("{treat: lte}"), "wireguard.classes[0].treat: " NO_LINK},
		{CLASSES("{treat: dsl}, {treat: link-0}"), "wireguard.classes[1].treat: " NO_LINK},
	};

	CROSS_EXPECT_ALL(cases, config_cross_classes);
}

Test(cross_classes, what_can_match_nothing_is_refused)
{
	static const struct cross_case cases[] = {
		{CLASSES("{match: {protocol: udp, ports: [1]}, treat: dsl}"), ""},
		{CLASSES("{match: {protocol: ICMP, ports: [1]}, treat: dsl}"),
	         "wireguard.classes[0].match.ports: icmp has no ports\n"},
		{CLASSES("{match: {source: 10.0.0.0/8, destination: 10.1.0.0/16}, treat: dsl}"),
	         ""},
		{CLASSES("{match: {source: 10.0.0.0/8, destination: 'fd00::/8'}, treat: dsl}"),
	         "wireguard.classes[0].match.destination: must be of the family of source\n"},
	};

	CROSS_EXPECT_ALL(cases, config_cross_classes);
}
