"""The report of a run as it is served: to whom, what, and when it is new."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from threading import Thread

import pytest
from synthetic import write_run

from lemonade.cli import main
from lemonade.files import lock_folder
from lemonade.reporting.webpage.serving import make_server


def serve(folder, port):
    """Exit code of the command where it does not come to serving."""
    with pytest.raises(SystemExit) as ended:
        main(["serve", str(folder), "--port", str(port)])
    return ended.value.code


def get(port, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("ETag"), answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def served(tmp_path):
    folder = write_run(tmp_path / "run", count=1, end="")
    with make_server(folder, 0) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server, folder
        server.shutdown()
        thread.join()


def test_page_and_news_have_the_state_as_tag(served):
    server, folder = served
    status, tag, text = get(server.server_port, "/")
    assert status == 200
    assert f"const LIVE = {json.dumps(tag)}" in text
    assert get(server.server_port, "/news", **{"If-None-Match": tag})[0] == 304
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write('{"v":1,"t":1,"s":99,"type":"end","reason":"done"}\n')
    status, later, text = get(server.server_port, "/news", **{"If-None-Match": tag})
    assert (status, later == tag) == (200, False)
    assert json.loads(text)["data"]["ended"] == "done"
    assert "finished" in json.loads(text)["parts"]["standing"]


@pytest.mark.skipif(os.name == "nt", reason="no flock")
def test_a_process_that_dies_is_news(served):
    server, folder = served
    lock = lock_folder(folder, "")
    _, tag, text = get(server.server_port, "/news")
    assert "· running" in json.loads(text)["parts"]["standing"]
    os.close(lock)
    status, _, text = get(server.server_port, "/news", **{"If-None-Match": tag})
    assert status == 200
    assert "· stopped by force; it can go on" in json.loads(text)["parts"]["standing"]


@pytest.mark.parametrize("path", ["/x", "/news/", "/../journal.jsonl", "/?a", "/journal.jsonl"])
def test_all_else_is_not_found(served, path):
    assert get(served[0].server_port, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_get(served, method):
    assert get(served[0].server_port, "/", method)[0] == 404


def test_a_head_alone(served):
    status, state, text = get(served[0].server_port, "/", "HEAD")
    assert (status, text) == (200, "")
    assert state == get(served[0].server_port, "/")[1]


def test_another_name_for_this_machine_is_refused(served):
    assert get(served[0].server_port, "/", Host="evil.example:80")[0] == 404
    assert get(served[0].server_port, "/", Host=f"localhost:{served[0].server_port}")[0] == 200


def test_only_this_machine(served):
    assert served[0].server_address[0] == "127.0.0.1"


def test_a_run_that_was_deleted_is_said(served):
    server, folder = served
    shutil.rmtree(folder)
    status, _, text = get(server.server_port, "/news")
    assert (status, text) == (500, f"{folder}: there is no such run folder.")


def test_a_port_in_use_and_no_run(served, tmp_path, capsys):
    folder = served[1]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve(folder, port) == 1
    assert capsys.readouterr().err == (
        f"error: port {port} is in use. Choose another with --port, or a free one with --port 0.\n"
    )
    assert serve(tmp_path / "no", 0) == 1
    assert "there is no such run folder" in capsys.readouterr().err


def test_the_command_tells_its_address_and_ends_on_ctrl_c(served):
    command = [sys.executable, "-m", "lemonade", "serve", str(served[1]), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline()
        port = re.search(r"at http://127\.0\.0\.1:(\d+)/ \(Ctrl-C ends\)$", said.rstrip())[1]
        assert get(int(port), "/news")[0] == 200
        process.send_signal(signal.SIGINT)
        try:
            rest, error = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, rest, error) == (0, "Stopped serving; the run is as it was.\n", "")
