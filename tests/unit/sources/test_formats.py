"""Trials from several sources, put together."""

import pandas as pd
import pytest


@pytest.mark.parametrize("error", [None, 12.5])
def test_our_own_trials_do_not_come_from_two_tables(error, sweep, results, tmp_path):
    assert sweep("export", "--out", "one.csv")[0] == 0
    other = pd.read_csv(tmp_path / "one.csv")
    if error is not None:  # another result under the same key
        other.loc[:, "top1_err"] = error
    other.iloc[:3].to_csv(tmp_path / "other.csv", index=False)
    code, _, err = sweep("export", "--from", "one.csv", "--from", "other.csv", "--out", "both.csv")
    assert code == 2
    assert (
        f"3 trials would count twice: for example, {other.key[0]} of {other.sweep[0]} is in one.csv and"
        in err
    )
    assert not (tmp_path / "both.csv").exists()


def test_the_parts_of_a_table_are_put_together(sweep, results, tmp_path):
    assert sweep("export", "--out", "all.csv")[0] == 0
    for model in ("vit_p_1mf", "vit_c_1mf"):
        assert sweep("export", "--model", model, "--out", f"{model}.csv")[0] == 0
    words = ("--from", "vit_p_1mf.csv", "--from", "vit_c_1mf.csv")
    assert sweep("export", *words, "--out", "both.csv")[0] == 0
    whole, both = (pd.read_csv(tmp_path / name).set_index("key") for name in ("all.csv", "both.csv"))
    assert both.loc[whole.index].equals(whole)
