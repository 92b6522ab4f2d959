"""A site of several reports."""

import re

import pandas as pd
import pytest
from support.analysed import trials
from support.plans import a_plan
from support.reports import several

from sweep.errors import InputError
from sweep.results.report_site import INDEX, write_bundle
from sweep.results.selection import Filter, Trials, own_trials


def links(folder):
    return re.findall(r'<a href="([^"]*)">([^<]*)</a><p class="about">([^<]*)', (folder / INDEX).read_text())


def imported(table):
    return Trials(table.drop(columns=["family", "panel"]))


def test_a_report_for_each_recipe_and_a_page_that_leads_to_them(tmp_path):
    other = trials([6.0, 9.0], family="ViT_P").assign(recipe="x <y>", sweep="other", repeat=0)
    written = write_bundle(imported(pd.concat([several(), other], ignore_index=True)), tmp_path / "site")
    assert [path.parent for path in written] == [tmp_path / "site"] * 3
    assert written[-1].name == INDEX
    first, second = links(tmp_path / "site")
    assert [first[0], second[0]] == [path.name for path in written[:2]]
    assert first[1].startswith("digits: How hard to train: ")
    assert first[2].startswith("72 trials in 3 sweeps on the recipe digits")
    assert "on the recipe x &lt;y&gt;, 1 of them at the optima: 3 finished" in second[2]
    assert "Trials within 4 points of the error at the optimum: vit_p_1mf with AdamW 20 %" in first[2]


def test_the_same_folder_replaces_its_report_and_another_adds_one(results, tmp_path):
    site, mine = tmp_path / "site", own_trials(results, Filter())
    first = write_bundle(mine, site)
    assert write_bundle(mine, site) == first
    assert len(links(site)) == 1
    write_bundle(imported(several()), site)
    assert len(links(site)) == 2
    assert first[0].exists()


def test_files_of_others_are_left_alone_and_not_listed(tmp_path):
    (tmp_path / "about.html").write_text("<title>us</title>")
    write_bundle(imported(several()), tmp_path)
    assert len(links(tmp_path)) == 1
    assert (tmp_path / "about.html").read_text() == "<title>us</title>"


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"`bundle` .*file: File exists"):
        write_bundle(imported(several()), tmp_path / "file")


def test_the_page_that_leads_to_reports_loads_nothing(tmp_path):
    write_bundle(imported(several()), tmp_path)
    text = (tmp_path / INDEX).read_text()
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert a_plan().recipe.name in text
