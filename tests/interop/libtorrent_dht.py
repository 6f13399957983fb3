"""libtorrent's DHT by hand, as many nodes as addresses.

  serve BOOT IP..               nodes at IP:6881 that know BOOT, which may be one of them
  serve-strict BOOT IP..        the same, and they take only ids that fit their address (BEP 42)
  put IP BOOT KEYFILE SALT TEXT stores a mutable value; KEYFILE is an identity.key
  get IP BOOT HEXKEY SALT       prints a mutable value
  put-immutable IP BOOT TEXT    prints its target
  get-immutable IP BOOT TARGET
  announce IP BOOT INFOHASH
  peers IP BOOT INFOHASH        prints IP:PORT lines
"""
import hashlib
import subprocess
import sys
import time

import libtorrent as lt

PORT = 6881
PATIENCE = 25


def session(ip, boot, enforce=False, read_only=False):
    return lt.session({
        "listen_interfaces": f"{ip}:{PORT}",
        "enable_dht": True,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "dht_bootstrap_nodes": f"{boot}:{PORT}" if boot else "",
        "dht_restrict_routing_ips": False,
        "dht_restrict_search_ips": False,
        "dht_ignore_dark_internet": False,
        "dht_enforce_node_id": enforce,
        "dht_read_only": read_only,
        "dht_upload_rate_limit": 1000000,
        "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert.category_t.all_categories if hasattr(lt.alert, "category_t") else -1,
    })


def wait_for(s, kind, judge=lambda a: True):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        s.wait_for_alert(200)
        for alert in s.pop_alerts():
            if isinstance(alert, kind) and judge(alert):
                return alert
    sys.exit(f"no {kind.__name__} within {PATIENCE} s")


def joined(ip, boot):
    s = session(ip, boot, read_only=True)  # who goes again soon is in nobody's way
    wait_for(s, lt.dht_bootstrap_alert)
    return s


def keys_of(path):
    """The expanded secret that libtorrent signs with, and the public key that openssl derives."""
    seed = bytes.fromhex(open(path).read().split()[1])
    h = bytearray(hashlib.sha512(seed).digest())
    h[0] &= 248
    h[31] = (h[31] & 63) | 64
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"],
                            input=der, capture_output=True, check=True).stdout[-32:]
    return bytes(h), public


def hash_of(text):
    return lt.sha1_hash(bytes.fromhex(text))


def serve(boot, *ips, enforce=False):
    nodes = [session(ip, boot if ip != boot else None, enforce) for ip in ips]
    for ip, node in zip(ips, nodes):
        if ip != boot:
            wait_for(node, lt.dht_bootstrap_alert)
    print("READY", flush=True)
    while True:
        for node in nodes:
            node.pop_alerts()
        time.sleep(0.2)


def serve_strict(boot, *ips):
    serve(boot, *ips, enforce=True)


def put(ip, boot, keyfile, salt, text):
    s = joined(ip, boot)
    secret, public = keys_of(keyfile)
    s.dht_put_mutable_item(secret, public, text.encode(), salt.encode())
    alert = wait_for(s, lt.dht_put_alert)
    print(alert.num_success if hasattr(alert, "num_success") else alert.message())


def get(ip, boot, key, salt):
    s = joined(ip, boot)
    s.dht_get_mutable_item(bytes.fromhex(key), salt.encode())
    item = wait_for(s, lt.dht_mutable_item_alert, lambda a: a.authoritative or a.item["value"]).item
    value = item["value"]
    sys.stdout.buffer.write(value if isinstance(value, bytes) else repr(value).encode())
    print()


def put_immutable(ip, boot, text):
    s = joined(ip, boot)
    target = s.dht_put_immutable_item(text.encode())
    wait_for(s, lt.dht_put_alert)
    print(target)


def get_immutable(ip, boot, target):
    s = joined(ip, boot)
    s.dht_get_immutable_item(hash_of(target))
    item = wait_for(s, lt.dht_immutable_item_alert).item
    value = item["value"] if isinstance(item, dict) else item
    sys.stdout.buffer.write(value if isinstance(value, bytes) else repr(value).encode())
    print()


def announce(ip, boot, infohash):
    """By a torrent: the binding's dht_announce() cannot be called. The port is the session's."""
    s = joined(ip, boot)
    what = lt.add_torrent_params()
    what.info_hashes = lt.info_hash_t(hash_of(infohash))
    what.save_path = "/nonexistent"
    what.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
    s.add_torrent(what).force_dht_announce()
    end = time.monotonic() + 4  # there is no word of its end
    while time.monotonic() < end:
        s.wait_for_alert(200)
        s.pop_alerts()


def peers(ip, boot, infohash):
    s = joined(ip, boot)
    s.dht_get_peers(hash_of(infohash))
    for host, port in wait_for(s, lt.dht_get_peers_reply_alert, lambda a: a.peers()).peers():
        print(f"{host}:{port}")


if __name__ == "__main__":
    name, args = sys.argv[1].replace("-", "_"), sys.argv[2:]
    globals()[name](*args)
