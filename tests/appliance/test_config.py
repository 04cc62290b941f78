from __future__ import annotations

import pytest

from appliance.config import load_config
from appliance.errors import ConfigError
from appliance.profiles import load_profiles


def loaded(tmp_path, toml="", **variables):
    if toml:
        (tmp_path / "config.toml").write_text(toml)
    config, origins = load_config({"APPLIANCE_HOME": str(tmp_path), **variables})
    return config, {origin.key: origin for origin in origins}


def test_a_variable_beats_the_file_and_the_file_beats_the_default(tmp_path):
    config, origins = loaded(tmp_path, "[generate]\nsteps = 5\ndrafts = 2\n", APPLIANCE_GENERATE__STEPS="7")
    assert (config.generate.steps, config.generate.drafts, config.sandbox.pids) == (7, 2, 256)
    assert origins["generate.steps"].origin == "APPLIANCE_GENERATE__STEPS"
    assert origins["generate.drafts"].origin == str(tmp_path / "config.toml")
    assert origins["sandbox.pids"].origin == "default"
    assert origins["home"].origin == "APPLIANCE_HOME"


@pytest.mark.parametrize(
    ("toml", "variables", "said"),
    [
        ("[generate]\nstep = 5\n", {}, "generate.step"),
        ("colour = 1\n", {}, "colour"),
        ('[generate]\nsteps = "many"\n', {}, "generate.steps"),
        ('[generate]\nstack = "php"\n', {}, "generate.stack"),
        ("[generate\n", {}, "not valid TOML"),
        ("", {"APPLIANCE_GENERATE__STEPS": "many"}, "APPLIANCE_GENERATE__STEPS"),
        ("", {"APPLIANCE_STEPS": "5"}, "APPLIANCE_STEPS"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(tmp_path, toml, variables, said):
    with pytest.raises(ConfigError, match=said):
        loaded(tmp_path, toml, **variables)


def test_a_profile_of_ones_own_is_complete_or_refused(tmp_path):
    own = "[profiles.mine]\n" + "\n".join(
        [
            'writing = "page"\nstrategy = "drafts"\ndrafts = 2\nsteps = 3\ncontext_tokens = 4096',
            "max_tokens = 800\ntemperature = 0.2\ntop_p = 0.9\nrepeat_penalty = 1.0",
        ]
    )
    config, _ = loaded(tmp_path, own)
    assert load_profiles(config.profiles)["mine"].steps == 3
    with pytest.raises(ConfigError, match="mine"):
        load_profiles({"mine": {"drafts": 2}})
    with pytest.raises(ConfigError, match="unknown settings: colour"):
        load_profiles({"mine": {"colour": 2}})
