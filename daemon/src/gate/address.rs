//! Which addresses may be connected to.
//!
//! A name can stand for anything, and changes what it stands for between two look-ups (DNS rebinding). So each address
//! that a look-up gave is checked, and the very address that was checked is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::domain::AddressRange;

/// The address that packets for `address` would reach in the end: the IPv4 address inside an IPv6 one that only wraps
/// it (mapped and compatible, RFC 4291 2.5.5; NAT64, RFC 6052; 6to4, RFC 3056), else the address itself.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => embedded(v6).map_or(address, IpAddr::V4),
    }
}

fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let low = |bits: u128| Ipv4Addr::from_bits((bits & 0xffff_ffff) as u32);
    let bits = v6.to_bits();
    if bits <= 1 {
        return None; // `::` and `::1` lie in the compatible range and mean something else.
    }
    match bits >> 32 {
        0 | 0xffff => Some(low(bits)),
        0x0064_ff9b_0000_0000_0000_0000 => Some(low(bits)),
        _ if bits >> 112 == 0x2002 => Some(low(bits >> 80)),
        _ => None,
    }
}

/// `None`: a public address. Else what kind of address it is, in one word or two.
///
/// From the IANA special-purpose address registries (RFC 6890); of IPv6 only what is assigned as global unicast
/// (2000::/3) is public.
pub(super) fn special(address: IpAddr) -> Option<&'static str> {
    match canonical(address) {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    }
}

fn special_v4(v4: Ipv4Addr) -> Option<&'static str> {
    // Azure's host agent answers on an address that looks public.
    if v4 == Ipv4Addr::new(169, 254, 169, 254) || v4 == Ipv4Addr::new(168, 63, 129, 16) {
        return Some("cloud metadata");
    }
    match v4.octets() {
        [0, ..] => Some("unspecified"),
        [127, ..] => Some("loopback"),
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Some("private"),
        [100, 64..=127, ..] => Some("shared by a carrier's customers"),
        [169, 254, ..] => Some("link-local"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("for documentation"),
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Some("reserved"),
        [224..=239, ..] => Some("multicast"),
        [240..=255, ..] => Some("reserved"),
        _ => None,
    }
}

fn special_v6(v6: Ipv6Addr) -> Option<&'static str> {
    if v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) {
        return Some("cloud metadata");
    }
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        [0xfc00..=0xfdff, ..] => Some("private"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("for documentation"),
        // Protocol assignments, Teredo (RFC 4380) and ORCHID among them.
        [0x2001, 0..=0x1ff, ..] => Some("reserved"),
        [0x2000..=0x3fff, ..] => None,
        _ => Some("reserved"),
    }
}

/// Whether `address` may be connected to: it is public, or lies in one of the `granted` ranges.
/// The error says what kind of address it is.
pub(super) fn check(address: IpAddr, granted: &[AddressRange]) -> Result<(), &'static str> {
    match special(address) {
        None => Ok(()),
        Some(kind) => {
            let reached = canonical(address);
            let listed = granted.iter().any(|range| range.contains(reached) || range.contains(address));
            if listed { Ok(()) } else { Err(kind) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn kind(address: &str) -> Option<&'static str> {
        special(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_public() {
        for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "223.255.255.255", "2606:4700::1111", "2a00::1"] {
            assert_eq!(kind(address), None, "{address}");
        }
    }

    #[test]
    fn no_special_address_passes_in_any_dress() {
        let table = [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("10.1.2.3", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("100.64.0.1", "shared by a carrier's customers"),
            ("100.100.100.200", "shared by a carrier's customers"),
            ("169.254.0.1", "link-local"),
            ("169.254.169.254", "cloud metadata"),
            ("168.63.129.16", "cloud metadata"),
            ("192.0.2.1", "for documentation"),
            ("198.51.100.7", "for documentation"),
            ("203.0.113.9", "for documentation"),
            ("192.0.0.192", "reserved"),
            ("198.18.0.1", "reserved"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "cloud metadata"),
            ("::127.0.0.1", "loopback"),
            ("::2", "unspecified"),
            ("64:ff9b::10.0.0.1", "private"),
            ("64:ff9b::a9fe:a9fe", "cloud metadata"),
            ("64:ff9b:1::1", "reserved"),
            ("2002:7f00:1::", "loopback"),
            ("2002:a9fe:a9fe::1", "cloud metadata"),
            ("2002:a00:1::", "private"),
            ("::ffff:0:127.0.0.1", "reserved"),
            ("fd00:ec2::254", "cloud metadata"),
            ("fd12::1", "private"),
            ("fe80::1", "link-local"),
            ("fec0::1", "reserved"),
            ("ff02::1", "multicast"),
            ("2001:db8::1", "for documentation"),
            ("3fff::1", "for documentation"),
            ("2001::1", "reserved"),
            ("2001:10::1", "reserved"),
            ("100::1", "reserved"),
            ("4000::1", "reserved"),
        ];
        for (address, expected) in table {
            assert_eq!(kind(address), Some(expected), "{address}");
        }
    }

    #[test]
    fn a_granted_range_opens_what_lies_in_it_and_nothing_else() {
        let granted: Vec<AddressRange> = vec!["10.0.0.0/8".parse().unwrap()];
        for (address, allowed) in [
            ("10.9.8.7", true),
            ("::ffff:10.9.8.7", true),
            ("64:ff9b::10.9.8.7", true),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(check(address.parse().unwrap(), &granted).is_ok(), allowed, "{address}");
        }
    }
}
