import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.plans import a_plan

from sweep.core.model_spec import LONGEST, RESERVED, join, slug, split, with_args
from sweep.core.plan import Plan
from sweep.errors import InputError
from sweep.models import timm_models
from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans
from sweep.results.figures import OTHER_PANEL, _place

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name not in RESERVED)
PLAIN = st.one_of(
    st.integers(-(2**60), 2**60),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8).filter(str.isprintable),
)
VALUES = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(NAMES, PLAIN, max_size=2)


@given(args=st.dictionaries(NAMES, VALUES, min_size=1, max_size=3))
def test_arguments_read_back_as_they_were_whatever_their_order(args):
    word = join("net", args)
    name, again = split(word)
    assert name == "net"
    assert json.dumps(again, sort_keys=True) == json.dumps(args, sort_keys=True)  # tells 1 from 1.0 and true
    assert join("net", dict(reversed(args.items()))) == word
    assert not set(slug(word)) & set("/()\"'{}[] ")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("drop_path_rate=0.1,depth=6", "vit_p_1mf(depth=6,drop_path_rate=0.1)"),
        (" depth = 6 , drop_path_rate = 1e-1 ", "vit_p_1mf(depth=6,drop_path_rate=0.1)"),
        ('act_layer="gelu"', 'vit_p_1mf(act_layer="gelu")'),
        ("a=[1,2],b={c=true},d.e=1", "vit_p_1mf(a=[1,2],b={c=true},d={e=1})"),
    ],
)
def test_the_same_arguments_are_the_same_word(text, word):
    assert with_args("vit_p_1mf", text) == word == with_args(word, None)
    assert with_args(f"vit_p_1mf({text})", None) == word


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no arguments in ''"),
        ("depth", "NAME=VALUE"),
        ("depth=", "NAME=VALUE"),
        ("=6", "NAME=VALUE"),
        ("depth=6,depth=7", "NAME=VALUE"),
        ("depth=six", "TOML values"),
        ("depth=6}\nb={c=1", "no arguments"),
        ("depth=nan", "depth must be a number"),
        ("depth=[inf]", "depth must be a number"),
        ("depth=1979-05-27", "depth must be a number"),
        ('depth="a\\u0007"', "depth must be a number"),
        ("a-b=1", "letters, digits and _"),
        ('"é"=1', "letters, digits and _"),
        ('"a b"=1', "letters"),
        ("depth=" + "1" * LONGEST, f"up to {LONGEST} letters"),
        ("depth=" + "[" * 300, "NAME=VALUE"),
        *((f"{name}=1", f"{name} cannot be given") for name in RESERVED),
    ],
)
def test_what_are_no_arguments_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        with_args("vit_p_1mf", text)


def test_arguments_are_given_once():
    with pytest.raises(InputError, match="has arguments of its own"):
        with_args("vit_p_1mf(depth=6)", "depth=7")
    with pytest.raises(InputError, match="not closed"):
        with_args("vit_p_1mf(depth=6", None)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("vit_p_1mf(depht=6)", "'depht'"),
        ("resnet18(depht=6)", "'depht'"),
        ("vit_p_1mf(patch_size=5)", "a multiple of 5 px, got 16"),
        ("vit_base_patch14_dinov2", "a multiple of 14 px, got 32"),
        ("vit_p_1mf(num_heads=3)", "cannot be built"),
        ("regnety_1mf(depth=3)", "depth would change nothing"),
        ("regnety_1mf(output_stride=16)", "output_stride is 32"),
        ("regnety_1mf(depths=[1,1,1,1])", "depths"),
        ("resnet18(features_only=true)", "cannot be built"),
        ("resnet81(drop_rate=0.1)", "unknown model 'resnet81'"),
        ("(depth=6)", "unknown model ''"),
    ],
)
def test_arguments_that_the_model_does_not_take_are_refused(model, message):
    with pytest.raises(InputError, match=message):
        make_plans(Request(models=[model], lr=0.1, wd=0.1, n=1))


def test_arguments_reach_the_model():
    model = timm_models.create("vit_p_1mf(depth=2,drop_path_rate=0.5)", num_classes=10, px=16)
    assert len(model.blocks) == 2
    assert model.blocks[1].drop_path1.drop_prob == 0.5
    regnet = timm_models.create("regnety_1mf(drop_path_rate=0.4)", num_classes=10, px=16)
    rates = [m.drop_prob for m in regnet.modules() if type(m).__name__ == "DropPath"]
    reference = timm_models.timm.create_model("regnety_002", drop_path_rate=0.4)
    assert max(rates) == pytest.approx(
        max(m.drop_prob for m in reference.modules() if type(m).__name__ == "DropPath")
    )
    assert timm_models.resolution("vit_p_1mf(depth=2)") == (16, 16)


def test_a_model_with_arguments_is_another_model_in_keys_and_names():
    request = Request(models=["vit_p_1mf", "vit_c_1mf"], model_args="depth=2", n=2, lr=0.1, wd=0.1)
    vit_p, vit_c = (planned.plan for planned in make_plans(request))
    (alone,) = make_plans(Request(models=["vit_p_1mf"], n=2, lr=0.1, wd=0.1))
    assert (vit_p.model, vit_c.model) == ("vit_p_1mf(depth=2)", "vit_c_1mf(depth=2)")
    assert vit_p.name.startswith("vit_p_1mf-depth=2-adamw-digits-")
    assert not {t.key for t in vit_p.trials} & {t.key for t in alone.plan.trials}
    assert [t.u_lr for t in vit_p.trials] == [t.u_lr for t in alone.plan.trials]
    assert {t.model for t in vit_p.trials} == {vit_p.model}
    assert Plan.from_json(json.dumps(vit_p.to_dict()), "plan.json") == vit_p


def test_keys_of_models_with_arguments_stay_as_they_are():
    # Written down once, as those in test_plan.py.
    plan = a_plan(model="vit_p_1mf(depth=2)", n=1)
    assert [trial.key for trial in plan.trials] == ["34267da469ae4ca9", "1f18e7f0b02491c3"]
    assert plan.name == "vit_p_1mf-depth=2-adamw-digits-951175"


def test_a_variant_of_one_of_ours_stands_in_its_column():
    assert _place("vit_p_4gf") == ("ViT_P", "4GF")
    assert _place("vit_p_4gf(drop_path_rate=0.1)") == ("ViT_P(drop_path_rate=0.1)", "4GF")
    assert _place("resnet18(drop_rate=0.1)") == ("resnet18(drop_rate=0.1)", OTHER_PANEL)
