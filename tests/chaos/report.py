"""What a run has shown, in numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.chaos.subscriber import Subscriber
from tests.chaos.truth import Comparison


@dataclass(slots=True)
class Strike:
    """One fault, and what was heard from its beginning to that of the next."""

    name: str
    began: float
    longest_gap_s: float = 0.0
    deliveries: int = 0
    recovered_s: float | None = None
    """From its beginning until every subscriber had every event; None: the next one came before that."""
    sockets_lost: int = 0
    duplicates: int = 0

    def hear(self, delay_s: float) -> None:
        self.deliveries += 1
        self.longest_gap_s = max(self.longest_gap_s, delay_s)

    def begin(self, subscribers: Sequence[Subscriber]) -> None:
        self.sockets_lost = -_ends(subscribers)
        self.duplicates = -_duplicates(subscribers)

    def end(self, subscribers: Sequence[Subscriber]) -> None:
        self.sockets_lost += _ends(subscribers)
        self.duplicates += _duplicates(subscribers)


@dataclass(slots=True)
class Report:
    """`failed` when anything was lost, repeated, reordered, foreign or wrong."""

    seed: int
    workers: int
    subscribers: Sequence[Subscriber]
    comparisons: Sequence[Comparison]
    strikes: Sequence[Strike]
    wrong: Sequence[str]
    events: int
    outcomes: Counter[str]
    seconds: float = field(default=0.0)

    @property
    def failed(self) -> bool:
        return bool(self.wrong or any(_bad(each) for each in self.comparisons))

    def lines(self) -> Iterator[str]:
        """For people."""
        yield (
            f"chaos: {self.workers} workers, {len(self.subscribers)} subscribers, seed {self.seed},"
            f" {self.seconds:.0f} s"
        )
        yield ""
        yield from self._table()
        yield ""
        yield from self._totals()
        yield from self._problems()

    def _table(self) -> Iterator[str]:
        yield f"{'fault':34} {'times':>5} {'sockets':>8} {'again':>6} {'longest':>8} {'recovered':>9}"
        yield f"{'':34} {'':>5} {'lost':>8} {'sent':>6} {'gap':>8} {'within':>9}"
        for name in dict.fromkeys(strike.name for strike in self.strikes):
            strikes = [strike for strike in self.strikes if strike.name == name]
            times = [strike.recovered_s for strike in strikes if strike.recovered_s is not None]
            yield (
                f"{name:34} {len(strikes):5} {sum(strike.sockets_lost for strike in strikes):8}"
                f" {sum(strike.duplicates for strike in strikes):6}"
                f" {max(strike.longest_gap_s for strike in strikes):6.1f} s"
                f" {f'{max(times):7.1f} s' if times else '':>9}"
            )

    def _totals(self) -> Iterator[str]:
        delays = sorted(got.delay_s for each in self.subscribers for got in each.got)
        ends = sum((each.ends for each in self.subscribers), Counter())
        yield f"events committed        {self.events:9,}"
        yield f"deliveries expected     {self._sum('expected'):9,}"
        yield f"delivered               {self._sum('delivered'):9,}"
        yield f"lost                    {self._sum('lost'):9,}"
        yield f"late                    {self._sum('late'):9,}   not there when patience ended"
        yield f"repeated                {self._sum('repeated'):9,}   after dropping known ids"
        yield f"reordered               {self._sum('reordered'):9,}"
        yield f"duplicates              {_duplicates(self.subscribers):9,}   before dropping known ids"
        yield f"foreign                 {self._sum('foreign'):9,}   not for this subscriber, or another kind"
        yield f"results without event   {sum(each.broken for each in self.subscribers):9,}"
        yield f"resumes                 {sum(each.resumes for each in self.subscribers):9,}"
        yield f"  that went on          {sum(each.recovered for each in self.subscribers):9,}   and had news"
        yield f"  that were refused     {sum(each.refused for each in self.subscribers):9,}"
        yield f"cut inside a frame      {sum(each.cut_in_a_frame for each in self.subscribers):9,}"
        yield f"longest gap             {delays[-1] if delays else 0:9.1f} s from commit to delivery"
        if delays:
            yield f"median, 99 %            {_at(delays, 0.5):9.3f} s, {_at(delays, 0.99):.3f} s"
        yield f"connections ended by    {dict(ends.most_common())}"
        yield f"the trader              {dict(self.outcomes.most_common())}"

    def _problems(self) -> Iterator[str]:
        for subscriber, found in zip(self.subscribers, self.comparisons, strict=True):
            if _bad(found) or subscriber.broken:
                yield f"  {subscriber.operation.name}: {found}, {subscriber.broken} broken"
        yield from self.wrong[:20]

    def _sum(self, name: str) -> int:
        return sum(getattr(each, name) for each in self.comparisons)


def _bad(found: Comparison) -> int:
    return found.lost + found.late + found.repeated + found.reordered + found.foreign


def _at(delays: Sequence[float], part: float) -> float:
    return delays[int(part * (len(delays) - 1))]


def _ends(subscribers: Sequence[Subscriber]) -> int:
    return sum(each.ends.total() for each in subscribers)


def _duplicates(subscribers: Sequence[Subscriber]) -> int:
    return sum(each.duplicates for each in subscribers)
