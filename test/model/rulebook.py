"""Questions to the rulebook: who was what when, which window is how long, what a rule sees."""
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from facts import FOREVER, NEVER_BEGAN

UTC = ZoneInfo('UTC')


class Rulebook:
    def __init__(self, world):
        self.world = world

    # --- affiliates (W3)

    def status(self, affiliate, at):
        rows = [s for s in self.world.statuses if s['affiliate'] == affiliate and s['valid_from'] <= at]
        if not rows:
            return self.world.affiliates[affiliate]['initial_status']
        return max(rows, key=lambda s: s['valid_from'])['status']

    def terminated_at(self, affiliate, at):
        """When the termination began that is in force at that instant."""
        rows = sorted((s for s in self.world.statuses if s['affiliate'] == affiliate and s['valid_from'] <= at),
                      key=lambda s: s['valid_from'])
        since = NEVER_BEGAN
        for n, row in enumerate(rows):
            if row['status'] == 'terminated' and (n == 0 or rows[n - 1]['status'] != 'terminated'):
                since = row['valid_from']
        return since

    def may_earn(self, affiliate, program_id, at, owned_since=None):
        """W3: active and suspended earn; terminated only by older ownership inside the agreement's tail."""
        if affiliate not in self.world.affiliates:
            return False
        status = self.status(affiliate, at)
        if status in ('active', 'suspended'):
            return True
        if status == 'terminated' and owned_since is not None:
            ended = self.terminated_at(affiliate, at)
            agreement = self.agreement(affiliate, program_id, at)
            tail = agreement['termination_tail'] if agreement else timedelta(0)
            return owned_since < ended and self.inside(program_id, ended, tail, at)
        return False

    def resolve(self, name, source=None):
        """A declared affiliate id: the affiliate itself or an alias of that source."""
        if name in self.world.affiliates:
            return name
        return self.world.aliases.get((source, name), {}).get('affiliate') if source else None

    def uplines(self, affiliate, at):
        """[(level, upline)]: the chain of direct parents in force at that instant."""
        chain, current = [], affiliate
        while True:
            parents = [u['upline'] for u in self.world.uplines
                       if u['affiliate'] == current and u['valid_from'] <= at < u['valid_until']]
            if not parents or len(chain) >= 20:
                return chain
            current = parents[0]
            chain.append((len(chain) + 1, current))

    # --- windows (W6)

    def end(self, program_id, start, length):
        """The first instant outside a window."""
        if length is None or start >= FOREVER - timedelta(days=2) - length:
            return FOREVER
        end = start + length
        program = self.world.programs[program_id]
        if program['window_end'] == 'end_of_day':
            zone = ZoneInfo(program['time_zone'])
            local = end.replace(tzinfo=UTC).astimezone(zone)
            day = datetime(local.year, local.month, local.day) + timedelta(days=1)
            end = day.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        if program['window_end'] == 'instant_inclusive':
            end += timedelta(microseconds=1)
        return end

    def inside(self, program_id, start, length, at):
        return start <= at < self.end(program_id, start, length)

    def window(self, kind, program_id, affiliate, at, campaign=None, traffic=None):
        """The most specific of agreement, campaign, traffic source, program."""
        agreement = self.agreement(affiliate, program_id, at)
        for row in (agreement, self.world.campaigns.get((program_id, campaign)), self.world.traffic.get((program_id, traffic))):
            if row and row.get(kind) is not None:
                return row[kind]
        return self.world.programs[program_id][kind]

    # --- agreements, plans, rules

    def agreement(self, affiliate, program_id, at):
        group = self.world.affiliates.get(affiliate, {}).get('affiliate_group')
        fits = [a for a in self.world.agreements if a['program'] == program_id and a['valid_from'] <= at < a['valid_until']]
        own = [a for a in fits if a['affiliate'] == affiliate and affiliate is not None]
        grouped = [a for a in fits if group is not None and a['affiliate_group'] == group]
        return (own or grouped or [None])[0]

    def plan(self, affiliate, program_id, at):
        """(plan_id, version) in force."""
        agreement = self.agreement(affiliate, program_id, at)
        plan_id = agreement['plan_id'] if agreement else self.world.programs[program_id]['default_plan_id']
        versions = [p for p in self.world.plans
                    if p['program'] == program_id and p['plan_id'] == plan_id and p['valid_from'] <= at]
        if not versions:
            return None
        best = max(versions, key=lambda p: p['valid_from'])
        return best['plan_id'], best['version']

    def rules(self, affiliate, program_id, at, beneficiary, level):
        plan = self.plan(affiliate, program_id, at)
        rows = [r for r in self.world.rules if plan and r['program'] == program_id and (r['plan_id'], r['version']) == plan
                and r['beneficiary'] == beneficiary and r['level'] == level]
        return sorted(rows, key=lambda r: r['sequence_no'])

    def rate(self, currency, program_id, at):
        target = self.world.programs[program_id]['currency']
        if currency == target:
            return Fraction(1)
        rows = [f for f in self.world.fx if (f['from'], f['to']) == (currency, target) and f['valid_from'] <= at]
        return Fraction(max(rows, key=lambda f: f['valid_from'])['rate']) if rows else None

    def coupon(self, code, program_id, at):
        name = code.strip(' ').upper()
        rows = [c for c in self.world.coupons if c['program'] == program_id and c['code'].strip(' ').upper() == name
                and c['valid_from'] <= at < c['valid_until']]
        return rows[0] if rows else None

    def month(self, program_id, at):
        """The calendar month of an instant in the program's zone."""
        zone = ZoneInfo(self.world.programs[program_id]['time_zone'])
        local = at.replace(tzinfo=UTC).astimezone(zone)
        return local.year, local.month


def rounded(value, rule, exponent):
    """A Fraction rounded as the rule says."""
    scale = exponent if rule['scale'] is None else rule['scale']
    shifted = value * 10 ** scale
    floor = shifted.numerator // shifted.denominator
    rest = shifted - floor
    half = Fraction(1, 2)
    mode = rule['rounding']
    if mode == 'up':
        up = rest > 0
    elif mode == 'down':
        up = False
    elif mode == 'half_even':
        up = rest > half or rest == half and floor % 2 == 1
    else:
        up = rest >= half
    return Fraction(floor + (1 if up else 0), 10 ** scale)


def as_decimal(fraction):
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)
