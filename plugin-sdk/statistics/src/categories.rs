use std::collections::BTreeMap;

/// Rows of each category, compared as bytes: no case folding, no normalising, no trimming.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Categories {
    counts: BTreeMap<String, u64>,
    missing: u64,
}

impl Categories {
    pub fn new() -> Self {
        Self::default()
    }

    /// `None` is missing: counted, and in no category.
    pub fn push(&mut self, category: Option<&str>) {
        match category {
            // Most rows are of a category that is known: no text is copied for those.
            Some(category) => match self.counts.get_mut(category) {
                Some(count) => *count += 1,
                None => {
                    self.counts.insert(category.to_owned(), 1);
                }
            },
            None => self.missing += 1,
        }
    }

    /// Rows that have a category.
    pub fn present(&self) -> u64 {
        self.counts.values().sum()
    }

    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// How many categories there are.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// All categories of both, in order of their bytes, with the rows of each.
    pub fn beside<'a>(&'a self, other: &'a Self) -> Vec<(&'a str, u64, u64)> {
        let mut both: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (category, count) in &self.counts {
            both.entry(category).or_default().0 = *count;
        }
        for (category, count) in &other.counts {
            both.entry(category).or_default().1 = *count;
        }
        both.into_iter().map(|(category, (here, there))| (category, here, there)).collect()
    }

    /// Categories of `current` that this one, the reference, does not have: how many, and how many rows they hold.
    pub fn unseen(&self, current: &Self) -> (usize, u64) {
        let unseen = current.counts.iter().filter(|(category, _)| !self.counts.contains_key(*category));
        unseen.fold((0, 0), |(categories, rows), (_, count)| (categories + 1, rows + count))
    }
}

impl<'a> Extend<Option<&'a str>> for Categories {
    fn extend<T: IntoIterator<Item = Option<&'a str>>>(&mut self, categories: T) {
        for category in categories {
            self.push(category);
        }
    }
}
