"""Random words are never given twice: not to two threads, not to a process and its child."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from farol.entropy import random_word


def test_no_word_is_given_twice_to_any_thread() -> None:
    with ThreadPoolExecutor(8) as threads:
        drawn = [
            word for words in threads.map(lambda _: [random_word() for _ in range(2_000)], range(8)) for word in words
        ]
    assert len(set(drawn)) == len(drawn) == 16_000
    assert all(0 <= word < 1 << 64 for word in drawn)


def test_words_use_all_their_bits() -> None:
    drawn = [random_word() for _ in range(4_000)]
    for bit in range(64):
        assert 1_700 < sum(word >> bit & 1 for word in drawn) < 2_300  # 9 standard deviations


FORK = """
import os
from farol.entropy import random_word
random_word()  # now there is a pool
read, write = os.pipe()
child = os.fork()
words = [random_word() for _ in range(100)]
if child == 0:
    os.write(write, repr(words).encode())
    os._exit(0)
os.waitpid(child, 0)
assert not set(words) & set(eval(os.read(read, 1 << 16)))
"""


def test_a_child_does_not_draw_what_its_parent_draws() -> None:
    subprocess.run([sys.executable, "-c", FORK], check=True)
