from exporter.ledger import Ledger
from exporter.tally import Tally
from exporter.wire.http import Budget


def test_what_was_left_of_a_minute_is_not_known_after_it() -> None:
    now = 0.0
    ledger = Ledger(Tally(), 200.0, lambda: now)
    ledger.budget(Budget(700.0, 12.0))
    now = 59.0
    assert ledger.latest == Budget(700.0, 12.0)
    now = 60.0
    assert ledger.latest == Budget(700.0, None)
