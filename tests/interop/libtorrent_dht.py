"""libtorrent's DHT by hand, as many nodes as addresses.

  serve BOOT IP..               nodes at IP:6881 that know BOOT, which may be one of them
  serve-strict BOOT IP..        the same, and they take only ids that fit their address (BEP 42)
  alone IP                      one node that knows nobody and tells us nothing, without limits
  ask IP WHAT..                 has the last of them, at IP, do something:
      put KEYFILE SALT TEXT     stores a mutable value; KEYFILE is an identity.key
      get HEXKEY SALT           prints a mutable value
      put-immutable TEXT        prints its target
      get-immutable TARGET
      announce INFOHASH         at its port
      peers INFOHASH            prints IP:PORT lines

A node that comes and goes would be waited for by the others, 15 s each time: hence `ask`.
"""
import hashlib
import json
import socket
import subprocess
import sys
import time

PORT, CONTROL = 6881, 7000
PATIENCE = 25


def session(ip, boot, enforce=False):
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
        "dht_upload_rate_limit": 1000000,
        "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert.category_t.all_categories,
    })


def wait_for(s, kind, judge=lambda a: True, patience=PATIENCE):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        s.wait_for_alert(200)
        for alert in s.pop_alerts():
            if isinstance(alert, kind) and judge(alert):
                return alert
    raise TimeoutError(f"no {kind.__name__} within {patience} s")


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


def text_of(value):
    return value.decode() if isinstance(value, bytes) else repr(value)


# ---- what a node can be asked for ----

def put(s, keyfile, salt, text):
    secret, public = keys_of(keyfile)
    s.dht_put_mutable_item(secret, public, text.encode(), salt.encode())
    return wait_for(s, lt.dht_put_alert).message()


def get(s, key, salt):
    s.dht_get_mutable_item(bytes.fromhex(key), salt.encode())
    alert = wait_for(s, lt.dht_mutable_item_alert, lambda a: a.authoritative or a.item["value"])
    return text_of(alert.item["value"])


def put_immutable(s, text):
    target = s.dht_put_immutable_item(text.encode())
    wait_for(s, lt.dht_put_alert)
    return str(target)


def get_immutable(s, target):
    s.dht_get_immutable_item(hash_of(target))
    item = wait_for(s, lt.dht_immutable_item_alert).item
    return text_of(item["value"] if isinstance(item, dict) else item)


def announce(s, infohash):
    """By a torrent: the binding's dht_announce() cannot be called. The port is the session's."""
    what = lt.add_torrent_params()
    what.info_hashes = lt.info_hash_t(hash_of(infohash))
    what.save_path = "/nonexistent"
    what.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
    s.add_torrent(what).force_dht_announce()
    return ""


def peers(s, infohash):
    s.dht_get_peers(hash_of(infohash))
    found = wait_for(s, lt.dht_get_peers_reply_alert, lambda a: a.peers()).peers()
    return "\n".join(f"{host}:{port}" for host, port in found)


# ---- the process ----

def obey(node, connection):
    with connection, connection.makefile("rw") as stream:
        verb, *args = json.loads(stream.readline())
        try:
            answer = {"ok": globals()[verb.replace("-", "_")](node, *args)}
        except (TimeoutError, RuntimeError) as error:
            answer = {"error": str(error)}
        stream.write(json.dumps(answer) + "\n")


def serve(boot, *ips, enforce=False):
    nodes = [session(ip, boot if ip != boot else None, enforce) for ip in ips]
    for ip, node in zip(ips, nodes):
        if ip != boot:
            wait_for(node, lt.dht_bootstrap_alert)
    control = socket.create_server((ips[-1], CONTROL))
    print("READY", flush=True)
    while True:
        obey(nodes[-1], control.accept()[0])


def serve_strict(boot, *ips):
    serve(boot, *ips, enforce=True)


def alone(ip):
    node = session(ip, None)
    node.apply_settings({"alert_mask": 0, "dht_upload_rate_limit": 2**31 - 1,
                         "dht_max_dht_items": 1000})
    time.sleep(1)  # its socket is open then
    print("READY", flush=True)
    while True:
        time.sleep(60)


def ask(ip, *words):
    with socket.create_connection((ip, CONTROL)) as connection:
        with connection.makefile("rw") as stream:
            stream.write(json.dumps(words) + "\n")
            stream.flush()
            answer = json.loads(stream.readline())
    if "error" in answer:
        sys.exit(answer["error"])
    print(answer["ok"])


if __name__ == "__main__":
    name, args = sys.argv[1].replace("-", "_"), sys.argv[2:]
    if name != "ask":
        import libtorrent as lt
    globals()[name](*args)
