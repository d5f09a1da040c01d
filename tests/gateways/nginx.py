"""nginx with an example's configuration, as a process of the test's own that needs no rights."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from string import Template

from tests.faults.server import free_port
from tests.servers import die_with_parent

PATIENCE_S = 15.0
_ATTEMPTS = 5  # somebody else may take the free port between the look and the start
_AROUND = Template("""
daemon off;
${user}
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path ${folder}/body;
    proxy_temp_path ${folder}/proxy;
    fastcgi_temp_path ${folder}/fastcgi;
    uwsgi_temp_path ${folder}/uwsgi;
    scgi_temp_path ${folder}/scgi;
    include ${folder}/site.conf;
}
""")


@asynccontextmanager
async def nginx(program: str, site: str, folder: Path) -> AsyncIterator[str]:
    """Run nginx with this `site`, whose `listen 8080` becomes a free loopback port; answers its address."""
    folder.mkdir()
    # Started by root it would give its work to another account, who may not enter this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_AROUND.substitute(folder=folder, user=user))
    for _ in range(_ATTEMPTS):
        port = free_port()
        (folder / "site.conf").write_text(site.replace("listen 8080;", f"listen 127.0.0.1:{port};"))
        process = _spawn(program, folder)
        try:
            if await _answers(process, port):
                yield f"http://127.0.0.1:{port}"
                return
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)
    raise AssertionError(f"nginx did not start: {(folder / 'output').read_text()}")


def _spawn(program: str, folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "output").open("ab") as output:
        return subprocess.Popen(
            [program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=partial(die_with_parent, os.getpid(), signal.SIGTERM),
        )


async def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    async with asyncio.timeout(PATIENCE_S):
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return True
            await asyncio.sleep(0.01)
    return False
