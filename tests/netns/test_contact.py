# SPDX-License-Identifier: MIT
"""The first contact of two hosts: what their logs tell somebody who mixed something up."""
import json
import os
import pathlib
import re
import shlex
import subprocess

from checks import Settings, check, limit, require, wait_until
from daemons import generate_key
from lab import Lab, PORT, SERVER_ANY4
from namespace import Process


ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def line_of(daemon, text):
    """The first line of a daemon's log with @text in it, or None."""
    return next((line for line in daemon.process.log().splitlines() if text in line), None)


@limit(60)
def test_both_ends_tell_which_keys_to_compare():
    with Lab(links=1) as lab:
        client, server = lab.pair()
        right = server.config["wireguard"]["peer_public_key"]
        server.config["wireguard"]["peer_public_key"] = generate_key()[1]
        server.start()
        client.start()
        line = wait_until("the client says that nobody answers",
                          lambda: line_of(client, "no answer to 3 "), 30)
        for text in ("warning", right, client.config["wireguard"]["peer_public_key"],
                     "vtrunkd pubkey -c", f"{lab.server_address(1)}:{PORT}"):
            check(text in line, f"no {text} in: {line}")
        line = line_of(server, "unknown peer")
        check(line and right in line, f"the key that came is not in: {line}")
        check("peer_public_key" in line, f"no word of what to do in: {line}")
        check(client.peer()["session"] == "handshake", "the client gave up")


def run_vtrunkd(lab, *words, namespace=None, stdin=None):
    """A command to its end: exit status, standard output, standard error."""
    cmd = [Settings.vtrunkd, *words]
    done = subprocess.run(namespace.command(*cmd) if namespace else cmd, capture_output=True,
                          text=True, input=stdin, timeout=20,
                          env={**os.environ, **lab.sanitizer_env("command")})
    return done.returncode, done.stdout, done.stderr


def test_public_key_of_a_configuration_is_told():
    with Lab(links=1) as lab:
        private, public = generate_key()
        path = lab.file("half.yaml", f"wireguard: {{private_key: {private}, links: []}}")
        for words in (["-c", path], ["--config", path], [f"--config={path}"]):
            status, out, err = run_vtrunkd(lab, "pubkey", *words)
            check((status, out, err) == (0, f"{public}\n", ""), f"{words}: {status} {out} {err}")
        status, out, _ = run_vtrunkd(lab, "pubkey", stdin=private)
        check((status, out) == (0, f"{public}\n"), f"of wg's kind: {status} {out}")
        status, out, err = run_vtrunkd(lab, "pubkey", "-c", f"{lab.directory}/none")
        check(status == 1 and not out and "none" in err, f"no file: {status} {out} {err}")
        check(private not in err, "the private key is in a message")


def rewrite(path, changes):
    """What an editor does to a file: each text once, by another one."""
    with open(path) as file:
        text = file.read()
    for old, new in changes.items():
        check(text.count(old) == 1, f"{text.count(old)} times {old!r} in {text}")
        text = text.replace(old, new)
    with open(path, "w") as file:
        file.write(text)


def check_is_refused(lab, namespace, path, *texts):
    """By `check` and by the daemon, with each of @texts in the messages."""
    for words in (["check", "-c", path], ["-c", path, "--foreground"]):
        status, _, err = run_vtrunkd(lab, *words, namespace=namespace)
        check(status == 1, f"{words}: exit {status}")
        for text in texts:
            check(text in err, f"{words}: no {text} in: {err}")


def start_file(lab, namespace, name, path):
    """A daemon with a file that somebody wrote, under an interface of the lab."""
    interface = lab.interface()
    rewrite(path, {"interface: vtrunk0": f"interface: {interface}"})
    process = Process(lab, namespace, name,
                      [Settings.vtrunkd, "-c", path, "--foreground"], lab.sanitizer_env(name))
    process.expected = 0
    return interface


def paths_up(lab, interface):
    """The devices over which the only peer's paths are up."""
    status, out, _ = run_vtrunkd(lab, "status", "-i", interface, "--json")
    if status:
        return set()
    reply = json.loads(out)
    devices = {link["name"]: link["device"] for link in reply["links"]}
    return {devices[path["link"]] for path in reply["peers"][0]["paths"] if path["state"] == "up"}


