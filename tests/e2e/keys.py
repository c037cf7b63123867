#!/usr/bin/python3
"""Keys on the command line: `lanes key new`, `public` and `secret`, and what `lanes check` says of
key files. No message of any of them may hold a key.

    no network: keys and files in, keys, modes, exit status and messages out
"""

import base64
import os
import pty
import stat
import subprocess

import lab

PAIR = """
node: texas
keys: {private: node.key}
state: state
ports:
  lan: {driver: tap, device: lane0, address: 10.8.0.1/24}
  wan: {driver: udp, address: 127.0.0.1}
lanes:
  - {name: out, id: 101, send: lan, over: {port: wan, to: "127.0.0.2:4790"}, receiver: "FAR"}
  - {name: in, id: 102, receive: lan, over: {port: wan}, sender: "FAR", secret: lane.psk}
"""


class Keys:
    """The command under test; remembers each secret that it made, and looks for it in messages."""

    def __init__(self, folder):
        self.folder = folder
        self.secrets = []

    def run(self, *arguments, stdin=b"", **options):
        """Returns status, stdout and stderr; stdout may be given."""
        options.setdefault("stdout", subprocess.PIPE)
        done = subprocess.run([lab.LANES, *arguments], input=stdin, stderr=subprocess.PIPE,
                              timeout=20, check=False, **options)
        self.look(done.stderr)
        return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()

    def shell(self, script, *arguments):
        """A script in which $0 is the command."""
        done = subprocess.run(["sh", "-c", script, lab.LANES, *map(str, arguments)],
                              capture_output=True, timeout=20, check=False)
        self.look(done.stderr)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def look(self, messages):
        for secret in self.secrets:
            lab.check(secret[4:36].encode() not in messages, f"a key is in: {messages!r}")

    def make(self, kind, name):
        """A key file as an operator makes it; returns its path and the key's text."""
        path = self.folder / name
        status, _, err = self.shell(f'umask 022; "$0" key {kind} > "$1"', path)
        lab.equal((status, err), (0, ""), f"`lanes key {kind} > {name}`")
        return path, self.text_of(path)

    def text_of(self, path):
        text = path.read_text()
        lab.check(len(text) == 45 and text.endswith("\n"), f"{path} does not hold one key")
        key = base64.b64decode(text.strip(), validate=True)
        lab.equal(len(key), 32, f"bytes of the key in {path}")
        lab.equal(mode(path), 0o600, f"mode of {path}")
        self.secrets.append(text.strip())
        return text.strip()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def files(keys):
    """A key's file is its owner's alone, whatever it was before."""
    path, first = keys.make("new", "node.key")
    _, secret = keys.make("secret", "lane.psk")
    lab.check(first != secret, "two keys are one")
    path.chmod(0o644)
    _, second = keys.make("new", "node.key")
    lab.check(first != second, "a new key in the same file is the old one")

    # A second key behind the first would make a file that nobody can read.
    status, _, err = keys.shell('"$0" key new >> "$1"', path)
    lab.check(status == 1 and "something in it already" in err, f"appending: {status} {err}")
    lab.equal(keys.text_of(path), second, "the key after the attempt")


def publics(keys):
    """The public key is a function of the private one, and the one that others compute too."""
    path, private = keys.make("new", "far.key")
    status, first, err = keys.run("key", "public", stdin=path.read_bytes())
    lab.equal((status, err, len(first)), (0, "", 45), "`lanes key public`")
    for stdin in (path.read_bytes(), private.encode()):
        lab.equal(keys.run("key", "public", stdin=stdin)[1], first, "the public key again")
    lab.equal(keys.shell('"$0" key public < "$1"', path)[1], first, "the public key, from the file")
    lab.equal(keys.shell('"$0" key new | "$0" key public')[0], 0, "status of a pipe")
    # RFC 7748, section 6.1: Alice.
    alice = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    known = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    out = keys.run("key", "public", stdin=base64.b64encode(alice))[1]
    lab.equal(base64.b64decode(out), known, "the public key of RFC 7748")
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    except ImportError:
        print("keys: left out: comparison with python3-cryptography, which is not installed")
        return first.strip()
    raw = X25519PrivateKey.from_private_bytes(base64.b64decode(private)).public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    lab.equal(base64.b64decode(first), raw, "the public key as python3-cryptography has it")
    return first.strip()


