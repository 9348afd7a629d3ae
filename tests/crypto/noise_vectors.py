#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints noise_vectors.h: handshakes with fixed keys, computed by other code than src/crypto.

Hashes come from CPython's hashlib and hmac, X25519 and ChaCha20-Poly1305 from the package
`cryptography` (OpenSSL), HChaCha20 is below. The steps follow the whitepaper, sections 5.4.2 to
5.4.7; nothing is shared with noise.c. Needed only to make the header anew:

    ./noise_vectors.py > noise_vectors.h
"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def hash_(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def hmac_(key, data):
    return hmac.new(key, data, hashlib.blake2s).digest()


def kdf(n, chain, data):
    secret, out, last = hmac_(chain, data), [], b""
    for i in range(1, n + 1):
        last = hmac_(secret, last + bytes([i]))
        out.append(last)
    return out


def public(private):
    return (X25519PrivateKey.from_private_bytes(private).public_key()
            .public_bytes(Encoding.Raw, PublicFormat.Raw))


def dh(private, public_key):
    return (X25519PrivateKey.from_private_bytes(private)
            .exchange(X25519PublicKey.from_public_bytes(public_key)))


def aead(key, counter, text, ad):
    return ChaCha20Poly1305(key).encrypt(bytes(4) + struct.pack("<Q", counter), text, ad)


def hchacha20(key, nonce):
    """Section 2.2 of draft-irtf-cfrg-xchacha-03."""
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def rotate(x, n):
        return (x << n | x >> (32 - n)) & 0xffffffff

    def quarter(a, b, c, d):
        for into, add, onto, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[into] = (s[into] + s[add]) & 0xffffffff
            s[onto] = rotate(s[onto] ^ s[into], bits)

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *s[:4], *s[12:])


def xaead(key, nonce, text, ad):
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], text, ad)


def fixed(label, n=32):
    """Bytes that look random and are the same on every run."""
    return hashlib.sha256(b"vtrunkd test vector: " + label.encode()).digest()[:n]


def with_macs(message, receiver_public, cookie):
    message += mac(hash_(b"mac1----", receiver_public), message)
    return message + (mac(cookie, message) if cookie else bytes(16))


def handshake(name, psk, cookie):
    v = {key: fixed(f"{name} {key}") for key in (
        "initiator_private", "responder_private", "initiator_ephemeral", "responder_ephemeral")}
    s_i, s_r = v["initiator_private"], v["responder_private"]
    e_i, e_r = v["initiator_ephemeral"], v["responder_ephemeral"]
    v["initiator_public"], v["responder_public"] = public(s_i), public(s_r)
    v["preshared_key"] = psk
    v["initiator_index"], v["responder_index"] = fixed(name + " index i", 4), fixed(name + " index r", 4)
    v["timestamp"] = struct.pack(">QI", 2**62 + 10 + 1700000000, 0x1d000000 | 0x565401)

    # Initiation, 5.4.2.
    ck = hash_(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
    h = hash_(ck, b"WireGuard v1 zx2c4 Jason@zx2c4.com")
    h = hash_(h, public(s_r))
    (ck,) = kdf(1, ck, public(e_i))
    h = hash_(h, public(e_i))
    ck, k = kdf(2, ck, dh(e_i, public(s_r)))
    sealed_static = aead(k, 0, public(s_i), h)
    h = hash_(h, sealed_static)
    ck, k = kdf(2, ck, dh(s_i, public(s_r)))
    sealed_time = aead(k, 0, v["timestamp"], h)
    h = hash_(h, sealed_time)
    v["initiation"] = with_macs(
        b"\1\0\0\0" + v["initiator_index"] + public(e_i) + sealed_static + sealed_time,
        public(s_r), cookie)

    # Response, 5.4.3.
    (ck,) = kdf(1, ck, public(e_r))
    h = hash_(h, public(e_r))
    (ck,) = kdf(1, ck, dh(e_r, public(e_i)))
    (ck,) = kdf(1, ck, dh(e_r, public(s_i)))
    ck, t, k = kdf(3, ck, psk)
    h = hash_(h, t)
    empty = aead(k, 0, b"", h)
    v["response"] = with_macs(
        b"\2\0\0\0" + v["responder_index"] + v["initiator_index"] + public(e_r) + empty,
        public(s_i), cookie)

    # Transport keys, 5.4.5.
    v["key_to_responder"], v["key_to_initiator"] = kdf(2, ck, b"")

    # The responder's cookie reply to this initiation, 5.4.7. Secret and source: any.
    v["cookie_secret"], v["source"] = fixed(name + " secret"), bytes([192, 0, 2, 7, 0x30, 0x39])
    v["cookie"] = mac(v["cookie_secret"], v["source"])
    nonce, mac1 = fixed(name + " nonce", 24), v["initiation"][116:132]
    key = hash_(b"cookie--", public(s_r))
    v["cookie_reply"] = (b"\3\0\0\0" + v["initiator_index"] + nonce
                         + xaead(key, nonce, v["cookie"], mac1))
    # What MAC2 both messages carry: the cookie got before, or zeros.
    v["sent_cookie"] = cookie
    return v


MEMBERS = (
    ("initiator_private", "32"), ("initiator_public", "32"), ("responder_private", "32"),
    ("responder_public", "32"), ("preshared_key", "32"), ("initiator_ephemeral", "32"),
    ("responder_ephemeral", "32"), ("initiator_index", "4"), ("responder_index", "4"),
    ("timestamp", "12"), ("initiation", "148"), ("response", "92"), ("key_to_responder", "32"),
    ("key_to_initiator", "32"), ("cookie_secret", "32"), ("source", "6"), ("cookie", "16"),
    ("cookie_reply", "64"), ("sent_cookie", "16"))


def main():
    print("""/* SPDX-License-Identifier: MIT */
/* noise_vectors.h - printed by noise_vectors.py, which see; do not edit. The first handshake has no
 * preshared key and MAC2 zero, the second has a preshared key and MAC2 made with sent_cookie.
 */
#ifndef TEST_NOISE_VECTORS_H
#define TEST_NOISE_VECTORS_H

#include <stdint.h>

/* clang-format off */
struct noise_vector {""")
    for name, size in MEMBERS:
        print(f"\tuint8_t {name}[{size}];")
    print("};\n\nstatic const struct noise_vector noise_vectors[] = {")
    for v in (handshake("plain", bytes(32), b""),
              handshake("preshared", fixed("preshared key"), fixed("sent cookie", 16))):
        print("\t{")
        for name, size in MEMBERS:
            value = v[name] or bytes(int(size))
            assert len(value) == int(size), name
            print(f"\t\t.{name} = {{")
            for i in range(0, len(value), 16):
                print("\t\t\t" + " ".join(f"0x{b:02x}," for b in value[i:i + 16]))
            print("\t\t},")
        print("\t},")
    print("};\n/* clang-format on */\n\n#endif")


main()
