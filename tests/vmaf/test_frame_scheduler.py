"""Who works on what, in whatever order threads come and go."""

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
def test_every_frame_is_done_once_and_beside_its_own_reference(random, threads, renditions, count, every, inside):
    first, last = (1, 1 + count) if inside else (0, count)
    span = (0, last + 1) if inside else (0, last)
    wanted = [n for n in range(first, last) if n % every == 0]
    schedule = FrameScheduler(span, (first, last), wanted, renditions, threads)
    slots, reading, working, done = [None] * schedule.slots, [], [], []
    while len(done) < renditions * count + span[1] - span[0]:
        # a thread asks only when `take` would not wait
        job = schedule._choose() if len(reading) + len(working) < threads else None
        if job:
            assert job.video not in [other.video for other in reading]
            if job.video == REFERENCE:
                slots[schedule.slot(job.frame)] = job.frame
            reading.append(job)
        if reading and random.random() < 0.5:
            working.append(reading.pop(random.randrange(len(reading))))
            schedule.read(working[-1])
        elif working:
            job = working.pop(random.randrange(len(working)))
            if job.video == REFERENCE:
                needed = [job.frame - 1, job.frame] if job.frame > span[0] else [job.frame]
            else:
                needed = [job.frame] if job.frame in wanted else []
                assert all((REFERENCE, n) in done for n in needed)
            assert all(slots[schedule.slot(n)] == n for n in needed)
            schedule.done(job)
            done.append((job.video, job.frame))
    assert len(set(done)) == len(done)
    assert schedule.compared == renditions * count
    assert schedule.take() is None


def test_nothing_is_handed_out_once_closed():
    schedule = FrameScheduler((0, 4), (0, 4), range(4), 1, 2)
    assert schedule.take() is not None
    schedule.close()
    assert schedule.take() is None
