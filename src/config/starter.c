/* SPDX-License-Identifier: MIT */
#include "config/starter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/key_text.h"
#include "config/inventory.h"
#include "config/keys.h"
#include "config/schema.h"
#include "crypto/aead.h"
#include "vtrunkd/limits.h"

#define STARTER_BYTES_MAX 4096u

/* A line that ends in "#=PLACE" is about the key there: "@" in it stands for the key's default, and
 * what the table of keys says about the key becomes its comment.
 */
static const char pair_template[] =
	"# Configuration of vtrunkd; vtrunkd.yaml(5) explains every key.\n"
	"# `vtrunkd check -c FILE` tells what is wrong with a file.\n"
	"\n"
	"network:\n"
	"  mtu: @#=network.mtu\n"
	"  interface: vtrunk0     # left out: the kernel picks a name\n"
	"  address: 10.10.0.1\n"
	"  netmask: 255.255.255.0\n"
	"\n"
	"wireguard:\n"
	"  # Keep it secret; the other end never needs it.\n"
	"  private_key: %s\n"
	"  peer_public_key: %s\n"
	"  preshared_key: null    # or the output of `wg genpsk`, the same at both ends\n"
	"  persistent_keepalive: 25\n"
	"  bonding_mode: @#=wireguard.bonding_mode\n"
	"  error_backoff_secs: @#=wireguard.error_backoff_secs\n"
	"  health_check_interval_ms: @#=wireguard.health_check_interval_ms\n"
	"  health_check_timeout_ms: @#=wireguard.health_check_timeout_ms\n"
	"  links:\n"
	"    # One entry for each uplink. device is its network device; left out, the\n"
	"    # routing table decides. Without any endpoint we wait to be contacted.\n"
	"    - name: wan0\n"
	"      # device: eth0\n"
	"      endpoint: vpn.example.com:51820\n"
	"      weight: @#=wireguard.links.weight\n"
	"    - name: wan1\n"
	"      # device: wwan0\n"
	"      endpoint: vpn.example.com:51820\n"
	"      weight: @#=wireguard.links.weight\n"
	"      role: @#=wireguard.links.role\n"
	"\n"
	"# For the other end: a pair of keys that fits this file. Move these lines there and\n"
	"# delete them here, or put the public key of a pair made there into peer_public_key.\n"
	"#\n"
	"#   network: {address: 10.10.0.2, netmask: 255.255.255.0}\n"
	"#   wireguard:\n"
	"#     private_key: %s\n"
	"#     peer_public_key: %s\n"
	"#     links: [{bind: \"0.0.0.0:51820\"}]\n";

/* Our public and private key, the peer's public key, its endpoint, our links. */
static const char client_template[] =
	"# Configuration of vtrunkd: the end that contacts the other one, the gateway.\n"
	"# vtrunkd.yaml(5) explains every key. What stands in <...> only the gateway knows:\n"
	"# `vtrunkd check -c FILE` says how to get it, and what else is wrong with a file.\n"
	"\n"
	"network:\n"
	"  interface: vtrunk0     # left out: the kernel picks a name\n"
	"  addresses: [\"10.10.0.2/24\"]   # each client has another one\n"
	"\n"
	"wireguard:\n"
	"  # Our public key, for the gateway: %s\n"
	"  private_key: %s   # secret\n"
	"  bonding_mode: @#=wireguard.bonding_mode\n"
	"  peers:\n"
	"    - name: gateway\n"
	"      public_key: \"%s\"\n"
	"      endpoints: [\"%s\"]   # over every link\n"
	"      # What is sent to the gateway and may come from it. For everything:\n"
	"      # [\"0.0.0.0/0\", \"::/0\"], and `ip route add default dev vtrunk0` when it is up.\n"
	"      allowed_ips: [\"10.10.0.0/24\"]\n"
	"      persistent_keepalive: 25\n"
	"  links:\n"
	"    # One entry for each uplink, with its network device; remove what is none.\n"
	"%s";

/* Our public and private key, the peer's public key. */
static const char gateway_template[] =
	"# Configuration of vtrunkd: the end that waits to be contacted by others, the clients.\n"
	"# vtrunkd.yaml(5) explains every key. What stands in <...> only the client knows:\n"
	"# `vtrunkd check -c FILE` says how to get it, and what else is wrong with a file.\n"
	"\n"
	"network:\n"
	"  interface: vtrunk0     # left out: the kernel picks a name\n"
	"  addresses: [\"10.10.0.1/24\"]\n"
	"\n"
	"wireguard:\n"
	"  # Our public key, for the clients: %s\n"
	"  private_key: %s   # secret\n"
	"  peers:\n"
	"    # One entry for each client.\n"
	"    - name: client\n"
	"      public_key: \"%s\"\n"
	"      # Its address in the tunnel, and networks behind it.\n"
	"      allowed_ips: [\"10.10.0.2/32\"]\n"
	"  links:\n"
	"    # One UDP port for all clients, over every network device; the firewall has to\n"
	"    # let it in.\n"
	"    - name: wan\n"
	"      bind: \"0.0.0.0:51820\"\n";

#define LINK_BYTES_MAX (IF_NAMESIZE + 32u) /* of one entry of links */

/* Draws a pair and spells it. */
static void draw_pair(char ret_private[static KEY_TEXT_LEN], char ret_public[static KEY_TEXT_LEN])
{
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN];

	random_bytes(private_key, sizeof private_key);
	dh_clamp(private_key);
	dh_public(public_key, private_key);
	key_to_base64(ret_private, private_key);
	key_to_base64(ret_public, public_key);
	secret_wipe(private_key, sizeof private_key);
}

