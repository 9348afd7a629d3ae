# SPDX-License-Identifier: MIT
"""An initiator made by hand, step by step as the whitepaper has it (5.4.2 to 5.4.6), for what no honest
daemon would do. X25519 and ChaCha20-Poly1305 come from libsodium, which the daemon needs anyway, hashes from
hashlib; marker and frames are those of docs/protocol.md.
"""
import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import os
import struct
import time

from checks import wait_until

MARKER = 0x565401
HELLO, HELLO_ACK, PROBE, ECHO, PATH_CHALLENGE, PATH_RESPONSE, GOODBYE = 1, 2, 3, 4, 6, 7, 10
LANE_ORDERED, LANE_CONTROL = 0, 16

sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
assert sodium.sodium_init() >= 0


def _hash(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def _kdf(count, chain, material):
    secret = hmac.new(chain, material, hashlib.blake2s).digest()
    keys = [b""]
    for number in range(1, count + 1):
        keys.append(hmac.new(secret, keys[-1] + bytes([number]), hashlib.blake2s).digest())
    return keys[1:]


def _dh(private, public):
    shared = ctypes.create_string_buffer(32)
    assert sodium.crypto_scalarmult(shared, private, public) == 0
    return shared.raw


def _public(private):
    public = ctypes.create_string_buffer(32)
    sodium.crypto_scalarmult_base(public, private)
    return public.raw


def _nonce(counter):
    return bytes(4) + struct.pack("<Q", counter)


def _seal(key, counter, text, more=b""):
    sealed = ctypes.create_string_buffer(len(text) + 16)
    sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
        sealed, None, text, ctypes.c_ulonglong(len(text)), more, ctypes.c_ulonglong(len(more)),
        None, _nonce(counter), key)
    return sealed.raw


def _open(key, counter, sealed, more=b""):
    """The text, or None where it is not authentic."""
    text = ctypes.create_string_buffer(max(len(sealed) - 16, 1))
    refused = sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
        text, None, None, sealed, ctypes.c_ulonglong(len(sealed)), more,
        ctypes.c_ulonglong(len(more)), _nonce(counter), key)
    return None if refused else text.raw[:len(sealed) - 16]


def frame(kind, body):
    return struct.pack("<BBH", 0xb1, kind, len(body)) + body


def frames(payload):
    """(type, body) of all frames in @payload; none if it holds no frames."""
    found = []
    while payload[:1] == b"\xb1":
        _, kind, length = struct.unpack_from("<BBH", payload)
        found.append((kind, payload[4:4 + length]))
        payload = payload[4 + length:]
    return found


def hello(boot_id):
    return struct.pack("<BBBx4x8s", 1, 16, 17, boot_id)


def time_stamp(seconds_ahead=0, marker=True):
    now = time.time() + seconds_ahead
    fraction = int(now % 1 * 1e9) & ~0xffffff | (MARKER if marker else 0)
    return struct.pack(">QI", 2**62 + 10 + int(now), fraction)


class Handmade:
    """One session with the daemon at @destination, over @sock."""

    def __init__(self, sock, destination, private_key, peer_key):
        self.sock, self.destination = sock, destination
        self.private, self.peer = base64.b64decode(private_key), base64.b64decode(peer_key)
        self.counters = {}
        sock.settimeout(1)

    def initiation(self, stamp=None):
        """A new one, in place of the one before."""
        self.ephemeral, self.index = os.urandom(32), os.urandom(4)
        chain = _hash(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
        digest = _hash(_hash(chain, b"WireGuard v1 zx2c4 Jason@zx2c4.com"), self.peer)
        ephemeral = _public(self.ephemeral)
        chain, = _kdf(1, chain, ephemeral)
        digest = _hash(digest, ephemeral)
        chain, key = _kdf(2, chain, _dh(self.ephemeral, self.peer))
        static = _seal(key, 0, _public(self.private), digest)
        digest = _hash(digest, static)
        chain, key = _kdf(2, chain, _dh(self.private, self.peer))
        stamped = _seal(key, 0, stamp or time_stamp(), digest)
        self.chain, self.digest = chain, _hash(digest, stamped)
        message = b"\x01\0\0\0" + self.index + ephemeral + static + stamped
        mac1 = hashlib.blake2s(message, key=_hash(b"mac1----", self.peer), digest_size=16)
        return message + mac1.digest() + bytes(16)

    def take_response(self, message):
        """True if it answers the newest initiation; then there are keys."""
        if len(message) != 92 or message[0] != 2 or message[8:12] != self.index:
            return False
        ephemeral, chain = message[12:44], self.chain
        for material in (ephemeral, _dh(self.ephemeral, ephemeral), _dh(self.private, ephemeral)):
            chain, = _kdf(1, chain, material)
        chain, _, _ = _kdf(3, chain, bytes(32))
        self.remote_index = message[4:8]
        self.send_key, self.receive_key = _kdf(2, chain, b"")
        self.counters = {}
        return True

    def receive(self, seconds=1):
        """The next datagram within @seconds, or None."""
        self.sock.settimeout(seconds)
        try:
            return self.sock.recv(2048)
        except TimeoutError:
            return None

    def handshake(self, seconds=5, stamp=None):
        self.sock.sendto(self.initiation(stamp), self.destination)
        self.await_response(seconds)

    def await_response(self, seconds=5):
        wait_until("a response to the handmade initiation",
                   lambda: self.take_response(self.receive() or b""), seconds, 0)

    def sealed(self, payload, lane=LANE_ORDERED):
        """The next datagram of @lane with @payload; an empty one is a keepalive."""
        number = lane << 56 | self.counters.get(lane, 0)
        self.counters[lane] = self.counters.get(lane, 0) + 1
        padded = payload + bytes(-len(payload) % 16)
        return (b"\x04\0\0\0" + self.remote_index + struct.pack("<Q", number) +
                _seal(self.send_key, number, padded))

    def send(self, payload, lane=LANE_ORDERED):
        self.sock.sendto(self.sealed(payload, lane), self.destination)

    def opened(self, message):
        """The payload of a datagram of this session, None of any other."""
        if len(message or b"") < 32 or message[0] != 4 or message[4:8] != self.index:
            return None
        return _open(self.receive_key, *struct.unpack_from("<Q", message, 8), message[16:])

    def answer(self, message, boot_id):
        """Does for the frames in @message what a vtrunkd does; returns their types."""
        seen = []
        for kind, body in frames(self.opened(message) or b""):
            seen.append(kind)
            if kind == HELLO:
                self.send(frame(HELLO_ACK, hello(boot_id)))
            elif kind == PATH_CHALLENGE:
                self.send(frame(PATH_RESPONSE, body), LANE_CONTROL)
            elif kind == PROBE:
                self.send(frame(ECHO, body[:1] + b"\0" + body[2:8] + bytes(8) + body[8:12]),
                          LANE_CONTROL)
        return seen

    def answer_until(self, what, condition, seconds):
        """Goes on answering until @condition of the types of frames seen so far is true."""
        seen = []

        def is_done():
            seen.extend(self.answer(self.receive(0.2), self.boot_id))
            return condition(seen)
        wait_until(what, is_done, seconds, 0)

    def bond(self, boot_id=b"\1" * 8, seconds=10):
        """A session, agreed bonding and a path that has answered a probe."""
        self.boot_id = boot_id
        self.handshake()
        self.send(b"")
        self.answer_until("greeting and probes", lambda seen: HELLO in seen and
                          seen.count(PROBE) >= 2, seconds)
