//! One provider's books, read with the tariff in hand: what was used and what it costs, bucket by bucket.

use super::{
    amount::Amount,
    books::{Books, Entry, Line, Tally},
    tariff::{Cost, Tariff, Unit},
};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// A day, in seconds.
pub(crate) const DAY: i64 = 86_400;

/// What a line costs of one unit.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    pub line: Arc<Line>,
    pub unit: Unit,
    /// Flicks for audio.
    pub quantity: u64,
    /// Where the provider counts in credits.
    pub credits: Option<Amount>,
    /// Dollars, the discount taken off.
    pub usd: Amount,
    /// Dollars before the discount.
    pub list: Amount,
}

/// A provider's books with the tariff.
pub(crate) struct Accounts<'a> {
    pub provider: &'static str,
    pub books: &'a Books,
    pub tariff: &'a Tariff,
    /// The time of the question.
    pub now: DateTime<Utc>,
}

impl Accounts<'_> {
    /// The second in which a day begins where the provider cuts its days.
    pub(crate) fn start_of(&self, day: NaiveDate) -> i64 {
        day.and_time(NaiveTime::MIN).and_utc().timestamp() - self.shift()
    }

    /// The day of a second, where the provider cuts its days.
    pub(crate) fn day_of(&self, second: i64) -> NaiveDate {
        DateTime::from_timestamp(second + self.shift(), 0).unwrap_or_default().date_naive()
    }

    fn shift(&self) -> i64 {
        i64::from(self.tariff.offset().local_minus_utc())
    }

    /// The seconds of whole days, both of them included.
    pub(crate) fn days(&self, first: NaiveDate, last: NaiveDate) -> Range<i64> {
        self.start_of(first)..self.start_of(last + Days::new(1))
    }

    /// The buckets of so many seconds that a range touches, cut where the provider cuts its days.
    pub(crate) fn buckets(&self, range: &Range<i64>, width: i64) -> impl Iterator<Item = Range<i64>> + use<> {
        let width = width.max(60);
        let first = (range.start + self.shift()).div_euclid(width) * width - self.shift();
        let end = range.end;
        (0..)
            .map(move |place| first + place * width)
            .take_while(move |start| *start < end)
            .map(move |start| start..start + width)
    }

    /// What each line used in a range of seconds, taken by whole minutes.
    pub(crate) fn sums(&self, range: &Range<i64>) -> BTreeMap<Arc<Line>, Tally> {
        self.books.sums(self.provider, range.start.div_euclid(60)..range.end.div_euclid(60))
    }

    /// What each line costs in a range of seconds, every day at its own prices.
    pub(crate) fn charges(&self, range: &Range<i64>) -> Result<Vec<Charge>, String> {
        let mut sums: BTreeMap<(Arc<Line>, Unit), Charge> = BTreeMap::new();
        for day in self.buckets(range, DAY) {
            let part = day.start.max(range.start)..day.end.min(range.end);
            for (line, tally) in self.sums(&part) {
                for cost in self.tariff.costs(&line, tally.counts, self.day_of(day.start))? {
                    let key = (Arc::clone(&line), cost.unit);
                    sums.entry(key).or_insert_with(|| nothing(&line, cost)).add(cost);
                }
            }
        }
        Ok(sums.into_values().collect())
    }

    /// What one request costs.
    pub(crate) fn cost_of(&self, entry: &Entry) -> Result<Amount, String> {
        let day = self.day_of(entry.started.timestamp());
        let mut usd = Amount::default();
        for cost in self.tariff.costs(&entry.line, entry.counts, day)? {
            usd += cost.usd;
        }
        Ok(usd)
    }

    /// The provider's single requests that are on its bill and began in a range of seconds.
    pub(crate) fn entries(&self, range: Range<i64>) -> impl Iterator<Item = &Entry> {
        self.books.entries().filter(move |entry| {
            entry.line.provider == self.provider
                && !entry.is_refused()
                && range.contains(&entry.started.timestamp())
        })
    }

    /// The first and the last day of the provider's books; today when they are empty.
    pub(crate) fn span(&self) -> (NaiveDate, NaiveDate) {
        let today = self.day_of(self.now.timestamp());
        self.books
            .span(self.provider)
            .map_or((today, today), |(first, last)| (self.day_of(first * 60), self.day_of(last * 60)))
    }
}

fn nothing(line: &Arc<Line>, cost: Cost) -> Charge {
    Charge {
        line: Arc::clone(line),
        unit: cost.unit,
        quantity: 0,
        credits: cost.credits.map(|_| Amount::default()),
        usd: Amount::default(),
        list: Amount::default(),
    }
}

impl Charge {
    fn add(&mut self, cost: Cost) {
        self.quantity += cost.quantity;
        if let (Some(sum), Some(credits)) = (self.credits.as_mut(), cost.credits) {
            *sum += credits;
        }
        self.usd += cost.usd;
        self.list += cost.list;
    }
}

/// A second of UTC, in the way RFC 3339 writes it with `Z`.
pub(crate) fn zulu(second: i64) -> String {
    let time = DateTime::from_timestamp(second, 0).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Sums what has the same key.
pub(crate) fn grouped<K: Ord, T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> BTreeMap<K, Vec<T>> {
    let mut groups: BTreeMap<K, Vec<T>> = BTreeMap::new();
    for item in items {
        groups.entry(key(&item)).or_default().push(item);
    }
    groups
}

/// The sum of tallies.
pub(crate) fn total<'t>(tallies: impl IntoIterator<Item = &'t Tally>) -> Tally {
    let mut total = Tally::default();
    for tally in tallies {
        total.requests += tally.requests;
        total.counts += tally.counts;
    }
    total
}
