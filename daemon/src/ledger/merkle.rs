//! The Merkle tree of RFC 6962, section 2.1: leaves `SHA-256(0x00 ‖ entry)`, nodes `SHA-256(0x01 ‖ left ‖ right)`.

use sha2::{Digest as _, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

pub(super) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// The root of no entries.
pub(super) fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root of all of `hashes`, each the root of a full tree of one and the same size.
pub(super) fn root_of(hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for hash in hashes {
        frontier.push(*hash);
    }
    frontier.root()
}

/// The roots of the full subtrees that a log of some size consists of, the largest first: one for each bit that
/// is set in the size. It is all that is needed to append.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// `None`, if the number of hashes does not fit the size.
    pub(super) fn from_parts(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (size.count_ones() as usize == hashes.len()).then_some(Self { size, hashes })
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    pub(super) fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.hashes.pop().expect("each set bit of the size has its hash");
            hash = node_hash(&left, &hash);
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    pub(super) fn root(&self) -> Hash {
        let mut from_right = self.hashes.iter().rev();
        match from_right.next() {
            None => empty_root(),
            Some(last) => from_right.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// Where the roots of full subtrees come from.
pub(super) trait Nodes {
    type Error;

    /// The root of the full subtree over leaves `index << level .. (index + 1) << level`.
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// MTH(D[from..to]) for a range that RFC 6962 splits off: `from` is a multiple of the largest power of two that
/// is not above the length.
pub(super) fn range_root<N: Nodes>(nodes: &mut N, from: u64, to: u64) -> Result<Hash, N::Error> {
    let length = to - from;
    if length == 0 {
        return Ok(empty_root());
    }
    if length.is_power_of_two() && from.is_multiple_of(length) {
        let level = length.trailing_zeros();
        return nodes.node(level, from >> level);
    }
    let middle = from + split(length);
    let left = range_root(nodes, from, middle)?;
    let right = range_root(nodes, middle, to)?;
    Ok(node_hash(&left, &right))
}

/// PATH(leaf, D[0..size]) of section 2.1.1.
pub(super) fn inclusion_path<N: Nodes>(nodes: &mut N, leaf: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if leaf < middle {
            path.push(range_root(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(range_root(nodes, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// PROOF(older, D[0..newer]) of section 2.1.2. Empty if the two are equal, or `older` is 0.
pub(super) fn consistency_path<N: Nodes>(nodes: &mut N, older: u64, newer: u64) -> Result<Vec<Hash>, N::Error> {
    if older == 0 || older == newer {
        return Ok(Vec::new());
    }
    let (mut from, mut to) = (0, newer);
    let mut path = Vec::new();
    while older != to {
        let middle = from + split(to - from);
        if older <= middle {
            path.push(range_root(nodes, middle, to)?);
            to = middle;
        } else {
            path.push(range_root(nodes, from, middle)?);
            from = middle;
        }
    }
    // Where the older tree is a full subtree at the left edge, the verifier knows its root already.
    if from != 0 {
        path.push(range_root(nodes, from, to)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether `path` shows that `leaf` stands at `index` of the tree of `size` leaves with `root` (RFC 9162, 2.1.3.2).
pub fn includes(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut fn_, mut sn) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            hash = node_hash(sibling, &hash);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && hash == *root
}

/// Whether `path` shows that the tree of `older` leaves is a prefix of that of `newer` (RFC 9162, 2.1.4.2).
pub fn is_consistent(older: u64, older_root: &Hash, newer: u64, newer_root: &Hash, path: &[Hash]) -> bool {
    if older > newer {
        return false;
    }
    if older == newer {
        return path.is_empty() && older_root == newer_root;
    }
    if older == 0 {
        return path.is_empty() && *older_root == empty_root();
    }
    let mut rest = path.iter();
    let first = if older.is_power_of_two() { Some(older_root) } else { rest.next() };
    let Some(first) = first else { return false };
    let (mut fn_, mut sn) = (older - 1, newer - 1);
    let skipped = fn_.trailing_ones();
    fn_ >>= skipped;
    sn >>= skipped;
    let (mut old, mut new) = (*first, *first);
    for sibling in rest {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            new = node_hash(&new, sibling);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && old == *older_root && new == *newer_root
}

/// The largest power of two below `length`, which is at least 2.
const fn split(length: u64) -> u64 {
    1 << (u64::BITS - 1 - (length - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Leaves(Vec<Hash>);

    impl Nodes for Leaves {
        type Error = std::convert::Infallible;

        fn node(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error> {
            let (from, to) = ((index << level) as usize, ((index + 1) << level) as usize);
            Ok(root_of(&self.0[from..to]))
        }
    }

    /// The eight entries of the test data of Certificate Transparency's reference implementation.
    fn published() -> Vec<Hash> {
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
            .iter()
            .map(|entry| leaf_hash(&hex::decode(entry).unwrap()))
            .collect()
    }

    #[test]
    fn roots_are_the_published_ones() {
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(hex::encode(root_of(&published()[..size])), *root, "{size} entries");
        }
    }

    #[test]
    fn proofs_are_the_published_ones() {
        let mut nodes = Leaves(published());
        let hex = |path: Vec<Hash>| path.iter().map(hex::encode).collect::<Vec<_>>();
        assert_eq!(
            hex(inclusion_path(&mut nodes, 5, 8).unwrap()),
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        assert_eq!(
            hex(consistency_path(&mut nodes, 6, 8).unwrap()),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
    }

    #[test]
    fn every_proof_of_small_trees_verifies_and_no_altered_one_does() {
        let leaves: Vec<Hash> = (0..40_u8).map(|entry| leaf_hash(&[entry])).collect();
        let mut nodes = Leaves(leaves.clone());
        for size in 1..=40 {
            let root = root_of(&leaves[..size]);
            for index in 0..size {
                let mut path = inclusion_path(&mut nodes, index as u64, size as u64).unwrap();
                assert!(includes(&leaves[index], index as u64, size as u64, &path, &root));
                assert!(!includes(&leaves[(index + 1) % 40], index as u64, size as u64, &path, &root));
                path.push([0; 32]);
                assert!(!includes(&leaves[index], index as u64, size as u64, &path, &root));
            }
            for older in 0..=size {
                let older_root = root_of(&leaves[..older]);
                let mut path = consistency_path(&mut nodes, older as u64, size as u64).unwrap();
                assert!(is_consistent(older as u64, &older_root, size as u64, &root, &path), "{older} of {size}");
                if let Some(first) = path.first_mut() {
                    first[0] ^= 1;
                    assert!(!is_consistent(older as u64, &older_root, size as u64, &root, &path));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_frontier_has_the_root_of_its_leaves(count in 0_u64..300) {
            let leaves: Vec<Hash> = (0..count).map(|entry| leaf_hash(&entry.to_le_bytes())).collect();
            let mut frontier = Frontier::default();
            leaves.iter().for_each(|leaf| frontier.push(*leaf));
            let mut nodes = Leaves(leaves);
            prop_assert_eq!(frontier.root(), range_root(&mut nodes, 0, count).unwrap());
            let hashes = frontier.hashes().to_vec();
            prop_assert_eq!(Frontier::from_parts(count, hashes), Some(frontier));
        }
    }
}
