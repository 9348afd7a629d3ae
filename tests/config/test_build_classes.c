/* SPDX-License-Identifier: MIT */
#include "config/build_classes.h"

#include "desired_rig.h"

#define FILE_WITH(classes)                                                              \
	"network: {interface: vt0}\nwireguard:\n  private_key: " OWN_KEY                \
	"\n  peer_public_key: " KEY_A "\n  links: [{name: dsl, endpoint: 192.0.2.1:1}," \
	" {endpoint: 192.0.2.1:2}]\n" classes

Test(build_classes, without_the_key_there_are_none)
{
	struct desired *d = desired_of_text(FILE_WITH(""));

	cr_expect(eq(sz, d->class_count, 0));
	desired_free(d);
}

Test(build_classes, all_that_a_match_says_becomes_a_rule)
{
	struct desired *d = desired_of_text(
		FILE_WITH("  classes: [{name: voice, match: {dscp: [ef, CS5, 18], max_size: 300, "
	                  "protocol: udp, ports: [5060, 53], source: 10.1.2.3/8, destination: "
	                  "192.0.2.7}, treat: duplicate}]\n"));
	const struct traffic_rule *rule = &d->classes[0].rule;

	cr_assert(eq(sz, d->class_count, 1));
	cr_expect(eq(str, d->classes[0].name, "voice"));
	cr_expect(eq(u64, rule->dscp, 1ull << 46 | 1ull << 40 | 1ull << 18));
	cr_expect(eq(u32, rule->max_bytes, 300));
	cr_expect(eq(u8, rule->protocol[0], IPPROTO_UDP));
	cr_expect(eq(u8, rule->protocol[1], 0));
	cr_expect(eq(u32, rule->ports, 2));
	cr_expect(eq(u16, rule->port[0], 5060));
	cr_expect(eq(u16, rule->port[1], 53));
	cr_expect(eq(u8, rule->source.len, 8));
	cr_expect(eq(u8, rule->source.addr[1], 0), "host bits are ignored");
	cr_expect(eq(u8, rule->destination.len, 32));
	cr_expect(eq(int, rule->treatment, TREAT_DUPLICATE));
	desired_free(d);
}

Test(build_classes, treatments_and_links_are_told_apart)
{
	static const enum traffic_treatment wanted[] = {TREAT_FASTEST, TREAT_BALANCED, TREAT_LINK,
	                                                TREAT_LINK};
	struct desired *d = desired_of_text(
		FILE_WITH("  classes: [{treat: fastest}, {match: {protocol: icmp}, treat: "
	                  "Balanced}, {treat: dsl}, {treat: link-1}]\n"));

	cr_assert(eq(sz, d->class_count, 4));
	for (unsigned i = 0; i < 4; i++)
		cr_expect(eq(int, d->classes[i].rule.treatment, wanted[i]));
	cr_expect(eq(str, d->classes[0].name, "class-1"));
	cr_expect(eq(str, d->classes[1].link, ""));
	cr_expect(eq(str, d->classes[2].link, "dsl"));
	cr_expect(eq(str, d->classes[3].link, "link-1"));
	cr_expect(eq(u8, d->classes[1].rule.protocol[1], IPPROTO_ICMPV6));
	cr_expect(eq(u8, d->classes[0].rule.protocol[0], 0));
	desired_free(d);
}

Test(build_classes, another_list_of_them_needs_a_restart)
{
	struct desired *from = desired_of_text(FILE_WITH("  classes: [{treat: fastest}]\n"));
	struct desired *to = desired_of_text(FILE_WITH("  classes: [{treat: balanced}]\n"));
	struct desired *none = desired_of_text(FILE_WITH(""));
	char *same = difference(from, from), *other = difference(from, to),
	     *gone = difference(from, none);

	cr_expect(eq(str, same, ""));
	cr_expect(ne(ptr, strstr(other, "wireguard.classes"), NULL));
	cr_expect(ne(ptr, strstr(gone, "wireguard.classes"), NULL));
	cr_expect(ne(ptr, strstr(gone, "none"), NULL));
	free(same);
	free(other);
	free(gone);
	desired_free(from);
	desired_free(to);
	desired_free(none);
}
