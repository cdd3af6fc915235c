"""Who earned it: W1-W12a as one fold over the orders of one customer in one program."""
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from facts import FOREVER
from sale import reports_of

COUNT_KINDS = ('purchase', 'activation', 'addon', 'subscription', 'other')


@dataclass
class Ownership:
    affiliate: str
    begins_at: datetime
    runs_from: datetime
    ends_at: datetime
    length: timedelta
    cause: str


@dataclass
class Order:
    """Lines of one order; they are attributed and numbered together."""
    key: str
    lines: list
    number: int = None        # taken
    would_be: int = None      # what it is or, void or of no amount, would have been
    first_at: datetime = None     # completed_at of the customer's first purchase

    @property
    def live(self):
        return [s for s in self.lines if not s.void]

    @property
    def listed(self):
        return sorted(self.lines, key=lambda s: (s.row['line_no'] or 0, s.id))

    @property
    def position(self):
        return min((s.completed_at, s.id) for s in self.live or self.lines)

    @property
    def ordered_at(self):
        return min(s.ordered_at for s in self.lines)

    @property
    def completed_at(self):
        return self.position[0]

    @property
    def kind(self):
        return self.lines[0].kind

    @property
    def account(self):
        return self.lines[0].row['account_id'] or ''

    @property
    def recorded(self):
        return min(s.first_completed_recorded for s in self.lines)


@dataclass
class Decision:
    affiliate: str = None
    method: str = None
    ownership: Ownership = None
    campaign: str = None
    traffic: str = None
    coupon: str = None
    touched_at: datetime = None
    moves: bool = False
    waiting: bool = False
    order: Order = None
    referred_at: datetime = None


@dataclass
class Touch:
    """A candidate that is inside its window and eligible, or one that stops everything (self)."""
    affiliate: str
    method: str
    at: datetime
    campaign: str = None
    traffic: str = None
    coupon: str = None
    is_self: bool = False
    ownership: Ownership = None


