"""Loading the pre-trained encoder first."""

from ignite.engine import Engine, Events
from torch import nn

from segpeft.engines import BaseLoader


def test_it_comes_before_what_was_attached_earlier():
    engine, order = Engine(lambda engine, batch: None), []
    engine.add_event_handler(Events.STARTED, lambda: order.append("checkpoint"))

    class Loader(BaseLoader):
        def __call__(self, engine):
            order.append("base")

    Loader(nn.Identity(), None).attach(engine)
    engine.run([0])
    assert order == ["base", "checkpoint"]
