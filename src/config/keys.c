/* SPDX-License-Identifier: MIT */
#include "config/keys.h"

#include <stddef.h>

#include "config/bounds.h"
#include "config/dscp.h"
#include "config/raw.h"
#include "vtrunkd/limits.h"

#define WORDS(...)                     \
	.words = (const char *const[]) \
	{                              \
		__VA_ARGS__, NULL      \
	}
#define SECONDS_MAX 1000000000u /* far beyond use, and no overflow in nanoseconds */

#define A_DEVICE    "a name of 1..15 characters from a-z A-Z 0-9 _ = + . -"
#define A_NAME      "a name of 1..31 bytes, without blanks around it"
#define AN_IP       "an IPv4 or IPv6 address"
#define A_NETMASK   "a prefix length, 0..128, or for IPv4 a dotted netmask"
#define A_PREFIX    "an address and prefix length such as 10.10.0.2/24 or fd00::2/64"
#define A_KEY       "a key, base64 of 32 bytes (44 characters)"
#define A_BIND      "IP, IP:PORT or [IPv6]:PORT"
#define A_TREATMENT "fastest, duplicate, balanced or the name of one of wireguard.links"
#define AN_ENDPOINT "HOST:PORT, IP:PORT or [IPv6]:PORT"
#define A_PATH      "an absolute path"
#define A_RUN_DIR   "an absolute path of at most 86 bytes, or none"

#define THEIR_KEY   "`vtrunkd pubkey -c FILE` at the other end prints it"
#define OUR_KEY     "`vtrunkd genkey` makes one"
#define OUR_ADDRESS "`ip -br address` lists those of this machine"
#define OUR_DEVICE  "`ip -br link` lists those of this machine"
#define THEIR_PORT  "the other end's, as it is reached from here"
#define AN_EXAMPLE  "`vtrunkd config --output FILE` writes a file to start from"
#define SOME_LINKS                                                                     \
	"such as [{endpoint: \"HOST:PORT\"}], or [{bind: \"0.0.0.0:51820\"}] to wait " \
	"for the other end"
#define SOME_IPS "the addresses that the peer has inside the tunnel"

#define TEXT(which, text) .kind = CONFIG_TEXT, .form = CONFIG_FORM_##which, .allowed = text
#define PUBLIC_KEY        TEXT(KEY, A_KEY), .cure = THEIR_KEY
#define MODES                                                                                  \
	.kind = CONFIG_WORD,                                                                   \
	WORDS("aggregate", "bonding", "bonded", "redundant", "failover", "lowlat", "balance"), \
	.meanings = mode_meanings
#define KEY       .kind = CONFIG_TEXT | CONFIG_SECRET, .form = CONFIG_FORM_KEY, .allowed = A_KEY
#define KEEPALIVE .kind = CONFIG_INTEGER, .min = 0, .max = 65535

/* Where libcyaml puts the value. */
#define AT(type, member) \
	.at = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member)
