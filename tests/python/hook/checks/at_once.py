"""Several at once: threads, children, and the programs they start."""

import os
import subprocess
import threading

from check import check, of


@check
def many_threads_with_files_of_their_own(p, local):
    errors = []

    def work(number):
        try:
            for turn in range(20):
                path = p / f"{number}-{turn}"
                path.write_bytes(b"%d" % number * 1000)
                assert path.read_bytes() == b"%d" % number * 1000
                if turn % 2:
                    path.rename(p / f"{number}-{turn}r")
                if turn % 3 == 0:
                    next(p.glob(f"{number}-{turn}*")).unlink()
                assert (p / f"{number}-none").exists() is False
        except Exception as error:
            errors.append(repr(error))

    threads = [threading.Thread(target=work, args=[n]) for n in range(16)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    yield errors, sorted(os.listdir(p))


@check
def many_threads_on_one_file(p, local):
    (p / "f").write_bytes(b"0" * 100)
    errors = []

    def work(number):
        try:
            for _ in range(20):
                with open(p / "f", "r+b", buffering=0) as f:
                    f.seek(number)
                    f.write(b"%x" % number)
                assert len((p / "f").read_bytes()) == 100
        except Exception as error:
            errors.append(repr(error))

    threads = [threading.Thread(target=work, args=[n]) for n in range(16)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    yield errors, (p / "f").read_bytes()


@check
def one_thread_of_many_makes_the_file(p, local):
    def work(path, made):
        result = of(os.open, path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        if isinstance(result, int):
            os.write(result, b"made")
            os.close(result)
        made.append(isinstance(result, int))

    for round in range(8):
        path, made = p / f"f{round}", []
        threads = [threading.Thread(target=work, args=[path, made]) for _ in range(16)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        yield sorted(made), path.read_bytes()


@check
def a_forked_child_shares_open_files(p, local):
    f = open(p / "f", "w+b", buffering=0)
    f.write(b"parent ")
    if (child := os.fork()) == 0:
        f.write(b"child ")
        os._exit(0)
    yield os.waitpid(child, 0)[1]
    f.write(b"parent again")
    f.close()
    yield (p / "f").read_bytes()


@check
def programs_write_into_a_file_opened_for_them(p, local):
    with open(p / "out", "wb") as f:
        f.write(b"before ")
        f.flush()
        subprocess.run(["/bin/echo", "from echo"], stdout=f, check=True)
        f.write(b"after")
    yield (p / "out").read_bytes()
    subprocess.run(
        ["/bin/sh", "-c", f"echo one > '{p}/sh'; /bin/echo two >> '{p}/sh'; cat < '{p}/sh'"], check=True, stdout=subprocess.DEVNULL
    )
    yield (p / "sh").read_bytes()


@check
def a_program_runs_while_a_file_is_being_written(p, local):
    with open(p / "f", "w") as f:
        f.write("one ")
        f.flush()
        yield subprocess.run(["true"]).returncode, subprocess.run(["false"], close_fds=False).returncode
        f.write("two")
    yield (p / "f").read_text()
