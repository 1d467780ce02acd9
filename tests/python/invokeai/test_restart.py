"""A filled database outlives the machine: servers started on it in fresh folders, one after the other."""

import pytest

from support.application import BIN, read

pytestmark = pytest.mark.plain_too


@pytest.fixture(scope="module")
def filled(start_server, world):
    """The contents of the database after a first server has ended."""
    server = start_server()
    board = server.board("Kept")
    names = [server.upload("red", board_id=board, metadata={"seed": 1}) for _ in range(3)]
    server.call("POST", "/images/star", json={"image_names": names[:1]})
    server.generate()
    contents, schema = read(server.copy())
    server.stop()
    return contents, schema


@pytest.fixture
def restarted(filled, start_server):
    return start_server


def test_a_restart_in_a_fresh_folder_finds_everything(restarted, filled, world):
    server = restarted()
    contents, schema = read(server.copy())
    assert schema == filled[1]
    for table in ["images", "boards", "board_images", "session_queue", "workflow_library", "app_settings", "users"]:
        assert contents[table] == filled[0][table], table
    assert [board["board_name"] for board in server.call("GET", "/boards/", params={"all": True})] == ["Kept"]
    assert server.call("GET", "/images/names")["starred_count"] == 1
    world.assert_equal(server)
    world.assert_no_local_database(server.root)


def test_with_every_statement_logged(restarted, world):
    server = restarted(INVOKEAI_LOG_SQL="true", INVOKEAI_LOG_LEVEL="debug")
    name = server.upload("black")
    server.call("POST", "/images/star", json={"image_names": [name]})
    log = server.log.read_text(errors="replace")
    assert "INSERT OR IGNORE INTO images" in log and "_lf_" not in log
    world.assert_equal(server)
    world.assert_no_local_database(server.root)


def test_several_users(restarted, world):
    server = restarted(INVOKEAI_MULTIUSER="true")
    admin = {"email": "admin@example.com", "password": "Secret-123456"}
    server.call("POST", "/auth/setup", json={**admin, "display_name": "Admin"})
    token = server.call("POST", "/auth/login", json={**admin, "remember_me": False})["token"]
    server.http.headers["authorization"] = f"Bearer {token}"
    server.call("POST", "/auth/users", json={"email": "bob@example.com", "password": "Secret-654321", "is_admin": False})
    emails = {user["email"] for user in server.call("GET", "/auth/users")}
    assert {"admin@example.com", "bob@example.com"} <= emails
    assert "bob@example.com" in world.run(server.root, BIN / "invoke-userlist", "--root", server.root)
    world.assert_equal(server)
