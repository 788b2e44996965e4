"""The long names of the statistics, which come where nobody asks for the short ones as we do."""

import re

_SHORT = {
    "WaitingTime": "WT",
    "SpeedOfAnswer": "SA",
    "AbandonmentTime": "AT",
    "HandlingTime": "HT",
    "TalkTime": "TT",
    "AfterCallWork": "ACW",
    "QueueLength": "QL",
    "ServiceLevel": "SL",
    "TotalCalls": "TC",
    "AnsweredCalls": "AC",
    "UnansweredCalls": "UAC",
    "RejectedCalls": "RC",
    "TotalWaitingTime": "TWT",
    "TotalSubmissionTime": "TST",
    "TotalAbandonmentTime": "TAT",
    "TotalDialingTime": "TDT",
    "TotalHandlingTime": "THT",
    "TotalTalkTime": "TTT",
    "TotalAfterCallWork": "TACW",
}
# What is in small letters from its second on is looked at closely: the short names are capitals alone.
_LONG = re.compile(rf'"(?=[A-Z][a-z])({"|".join(_SHORT)})"(?=\s*:)'.encode())


def abbreviated(body: bytes) -> bytes:
    """Return an answer with the short names of its fields, whichever it came with."""
    return _LONG.sub(lambda name: f'"{_SHORT[name[1].decode()]}"'.encode(), body)
