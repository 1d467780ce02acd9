# A small application in InvokeAI's manner, for any Python 3: a row into its database, an image into its folder, both read again.
import os
import sqlite3
import sys

root = sys.argv[1]
images = os.path.join(root, "outputs", "images")
os.makedirs(os.path.join(root, "databases"), exist_ok=True)
os.makedirs(images, exist_ok=True)

db = sqlite3.connect(os.path.join(root, "databases", "invokeai.db"))
db.execute("CREATE TABLE images (image_name TEXT PRIMARY KEY, width INTEGER)")
db.execute("INSERT INTO images VALUES ('cat.png', 512)")
db.commit()
with open(os.path.join(images, "cat.part"), "wb") as file:
    file.write(b"miaow" * 1000)
os.rename(file.name, os.path.join(images, "cat.png"))

assert db.execute("SELECT * FROM images").fetchall() == [("cat.png", 512)]
assert os.listdir(images) == ["cat.png"] and os.stat(os.path.join(images, "cat.png")).st_size == 5000
with open(os.path.join(images, "cat.png"), "rb") as file:
    assert file.read() == b"miaow" * 1000
print(os.getuid(), sqlite3.sqlite_version)