def refusals(keys):
    """What is no key, no input or no output is said, with the right status."""
    private = keys.secrets[-1]
    for what, stdin in (("nothing", b""), ("garbage", os.urandom(4000)), ("half", b"AAAA\n"),
                        ("two", f"{private}\n{private}\n".encode()), ("long", b"A" * 1_000_000),
                        ("spoilt", f"{private[:-2]}!=\n".encode()),
                        ("zeros", base64.b64encode(bytes(32)))):
        status, out, err = keys.run("key", "public", stdin=stdin)
        lab.check((status, out) == (1, "") and "standard input: not a key" in err,
                  f"public key of {what}: {status} {out} {err}")
    for script in ('"$0" key public < /', '"$0" key public <&-'):
        status, out, err = keys.shell(script)
        lab.check((status, out) == (2, "") and "cannot be read" in err, f"{script}: {status} {err}")
    path = keys.folder / "far.key"
    for kind in ("new", "secret", "public"):
        status, _, err = keys.shell(f'"$0" key {kind} < "$1" > /dev/full', path)
        lab.check(status == 1 and "No space left" in err, f"{kind} to a full disk: {status} {err}")
        status, _, err = keys.shell(f'"$0" key {kind} < "$1" >&-', path)
        lab.check(status == 1 and "closed" in err, f"{kind} without output: {status} {err}")
    for arguments in (["key"], ["key", "old"], ["key", "new", "file"]):
        lab.check(keys.run(*arguments)[0] != 0, f"`lanes {' '.join(arguments)}` is refused")


def terminal(keys):
    """On a terminal a key is printed, and where it should rather go is said beside it."""
    near, far = pty.openpty()
    try:
        status, _, err = keys.run("key", "new", stdout=far)
        text = os.read(near, 1000).decode().strip()
    finally:
        os.close(near)
        os.close(far)
    lab.equal((status, len(text)), (0, 44), "`lanes key new` on a terminal")
    lab.check("lanes key new > FILE" in err and text not in err, f"a terminal is told: {err}")


def node_files(keys, public):
    """`lanes check` takes good key files, and says what to do about others."""
    node = keys.folder / "node.yaml"
    good = PAIR.replace("FAR", public)
    node.write_text(good)
    lab.equal(keys.run("check", str(node)), (0, f"{node}: ok: 2 ports, 2 lanes\n", ""),
              "check of a sealed pair")
    for name, place in (("node.key", "3:17"), ("lane.psk", "10:122")):
        path = keys.folder / name
        path.chmod(0o644)
        status, _, err = keys.run("check", str(node))
        lab.equal(status, 1, f"status of check when others may read {name}")
        lab.check(f"{node}:{place}: error: " in err and f"{path}: " in err,
                  f"place and file: {err}")
        command = err[err.index("chmod 600"):].splitlines()[0]
        subprocess.run(command.split(), check=True)
        lab.equal(keys.run("check", str(node))[0], 0, f"status of check after `{command}`")
    for text in (good.replace("node.key", keys.secrets[0]),
                 good.replace("lane.psk", keys.secrets[1]),
                 good.replace(public, keys.secrets[2] + "x"), good.replace("node.key", "none.key"),
                 good.replace("secret: lane.psk", f"cipher: {keys.secrets[1]}"),
                 good.replace("keys: {private: node.key}\n", "")):
        node.write_text(text)
        status, _, err = keys.run("check", str(node))
        lab.check(status == 1 and " error: " in err, f"check of\n{text}: {status} {err}")
    node.write_text(good.replace("state: state\n", ""))
    status, _, err = keys.run("check", str(node))
    lab.check(status == 0 and "can be replayed" in err, f"check without state: {status} {err}")


def scenario(world):
    keys = Keys(world.dir)
    files(keys)
    public = publics(keys)
    refusals(keys)
    terminal(keys)
    node_files(keys, public)


lab.run(scenario)