#define LIST(type, member) \
	.at = offsetof(struct type, member), .count_at = offsetof(struct type, member##_count)

/* The modes that the words above stand for (enum bonding_mode). */
static const uint8_t mode_meanings[] = {0, 0, 0, 1, 2, 3, 4};

static const struct config_rule one_prefix = {TEXT(PREFIX, A_PREFIX), .size = sizeof(char *)};
static const struct config_rule one_cpu = {
	.kind = CONFIG_INTEGER, .min = 0, .max = 1023, .size = sizeof(uint16_t)};

static const struct config_rule network_keys[] = {
	{"mtu", CONFIG_INTEGER, .min = 1, .max = INNER_MTU_MAX, AT(raw_network, mtu),
         .unit = "bytes", .by_default = "1420", .brief = "MTU of the tunnel's device.",
         .more = "1420 fits into links of 1500 bytes in any case. Links of less need no lower "
                 "one: what each carries to another vtrunkd is found out. Below 576, below 1280 "
                 "with an IPv6 address, and above 65455 there is a warning."},
	{"buffer_size", CONFIG_INTEGER, .min = 1, .max = UINT32_MAX, AT(raw_network, buffer_size),
         .value = "bytes, *mtu*..4294967295", .without = "what a packet of *mtu* needs",
         .brief = "Bound of the memory of one packet buffer.",
         .more = "More than needed is harmless; there is no need to set it."},
	{"interface", TEXT(DEVICE, A_DEVICE), AT(raw_network, interface),
         .value = "name of 1..15 characters from a-z A-Z 0-9 \\_ = + . -",
         .without = "the kernel picks one", .brief = "Name of the tunnel's device.",
         .more = "Like one of the kernel's WireGuard it has no fe80:: address of its own and "
                 "no multicast flag, so nothing enters the tunnel unasked; a routing protocol "
                 "that looks for the flag gets it with *ip link set INTERFACE multicast on*."},
	{"address", TEXT(IP, AN_IP), AT(raw_network, address), .value = "_IP_", .without = "none",
         .brief = "Address of the device."},
	{"netmask", CONFIG_INTEGER | CONFIG_TEXT, .min = 0, .max = 128, .form = CONFIG_FORM_NETMASK,
         .allowed = A_NETMASK, AT(raw_network, netmask),
         .value = "prefix length 0..32 or 0..128, or for IPv4 a dotted netmask without holes",
         .without = "the full length", .brief = "Goes with *address* and needs it."},
	{"destination", TEXT(IP, AN_IP), AT(raw_network, destination), .value = "_IP_",
         .without = "none", .brief = "Address of the other end of a point-to-point device.",
         .more = "Needs an address of the same family."},
	{"addresses", CONFIG_LIST, .max = ALLOWED_IPS_MAX, .inner = &one_prefix,
         LIST(raw_network, addresses), .value = "list of _PREFIX_", .without = "none",
         .brief = "Any number of addresses of both families, each once.",
         .more = "Excludes *address* and *netmask*. Where IPv6 is off those of IPv6 are left "
                 "out, and so are their routes. Addresses that the device loses, as when it "
                 "is set down, are put back."},
	{"routes", CONFIG_WORD, WORDS("auto", "none"), AT(raw_network, routes),
         .by_default = "auto",
         .brief = "With *auto* the allowed IPs of all peers become routes through the device, "
                  "except prefixes of length 0; see *device* of a link for a default route of "
                  "your own.",
         .more = "Where such a route would lead the datagrams of a link without *device* into "
                 "the tunnel - 0.0.0.0/1 and 128.0.0.0/1 do, or a network that holds an "
                 "endpoint - the endpoint gets a host route by the way that the main table "
                 "has without us. It follows changes, is marked *proto 118* as all routes of "
                 "vtrunkd are, and is removed at the end. An endpoint given by name then "
                 "needs a name server that is reached without the tunnel."},
	{0},
};

static const struct config_rule endpoint_keys[] = {
	{"link", TEXT(NAME, "the name of one of wireguard.links"), AT(raw_endpoint, link),
         .brief = "The link that leads there."},
	{"address", TEXT(ENDPOINT, AN_ENDPOINT), .is_required = true, .cure = THEIR_PORT,
         AT(raw_endpoint, address), .brief = "Where the peer is reached."},
	{0},
};

static const struct config_rule one_endpoint = {.kind = CONFIG_TEXT | CONFIG_MAPPING,
                                                .form = CONFIG_FORM_ENDPOINT,
                                                .allowed = AN_ENDPOINT
                                                " or a mapping with link and address",
                                                .cure = THEIR_PORT,
                                                .size = sizeof(struct raw_endpoint),
                                                .inner = endpoint_keys};

static const struct config_rule peer_keys[] = {
	{"name", TEXT(NAME, A_NAME), AT(raw_peer, name), .value = "as of a link",
         .without = "*peer-*_N_, counting from 1", .brief = "Must be unique."},
	{"public_key", PUBLIC_KEY, .is_required = true, AT(raw_peer, public_key), .value = "_KEY_",
         .brief = "Public key of the peer.", .more = "Must be unique, and not our own."},
	{"preshared_key", KEY, AT(raw_peer, preshared_key), .value = "_KEY_", .without = "none",
         .brief = "Secret shared with the peer, mixed into the handshake."},
	{"allowed_ips", CONFIG_LIST, .is_required = true, .min = 1, .max = ALLOWED_IPS_MAX,
         .inner = &one_prefix, .cure = SOME_IPS, LIST(raw_peer, allowed_ips),
         .value = "list of at least one _PREFIX_",
         .brief = "Source addresses the peer may use, and destinations that are sent to it.",
         .more = "The longest prefix wins; no two peers may have the same. Host bits are "
                 "ignored. At most 131072 for all peers together."},
	{"bonding_mode", MODES, AT(raw_peer, bonding_mode), .value = "as above",
         .without = "that of *wireguard*",
         .brief = "How data to this peer is spread over the links."},
	{"persistent_keepalive", KEEPALIVE, AT(raw_peer, persistent_keepalive), .unit = "seconds",
         .by_default = "0", .without = "off",
         .brief = "Send something to the peer at least this often."},
	{"endpoints", CONFIG_LIST, .max = PATHS_MAX, .inner = &one_endpoint,
         LIST(raw_peer, endpoints), .value = "list of at most 16",
         .without = "none, wait to be contacted", .brief = "Where the peer is reached.",
         .more = "Each is a text as *endpoint* of a link, for every link of a fitting family, "
                 "or a mapping with *link* (the name of a link) and *address* (that text; "
                 "required) for this link alone."},
	{0},
};

#define A_RATE       .kind = CONFIG_INTEGER, .min = 1, .max = 1000000
#define A_RATE_LIMIT "a whole number, 1..1000000, or a mapping with up and down"

static const struct config_rule rate_limit_keys[] = {
	{"up", A_RATE, AT(raw_rate_limit, up), .unit = "Mbit/s", .without = "none",
         .brief = "Of what we send."},
	{"down", A_RATE, AT(raw_rate_limit, down), .unit = "Mbit/s", .without = "none",
         .brief = "Of what the peer sends."},
	{0},
};

static const struct config_rule link_keys[] = {
	{"name", TEXT(NAME, A_NAME), AT(raw_link, name),
         .value = "1..31 bytes of printable text without blanks around it",
         .without = "*link-*_N_, counting from 0",
         .brief = "Name of the link in messages and for *endpoints*.",
         .more = "Must be unique, default names included."},
	{"bind", TEXT(BIND, A_BIND), .cure = OUR_ADDRESS, AT(raw_link, bind),
         .value = "_IP_, _IP_:_PORT_ or [_IPv6_]:_PORT_",
         .without = "any address, of the families that endpoints need",
         .brief = "Our address and port on this link; port 0, the default, lets the kernel "
                  "choose, where possible the same for IPv4 and IPv6.",
         .more = "[::] stands for every address of both families, as does ListenPort of "
                 "*wg*(8), unless another link is bound to the same port for IPv4; 0.0.0.0 is "
                 "every IPv4 address. A system without one of the two families gets the "
                 "other, with a warning. A port other than 0 may be bound to the same address "
                 "by two links only when they have different devices."},
	{"endpoint", TEXT(ENDPOINT, AN_ENDPOINT), .cure = THEIR_PORT, AT(raw_link, endpoint),
         .value = "_HOST_:_PORT_, _IP_:_PORT_ or [_IPv6_]:_PORT_, port 1..65535", .without = "none",
         .brief = "Where the only peer is reached on this link.",
         .more = "With one, we initiate at start; with none on any link we wait to be "
                 "contacted. Its family must be one that *bind* has. Of the addresses of a "
                 "name the link uses the first that it can reach: one for which there is a "
                 "route, out of *device* if given, and with *device* only of a family of "
                 "which that has an address. While an address does not answer the others are "
                 "tried in turn, 5 seconds each. A name is asked for again when a path to it "
                 "is down, at most every 30 seconds; until there is a new answer the last one "
                 "stays. With *peers*, set *endpoints* for each peer."},
	{"weight", CONFIG_INTEGER, .min = 1, .max = 1000000, AT(raw_link, weight),
         .by_default = "1", .brief = "Preference between links.",
         .more = "With *aggregate* a wish beside what is learned of the links: for each halving "
                 "against the heaviest a link counts as 2 ms longer than it is; of a peer that "
                 "does not report what arrives, the share of traffic. With *failover* the "
                 "heaviest link that works is used. Of both ends' weights the greater holds."},
	{"role", CONFIG_WORD, WORDS("primary", "overflow", "backup"), AT(raw_link, role),
         .by_default = "primary", .brief = "When the link carries data.",
         .more = "*primary*: always. *overflow*: also while bulk has waited for the primary "
                 "links for a while, with *aggregate* and a peer that reports what arrives. "
                 "*backup*: not at all. While no primary link works, those for the overflow take "
                 "their place, and then the backups. The peer is told: of the roles of both ends "
                 "the more reluctant holds, both ways, so one end is enough."},
	{"rate_limit_mbps", .kind = CONFIG_INTEGER | CONFIG_MAPPING, .min = 1, .max = 1000000,
         .allowed = A_RATE_LIMIT, .inner = rate_limit_keys, AT(raw_link, rate_limit_mbps),
         .value = "Mbit/s, 1 to 1000000, or a mapping of *up* and *down* with such numbers",
         .without = "none", .brief = "Upper bound of what goes over the link, both ways or each.",
         .more = "Counted with the headers of IP, of each peer by itself, all its paths over the "
                 "link together. *up* holds back what we send, in a queue of ours that stays "
                 "short; *down* is told to the peer, which does the same if it is a vtrunkd. "
                 "Where both ends have one the lower holds. What is in a hurry is not held back, "
                 "but bulk makes room for it. Rates need not be set: they are learned."},
	{"device", TEXT(DEVICE, A_DEVICE), .cure = OUR_DEVICE, AT(raw_link, device),
         .value = "name as in *interface*, or *any*",
         .without = "the device that has the address of *bind*, else any",
         .brief = "Use this network device only (SO_BINDTODEVICE), whatever the routing table "
                  "prefers: the link finds its way by the routes through this device alone.",
         .more = "With a device for every link a default route of yours may lead into the "
                 "tunnel, as long as the uplinks keep default routes of their own, with a "
                 "greater metric, and rp_filter is 0 or 2. Without this key a link bound to "
                 "an address uses the device that has the address, and follows it when it "
                 "moves to another: an address alone picks a source, not a line. With *any*, "
                 "or with *fwmark*, the routing table and its rules decide. Addresses of "
                 "loopback and dummy devices tie a link to nothing."},
	{"fwmark", CONFIG_INTEGER | CONFIG_HEX, .min = 0, .max = UINT32_MAX, AT(raw_link, fwmark),
         .value = "0..4294967295, decimal or 0x...", .without = "none",
         .brief = "Mark of the packets we send on this link (SO_MARK), for policy routing."},
	{0},
};

static const struct config_rule one_peer = {
	.kind = CONFIG_MAPPING, .inner = peer_keys, .size = sizeof(struct raw_peer)};
static const struct config_rule one_link = {
	.kind = CONFIG_MAPPING, .inner = link_keys, .size = sizeof(struct raw_link)};

#define DSCP                                                                                   \
	.kind = CONFIG_WORD | CONFIG_INTEGER, .min = 0, .max = 63, .words = config_dscp_names, \
	.allowed = "a code point: 0..63, or a name such as ef, cs5 or af41"

static const struct config_rule one_dscp = {DSCP, .size = sizeof(char *)};
static const struct config_rule one_port = {
	.kind = CONFIG_INTEGER, .min = 1, .max = 65535, .size = sizeof(uint16_t)};

static const struct config_rule match_keys[] = {
	{"dscp", CONFIG_LIST, .min = 1, .max = 64, .inner = &one_dscp, LIST(raw_match, dscp),
         .value = "list of names such as *ef*, *cs5*, *af41*, or numbers", .without = "any",
         .brief = "Code points, of which the packet has one."},
	{"max_size", CONFIG_INTEGER, .min = 1, .max = INNER_MTU_MAX, AT(raw_match, max_size),
         .unit = "bytes", .without = "any", .brief = "The packet, with its headers, is no longer."},
	{"protocol", CONFIG_WORD, WORDS("tcp", "udp", "icmp"), AT(raw_match, protocol),
         .without = "any", .brief = "*icmp* is that of both families."},
	{"ports", CONFIG_LIST, .min = 1, .max = CLASS_PORTS_MAX, .inner = &one_port,
         LIST(raw_match, ports), .value = "list of 1..16 numbers", .without = "any",
         .brief = "Ports of TCP or UDP, at either end. Later fragments have none."},
	{"source", TEXT(PREFIX, A_PREFIX), AT(raw_match, source), .value = "_PREFIX_",
         .without = "any", .brief = "Where the packet comes from.",
         .more = "Host bits are ignored."},
	{"destination", TEXT(PREFIX, A_PREFIX), AT(raw_match, destination), .value = "_PREFIX_",
         .without = "any", .brief = "Where it goes."},
	{0},
};

static const struct config_rule class_keys[] = {
	{"name", TEXT(NAME, A_NAME), AT(raw_class, name), .value = "as of a link",
         .without = "*class-*_N_, counting from 1", .brief = "Must be unique."},
	{"match", CONFIG_MAPPING, .inner = match_keys, AT(raw_class, match), .value = "mapping",
         .without = "every packet", .brief = "What a packet has to be: all of it.",
         .more = "See below."},
	{"treat", TEXT(NAME, A_TREATMENT), .is_required = true, AT(raw_class, treat),
         .value = "*fastest*, *duplicate*, *balanced* or the name of a link",
         .brief = "What happens to it.",
         .more = "*fastest*: it goes before all else over the quickest link. *duplicate*: the "
                 "same, and always over the two quickest links, as far as the budget for that "
                 "goes: a twentieth of a link, and 128 kbit/s of each flow. *balanced*: it waits "
                 "its turn and is spread over the links. The name of a link: over that link, "
                 "while it carries data; else as without the class."},
	{0},
};

static const struct config_rule one_class = {
	.kind = CONFIG_MAPPING, .inner = class_keys, .size = sizeof(struct raw_class)};

static const struct config_rule wireguard_keys[] = {
	{"private_key", KEY, .cure = OUR_KEY, AT(raw_wireguard, private_key), .value = "_KEY_",
         .brief = "Our private key.",
         .more = "Either this or *private_key_file* is required, not both. When everybody may "
                 "read the configuration file there is a warning."},
	{"private_key_file", CONFIG_TEXT | CONFIG_SECRET_FILE, .form = CONFIG_FORM_PATH,
         .allowed = A_PATH, AT(raw_wireguard, private_key_file), .value = "absolute path",
         .brief = "A regular file with our private key and nothing else.",
         .more = "It is refused when group or others have any access; its mode should be 0600 "
                 "or 0400."},
	{"peer_public_key", PUBLIC_KEY, AT(raw_wireguard, peer_public_key), .value = "_KEY_",
         .brief = "Public key of the only peer.",
         .more = "It may send and receive every address, except what means nothing beyond one "
                 "link: 224.0.0.0/24, 255.255.255.255 and, unless *addresses* has an address "
                 "of fe80::/10 itself, fe80::/10, ff01::/16, ff02::/16 and ff12::/16. Where a "
                 "routing protocol needs these, give *peers* with one entry and name them "
                 "among its *allowed_ips*. Either this or *peers* is required, not both. Our "
                 "own key is refused."},
	{"preshared_key", KEY, AT(raw_wireguard, preshared_key), .value = "_KEY_",
         .without = "none", .brief = "Secret shared with the only peer, mixed into the handshake.",
         .more = "With *peers*, set it for each peer."},
	{"persistent_keepalive", KEEPALIVE, AT(raw_wireguard, persistent_keepalive),
         .unit = "seconds", .by_default = "0", .without = "off",
         .brief = "Send something to the only peer at least this often, so that a NAT in "
                  "between remembers us.",
         .more = "With *peers*, set it for each peer."},
	{"bonding_mode", MODES, AT(raw_wireguard, bonding_mode),
         .value = "*aggregate*, *redundant*, *failover*, *lowlat* or *balance*",
         .by_default = "aggregate", .brief = "How data is spread over the links.",
         .more = "*aggregate* (also spelled *bonding* or *bonded*): bandwidth adds up, each "
                 "packet goes where it arrives first. "
                 "*redundant*: every packet on every link; where one carries less than is "
                 "sent, as many as it has room for, calls and the like always. *failover*: the "
                 "heaviest link that works. *lowlat*: the quickest link, and small flows "
                 "twice while it loses some. *balance*: each connection keeps to one link. "
                 "With *peers*, the default for each peer."},
	{"bonding", CONFIG_WORD, WORDS("auto", "require", "off"), AT(raw_wireguard, bonding),
         .by_default = "auto", .brief = "What to do with a peer that speaks plain WireGuard.",
         .more = "*auto*: speak plain WireGuard with it. *require*: no data to it. *off*: "
                 "speak plain WireGuard with every peer."},
	{"error_backoff_secs", CONFIG_INTEGER, .min = 1, .max = SECONDS_MAX,
         AT(raw_wireguard, error_backoff_secs), .unit = "seconds", .by_default = "5",
         .brief = "Rest of a link or path on which sending failed.",
         .more = "Then it is tried again; sooner when the system reports other routes, "
                 "addresses or devices meanwhile."},
	{"health_check_interval_ms", CONFIG_INTEGER, .min = 1, .max = SECONDS_MAX,
         AT(raw_wireguard, health_check_interval_ms), .unit = "milliseconds", .by_default = "1000",
         .brief = "Distance of the probes on an idle link.",
         .more = "Probes may come faster while traffic flows."},
	{"health_check_timeout_ms", CONFIG_INTEGER, .min = 2, .max = SECONDS_MAX,
         AT(raw_wireguard, health_check_timeout_ms), .unit = "milliseconds, more than the interval",
         .by_default = "5000", .brief = "A link silent for so long is declared down at the latest.",
         .more = "When only one of the two is given and the other's default would contradict "
                 "it, the other is kept at the proportion of one to five instead."},
	{"listen_port", CONFIG_INTEGER, .min = 1, .max = 65535, AT(raw_wireguard, listen_port),
         .without = "none",
         .brief = "Our port on a single link without *bind*, for IPv4 and IPv6: the same as "
                  "*bind* [::]:_PORT_."},
	{"peers", CONFIG_LIST, .min = 1, .max = PEERS_MAX, .inner = &one_peer,
         LIST(raw_wireguard, peers), .value = "list of 1..4096 mappings",
         .brief = "The peers of a gateway, instead of *peer_public_key*.", .more = "See below."},
	{"links", CONFIG_LIST, .is_required = true, .min = 1, .max = LINKS_MAX, .inner = &one_link,
         .cure = SOME_LINKS, LIST(raw_wireguard, links), .value = "list of 1..16 mappings",
         .brief = "Our uplinks.", .more = "See below."},
	{"classes", CONFIG_LIST, .min = 1, .max = CLASSES_MAX, .inner = &one_class,
         LIST(raw_wireguard, classes), .value = "list of 1..64 mappings", .without = "none",
         .brief = "How traffic of some kinds is treated; the first that matches counts.",
         .more = "What matches none, and all without this key, is told apart by itself: in a "
                 "hurry are EF, VA, CS4 to CS7, ICMP, DNS, TCP without payload and UDP flows of "
                 "small packets below 1 Mbit/s; the rest is not. Classes matter to peers that "
                 "report what arrives. See below."},
	{0},
};

#define CPUS(role, who)                                                        \
	{                                                                      \
#role, CONFIG_LIST, .max = CONFIG_CPUS_MAX, .inner = &one_cpu, \
				    LIST(raw_cpus, role), .brief = who         \
	}

static const struct config_rule cpus_keys[] = {
	CPUS(control, "Of the thread that decides."),
	CPUS(tun, "Of the threads that read the device."),
	CPUS(rx, "Of the threads that read the links."),
	CPUS(workers, "Of the threads that encrypt and decrypt."),
	{0},
};

static const struct config_rule dataplane_keys[] = {
	{"workers", CONFIG_WORD | CONFIG_INTEGER, .min = 1, .max = 64, WORDS("auto"),
         AT(raw_dataplane, workers), .value = "*auto* or 1..64", .by_default = "auto",
         .brief = "Threads that encrypt and decrypt.",
         .more = "With *auto* and up to 3 usable processors there is one, and the threads "
                 "that read packets do its work themselves: fastest there, and with the least "
                 "delay. With more processors all but two have a worker, and what piles up is "
                 "handed over to them. A number always makes so many workers that work is "
                 "handed over to, and from 3 workers on several queues of the TUN device."},
	{"cpus", CONFIG_MAPPING, .inner = cpus_keys, AT(raw_dataplane, cpus),
         .value = "mapping of *control*, *tun*, *rx* and *workers*, lists of at most 64 "
                  "numbers 0..1023",
         .without = "none", .brief = "Processors for the threads of each role, taken in turn.",
         .more = "Without a list they are not pinned. Links that receive little are read by "
                 "the first thread of _tun_ while their own threads sleep."},
	{"crypto", CONFIG_WORD, WORDS("auto", "sodium", "ipsec-mb"), AT(raw_dataplane, crypto),
         .by_default = "auto", .brief = "Library that encrypts and decrypts packets.",
         .more = "*sodium* is libsodium, which is always there. *ipsec-mb* is intel-ipsec-mb, "
                 "faster but only there on x86-64 processors with AVX2 or AVX-512 and when "
                 "vtrunkd was built with it. *auto* takes *ipsec-mb* where it is there, else "
                 "*sodium*. On the wire there is no difference. The library is tested with "
                 "known answers at start."},
	{"busy_poll_us", CONFIG_INTEGER, .min = 0, .max = 1000, AT(raw_dataplane, busy_poll_us),
         .unit = "microseconds", .by_default = "0",
         .brief = "How long a thread of the data plane that has nothing to do keeps looking "
                  "for packets before it sleeps.",
         .more = "More than 0 saves the delay of waking up and costs processor time."},
	{"offloads", CONFIG_WORD, WORDS("auto", "off"), AT(raw_dataplane, offloads),
         .by_default = "auto", .brief = "Whether the segmentation offloads of the kernel are used.",
         .more = "*auto* uses the segmentation offloads of the TUN device and of UDP sockets "
                 "when the kernel has them: many packets pass in one call. *off* passes each "
                 "packet on its own."},
	{0},
};

static const struct config_rule control_keys[] = {
	{"run_dir", TEXT(RUN_DIR, A_RUN_DIR), AT(raw_control, run_dir),
         .value = "absolute path of at most 86 bytes, or *none*", .without = "_/run/vtrunkd_",
         .brief = "The directory of the control socket.",
         .more = "It is what *vtrunkd status* asks; *none*: there is no socket, and the "
                 "daemon cannot be asked. The directory is made when it is not there, its "
                 "parent is not. Nobody but root and the daemon's user should be able to "
                 "write to it.\n\nWhen the default directory cannot be used, because _/run_ "
                 "is read-only or belongs to somebody else, the daemon says so and runs "
                 "without a socket; when one that is named here cannot be used, it does not "
                 "start. Daemons in several network namespaces may have interfaces of one "
                 "name: give each a directory; without, the later ones have no control "
                 "socket. The option *--run-dir* takes the place of this key."},
	{0},
};

static const struct config_rule logging_keys[] = {
	{"level", CONFIG_WORD, WORDS("error", "warning", "info", "debug"), AT(raw_logging, level),
         .by_default = "info", .brief = "The least grave lines that are written."},
	{"format", CONFIG_WORD, WORDS("auto", "text", "json", "journal"), AT(raw_logging, format),
         .by_default = "auto", .brief = "What a line looks like.",
         .more = "*auto* is *journal* under systemd, else *text*.\n\nLines go to standard "
                 "error. In the background they do so until the interface is ready, and then "
                 "to the system log (*syslog*(3)), as whole objects with *json*, else as bare "
                 "messages, since it has time and level itself.\n\nWhoever reads the log "
                 "holds up nothing: when lines come faster than they are taken, some are "
                 "lost, the log says how many and where, and *vtrunkd status* counts them."},
	{0},
};

static const struct config_rule document_keys[] = {
	{"network", CONFIG_MAPPING, .is_required = true, .inner = network_keys, .cure = AN_EXAMPLE,
         AT(raw_config, network), .brief = "The tunnel's device, its addresses and routes."},
	{"wireguard", CONFIG_MAPPING, .is_required = true, .inner = wireguard_keys,
         .cure = AN_EXAMPLE, AT(raw_config, wireguard), .brief = "Keys, links and peers."},
	{"dataplane", CONFIG_MAPPING, .inner = dataplane_keys, AT(raw_config, dataplane),
         .brief = "The threads that move packets."},
	{"control", CONFIG_MAPPING, .inner = control_keys, AT(raw_config, control),
         .brief = "How the daemon can be asked."},
	{"logging", CONFIG_MAPPING, .inner = logging_keys, AT(raw_config, logging),
         .brief = "What the daemon says, and how."},
	{0},
};

const struct config_rule config_schema = {
	.kind = CONFIG_MAPPING, .inner = document_keys, .size = sizeof(struct raw_config)};
