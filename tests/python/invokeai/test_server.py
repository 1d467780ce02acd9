"""InvokeAI's server from an empty database on: after each thing a user does, D1 holds exactly what the server sees."""

import json
import time

import pytest

from support.application import BIN

pytestmark = pytest.mark.plain_too


@pytest.fixture(scope="module")
def server(start_server):
    return start_server()


@pytest.fixture(autouse=True)
def equal_afterwards(world, server):
    yield
    world.assert_equal(server)


def test_a_first_start_creates_the_whole_schema(server, world):
    assert server.call("GET", "/app/version")["version"] == "6.14.2"
    assert server.call("GET", "/boards/", params={"all": True}) == []
    world.assert_no_local_database(server.root)


def test_boards(server):
    cats, dogs = server.board("Cats 🐈"), server.board("Dogs")
    server.call("PATCH", f"/boards/{cats}", json={"board_name": "Cats' “best”", "archived": True})
    image = server.upload(board_id=cats)
    server.call("POST", "/board_images/", json={"board_id": dogs, "image_name": image})
    assert server.call("GET", f"/boards/{dogs}/image_names") == [image]
    server.call("DELETE", f"/boards/{cats}")
    names = [board["board_name"] for board in server.call("GET", "/boards/", params={"all": True})]
    assert names == ["Dogs"]


def test_uploaded_images_and_their_records(server):
    metadata = {"positive_prompt": "naïve café 猫 \\ ' \" %", "seed": 2**63 - 1, "cfg": 7.5, "long": "x" * 150_000}
    name = server.upload("blue", metadata=metadata)
    assert server.call("GET", f"/images/i/{name}/metadata") == metadata
    assert server.call("GET", f"/images/i/{name}")["width"] == 32
    assert server.call("GET", f"/images/i/{name}/full").startswith(b"\x89PNG")
    server.call("PATCH", f"/images/i/{name}", json={"image_category": "mask", "is_intermediate": True})
    assert server.call("GET", f"/images/i/{name}")["image_category"] == "mask"


def test_many_images_at_once_and_their_deletion(server):
    names = [server.upload("green") for _ in range(12)]
    server.call("POST", "/images/delete", json={"image_names": names[:7]})
    listed = server.call("GET", "/images/names")["image_names"]
    assert set(names[7:]) <= set(listed) and not set(names[:7]) & set(listed)


def test_starring(server):
    names = [server.upload("white") for _ in range(2)]
    server.call("POST", "/images/star", json={"image_names": names})
    server.call("POST", "/images/unstar", json={"image_names": names[:1]})
    assert [server.call("GET", f"/images/i/{name}")["starred"] for name in names] == [False, True]


def test_a_graph_through_the_queue(server):
    before = len(server.call("GET", "/images/names")["image_names"])
    status = server.generate(runs=3)
    assert status["completed"] == 3, status
    assert len(server.call("GET", "/images/names")["image_names"]) == before + 6  # two nodes a run
    server.call("PUT", "/queue/default/prune")
    assert server.call("GET", "/queue/default/status")["queue"]["total"] == 0


def test_workflows(server):
    workflow = {
        "name": "Noise ½", "author": "", "description": "d", "version": "1.0.0", "contact": "", "tags": "a, b", "notes": "n" * 60_000,
        "exposedFields": [], "meta": {"version": "3.0.0", "category": "user"}, "nodes": [], "edges": [],
    }  # fmt: skip
    made = server.call("POST", "/workflows/", json={"workflow": workflow})
    changed = {**made["workflow"], "name": "Renamed"}
    server.call("PATCH", f"/workflows/i/{made['workflow_id']}", json={"workflow": changed})
    server.call("PUT", f"/workflows/i/{made['workflow_id']}/opened_at")
    assert server.call("GET", f"/workflows/i/{made['workflow_id']}")["name"] == "Renamed"
    gone = server.call("POST", "/workflows/", json={"workflow": workflow})
    server.call("DELETE", f"/workflows/i/{gone['workflow_id']}")


def test_style_presets(server):
    def preset(name):
        return {"data": json.dumps({"name": name, "positive_prompt": "{prompt}, oil", "negative_prompt": "", "type": "user"})}

    made = server.call("POST", "/style_presets/", data=preset("Oil"))
    server.call("PATCH", f"/style_presets/i/{made['id']}", data=preset("Oil on canvas"))
    assert "Oil on canvas" in [preset["name"] for preset in server.call("GET", "/style_presets/")]


def test_client_state(server):
    for value in ["one", "two", "ʇɥɹǝǝ"]:
        server.call("POST", "/client_state/default/set_by_key", params={"key": "canvas"}, json=value)
    assert server.call("GET", "/client_state/default/get_by_key", params={"key": "canvas"}) == "ʇɥɹǝǝ"


def test_users_added_by_another_process(server, world):
    arguments = ["--root", server.root, "--email", "a@example.com", "--password", "Secret-123456", "--name", "Ada"]
    world.run(server.root, BIN / "invoke-useradd", *arguments)
    listed = json.loads(world.run(server.root, BIN / "invoke-userlist", "--root", server.root, "--json"))
    assert "a@example.com" in [user["email"] for user in listed]
    deadline = time.monotonic() + 10
    while b"a@example.com" not in server.copy().read_bytes():
        assert time.monotonic() < deadline, "the running server does not see the new user"
        time.sleep(0.2)


def test_nothing_was_kept_in_a_local_database(server, world):
    world.assert_no_local_database(server.root)
