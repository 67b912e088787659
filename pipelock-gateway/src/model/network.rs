//! Networks as the configuration writes them, with the mistakes people make told apart.
//!
//! Stricter than `ipnet` alone: an address with bits beyond its prefix is more often a slip than a wish, and a whole
//! family in one entry switches off what the list is an exception to.

use std::net::IpAddr;

use ipnet::IpNet;

/// Why a text is no network; each message says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// No address before the `/`.
    #[error("is not a CIDR; write an address and a prefix length, for example 10.0.0.0/8")]
    NotANetwork,
    /// An address without a prefix length.
    #[error("is not a CIDR: the prefix length is missing; write {0} for this one address")]
    NoPrefix(IpNet),
    /// A prefix length that is no number or too long.
    #[error("is not a CIDR: the prefix length must be a number from 1 to {max}; write for example {example}")]
    Prefix {
        /// 32 or 128.
        max: u8,
        /// A network that would be one.
        example: &'static str,
    },
    /// The address has bits set beyond its prefix.
    #[error("is not a CIDR: the address has bits set beyond its prefix; write it as {0}")]
    HostBits(IpNet),
    /// A prefix of length 0.
    #[error("covers every address of its family; list the networks that are meant")]
    WholeFamily,
    /// `::ffff:a.b.c.d/n`, which no address ever matches, as mapped addresses are handled as IPv4.
    #[error("is IPv4 in IPv6 clothes; write the IPv4 network")]
    Mapped,
}

/// Reads `address/length`.
///
/// # Errors
/// [`InvalidNetwork`], one variant for each kind of slip.
pub fn parse_network(text: &str) -> Result<IpNet, InvalidNetwork> {
    let text = text.trim();
    let Some((address, length)) = text.split_once('/') else {
        return Err(match text.parse::<IpAddr>() {
            Ok(ip) => InvalidNetwork::NoPrefix(ip.into()),
            Err(_) => InvalidNetwork::NotANetwork,
        });
    };
    let address: IpAddr = address.parse().map_err(|_| InvalidNetwork::NotANetwork)?;
    if address.to_canonical() != address {
        return Err(InvalidNetwork::Mapped);
    }
    let bad_prefix = match address {
        IpAddr::V4(_) => InvalidNetwork::Prefix { max: 32, example: "10.0.0.0/8" },
        IpAddr::V6(_) => InvalidNetwork::Prefix { max: 128, example: "fd00::/8" },
    };
    let length: u8 = length.parse().map_err(|_| bad_prefix)?;
    let net = IpNet::new(address, length).map_err(|_| bad_prefix)?;
    if length == 0 {
        return Err(InvalidNetwork::WholeFamily);
    }
    if net != net.trunc() {
        return Err(InvalidNetwork::HostBits(net.trunc()));
    }
    Ok(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_slips_are_told_apart() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let (v4, v6) = (
            InvalidNetwork::Prefix { max: 32, example: "10.0.0.0/8" },
            InvalidNetwork::Prefix { max: 128, example: "fd00::/8" },
        );
        for (text, want) in [
            ("10.0.0.0/8", Ok(net("10.0.0.0/8"))),
            (" 203.0.113.7/32 ", Ok(net("203.0.113.7/32"))),
            ("2001:DB8::/32", Ok(net("2001:db8::/32"))),
            ("10.0.0.0/33", Err(v4)),
            ("10.0.0.0/", Err(v4)),
            ("10.0.0.0/-1", Err(v4)),
            ("10.0.0.0/255.0.0.0", Err(v4)),
            ("2001:db8::/129", Err(v6)),
            ("10.0.0.1/8", Err(InvalidNetwork::HostBits(net("10.0.0.0/8")))),
            ("2001:db8::1/64", Err(InvalidNetwork::HostBits(net("2001:db8::/64")))),
            ("0.0.0.0/0", Err(InvalidNetwork::WholeFamily)),
            ("10.0.0.0/0", Err(InvalidNetwork::WholeFamily)),
            ("::/0", Err(InvalidNetwork::WholeFamily)),
            ("10.0.0.5", Err(InvalidNetwork::NoPrefix(net("10.0.0.5/32")))),
            ("::ffff:10.0.0.0/104", Err(InvalidNetwork::Mapped)),
            ("10.0.0/8", Err(InvalidNetwork::NotANetwork)),
            ("example.com/8", Err(InvalidNetwork::NotANetwork)),
            ("", Err(InvalidNetwork::NotANetwork)),
        ] {
            assert_eq!(parse_network(text), want, "{text:?}");
        }
    }
}
