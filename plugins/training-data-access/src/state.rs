//! The form of a [`Baseline`] in the state of a control: whole numbers of as many bytes as they need.

use crate::{
    baseline::{Baseline, DAYS_MAX, Past, unit_tag},
    config::Config,
    event::Target,
    postgres::Waiting,
    tally::Key,
};

/// The bytes, and how many principals had no room in them. Those who have not read for longest go first.
pub(crate) fn bytes_of(baseline: &Baseline, config: &Config) -> (Vec<u8>, usize) {
    let mut tail = Vec::new();
    put_number(&mut tail, baseline.waiting.len() as u64);
    for waiting in &baseline.waiting {
        put_text(&mut tail, &waiting.session);
        put_text(&mut tail, &waiting.principal);
        put_signed(&mut tail, waiting.since_ms);
    }
    put_number(&mut tail, baseline.judged.len() as u64);
    for hash in &baseline.judged {
        tail.extend_from_slice(&hash.to_le_bytes());
    }

    let mut order: Vec<_> = baseline.principals.iter().collect();
    order.sort_by_key(|(key, past)| (-past.last, (*key).clone()));
    let room = BYTES_MAX.saturating_sub(tail.len() + HEAD_BYTES_MAX);
    let (mut body, mut kept) = (Vec::new(), 0);
    for (key, past) in &order {
        let mut record = Vec::new();
        put_past(&mut record, key, past, config);
        if body.len() + record.len() > room {
            break;
        }
        body.append(&mut record);
        kept += 1;
    }

    let mut bytes = vec![VERSION];
    put_number(&mut bytes, unit_tag(config.amount));
    put_signed(&mut bytes, baseline.counted_until_ms);
    put_signed(&mut bytes, baseline.since);
    put_signed(&mut bytes, baseline.today);
    put_number(&mut bytes, kept as u64);
    bytes.append(&mut body);
    bytes.append(&mut tail);
    (bytes, order.len() - kept)
}

/// `None` when these are no bytes of this form, or were counted in another unit: then everything begins anew.
pub(crate) fn baseline_of(bytes: &[u8], config: &Config) -> Option<Baseline> {
    let mut rest = Rest(bytes.strip_prefix(&[VERSION])?);
    if rest.number()? != unit_tag(config.amount) {
        return None;
    }
    let mut baseline = Baseline {
        counted_until_ms: rest.signed()?,
        since: rest.signed()?,
        today: rest.signed()?,
        ..Baseline::default()
    };
    for _ in 0..rest.number()? {
        let (principal, target) = (rest.text()?, rest.text()?);
        let past = rest.past()?;
        // A dataset that the configuration has no more is forgotten.
        if let Some(target) = Target::of_name(config, &target) {
            baseline.principals.insert(Key { principal, target }, past);
        }
    }
    for _ in 0..rest.number()? {
        baseline.waiting.push(Waiting { session: rest.text()?, principal: rest.text()?, since_ms: rest.signed()? });
    }
    for _ in 0..rest.number()? {
        baseline.judged.push(u64::from_le_bytes(rest.take(8)?.try_into().ok()?));
    }
    rest.0.is_empty().then_some(baseline)
}

fn put_past(bytes: &mut Vec<u8>, key: &Key, past: &Past, config: &Config) {
    put_text(bytes, &key.principal);
    put_text(bytes, key.target.name(config));
    put_signed(bytes, past.last);
    put_number(bytes, past.today);
    put_number(bytes, past.days.len() as u64);
    for day in &past.days {
        put_number(bytes, *day);
    }
}

/// Seven bits a byte, the least first; the eighth says that more follow.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
}

/// Small numbers of either sign are small.
fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put_number(bytes, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// What was not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn past(&mut self) -> Option<Past> {
        let (last, today, count) = (self.signed()?, self.number()?, self.number()?);
        let days = (0..count).map(|_| self.number()).collect::<Option<Vec<_>>>()?;
        (days.len() <= DAYS_MAX).then_some(Past { days, today, last })
    }
}

const VERSION: u8 = 1;

/// A control's state is 64 KiB; some of it is left for the names of keys.
const BYTES_MAX: usize = 60 << 10;

/// Version, unit, three times and a count.
const HEAD_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    fn config() -> Config {
        let dataset = |name: &str| serde_json::json!({ "name": name, "objects": ["*"], "allow": [] });
        serde_json::from_value(serde_json::json!({ "format": "pgaudit-csv", "datasets": [dataset("a"), dataset("b")] }))
            .unwrap()
    }

    fn pasts() -> impl Strategy<Value = BTreeMap<Key, Past>> {
        let target =
            prop_oneof![Just(Target::Dataset(0)), Just(Target::Dataset(1)), Just(Target::Audit), Just(Target::Unnamed)];
        let key = ("[a-zé:/]{0,30}", target).prop_map(|(principal, target)| Key { principal, target });
        let past = (proptest::collection::vec(any::<u64>(), 0..=DAYS_MAX), any::<u64>(), any::<i32>());
        let past = past.prop_map(|(days, today, last)| Past { days, today, last: i64::from(last) });
        proptest::collection::btree_map(key, past, 0..20)
    }

    proptest! {
        #[test]
        fn a_baseline_comes_back_as_it_was(
            principals in pasts(), counted_until_ms in any::<i64>(), since in any::<i64>(), judged in proptest::collection::vec(any::<u64>(), 0..9)
        ) {
            let waiting = vec![Waiting { session: "6b09.1".to_owned(), principal: "postgres".to_owned(), since_ms: counted_until_ms }];
            let baseline = Baseline { counted_until_ms, since, today: since / 2, principals, waiting, judged };
            let (bytes, dropped) = bytes_of(&baseline, &config());
            prop_assert_eq!(dropped, 0);
            prop_assert_eq!(baseline_of(&bytes, &config()), Some(baseline));
        }

        #[test]
        fn any_bytes_are_a_baseline_or_none(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = baseline_of(&bytes, &config());
            bytes.insert(0, VERSION);
            let _ = baseline_of(&bytes, &config());
        }
    }

    #[test]
    fn who_has_not_read_for_longest_has_no_room() {
        let mut baseline = Baseline::default();
        for number in 0..2_000i64 {
            let key = Key {
                principal: format!("arn:aws:iam::123456789012:role/research-{number:04}"),
                target: Target::Dataset(0),
            };
            baseline.principals.insert(key, Past { days: vec![1_000_000; DAYS_MAX], today: 5, last: number });
        }
        let (bytes, dropped) = bytes_of(&baseline, &config());
        assert!(bytes.len() <= 60 << 10 && dropped > 0, "{} bytes, {dropped} dropped", bytes.len());
        let kept = baseline_of(&bytes, &config()).unwrap();
        assert_eq!(kept.principals.len() + dropped, 2_000);
        assert!(kept.principals.values().all(|past| past.last >= dropped as i64));
    }

    #[test]
    fn another_unit_or_version_begins_anew() {
        let (mut bytes, _) = bytes_of(&Baseline::default(), &config());
        let mut other = config();
        other.amount = crate::config::Amount::Reads;
        assert_eq!(baseline_of(&bytes, &other), None);
        bytes[0] = VERSION + 1;
        assert_eq!(baseline_of(&bytes, &config()), None);
    }
}
