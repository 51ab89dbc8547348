"""Files of the steering server: faults are named."""

import pytest

import delivery

STEERING_FILE = """
ttl = 20
[[pathway]]
name = "a"
url = "http://a.example/show"
drained = true
[[pathway]]
name = "b"
url = "http://b.example/show"
"""


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("ttl = 20", "ttl = 0", "ttl, check_seconds and check_timeout must be > 0"),
        ("ttl = 20", "tll = 20", "tll"),
        ('name = "b"', 'name = "a"', "pathways need different names"),
        ("drained = true", 'clone_of = "z"', "is a clone of z"),
        ("drained = true", "weight = nan", "the weight of the pathway a is nan"),
        ("http://a.example/show", "file:///etc", "is not an HTTP address"),
        (
            'url = "http://b.example/show"',
            'url = "http://b.example/show"\nhealth_url = "b/health"',
            "the health address of",
        ),
        ("ttl = 20", "max_load = 0", "max_load is 0.0, expected a number > 0"),
        ("ttl = 20", '[[network]]\naddresses = "10.0.0.0/40"\nregion = "fr"', "10.0.0.0/40"),
        ("ttl = 20", 'url = "/steer"', "the address of the steering server is not an HTTP address"),
    ],
)
def test_read_steering_config_names_the_fault(tmp_path, old, new, fault):
    file = tmp_path / "steering.toml"
    file.write_text(STEERING_FILE.replace(old, new))
    with pytest.raises(delivery.SteeringError, match=fault):
        delivery.read_steering_config(file)


def test_read_steering_config_names_a_file_that_is_absent_or_a_folder(tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(delivery.SteeringError, match=f"^{path}: [^\n]+$"):
            delivery.read_steering_config(path)
