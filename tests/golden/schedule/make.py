#!/usr/bin/env python3
"""Works out when schedules fire, without any of this project's code, and prints the tables that its tests read.

    pip install croniter==7.0.0 tzdata==2026.6
    PYTHONTZPATH= python3 make.py > 2026.txt

croniter expands the fields; all else is plain counting. For wild expressions every minute of UTC is looked at, and
zoneinfo says what the clocks show. For fixed ones every minute of the civil calendar is looked at, and zoneinfo says
when it was. The rules of the fields are those of crontab(5) of Debian's cron 3.0pl1, those of daylight saving follow
its cron(8): what runs at a particular time and was skipped runs after the change, what comes twice runs once.
"""

import hashlib
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import tzdata
from croniter import croniter

UTC = timezone.utc
MINUTE = timedelta(minutes=1)

FIXED = [
    "0 0 * * *", "0 2 * * *", "30 2 * * *", "15 2 * * *", "45 1 * * *", "0 3 * * *", "30 3 * * *",
    "15,45 1,2,3 * * *", "0,30 2,3 * * 0", "0,10,20,40 2 * * *",
]
WILD = [
    "* * * * *", "*/15 * * * *", "0 * * * *", "30 1-3 * * *", "* 2 * * *", "*/20 2 * * *", "10-50/20 2 * * *",
    "0 */2 * * *", "30 2-3/2 * * *", "0 */6 * * *",
]
DAYS = [
    "0 9 * * 0", "0 9 * * 7", "0 9 * * sun", "0 9 * * 1", "0 9 * * MON", "0 9 * * mon-fri", "0 9 * * 5-7",
    "0 9 * * 0-6/2", "0 9 * * 1,7", "0 9 13 * 5", "30 4 1,15 * 5", "0 9 */2 * 1", "0 9 1-7 * *", "0 9 1-7 * */7",
    "0 9 10-20/5 * 0", "0 9 31 * *", "0 9 29 2 *", "0 9 29 2 1", "0 9 * feb,jul mon", "30 4 1 jan-mar/2 *",
]
ZONES = ["Australia/Lord_Howe", "Africa/Casablanca", "America/New_York", "Europe/Berlin", "Pacific/Apia"]

# Interval of UTC, zones and expressions.
TABLES = [
    ("2026-01-01", "2027-01-01", ZONES, FIXED + WILD + DAYS),
    # The 30th was no day in Apia.
    ("2011-12-25", "2012-01-08", ["Pacific/Apia"],
     ["0 6 * * *", "0 6,18 * * *", "30 */6 * * *", "0 0 31 12 *", "0 6 * * 5", "0 6 30 12 *"]),
]


class Expression:
    def __init__(self, text):
        fields = text.split()
        expanded, _ = croniter.expand(text)
        full = [range(60), range(24), range(1, 32), range(1, 13), range(7)]
        sets = [set(all_ if values == ["*"] else values) for values, all_ in zip(expanded, full)]
        self.minutes, self.hours, self.doms, self.months, self.dows = sets
        self.either = not fields[2].startswith("*") and not fields[4].startswith("*")
        self.fixed = all(part.isdigit() for field in fields[:2] for part in field.split(","))

    def on_day(self, date):
        dom, dow = date.day in self.doms, date.isoweekday() % 7 in self.dows
        return date.month in self.months and (dom or dow if self.either else dom and dow)

    def at(self, civil):
        return civil.minute in self.minutes and civil.hour in self.hours and self.on_day(civil)


