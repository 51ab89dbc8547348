"""Frame jobs of the native engine, for any order in which threads finish."""

from hypothesis import given, settings
from hypothesis import strategies as st

from vmaf.native.frame_scheduler import REFERENCE, FrameScheduler


@settings(deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(1, 3),
    st.booleans(),
)
def test_take_assigns_every_frame_once_while_its_reference_is_in_a_slot(
    random, threads, renditions, count, stride, inside
):
    first, last = (1, 1 + count) if inside else (0, count)
    span = (0, last + 1) if inside else (0, last)
    selected = [n for n in range(first, last) if n % stride == 0]
    scheduler = FrameScheduler(span, (first, last), selected, renditions, threads)
    slots, reading, working, done = [None] * scheduler.slots, [], [], []
    while len(done) < renditions * count + span[1] - span[0]:
        # a thread calls `take` only when it would not wait
        job = scheduler._choose() if len(reading) + len(working) < threads else None
        if job:
            assert job.video not in [other.video for other in reading]
            if job.video == REFERENCE:
                slots[scheduler.slot(job.frame)] = job.frame
            reading.append(job)
        if reading and random.random() < 0.5:
            working.append(reading.pop(random.randrange(len(reading))))
            scheduler.read(working[-1])
        elif working:
            job = working.pop(random.randrange(len(working)))
            if job.video == REFERENCE:
                needed = [job.frame - 1, job.frame] if job.frame > span[0] else [job.frame]
            else:
                needed = [job.frame] if job.frame in selected else []
                assert all((REFERENCE, n) in done for n in needed)
            assert all(slots[scheduler.slot(n)] == n for n in needed)
            scheduler.done(job)
            done.append((job.video, job.frame))
    assert len(set(done)) == len(done)
    assert scheduler.compared == renditions * count
    assert scheduler.take() is None


def test_take_returns_none_after_close():
    scheduler = FrameScheduler((0, 4), (0, 4), range(4), 1, 2)
    assert scheduler.take() is not None
    scheduler.close()
    assert scheduler.take() is None
