"""The callback protocol."""

from swarmnas.runs import Callback, Callbacks

EVENTS = ("on_start", "on_step", "on_record", "on_end")


def test_the_base_hears_everything_and_does_nothing():
    for event in EVENTS:
        assert getattr(Callback(), event)({}) is None


def test_several_are_told_in_order():
    heard = []

    def listener(name):
        methods = {
            event: lambda self, what, event=event: heard.append((name, event, what))
            for event in EVENTS
        }
        return type("Listener", (Callback,), methods)()

    both = Callbacks([listener("a"), listener("b")])
    for event in EVENTS:
        getattr(both, event)({"event": event})
    assert heard == [(name, event, {"event": event}) for event in EVENTS for name in "ab"]