/* Entries of links for the uplinks this machine has, or one with a placeholder. */
static void write_links(char text[static LINKS_MAX * LINK_BYTES_MAX])
{
	char names[LINKS_MAX][IF_NAMESIZE];
	unsigned count = inventory_uplinks(names, LINKS_MAX);
	size_t len = 0;

	if (!count)
		strcpy(text, "    - device: <DEVICE OF AN UPLINK>\n");
	for (unsigned i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, LINK_BYTES_MAX, "    - device: \"%s\"\n",
		                        names[i]);
}

static const char *or_placeholder(const char *given, const char *placeholder)
{
	return given ? given : placeholder;
}

/* Fills @text from a template; the caller wipes it. */
static void write_template(char text[static STARTER_BYTES_MAX],
                           const struct config_starter *starter, uint8_t ret_public[KEY_LEN])
{
	char ours[2][KEY_TEXT_LEN], theirs[2][KEY_TEXT_LEN]; /* private, public */
	char links[LINKS_MAX * LINK_BYTES_MAX];
	int len = 0;

	draw_pair(ours[0], ours[1]);
	switch (starter->kind) {
	case CONFIG_STARTER_PAIR:
		draw_pair(theirs[0], theirs[1]);
		len = snprintf(text, STARTER_BYTES_MAX, pair_template, ours[0], theirs[1],
		               theirs[0], ours[1]);
		secret_wipe(theirs, sizeof theirs);
		break;
	case CONFIG_STARTER_CLIENT:
		write_links(links);
		len = snprintf(text, STARTER_BYTES_MAX, client_template, ours[1], ours[0],
		               or_placeholder(starter->peer_key, "<PUBLIC KEY OF THE GATEWAY>"),
		               or_placeholder(starter->endpoint, "<ADDRESS OF THE GATEWAY>:51820"),
		               links);
		break;
	case CONFIG_STARTER_GATEWAY:
		len = snprintf(text, STARTER_BYTES_MAX, gateway_template, ours[1], ours[0],
		               or_placeholder(starter->peer_key, "<PUBLIC KEY OF THE CLIENT>"));
		break;
	}
	assert(len > 0 && (size_t)len < STARTER_BYTES_MAX);
	(void)len; /* for builds without assert */
	(void)key_from_base64(ret_public, ours[1]);
	secret_wipe(ours, sizeof ours);
}

/* The marks of scdoc mean nothing here. */
static void write_plain(FILE *out, const char *text)
{
	for (; *text; text++)
		if (*text != '*' && *text != '_')
			fputc(*text, out);
}

/* "bonding_mode: aggregate   # aggregate, redundant, ... How data is spread ..." */
static void write_marked_line(FILE *out, const char *line, const char *mark)
{
	char place[64], before[64];
	const char *value = memchr(line, '@', (size_t)(mark - line));
	int scanned = sscanf(mark, "#=%63[a-z_.]", place);
	const struct config_rule *rule = scanned == 1 ? config_rule_at(place) : NULL;

	assert(value && rule && rule->by_default && value - line < (int)sizeof before - 16);
	snprintf(before, sizeof before, "%.*s%s", (int)(value - line), line, rule->by_default);
	fprintf(out, "%-33s # ", before);
	if (rule->value)
		write_plain(out, rule->value);
	else if (rule->unit)
		fputs(rule->unit, out);
	fputs(rule->value || rule->unit ? ". " : "", out);
	write_plain(out, rule->brief);
	fputc('\n', out);
}

/* Fills in what the table of keys says. Both texts are the caller's to wipe. */
static size_t expand(const char *from, char to[static STARTER_BYTES_MAX])
{
	FILE *out = fmemopen(to, STARTER_BYTES_MAX, "w");
	size_t len;

	assert(out);
	setvbuf(out, NULL, _IONBF, 0); /* no buffer that nobody wipes */
	for (const char *end; (end = strchr(from, '\n')); from = end + 1) {
		const char *mark = memmem(from, (size_t)(end - from), "#=", 2);

		if (mark)
			write_marked_line(out, from, mark);
		else
			fwrite(from, 1, (size_t)(end - from) + 1, out);
	}
	len = (size_t)ftell(out);
	fclose(out);
	return len;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t done = write(fd, text, len);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			text += done;
			len -= (size_t)done;
		}
	}
	return 0;
}

/* Writes the whole of an open file and closes it. */
static int finish_file(int fd, const char *text, size_t len)
{
	int err = write_all(fd, text, len);

	if (!err && (fchmod(fd, 0600) || fsync(fd)))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int create_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	int err = finish_file(fd, text, len);
	if (err)
		unlink(path);
	return err;
}

/* Written beside the old file first, so that this one is lost only for a whole new one, and no mode
 * or owner of the old one stays.
 */
static int replace_file(const char *path, const char *text, size_t len)
{
	char beside[PATH_MAX];
	struct stat st;

	if (!stat(path, &st) && !S_ISREG(st.st_mode)) /* what a link to /dev/stdout leads to too */
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
	if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside)
		return -ENAMETOOLONG;
	int fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return -errno;
	int err = finish_file(fd, text, len);
	if (!err && rename(beside, path))
		err = -errno;
	if (err)
		unlink(beside);
	return err;
}

int config_write_starter(const char *path, bool force, const struct config_starter *starter,
                         uint8_t ret_public[static KEY_LEN])
{
	char template[STARTER_BYTES_MAX], text[STARTER_BYTES_MAX];
	int err;

	write_template(template, starter, ret_public);
	size_t len = expand(template, text);
	secret_wipe(template, sizeof template);

	if (!strcmp(path, "-"))
		err = write_all(STDOUT_FILENO, text, len);
	else if (force)
		err = replace_file(path, text, len);
	else
		err = create_file(path, text, len);

	secret_wipe(text, sizeof text);
	return err;
}
