#!/usr/bin/env python3
"""Writes src/proxy/resting.ld anew: the order in which the linker lays what a proxy runs through.

    resting.py VIADUCT > src/proxy/resting.ld

Starts the proxy under callgrind, opens tunnels and asks for pages through it, and lists each function
that was run. Wants valgrind, and bench/proxyload beside VIADUCT. Names of more than that do no harm, nor
do names of functions that are gone; without a list a proxy is as quick and larger.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from proxy_peers import Viaduct

HEAD = """\
/* What a proxy at rest and at work runs through, by function, so that it lies together: the kernel maps
 * 64 KiB around each place that is touched, and what is strewn over the program costs three times its
 * size. Written by bench/resting.py. A name that is not there is passed over. Behind it .text is as ld
 * makes it (`ld --verbose`); it is all one section, as valgrind looks for symbols in one alone.
 */
SECTIONS
{
	.text :
	{
		*crt*.o(.text)
		*libcrypto*cpuid.o(.text)
		*(.text.startup.main)
"""
REST = """
		*(.text.unlikely .text.*_unlikely .text.unlikely.*)
		*(.text.exit .text.exit.*)
		*(.text.startup .text.startup.*)
		*(.text.hot .text.hot.*)
		*(SORT(.text.sorted.*))
		*(.text .stub .text.* .gnu.linkonce.t.*)
	}
}
INSERT AFTER .plt.sec;

/* Their constants and strings, behind the tables that ld.so reads: those pages are there anyway. */
SECTIONS
{
	.rodata.resting :
	{
		*(.rodata.cst2 .rodata.cst4 .rodata.cst8 .rodata.cst16 .rodata.cst32)
		*libcrypto*cpuid.o(.rodata .rodata.*)
		*src_cli_main.c.o(.rodata)
		*src_cli_options.c.o(.rodata)
		*src_cli_proxy.c.o(.rodata)
		*src_cli_proxy_log.c.o(.rodata)
		*src_proxy_*.c.o(.rodata)
		*src_net_*.c.o(.rodata)
		*src_base_*.c.o(.rodata .rodata.*)
		*src_http_*.c.o(.rodata .rodata.*)
"""
FOOT = """\
	}
}
INSERT AFTER .relr.dyn;
"""
TABLES = ["DIGITS_PAIRS", "http_class", "none"]     # of base and http


def functions_of(path):
    """{name}: the functions of viaduct in what callgrind wrote, without what the compiler appends."""
    objects, names, found, ours = {}, {}, set(), False
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            said = re.match(r"(c?ob|c?fn)=(\(\d+\))(?: (.*))?", line)
            if not said:
                continue
            kind, number, name = said.groups()
            table = objects if kind.endswith("ob") else names
            if name:
                table[number] = name
            if kind == "ob":
                ours = os.path.basename(objects[number]) == "viaduct"
            elif kind == "fn" and ours:
                found.add(re.split(r"['.]", names[number])[0])
    return {name for name in found if re.fullmatch(r"[a-z]\w*", name)}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_port(port):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)


def trace(viaduct, folder):
    """Where callgrind wrote down what the proxy ran through."""
    load = os.path.join(os.path.dirname(os.path.abspath(viaduct)), "bench/proxyload")
    Viaduct.tool = os.path.abspath(viaduct)
    port, out = free_port(), os.path.join(folder, "callgrind")
    origin = subprocess.Popen([load, "origin", "--port", str(port), "--threads", "1"])
    peer = Viaduct(folder, free_port())
    proxy = subprocess.Popen(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                              *peer.command()], stdout=sys.stderr)
    try:
        await_port(port)
        await_port(peer.port)
        through = ["--proxy", f"127.0.0.1:{peer.port}", "--target", f"127.0.0.1:{port}", "-c", "16"]
        for mode in (["connect-rate"], ["get-rate"], ["get-rate", "--keepalive"]):
            subprocess.run([load, *mode, *through, "-n", "200"], check=True, stdout=sys.stderr)
        time.sleep(0.5)         # what was not needed for a while is given back
    finally:
        proxy.send_signal(signal.SIGTERM)
        proxy.wait()
        origin.kill()
        origin.wait()
    return out


def main():
    viaduct, = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="resting-") as folder:
        names = functions_of(trace(viaduct, folder))
    functions = "".join(f"\t\t*(.text.{n} .text.{n}.*)\n" for n in sorted(names))
    constants = "".join(f"\t\t*(.rodata.{n} .rodata.{n}.*)\n" for n in sorted(names) + TABLES)
    print(HEAD + functions + REST + constants + FOOT, end="")


if __name__ == "__main__":
    main()
