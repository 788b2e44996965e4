from exporter.model import Agent, Snapshot, Status
from exporter.vocabulary import THE_REST, Vocabulary

AWAY, BUSY = Status.AWAY, Status.BUSY


def test_words_beyond_the_cap_are_put_together_and_no_second_is_lost() -> None:
    vocabulary = Vocabulary(most=2)
    agent = Agent(
        "1",
        status=AWAY,
        vendor_status="tea",
        seconds_in_state={(AWAY, "nap"): 1.0, (AWAY, "tea"): 2.0, (AWAY, "walk"): 4.0, (BUSY, "walk"): 8.0},
        longest_stays={(AWAY, "tea"): 2.0, (AWAY, "walk"): 3.0, (AWAY, "yawn"): 1.0},
        entries={(AWAY, "walk"): 5, (AWAY, "yawn"): 6},
    )
    (shown,) = vocabulary.bounded(Snapshot(agents=(agent,))).agents or ()
    assert shown.vendor_status == "tea"
    assert shown.seconds_in_state == {
        (AWAY, "nap"): 1.0,
        (AWAY, "tea"): 2.0,
        (AWAY, THE_REST): 4.0,
        (BUSY, THE_REST): 8.0,
    }
    assert shown.longest_stays == {(AWAY, "tea"): 2.0, (AWAY, THE_REST): 3.0}
    assert shown.entries == {(AWAY, THE_REST): 11}


def test_words_that_were_shown_once_stay_and_later_ones_do_not_push_them_out() -> None:
    vocabulary = Vocabulary(most=2)
    words = ["a", "b", "c", "a", "d"]
    shown = [
        (vocabulary.bounded(Snapshot(agents=(Agent("1", vendor_status=word),))).agents or ())[0].vendor_status
        for word in words
    ]
    assert shown == ["a", "b", THE_REST, "a", THE_REST]


def test_a_snapshot_within_the_cap_is_the_same_object() -> None:
    snapshot = Snapshot(agents=(Agent("1", vendor_status="a"),))
    assert Vocabulary().bounded(snapshot) is snapshot
    assert Vocabulary().bounded(Snapshot()) == Snapshot()