class Zone:
    """What the clocks of a zone show at each minute of UTC, with a margin of two days."""

    def __init__(self, name, start, end):
        self.zone = ZoneInfo(name)
        self.start, self.end = start, end
        self.minutes = []
        at = start - timedelta(days=2)
        while at < end + timedelta(days=2):
            self.minutes.append((at, at.astimezone(self.zone).replace(tzinfo=None)))
            at += MINUTE
        self.first, self.times = {}, {}
        for utc, civil in self.minutes:
            self.first.setdefault(civil, utc)
            self.times[civil] = self.times.get(civil, 0) + 1

    def after_gap(self, civil):
        """The first minute whose clock is past a time that no clock showed."""
        day = next(at for at, (_, shown) in enumerate(self.minutes) if shown > civil)
        return self.minutes[day][0]

    def transitions(self):
        pairs = zip(self.minutes, self.minutes[1:])
        return [later[0] for earlier, later in pairs
                if later[1] - earlier[1] != MINUTE and self.start <= later[0] < self.end]


def fires(expression, zone):
    """A sorted list of (UTC, what daylight saving did, the civil times it stands for)."""
    found = []
    if expression.fixed:
        moved, regular = {}, set()
        civil, last = zone.minutes[0][1], zone.minutes[-1][1]
        while civil < last:
            if expression.at(civil):
                if civil in zone.first:
                    regular.add(civil)
                else:
                    moved.setdefault(zone.after_gap(civil), []).append(civil)
            civil += MINUTE
        for civil in regular:
            utc = zone.first[civil]
            if utc not in moved:
                found.append((utc, "first-only" if zone.times[civil] > 1 else "", []))
        for utc, missing in moved.items():
            shown = utc.astimezone(zone.zone).replace(tzinfo=None)
            alone = len(missing) == 1 and shown not in regular
            found.append((utc, "moved-out-of-gap" if alone else "merged", missing))
    else:
        for utc, civil in zone.minutes:
            if expression.at(civil):
                if zone.times[civil] == 1:
                    word = ""
                else:
                    word = "first-of-two" if zone.first[civil] == utc else "second-of-two"
                found.append((utc, word, []))
    return sorted(fire for fire in found if zone.start <= fire[0] < zone.end)


def line(fire, zone):
    utc, word, missing = fire
    local = utc.astimezone(zone.zone)
    offset = int(local.utcoffset().total_seconds()) // 60
    sign = "-" if offset < 0 else "+"
    parts = [f"{utc:%Y-%m-%dT%H:%MZ}", f"{local:%Y-%m-%dT%H:%M}{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}", word]
    return " ".join(parts + [f"{civil:%Y-%m-%dT%H:%M}" for civil in missing]).rstrip()


def main():
    print(f"# When schedules fire, as make.py beside this file worked it out. tzdata {tzdata.IANA_VERSION}.")
    print("# A table: zone, interval of UTC, expression; its firings in each month of UTC; SHA-256 over all of them, one")
    print("# a line as 2026-03-08T07:00Z; then all firings within 75 minutes (wild) or 4 hours (fixed) of a change of")
    print("# the zone's offset, but those of `* * * * *`: UTC, the clock, what daylight saving did, instead of what.")
    for start, end, names, expressions in TABLES:
        start, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (start, end))
        for name in names:
            zone = Zone(name, start, end)
            transitions = zone.transitions()
            print(f"\nzone {name} {start:%Y-%m-%d} {end:%Y-%m-%d}")
            for text in expressions:
                expression = Expression(text)
                all_ = fires(expression, zone)
                months = {}
                for utc, _, _ in all_:
                    months[f"{utc:%Y-%m}"] = months.get(f"{utc:%Y-%m}", 0) + 1
                digest = hashlib.sha256("".join(f"{utc:%Y-%m-%dT%H:%MZ}\n" for utc, _, _ in all_).encode()).hexdigest()
                print(f"cron {text}")
                print("months " + " ".join(f"{month}:{count}" for month, count in sorted(months.items())))
                print(f"sha256 {digest}")
                near = timedelta(hours=4) if expression.fixed else timedelta(minutes=75)
                if text == "* * * * *":
                    continue
                for fire in all_:
                    if fire[1] or any(abs(fire[0] - at) <= near for at in transitions):
                        print("fires " + line(fire, zone))


main()
