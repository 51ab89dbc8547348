"""The predicted needs of a run, and its price."""

import pytest

from encoder import plan_chunks
from ladders import EncodeSettings
from shotladder.pipeline.cost_estimate import COORDINATOR_MEMORY, Prices, describe_costs, predict_needs
from tests.ladders.synthetic import film

SIZES = ((1280, 720), (640, 360))


def needs(workers=4, free_memory=1e12, cpu_seconds=7200.0, shots=100):
    source = film(96 * shots)
    chunks, _ = plan_chunks(source, [96 * n for n in range(shots)], 4)
    renditions = {"h264": [EncodeSettings(preset="medium").rendition(size) for size in SIZES]}
    return predict_needs(source, chunks, renditions, cpu_seconds, workers, free_memory)


def test_predict_needs_divides_the_work_by_the_workers_but_not_below_the_longest_jobs():
    assert needs()["cpu_hours"] == 2.0
    assert needs(workers=4)["wall_seconds"] == 1800.0
    assert needs(workers=8)["wall_seconds"] == 900.0
    assert 1.0 < needs(workers=100_000)["wall_seconds"] < 100.0


def test_predict_needs_limits_memory_to_what_jobs_may_use():
    assert needs(workers=64, free_memory=2e9)["peak_memory_bytes"] == COORDINATOR_MEMORY + 2_000_000_000
    one = needs(workers=1, free_memory=1.0)["peak_memory_bytes"]
    assert one == needs(workers=1)["peak_memory_bytes"] > COORDINATOR_MEMORY


def test_predict_needs_has_flat_memory_and_sizes_in_proportion_to_the_length():
    short, long = needs(shots=100), needs(shots=400)
    assert long["peak_memory_bytes"] == short["peak_memory_bytes"]
    assert long["store_bytes"] == pytest.approx(4 * short["store_bytes"], rel=1e-6)
    assert long["scratch_bytes"] == pytest.approx(short["scratch_bytes"], rel=1e-6)


def test_describe_costs_prints_a_price_only_if_one_is_known():
    assert not any("price" in line for line in describe_costs(needs(), 4, Prices()))
    assert describe_costs(needs(), 4, Prices(cpu_hour=0.05))[-1].startswith("price: 0.10,")
    text = "\n".join(describe_costs(needs(), 4, Prices(gigabyte=0.1)))
    assert "2.00 CPU hours, about 30.0 min with 4 workers" in text
    assert "about 22 s with" in describe_costs({**needs(), "wall_seconds": 22.4}, 4, Prices())[0]


def test_prices_add_cpu_time_and_traffic():
    assert Prices(cpu_hour=0.5, gigabyte=0.1).total(7200.0, 5e9) == pytest.approx(1.5)
    assert Prices().total(7200.0, 5e9) is None