@dataclass
class Fold:
    """The case file of one customer and program."""
    world: object
    book: object
    now: datetime
    customer: str
    program_id: str
    sales: list                  # completed sales, not test
    all_sales: dict              # every sale of the customer by id, for references
    pins: dict                   # order key -> (affiliate, number)
    hit: object
    condition_holds: object      # (fold, order, decision) -> some rule's condition holds
    ownerships: dict = field(default_factory=dict)
    decisions: dict = field(default_factory=dict)
    orders: list = field(default_factory=list)
    moved: set = field(default_factory=set)

    @property
    def program(self):
        return self.world.programs[self.program_id]

    # --- the fold (W10)

    def run(self):
        groups = {}
        for sale in self.sales:
            groups.setdefault(sale.row['order_id'] or sale.id, []).append(sale)
        self.orders = sorted((Order(k, sorted(v, key=lambda s: (s.completed_at, s.id))) for k, v in groups.items()),
                             key=lambda o: o.position)
        self.give_numbers()
        self.bind_registration()
        for order in self.orders:
            decision = self.decide(order)
            self.wait(order, decision)
            if order.key in self.pins:
                pinned = self.pins[order.key][0]
                if pinned != decision.affiliate:
                    self.hit('W10 owner pinned', order.key)
                    decision = Decision(pinned, decision.method, referred_at=decision.referred_at)
                decision.waiting = False
            self.note(order, decision)
            decision.order = order
            self.decisions[order.key] = decision
            self.learn(order, decision)
        self.move_by_clicks(FOREVER - timedelta(days=400), None)
        return self

    def note(self, order, decision):
        """Counters of what the order is an example of."""
        touched = {t.affiliate for t in self.coupon_touches(order, order.ordered_at) + self.click_touches(order, order.ordered_at)}
        if len(touched | ({decision.affiliate} if decision.affiliate else set())) > 1:
            self.hit('W1 conflict', order.key)
        if decision.method == 'declared':
            self.hit('W2 declared', order.key)
        if order.ordered_at != order.completed_at:
            self.hit('W8 ordered and completed differ', order.key)
        if any(s.reports[0].arrival < order.lines[0].reports[0].arrival and s.completed_at > order.completed_at for s in self.sales):
            self.hit('W10 late sale re-decides', order.key)
        names = [s.inputs['affiliate_id'] for s in order.lines if s.inputs['affiliate_id']]
        codes = [c for s in order.lines for c in s.inputs['coupon_codes'] or []]
        if any(not self.book.coupon(c, self.program_id, order.ordered_at) for c in codes) or any(not self.book.resolve(n, 'shop') for n in names):
            self.hit('W13 unknown name', order.key)

    def is_upgrade(self, order):
        return order.kind == 'upgrade' and self.program['upgrade_counts'] != 'new_purchase'

    def has_amount(self, sale):
        return sale.amount != 0 or self.program['zero_amount_counts']

    def counts(self, order):
        return any(self.has_amount(s) for s in order.live)

    def give_numbers(self):
        """W9: in the order of completion, past the numbers that stated orders hold."""
        taken = {number for order in self.orders if order.key in self.pins and self.counts(order) and not self.is_upgrade(order)
                 for number in [self.pins[order.key][1]] if number}
        first_at, passed = {}, set()
        for order in self.orders:
            if self.is_upgrade(order):
                continue
            if order.key in self.pins and self.pins[order.key][1]:
                order.would_be = self.pins[order.key][1]
            else:  # a void order is told what it would have been, whatever later ones were stated with since
                order.would_be = next(n for n in range(1, 10000) if n not in (taken if self.counts(order) else passed))
            if self.counts(order):
                order.number = order.would_be
                taken.add(order.number)
                passed.add(order.number)
                first_at[order.number] = order.completed_at
                self.hit('W9 number', order.key)
            else:
                self.hit('W9 no number', order.key)
        for order in self.orders:
            order.first_at = first_at.get(1)
            if self.is_upgrade(order):
                original = self.original(order)
                if original not in (None, 'unknown'):
                    for other in self.orders:
                        if original in other.lines:
                            order.number, order.would_be = other.number, other.would_be

    def learn(self, order, decision):
        """What the order changes for decisions later in the fold."""
        if order.kind in ('reset', 'upgrade') or not decision.affiliate or not self.counts(order):
            return
        if self.program['ownership_kind'] == 'per_account':
            self.hit('W7 per account', order.key)
        scope = self.scope(order)
        owned = self.ownerships.setdefault(scope, [])
        latest = owned[-1] if owned else None
        if decision.moves:
            self.hit('W5 coupon moves', order.key)
            self.begin(scope, decision, order.ordered_at, order.ordered_at, order.key)
        elif latest is None:
            if self.program['bind_purchase'] == 'first_attributed' or order.number == 1:
                self.hit('W7 begins', order.key)
                self.begin(scope, decision, order.ordered_at, order.completed_at, order.key)
        elif decision.affiliate == latest.affiliate and latest.begins_at <= order.ordered_at < latest.ends_at:
            if self.program['ownership_kind'] == 'rolling' and self.condition_holds(self, order, decision):
                self.hit('W7 rolling restart', order.key)
                latest.runs_from = max(latest.runs_from, order.completed_at)
                latest.ends_at = self.ends(latest.runs_from, latest.length)
        elif order.ordered_at >= latest.ends_at:
            if self.program['ownership_rebind']:
                self.hit('W7 begins anew', order.key)
                self.begin(scope, decision, order.ordered_at, order.completed_at, order.key)

    def scope(self, order):
        return order.account if self.program['ownership_kind'] == 'per_account' else ''

    def ends(self, start, length):
        if self.program['ownership_kind'] == 'lifetime':
            return FOREVER
        return self.book.end(self.program_id, start, length)

    def begin(self, scope, decision, begins_at, runs_from, cause):
        length = self.book.window('ownership_window', self.program_id, decision.affiliate, begins_at, decision.campaign,
                                  decision.traffic)
        self.ownerships.setdefault(scope, []).append(
            Ownership(decision.affiliate, begins_at, runs_from, self.ends(runs_from, length), length, cause))

    def owner(self, scope, at):
        """The ownership that covers an instant: the last begun one, if it has not ended."""
        begun = [o for o in self.ownerships.get(scope, []) if o.begins_at <= at]
        if begun and at < begun[-1].ends_at:
            return begun[-1]
        return None

    # --- touches

    def customer_reports(self):
        reports = []
        for customer_id, states in self.world.customer.items():
            if self.world.canonical(customer_id) != self.customer or states[-1].row['program_id'] != self.program_id:
                continue
            previous, seen = None, []
            for state in states:
                row = state.row
                if row not in seen:
                    timed = row['last_modified_date'] and (previous is None or row['last_modified_date'] != previous['last_modified_date'])
                    reports.append((row['last_modified_date'] if timed else state.recorded_at, state.recorded_at, row))
                    seen.append(row)
                previous = row
        return sorted(reports, key=lambda r: r[:2])

    def attribute(self, column, at):
        """W11: the latest known value up to an instant, else the earliest later one."""
        known = [(t, row[column]) for t, _, row in self.customer_reports() if row[column] not in (None, '')]
        before = [v for t, v in known if t <= at]
        return before[-1] if before else known[0][1] if known else None

    def is_self(self, affiliate, order):
        """W3: the affiliate is the customer, or pays with the affiliate's means."""
        row = self.world.affiliates[affiliate]
        ids = {c for c in list(self.world.customer_aliases) + [self.customer] if self.world.canonical(c) == self.customer}
        prints = {s.inputs['payment_fingerprint'] for s in order.lines} if order else set()
        prints.add(self.attribute('payment_fingerprint', order.completed_at if order else FOREVER))
        return bool(ids & set(row['own_customer_ids']) or (prints - {None}) & set(row['payment_fingerprints']))

    def eligible(self, affiliate, touched_at, at, owned_since=None):
        return (affiliate in self.world.affiliates
                and (owned_since is not None or self.book.may_earn(affiliate, self.program_id, touched_at))
                and self.book.may_earn(affiliate, self.program_id, at, owned_since))

    def all_clicks(self, order):
        """Clicks of this customer: named by a fact of the customer, stitched by visitor, or naming the customer."""
        names = {s.inputs['click_id'] for s in self.all_sales.values()}
        names.add(self.attribute('click_id', order.completed_at if order else FOREVER))
        visitors = {v for v, c in self.world.stitches if self.world.canonical(c) == self.customer}
        found = []
        for click in self.world.clicks.values():
            mine = click['customer_id'] and self.world.canonical(click['customer_id']) == self.customer
            if (click['click_id'] in names or click['visitor_id'] in visitors or mine) and click['program_id'] == self.program_id:
                found.append(click)
        return sorted(found, key=lambda c: (c['clicked_at'], c['click_id']))

    def source_of(self, click):
        """(affiliate, campaign, traffic source) a click speaks for."""
        link = self.world.links.get(click['link_id'])
        if link:
            return link['affiliate'], link['campaign'], link['traffic']
        return click['affiliate_id'], click['campaign_id'], None

    def seen_clicks(self, order, at):
        """W12: clicked up to the order and recorded within late_grace of its first completed report."""
        clicks = [c for c in self.all_clicks(order) if c['clicked_at'] <= at]
        if order is None:
            return clicks
        for click in clicks:
            if click['recorded_at'] > order.recorded + self.program['late_grace']:
                self.hit('W12 click too late', order.key)
        return [c for c in clicks if c['recorded_at'] <= order.recorded + self.program['late_grace']]

    def click_touches(self, order, at, phantom=None):
        """Eligible clicks whose click window holds that instant, best first."""
        touches = []
        for click in self.seen_clicks(order, at) + ([phantom] if phantom else []):
            affiliate, campaign, traffic = self.source_of(click)
            if not self.eligible(affiliate, click['clicked_at'], at):
                self.hit('W3 ineligible click', click['click_id'])
                continue
            window = self.book.window('click_window', self.program_id, affiliate, at, campaign, traffic)
            if self.book.inside(self.program_id, click['clicked_at'], window, at):
                touches.append(Touch(affiliate, 'click', click['clicked_at'], campaign, traffic,
                                     is_self=self.is_self(affiliate, order)))
            else:
                self.hit('W6 click window expired', (click['click_id'], order.key if order else ''))
        if self.program['click_choice'] == 'last':
            touches.reverse()
        return touches

    def coupon_touches(self, order, at):
        touches = []
        for sale in order.listed:
            for code in sale.inputs['coupon_codes'] or []:
                row = self.book.coupon(code, self.program_id, at)
                if row and row['affiliate'] and self.eligible(row['affiliate'], at, at):
                    touches.append(Touch(row['affiliate'], 'coupon', at, row['campaign'], None, row['code'],
                                         self.is_self(row['affiliate'], order)))
                else:
                    self.hit('W3 no coupon candidate', (order.key, code))
        return touches

    def lead_touches(self, order, at):
        """W6: a registration inside a click window opens a lead."""
        signup = self.attribute('signup_date', order.completed_at)
        if signup is None or signup > at:
            return []
        touches = []
        for click in self.seen_clicks(order, signup):
            affiliate, campaign, traffic = self.source_of(click)
            if affiliate not in self.world.affiliates:
                continue
            window = self.book.window('click_window', self.program_id, affiliate, signup, campaign, traffic)
            lead = self.book.window('lead_window', self.program_id, affiliate, at, campaign, traffic)
            if (self.book.inside(self.program_id, click['clicked_at'], window, signup) and lead > timedelta(0)
                    and self.book.inside(self.program_id, signup, lead, at)
                    and self.eligible(affiliate, click['clicked_at'], at)):
                touches.append(Touch(affiliate, 'lead', signup, campaign, traffic, is_self=self.is_self(affiliate, order)))
        if self.program['click_choice'] == 'last':
            touches.reverse()
        return touches

    def declared_on_customer(self, order):
        """W2: the newest declaration up to the binding instant, else the earliest later one."""
        said = [(t, row) for t, _, row in self.customer_reports() if row['affiliate_id']]
        if not said:
            return None
        signup = self.attribute('signup_date', order.completed_at if order else FOREVER)
        if signup is None:
            return None
        first = [o.completed_at for o in self.orders if o.number]
        binding = signup if self.program['bind_at'] == 'registration' else first[0] if first else FOREVER
        before = [row for t, row in said if t <= binding]
        row = before[-1] if before else said[0][1]
        affiliate = self.book.resolve(row['affiliate_id'], row['source'])
        self.hit('W2 declared on the customer', self.customer)
        return (affiliate, signup) if affiliate else None

    def declared_touches(self, order, at):
        touches = []
        for sale in order.listed:
            name = sale.inputs['affiliate_id']
            affiliate = self.book.resolve(name, sale.row['source']) if name else None
            if affiliate and self.eligible(affiliate, at, at):
                campaign = sale.inputs['campaign_id']
                touches.append(Touch(affiliate, 'declared', at, campaign, None, is_self=self.is_self(affiliate, order)))
        said = self.declared_on_customer(order)
        if said and order.would_be == 1:
            affiliate, signup = said
            window = self.book.window('lead_window', self.program_id, affiliate, at)
            if (window > timedelta(0) and self.book.inside(self.program_id, signup, window, at)
                    and self.eligible(affiliate, signup, at)):
                touches.append(Touch(affiliate, 'declared', signup, is_self=self.is_self(affiliate, order)))
        return touches

    # --- decisions

    def decide(self, order, phantom=None):
        at = order.ordered_at
        if not phantom:
            self.move_by_clicks(at, order)
        override = self.override(order)
        if order.kind in ('reset', 'upgrade'):
            return self.decide_by_original(order, override, phantom)
        return self.decide_by_touches(order, override, at, phantom)

    def decide_by_touches(self, order, override, at, phantom):
        for method in self.program['precedence']:
            if method == 'override' and self.stands(override, at):
                return self.win(order, Touch(override['affiliate'], 'override', at), at, phantom)
            if method == 'ownership':
                owned = self.owner(self.scope(order), at)
                if owned and self.eligible(owned.affiliate, owned.begins_at, at, owned.begins_at):
                    return self.decide_owned(order, owned, at, phantom)
                if owned:
                    self.hit('W3 owner ineligible', order.key)
            touches = {'coupon': lambda: self.coupon_touches(order, at),
                       'click': lambda: self.click_touches(order, at, phantom),
                       'lead': lambda: self.lead_touches(order, at) if order.would_be == 1 else [],
                       'declared': lambda: self.declared_touches(order, at)}.get(method, lambda: [])()
            if touches:
                return self.win(order, touches[0], at, phantom)
        if not phantom:
            self.hit('W4 none', order.key)
        return Decision(referred_at=at)

    def decide_owned(self, order, owned, at, phantom):
        """W5: later touches of another affiliate."""
        coupons = self.coupon_touches(order, at)
        if coupons and coupons[0].affiliate != owned.affiliate:
            touch, policy = coupons[0], self.program['later_coupon']
        else:
            clicks = self.click_touches(order, at, phantom)[:1]
            later = [t for t in clicks if t.affiliate != owned.affiliate and t.at > owned.begins_at]
            touch, policy = (later[0] if later else None), self.program['later_click']
            if touch and policy == 'move':
                policy = 'this_order' if phantom and touch.at == phantom['clicked_at'] else 'keep'
        if touch and not phantom:
            self.hit('W5 later %s %s' % (touch.method, policy), order.key)
        if not touch or policy == 'keep':
            return self.win(order, Touch(owned.affiliate, 'ownership', owned.begins_at, ownership=owned), at, phantom)
        if policy == 'nobody':
            return Decision(referred_at=at)
        decision = self.win(order, touch, at, phantom)
        decision.moves = policy == 'move' and decision.affiliate is not None
        if decision.moves:
            decision.referred_at = at
        return decision

    def win(self, order, touch, at, phantom=None):
        if not phantom:
            self.hit('W4 ' + touch.method, order.key)
            if touch.method == 'override':
                self.hit('W14 reassigned', order.key)
        if touch.affiliate and touch.method != 'override' and (touch.is_self or self.is_self(touch.affiliate, order)):
            if not phantom:
                self.hit('W3 self-referral', order.key)
            return Decision(referred_at=at)
        return Decision(touch.affiliate, touch.method, touch.ownership, touch.campaign, touch.traffic, touch.coupon,
                        touch.at, referred_at=self.referred_at(order, touch))

    def referred_at(self, order, touch):
        """W11: when the customer was referred, for plans that change for new customers only."""
        owned = touch.ownership or self.owner(self.scope(order), order.ordered_at)
        return owned.begins_at if owned else order.ordered_at

    def override(self, order):
        fits = [o for o in self.world.overrides if o['program'] == self.program_id
                and self.world.canonical(o['customer']) == self.customer
                and (o['transaction'] is None or o['transaction'] in [s.id for s in order.lines])
                and o['valid_from'] <= order.ordered_at < o['valid_until']]
        return fits[-1] if fits else None

    def override_of_registration(self, signup):
        """W14: of those of all the customer does, the newest that was in force at the signup."""
        fits = [o for o in self.world.overrides if o['program'] == self.program_id and o['transaction'] is None
                and self.world.canonical(o['customer']) == self.customer and o['valid_from'] <= signup < o['valid_until']]
        return fits[-1] if fits else None

    def stands(self, override, at):
        """An override is a candidate like others: its affiliate must be eligible; nobody always is."""
        return override is not None and (override['affiliate'] is None or self.eligible(override['affiliate'], at, at))

    def wait(self, order, decision):
        """W12: wait for an unknown click only where it could change the decision."""
        unknown = [s for s in order.lines if s.inputs['click_id'] and s.inputs['click_id'] not in self.world.clicks]
        if decision.waiting or not unknown or self.now > order.recorded + self.program['late_grace']:
            return
        for affiliate in self.world.affiliates:
            phantom = {'click_id': unknown[0].inputs['click_id'], 'clicked_at': order.ordered_at, 'link_id': None,
                       'affiliate_id': affiliate, 'campaign_id': None}
            other = self.decide(order, phantom)
            if other.affiliate != decision.affiliate:
                decision.waiting = True
                self.hit('W12 waits for a click', order.key)
                return

    # --- resets and upgrades (W12a)

    def original(self, order):
        """The sale a reset or upgrade belongs to; None without a reference; 'unknown' while it is not there."""
        row = order.lines[0].row
        if row['original_transaction_id']:
            return self.all_sales.get(row['original_transaction_id'], 'unknown')
        accounts = {row['original_account_id']}
        if not row['original_account_id'] and row['original_challenge_id']:
            accounts = {a for (_, a), r in self.world.accounts.items() if r['challenge_id'] == row['original_challenge_id']}
        elif not row['original_account_id']:
            return None
        found = [s for s in self.all_sales.values() if s.row['account_id'] in accounts and s.id != order.lines[0].id]
        return min(found, key=lambda s: (s.completed_at is None, s.kind in ('reset', 'upgrade'), s.completed_at or FOREVER, s.id),
                   default='unknown')

    def decide_by_original(self, order, override, phantom):
        at, original = order.ordered_at, self.original(order)
        if self.stands(override, at):
            return self.win(order, Touch(override['affiliate'], 'override', at), at, phantom)
        if original == 'unknown':
            if self.now <= order.recorded + self.program['late_grace']:
                self.hit('W12a waits for the original', order.key)
                return Decision(waiting=True, referred_at=at)
            self.hit('W12a decided like a sale', order.key)
            return self.decide_by_touches(order, override, at, phantom)
        if original is None:
            self.hit('W12a by ownership', order.key)
            owned = self.owner(self.scope(order), at)
            if owned and self.eligible(owned.affiliate, owned.begins_at, at, owned.begins_at):
                return self.win(order, Touch(owned.affiliate, 'ownership', owned.begins_at, ownership=owned), at, phantom)
            return Decision(referred_at=at)
        self.hit('W12a by original', order.key)
        first = next((d for d in self.decisions.values() if original in d.order.lines), None)
        if original.void or first is None or first.waiting or not first.affiliate:
            return Decision(referred_at=at)
        if not self.eligible(first.affiliate, original.ordered_at, at, original.ordered_at) or not self.original_covers(first, original, at):
            self.hit('W12a original no longer covers', order.key)
            return Decision(referred_at=at)
        decision = self.win(order, Touch(first.affiliate, 'ownership', original.ordered_at), at, phantom)
        decision.referred_at = original.ordered_at
        return decision

    def original_covers(self, first, original, at):
        """Like an ownership of its affiliate begun at the original's ordered_at: until then it must last (W3)."""
        if self.program['ownership_kind'] == 'lifetime':
            return True
        length = self.book.window('ownership_window', self.program_id, first.affiliate, original.ordered_at, first.campaign, first.traffic)
        begun = [o for o in self.ownerships.get(self.scope(first.order), []) if o.affiliate == first.affiliate
                 and o.begins_at <= original.ordered_at]
        if begun and original.ordered_at < begun[-1].ends_at and self.program['ownership_kind'] == 'rolling':
            return at < max(begun[-1].ends_at, self.ends(original.completed_at, length))
        return at < self.ends(original.completed_at, length)

    # --- ownership by registration and by clicks

    def bind_registration(self):
        """W7: with a touch, ownership begins at the registration."""
        if self.program['bind_at'] != 'registration' or self.program['ownership_kind'] == 'per_account':
            return
        signup = self.attribute('signup_date', FOREVER)
        if signup is None:
            return
        override = self.override_of_registration(signup)
        if self.stands(override, signup):
            if override['affiliate'] and not self.is_self(override['affiliate'], None):
                self.hit('W14 registration reassigned', self.customer)
                self.begin('', Decision(override['affiliate']), signup, signup, 'registration')
            return
        recorded = min(r[1] for r in self.customer_reports())
        for click in reversed(self.all_clicks(None)) if self.program['click_choice'] == 'last' else self.all_clicks(None):
            affiliate, campaign, traffic = self.source_of(click)
            if affiliate not in self.world.affiliates or click['clicked_at'] > signup:
                continue
            window = self.book.window('click_window', self.program_id, affiliate, signup, campaign, traffic)
            if (click['recorded_at'] <= recorded + self.program['late_grace'] and not self.is_self(affiliate, None)
                    and self.book.inside(self.program_id, click['clicked_at'], window, signup)
                    and self.eligible(affiliate, click['clicked_at'], signup)):
                self.hit('W7 begins at registration', self.customer)
                self.begin('', Decision(affiliate, campaign=campaign, traffic=traffic), signup, signup, 'registration')
                return
        said = self.declared_on_customer(None)
        if said and 'declared' in self.program['precedence'] and self.eligible(said[0], signup, signup) and not self.is_self(said[0], None):
            self.hit('W7 begins at registration', self.customer)
            self.begin('', Decision(said[0]), signup, signup, 'registration')

    def move_by_clicks(self, at, order):
        """W5 move: a click moves the ownership at the touch, purchase or not."""
        if self.program['later_click'] != 'move':
            return
        for click in self.seen_clicks(order, at):
            affiliate, campaign, traffic = self.source_of(click)
            for scope in list(self.ownerships):
                if (scope, click['click_id']) in self.moved:
                    continue
                owned = self.owner(scope, click['clicked_at'])
                if (owned and owned is self.ownerships[scope][-1] and owned.affiliate != affiliate
                        and click['clicked_at'] > owned.begins_at
                        and self.eligible(affiliate, click['clicked_at'], click['clicked_at'])
                        and not self.is_self(affiliate, None)):
                    self.moved.add((scope, click['click_id']))
                    self.hit('W5 click moves', click['click_id'])
                    self.begin(scope, Decision(affiliate, campaign=campaign, traffic=traffic), click['clicked_at'],
                               click['clicked_at'], 'click ' + click['click_id'])