def test_newcomer_with_two_machines_gets_a_tunnel():
    """The steps of the README, each command as it is printed by the one before."""
    with Lab() as lab:
        there, here = f"{lab.directory}/gateway.yaml", f"{lab.directory}/client.yaml"
        status, out, err = run_vtrunkd(lab, "config", "--gateway", "--output", there,
                                       namespace=lab.server)
        check(status == 0, f"exit {status}: {err}")
        check(os.stat(there).st_mode & 0o777 == 0o600, "the file is not private")
        check_is_refused(lab, lab.server, there, "placeholder", "vtrunkd pubkey -c FILE")
        public = run_vtrunkd(lab, "pubkey", "-c", there)[1].strip()
        check(f"public key: {public}\n" in out, f"the key is not in: {out}")

        words = shlex.split(re.search("^At the client: vtrunkd (.*)$", out, re.M)[1])
        words = [here if word == there else word.replace("ADDRESS-OF-THIS-MACHINE", SERVER_ANY4)
                 for word in words]
        status, out, err = run_vtrunkd(lab, *words, namespace=lab.client)
        check(status == 0, f"{words}: exit {status}: {err}")
        status, _, err = run_vtrunkd(lab, "check", "-c", here, namespace=lab.client)
        check(status == 0, f"nothing is left to fill in, and yet: {err}")
        public = run_vtrunkd(lab, "pubkey", "-c", here)[1].strip()
        check(f"public key: {public}\n" in out, f"the key is not in: {out}")

        rewrite(there, {"<PUBLIC KEY OF THE CLIENT>": public})
        start_file(lab, lab.server, "gateway", there)
        interface = start_file(lab, lab.client, "client", here)
        wait_until("the tunnel passes", lambda: lab.client.ping("10.10.0.1"), 15)
        wait_until("both uplinks are in use",
                   lambda: paths_up(lab, interface) == {"up1", "up2"}, 15)


def test_file_of_one_end_is_refused_until_it_is_filled_in():
    with Lab(links=1) as lab:
        path = f"{lab.directory}/client.yaml"
        status, out, err = run_vtrunkd(lab, "config", "--client", "--output", path)
        check(status == 0 and "gateway" in out, f"exit {status}: {out} {err}")
        check_is_refused(lab, lab.client, path, "peers[0].public_key", "pubkey -c",
                         "peers[0].endpoints[0]")
        status, out, err = run_vtrunkd(lab, "config", "--client", "--output", "-")
        check(status == 0 and "public key" in err, f"exit {status}: {err}")
        check("private_key" in out and "At the gateway" not in out, f"a mixed output: {out}")
        for words in (["--peer-key", "short", "--client"], ["--endpoint", "nowhere", "--client"],
                      ["--endpoint", "a:1", "--gateway"], ["--peer-key", generate_key()[1]]):
            status, out, err = run_vtrunkd(lab, "config", "--output", "-", *words)
            check(status == 1 and not out and words[0][:6] in err, f"{words}: {status} {err}")


def test_show_and_help_do_what_people_expect():
    with Lab(links=1) as lab:
        _, server = lab.pair()
        server.start()
        for words in (["show", server.interface], ["show", "-i", server.interface]):
            status, out, err = run_vtrunkd(lab, *words)
            check(status == 0 and server.interface in out and "link-1" in out,
                  f"{words}: exit {status}: {out} {err}")
        usage = run_vtrunkd(lab, "--help")
        check(run_vtrunkd(lab, "help") == usage and "vtrunkd status" in usage[1], f"{usage}")
        for typo, meant in (("stauts", "status"), ("chekc", "check"), ("conf", "config"),
                            ("shwo", "show"), ("gen-key", "genkey")):
            status, out, err = run_vtrunkd(lab, typo)
            check(status == 1 and not out and f'did you mean "{meant}"?' in err,
                  f"{typo}: exit {status}: {err}")
        for words in (["vt0.yaml"], ["check", "vt0.yaml"], ["/etc/vtrunkd.yaml"]):
            status, _, err = run_vtrunkd(lab, *words)
            check(status == 1 and "-c FILE" in err, f"{words}: exit {status}: {err}")
        status, _, err = run_vtrunkd(lab, "frobnicate")
        check(status == 1 and "did you mean" not in err, f"exit {status}: {err}")


def test_link_that_cannot_be_bound_names_what_there_is():
    with Lab() as lab:
        client, _ = lab.pair()
        links = client.config["wireguard"]["links"]
        links[0]["device"] = "wan-1"  # and its address fits
        links[1]["bind"] = "10.71.9.2"
        client.start()
        for name, wrong in (("link-1", "wan-1"), ("link-2", "10.71.9.2")):
            line = line_of(client, f"link={name}: cannot use")
            check(line, f"no line about {name}")
            for text in (wrong, "up1 (10.71.1.2, fd71:1::2)", "up2 (10.71.2.2, fd71:2::2)"):
                check(text in line, f"no {text} in: {line}")
        client.stop()
        with lab.client.socket() as holder:
            holder.bind((lab.client_address(1), 7777))
            del links[0]["device"]
            links[0]["bind"] = f"{lab.client_address(1)}:7777"
            client.start(wait=False)
            client.process.popen.wait(15)
            client.process.expected = 2
        check("ss -ulpn" in line_of(client, "in use"), "no word of who has the port")


