"""An image gallery's work on its files, as Python code whose first argument is the folder of images."""

# What InvokeAI 6.14 does in `image_files_disk.py`, in its order.
GALLERY = """
import json, os, shutil, sys, tempfile, time
from pathlib import Path
from PIL import Image
images = Path(sys.argv[1])
thumbnails = images / "thumbnails"

def start():
    for folder in (images, thumbnails):
        folder.mkdir(parents=True, exist_ok=True)
    return sorted(images.glob(".delete_*"))

def save(name, color):
    image, thumbnail = images / f"{name}.png", thumbnails / f"{name}.webp"
    assert not image.exists()
    image.parent.mkdir(parents=True, exist_ok=True)
    assert not thumbnail.exists()
    thumbnail.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (512, 512), color)
    picture.save(image, "PNG")
    picture.resize((64, 64)).save(thumbnail)

def serve(name):
    image, thumbnail = images / f"{name}.png", thumbnails / f"{name}.webp"
    assert image.exists() and os.stat(image).st_size == len(image.read_bytes())
    assert len(thumbnail.read_bytes()) == thumbnail.stat().st_size
    assert image.resolve() == image

def persist(*folders):
    for folder in folders:
        fd = os.open(folder, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)

def begin(entry):
    journal = Path(tempfile.mkdtemp(prefix=".delete_", dir=images))
    with open(journal / "manifest.json", "w", encoding="utf-8") as manifest:
        manifest.write(json.dumps(entry))
        manifest.flush()
        os.fsync(manifest.fileno())
    persist(journal, images)
    return journal

def delete_staged(name):
    image, thumbnail = images / f"{name}.png", thumbnails / f"{name}.webp"
    journal = begin({"image_name": name})
    for index, source in enumerate((image, thumbnail)):
        if source.exists():
            source.replace(journal / str(index))
    for path in (image, thumbnail):
        path.unlink(missing_ok=True)
    persist(images, thumbnails)
    shutil.rmtree(journal)

def delete_listed(names):
    journal = begin({"version": 2, "images": names})
    for name in names:
        (images / f"{name}.png").unlink(missing_ok=True)
        (thumbnails / f"{name}.webp").unlink(missing_ok=True)
    persist(images, thumbnails)
    shutil.rmtree(journal, ignore_errors=True)
"""
