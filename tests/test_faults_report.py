"""What `make faults` writes, counted from the reports of its two runs."""

import re
from pathlib import Path

import faults

ROOT = Path(__file__).parent.parent
HEAD = "| Case | What goes wrong | Ours | Plain | Figures |\n| ---: | --- | --- | --- | --- |\n"
GROUPS = {"A. Answers": range(1, 4), "B. Network": range(4, 6)}
OURS = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" tests="7">
<testcase classname="a" name="test_fault_01_an_html_page" time="2.5"><properties>
  <property name="oracle: scrapes" value="20"/><property name="oracle: numbers" value="3000"/>
  <property name="oracle: slowest scrape, s" value="0.012"/><property name="oracle: slowest beat, s" value="0.1"/>
  <property name="oracle: oldest number, s" value="1.4"/></properties></testcase>
<testcase classname="a" name="test_fault_02_a_bomb[gzip]" time="1.0"><properties>
  <property name="grown, MiB &lt;= 10" value="9.5"/><property name="share &gt;= 0.9" value="0.92"/>
  <property name="oracle: scrapes" value="10"/>
  <property name="oracle: numbers" value="900"/><property name="oracle: slowest scrape, s" value="0.032"/>
  <property name="oracle: slowest beat, s" value="0.001"/>
  <property name="oracle: oldest number, s" value="0.5"/></properties></testcase>
<testcase classname="a" name="test_fault_02_a_bomb[br]" time="1.0"><properties>
  <property name="grown, MiB &lt;= 10" value="10.5"/><property name="share &gt;= 0.9" value="1.0"/>
  <property name="ended by" value="the cap"/></properties></testcase>
<testcase classname="a" name="test_fault_03_a_lie" time="1"><failure message="assert 1 == 2">E</failure></testcase>
<testcase classname="a" name="test_fault_04_no_route" time="0"><skipped message="no network">x</skipped></testcase>
</testsuite></testsuites>"""
MUTANTS = """<testsuites><testsuite>
<testcase classname="b" name="test_mutants_of_answers[zoho_voice-100]" time="60"><properties>
  <property name="tried" value="20000"/></properties></testcase>
<testcase classname="b" name="test_mutants_of_answers[zoho_voice-101]" time="60"><properties>
  <property name="tried" value="20000"/></properties></testcase>
<testcase classname="b" name="test_mutants_of_configs[100]" time="9"><properties>
  <property name="tried" value="10000"/></properties></testcase>
<testcase classname="b" name="test_mutants_of_configs[101]" time="9"><failure message="m">E</failure></testcase>
</testsuite></testsuites>"""
PLAIN = """<testsuites><testsuite>
<testcase name="test_fault_01_an_html_page" time="1"/>
<testcase name="test_fault_02_a_bomb[gzip]" time="1"/>
<testcase name="test_fault_02_a_bomb[br]" time="1"><error message="at teardown">E</error></testcase>
<testcase name="test_fault_03_a_lie" time="1"><skipped message="it has no such part"/></testcase>
</testsuite></testsuites>"""


def test_all_of_the_page_is_counted_from_the_reports() -> None:
    told = faults.report(faults.tests(OURS), faults.tests(PLAIN), GROUPS)
    assert told == (
        "**Ours: 2 of 5 survived.** The plain exporter: 1 of the 2 that it can be asked. "
        "Of the 2 limits of speed and size that the cases set, ours kept 1. The clock was hurried 20-fold.\n\n"
        "In 2 runs the oracle held 3,900 numbers on 30 scrapes against what the accounts had sent. "
        'The slowest scrape, in "a bomb", took, ms 32 (at most 250: kept); '
        'the slowest `/-/healthy`, in "an html page", ms 100 (at most 100: kept); '
        "the oldest number was 1.4 s old.\n\n"
        f"### A. Answers\n\n{HEAD}"
        "| 01 | an html page | survived | survived | |\n"
        "| 02 | a bomb | survived | **fell** | grown, MiB 10.5 (at most 10: **missed**); "
        "share 0.92 (at least 0.9: kept); ended by the cap |\n"
        "| 03 | a lie | **fell** | — | |\n\n"
        f"### B. Network\n\n{HEAD}"
        "| 04 | no route | — (skipped: no network) | — | |\n"
        "| 05 | no test | — | — | |\n"
    )


def test_random_trials_are_added_up_over_their_seeds() -> None:
    assert faults.statistics(faults.tests(MUTANTS)) == (
        "| What | Tried | Wrong | At 95 %, fewer than |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| mutants of answers[zoho voice] | 40,000 | 0 | 3 in 40,000 |\n"
        "| mutants of configs | 10,000 | **some** | ? |\n"
    )


def test_a_case_of_which_a_part_was_skipped_says_so() -> None:
    some = [
        faults.Test("test_fault_01_linters[a]", "survived", 1.0, {}),
        faults.Test("test_fault_01_linters[b]", "—", 0.0, {}, "b is not installed"),
    ]
    assert "| 01 | linters | survived (skipped: b is not installed) | — | |" in faults.report(some, [], GROUPS)


def test_the_groups_are_the_90_cases() -> None:
    assert [number for numbers in faults.GROUPS.values() for number in numbers] == list(range(1, 91))


def names() -> set[str]:
    """Return the names of all tests of the suite."""
    files = (ROOT / "tests" / "faults").glob("test_*.py")
    return {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}


def test_each_of_the_90_cases_has_a_test() -> None:
    without = [
        case.number
        for case in faults.cases(faults.Test(name, "survived", 0.0, {}) for name in names())
        if case.sentence == "no test"
    ]
    assert without == [], "these have no test"


def test_the_page_is_about_the_tests_that_there_are() -> None:
    told = re.findall(r"^\| (\d\d) \| (.*?) \|", faults.PAGE.read_text(), re.MULTILINE)
    cases = faults.cases(faults.Test(name, "survived", 0.0, {}) for name in names())
    assert [(int(number), set(sentences.split("; "))) for number, sentences in told] == [
        (case.number, set(case.sentence.split("; "))) for case in cases
    ], "run: make faults"
