//! The ends of a path, their addresses, and why an end may have to stop.

use std::fmt::Display;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use clap::ValueEnum;
use nix::errno::Errno;

/// Where the traffic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Path {
    /// Over the loopback device.
    Lo,
    /// Over a veth pair between two network namespaces.
    Veth,
}

/// Which addresses, and which sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Variant {
    /// IPv4 sockets.
    #[value(name = "ipv4")]
    V4,
    /// IPv6 sockets with IPv6 addresses.
    #[value(name = "ipv6")]
    V6,
    /// IPv6 sockets with IPv4 addresses mapped into IPv6.
    Mapped,
}

/// Which end of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum End {
    /// The first process of a case.
    A,
    /// The second.
    B,
}

impl End {
    /// The opposite end.
    pub fn other(self) -> Self {
        match self {
            End::A => End::B,
            End::B => End::A,
        }
    }
}

/// The address of an end.
pub fn address(path: Path, variant: Variant, end: End) -> IpAddr {
    let host = if end == End::A { 1 } else { 2 };
    let v4 = match path {
        Path::Lo => Ipv4Addr::LOCALHOST,
        Path::Veth => Ipv4Addr::new(10, 213, 77, host),
    };
    match (variant, path) {
        (Variant::V4, _) => v4.into(),
        (Variant::Mapped, _) => v4.to_ipv6_mapped().into(),
        (Variant::V6, Path::Lo) => Ipv6Addr::LOCALHOST.into(),
        (Variant::V6, Path::Veth) => {
            Ipv6Addr::new(0xfd6e, 0x6574, 0x6d6f, 0x6e, 0, 0, 0, host.into()).into()
        }
    }
}

/// Why a process cannot do its part.
#[derive(Debug)]
pub enum Stop {
    /// Not possible here, for a reason that is no fault.
    Skip(String),
    /// A fault.
    Fail(String),
}

impl Stop {
    /// A fault in the words of the case.
    pub fn fail(what: impl Display) -> Self {
        Stop::Fail(what.to_string())
    }

    /// `what` is not to be had here.
    pub fn skip(what: impl Display) -> Self {
        Stop::Skip(what.to_string())
    }
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Stop::fail(errno)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Stop::fail(error)
    }
}

/// What a side gives back when it is done.
pub type Outcome = Result<(), Stop>;