def test_refused_path_tells_what_the_system_said():
    with Lab() as lab:
        client, _ = lab.tunnel()
        lab.client.nft("table inet wall { chain out { type filter hook output priority 0; }; }\n"
                       f"add rule inet wall out ip daddr {lab.server_address(2)} "
                       f"udp dport {PORT} drop\n")

        def reason():
            path = client.path("link-2")
            return path["state"] != "up" and "refused" in path["reason"] and path["reason"]
        said = wait_until("the path over link-2 is refused", reason, 20)
        check("operation not permitted" in said and "firewall" in said, f"reason: {said}")
        check(lab.client.ping("10.99.0.1"), "the other path suffers")


@limit(60)
def test_default_route_may_lead_into_the_tunnel():
    """With `device` on every link: all else goes into the tunnel, the links' own datagrams do not,
    though nothing but default routes leads to the endpoint.
    """
    everywhere = "203.0.113.1"
    with Lab() as lab:
        client, server = lab.pair()
        for i, link in zip(lab.links, client.config["wireguard"]["links"]):
            del link["bind"]
            link.update(device=f"up{i}", endpoint=f"{SERVER_ANY4}:{PORT}")
        server.config["wireguard"]["links"] = [{"name": "any", "bind": f"0.0.0.0:{PORT}"}]
        lab.client.ip(*(f"rule delete from {lab.client_address(i)}" for i in lab.links))
        server.start()
        client.start()
        names = [f"link-{i}" for i in lab.links]
        client.wait_bonded(names)
        lab.client.sysctl(**{f"net__ipv4__conf__{name}__rp_filter": 2
                             for name in ("all", "up1", "up2")})
        lab.server.ip(f"address add {everywhere}/32 dev lo")
        lab.client.ip(f"route add default dev {client.interface}",
                      f"-6 route add default dev {client.interface} metric 1")
        route = lab.client.run("ip", "route", "get", everywhere)
        check(client.interface in route, f"everything goes {route}")
        before = client.link("link-1")["tx_packets"] + client.link("link-2")["tx_packets"]
        check(lab.client.ping(everywhere, count=5) == 5, "pings to everywhere are lost")
        server.stop()
        server.start()
        client.wait_bonded(names, 30)  # a new session finds its way as well
        check(lab.client.ping(everywhere) == 1, "no way to everywhere with the new session")
        sent = client.link("link-1")["tx_packets"] + client.link("link-2")["tx_packets"] - before
        check(sent < 2000, f"{sent} datagrams: the tunnel feeds itself")


def examples(path):
    """The configurations in a document, as texts."""
    with open(ROOT / path) as file:
        blocks = re.findall(r"^```\w*\n(.*?)^```$", file.read(), re.M | re.S)
    return [block for block in blocks if block.startswith("network:")]


def test_examples_of_the_documents_are_good_and_bind_to_devices():
    """A reader who fills in the keys gets what `check` accepts."""
    with Lab(links=1) as lab:
        private, theirs = generate_key()[0], generate_key()[1]
        key_file = lab.file("private.key", private)
        for path, count in (("README.md", 2), ("man/vtrunkd.8.scd", 1),
                            ("man/vtrunkd.yaml.5.scd", 2)):
            texts = examples(path)
            check(len(texts) == count, f"{len(texts)} examples in {path}")
            for text in texts:
                if "<" in text:
                    check_is_refused(lab, lab.client, lab.file("as-is.yaml", text), "placeholder")
                text = re.sub(r'(\bprivate_key: )"<[^>]*>"', rf'\1"{private}"', text)
                text = re.sub(r'(public_key: )"<[^>]*>"', rf'\1"{theirs}"', text)
                text = text.replace("/etc/vtrunkd/private.key", key_file)
                status, _, err = run_vtrunkd(lab, "check", "-c", lab.file("filled.yaml", text))
                check(status == 0 and not err, f"{path}: exit {status}: {err} for\n{text}")
                uplinks = text.count("endpoint:")
                check(text.count("device:") == uplinks,
                      f"{path}: a link with an endpoint and no device in\n{text}")


def test_packages_are_named_before_they_are_needed():
    with open(ROOT / "README.md") as file:
        text = file.read()
    check(0 < text.find("tools/install-dependencies build") < text.find("meson setup"),
          "the README builds before it installs what that takes")


def test_benchmarks_can_be_left_out_of_the_build():
    with Lab(links=1) as lab:
        for option, is_built in (("auto", True), ("disabled", False)):
            build = f"{lab.directory}/build-{option}"
            require(["meson", "setup", build, str(ROOT), "-Dtests=disabled", f"-Dbench={option}"],
                    timeout=120)
            names = {target["name"] for target in
                     json.loads(require(["meson", "introspect", build, "--targets"]))}
            check("vtrunkd" in names and ("vtbench" in names) == is_built, f"{option}: {names}")
