"""The report: one page that is well formed, safe, and says what there is and what there is not."""

import base64
import hashlib
import itertools
import json
import re
from html.parser import HTMLParser
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from support.analysed import trials
from support.analysed_curves import learned
from support.analysed_repeats import with_repeats
from support.reports import ERRORS, several

from analysis import AnalysisError
from analysis.report import Extras, SweepFacts, report_html
from analysis.report.html import Html, prose, slug, tag
from analysis.report.html_tables import Cell, table
from analysis.report.sections import duration

EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """A page's elements in order, with a check that every one is closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements, self._open, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        if name != "meta":  # the one void element there is; those of SVG are closed
            self._open.append(name)

    def handle_startendtag(self, name, attributes):
        self.elements.append((name, dict(attributes)))

    def handle_endtag(self, name):
        assert self._open, f"</{name}> closes nothing"
        assert self._open.pop() == name

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("script", "style"):
            self.texts.append(data)

    def all(self, name):
        return [attributes for found, attributes in self.elements if found == name]

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))


FULL = Extras(
    facts={"vit_c_1mf-adamw-0": SweepFacts(epochs="20", optimum_from=EVIL)},
    links={"vit_c_1mf0": "http://127.0.0.1:5000/#/experiments/1/runs/abc"},
    links_note="Open `sweep ui`.",
    versions={"torch": "2.13"},
    warnings=["these points are not paired"],
)


@pytest.fixture(scope="module")
def text():
    table = several()
    return report_html(table, Extras(**{**_fields(FULL), "learning": learned(table)}))


def _fields(extras):
    return {name: getattr(extras, name) for name in Extras.__dataclass_fields__}


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_sweeps_that_grow_in_rounds_say_at_which_level_their_round_compares():
    table = pd.concat([trials([*ERRORS[:8], 9.0], family=name) for name in ("ViT_P", "ViT_C")])
    assert "grow in rounds" not in Page(report_html(table)).text
    told = Page(report_html(table.assign(first_n=9, max_n=36))).text
    assert "These sweeps grow in rounds of 9, 18 and 36 points until they are settled." in told
    assert "At 9 points claims are made at 1.2 %, so that all looks together keep 5 %." in told
    assert told.count("grow in rounds") == 1


def test_headings_are_in_order_and_sections_are_named(page):
    levels = [int(name[1]) for name, _ in page.elements if re.fullmatch(r"h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    targets = [a["href"][1:] for a in page.all("a") if a["href"].startswith("#")]
    assert {section["id"] for section in page.all("section")} <= set(targets)


def test_ids_are_unique_and_references_lead_somewhere(text, page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', markup)
    used += [
        word
        for _, a in page.elements
        for name in ("aria-labelledby", "aria-describedby")
        for word in a.get(name, "").split()
    ]
    assert set(used) <= set(ids)
    assert len(used) > 25


def test_every_chart_has_a_text_alternative_with_numbers(page, text):
    charts = [a for a in page.all("div") if "data-chart" in a]
    assert {a["data-chart"] for a in charts} == {"edf", "maps", "scatter", "tuning", "learning"}
    for chart in charts:
        (said,) = re.findall(rf'<p class="numbers" id="{chart["id"]}-numbers">([^<]+)</p>', text)
        assert chart["data-title"]
        assert chart["data-chart"] == "scatter" or re.search(r"\d", said)
    delta = re.search(r'id="chart-edf-delta-1mf-adamw-numbers">([^<]+)', text)[1]
    within = ((ERRORS - 5.5) <= 4).sum()
    assert "vit_c_1mf, AdamW: of 22 trials" in delta
    assert f"{100 * within / 22:.0f} % within 4" in delta


def test_tables_have_captions_and_headers(page):
    assert len(page.all("table")) == len(page.all("caption")) >= 9
    assert all(head["scope"] in ("col", "row") for head in page.all("th"))
    regions = [a for a in page.all("div") if a.get("class") == "scroll"]
    assert all(a["tabindex"] == "0" and ("aria-label" in a or "aria-labelledby" in a) for a in regions)


def test_nothing_is_loaded_and_only_its_own_script_may_run(text, page):
    loads = [a for _, a in page.elements for name in ("src", "srcset", "action", "poster") if name in a]
    assert loads == []
    assert not re.search(r"@import|url\(", re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1])
    assert not page.all("link")
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.findall(r"'sha256-([^']*)'", policy) == digests
    assert len(digests) == 3
    assert "default-src 'none'" in policy
    assert not re.search(r"connect-src|unsafe-eval|http", policy)


def test_the_libraries_are_those_that_are_named_with_their_licences():
    vendor = resources.files("analysis.report") / "vendor"
    named = json.loads((vendor / "versions.json").read_text())
    assert sorted(named) == sorted(each.name for each in vendor.iterdir() if each.name.endswith(".js"))
    for name, about in named.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == about["sha256"]
        assert about["version"] in (vendor / name).read_text()[:60]
        assert "Permission to use" in (vendor / name.replace(".min.js", ".LICENSE")).read_text()


def test_the_data_of_the_charts_are_those_of_the_table(text):
    shown = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])
    table, sweeps = several(), shown["sweeps"]
    assert sum(len(sweep["trials"]["key"]) for sweep in sweeps) == len(table)
    by_model = {sweep["model"]: sweep for sweep in sweeps}
    first = by_model["vit_c_1mf"]["trials"]
    own = table[table["model"] == "vit_c_1mf"]
    assert first["state"] == own["state"].tolist()
    assert first["lr"] == pytest.approx(own["lr"].tolist(), rel=1e-5)
    assert by_model["vit_c_1mf"]["bands"] == {}, "it may end elsewhere"
    assert set(by_model["vit_p_1mf"]["bands"]) == {"delta", "error"}
    assert shown["links"] == {"vit_c_1mf0": "http://127.0.0.1:5000/#/experiments/1/runs/abc"}


@pytest.mark.parametrize("evil", [EVIL, '"><img src=x onerror=alert(1)>', "a&b'c"])
def test_names_are_text_and_never_markup(evil):
    table = trials(ERRORS[:6], family="ViT_C").assign(
        model=evil, family=evil, panel=evil, recipe=evil, sweep=evil, key=[f"{evil}{i}" for i in range(7)]
    )
    extras = Extras(
        facts={evil: SweepFacts(data=evil, trained_on=evil)},
        links={f"{evil}0": f"http://x/{evil}"},
        links_note=evil,
        versions={evil: evil},
        warnings=[evil],
        learning=learned(table),
    )
    page = Page(report_html(table, extras))
    assert len(page.all("script")) == 4
    assert len(re.findall("<script", report_html(table, extras))) == 4
    assert not page.all("img")
    assert not [name for _, a in page.elements for name in a if name.startswith("on")]
    assert evil in page.text


def test_the_same_table_gives_the_same_bytes(text):
    table = several()
    assert report_html(table, Extras(**{**_fields(FULL), "learning": learned(table)})) == text


def test_it_says_what_was_run_and_what_came_of_it(page):
    assert "72 trials in 3 sweeps on the recipe digits, 7 of them at the optima: 67 finished, " in page.text
    assert "2 diverged. Incomplete: 3 have no result yet" in page.text
    assert "incomplete: 3 of 28 missing" in page.text
    assert "these points are not paired" in page.text
    assert "torch 2.13" in page.text
    assert "With SGD there is one sweep only" in page.text
    assert "has the lower error" in page.text


def test_chosen_points_with_other_seeds_have_a_table_where_there_are_any(page):
    table = with_repeats(with_repeats(trials(ERRORS), 3, [5.0, 7.0]), 11, [np.nan, 100.0])
    shown = Page(report_html(table)).text
    assert "Chosen points with other seeds." in shown
    assert " 6.00 (0.00 to 18.71) 1.41 2 0 1.00 " in shown
    assert " 1 of 2 1 " in shown
    assert "point 3, seed 3" in shown
    assert "repeats of points" in shown
    assert "repeats of points" not in page.text
    assert "Chosen points" not in page.text


def test_a_table_alone_is_enough(page):
    text = Page(report_html(trials(ERRORS).drop(columns=["wall_s", "epochs", "best_top1_err"]))).text
    assert "Only the table of trials was given" in text
    assert "No learning curves are known" in text
    assert "No MLflow run is known" in text
    assert "unknown" not in text.replace("where they ran are unknown", "")


def test_points_that_have_no_place_on_a_map_are_counted():
    table = trials(ERRORS)
    assert "lr or wd of 0" not in Page(report_html(table)).text
    table.loc[[0, 1], "weight_decay"] = 0.0
    said = "2 points with an lr or wd of 0, for which these axes have no place, are left out here."
    assert said in Page(report_html(table)).text


def test_all_diverged_no_optimum_and_no_result():
    lost = trials([], diverged=4)
    bare = trials(ERRORS, family="ViT_P")
    waiting = trials([], family="RegNetY", missing=3)
    waiting = waiting[waiting["role"] == "point"]
    table = pd.concat([lost, bare[bare["role"] == "point"], waiting], ignore_index=True)
    page = Page(report_html(table))
    assert "No Δ: vit_p_1mf (adamw)" in page.text
    assert "These sweeps have no result, and nothing below shows them: regnety_1mf-adamw-0" in page.text
    assert "Robustness cannot be compared" in page.text
    with pytest.raises(AnalysisError, match="no sweep has a finished or diverged point"):
        report_html(waiting)


def test_other_recipes_and_optimizers_are_named_wherever_sweeps_are():
    other = trials(ERRORS).assign(recipe="longer", sweep="long")
    text = Page(report_html(pd.concat([trials(ERRORS), other]))).text
    assert "on the recipe digits, longer" in text
    assert "vit_c_1mf on digits and vit_c_1mf on longer are not told apart" in text
    text = Page(report_html(pd.concat([trials(ERRORS), trials(ERRORS, optimizer="sgd")]))).text
    assert "Across optimizers" in text
    assert "vit_c_1mf with AdamW and vit_c_1mf with SGD are not told apart" in text


def test_a_schedule_that_is_too_short_is_said():
    table = trials(ERRORS)
    keys = table["key"].tolist()
    falling = pd.DataFrame(
        [{"key": key, "epoch": e, "top1_err": 45.0 - 2 * e} for key in keys for e in range(1, 21)]
    )
    assert "its schedule of 20 epochs is short" in Page(report_html(table, Extras(learning=falling))).text


def test_elements_escape_what_is_not_markup():
    assert tag("p", "<b>", Html("<i></i>"), None, title='"', hidden=True, lang=None) == (
        '<p title="&quot;" hidden>&lt;b&gt;<i></i></p>'
    )
    assert prose("run `a < b` now") == "run <code>a &lt; b</code> now"
    assert slug("ViT_C, AdamW!") == "vit-c-adamw"
    assert slug("—") == "x"


def test_a_table_says_what_it_is_sorted_by():
    made = table("t", "c", ["a", "b"], [[Cell("x", "x"), Cell("1.50", 1.5)], [Cell("y", "y"), Cell("–")]])
    assert re.findall(r'data-v="([^"]*)"', made) == ["1.5", ""]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (50520, "14 h 2 min")]
)
def test_durations(seconds, said):
    assert duration(seconds) == said


def test_facts_are_labelled_in_one_order_and_only_those_that_are_known():
    facts = SweepFacts(trained="a day", trainer_source="f", epochs="3", trainer="toy:train")
    assert list(facts.labelled().items()) == [
        ("epochs", "3"),
        ("trainer", "toy:train"),
        ("its source", "f"),
        ("trained", "a day"),
    ]
