//! The kernel's half: which datagrams come to the workers' gate sockets.
//!
//! ```text
//!  datagram ─▶ firewall ─▶ socket lookup ─▶ this program: (address, port) in the map?
//!                                             │ yes: the socket that the map holds
//!                                             └ no:  the lookup goes on as ever
//! ```
//!
//! The program is of the kernel's kind `sk_lookup` (bpf.h, `BPF_PROG_TYPE_SK_LOOKUP`, Linux 5.9): it runs
//! where a UDP datagram that came in looks for its socket, for the whole network namespace, after the
//! firewall. It does one look into a hash map, and it goes with the process: nothing is left behind.
//!
//! It is so short that it is written here in the kernel's own instructions; a compiler for it, or a
//! loader, would be a hundred times its size.

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Commands of bpf(2).
const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE: libc::c_long = 2;
const MAP_DELETE: libc::c_long = 3;
const PROG_LOAD: libc::c_long = 5;
const LINK_CREATE: libc::c_long = 28;

const MAP_TYPE_SOCKHASH: u32 = 18;
const PROG_TYPE_SK_LOOKUP: u32 = 30;
const ATTACH_SK_LOOKUP: u32 = 36;

/// Functions of the kernel's that the program calls.
const MAP_LOOKUP: i32 = 1;
const SOCKET_RELEASE: i32 = 86;
const SOCKET_ASSIGN: i32 = 124;

/// The verdict that the lookup shall go on, with the socket assigned if there is one.
const PASS: i32 = 1;

/// Where `struct bpf_sk_lookup` has its fields.
const FAMILY: i16 = 8;
const PROTOCOL: i16 = 12;
const LOCAL_ADDRESS: i16 = 40;
const LOCAL_PORT: i16 = 60;

/// A running program and its map. Dropped, the kernel steers nothing more.
#[derive(Debug)]
pub struct Steering {
    map: OwnedFd,
    _program: OwnedFd,
    _link: OwnedFd,
}

/// A key of the map as the program builds it: the address as it stands in the packet, the port as a
/// number of this machine's.
#[repr(C)]
struct Key {
    address: [u8; 4],
    port: u32,
}

impl Key {
    fn of(at: SocketAddrV4) -> Key {
        Key { address: at.ip().octets(), port: at.port().into() }
    }
}

impl Steering {
    /// Loads the program, with room for `most` ports, and attaches it to the network namespace of the
    /// calling thread. Asks for CAP_BPF and CAP_NET_ADMIN.
    pub fn new(most: usize) -> io::Result<Steering> {
        let most = u32::try_from(most.max(1)).map_err(|_| io::ErrorKind::InvalidInput)?;
        let map = bpf(
            MAP_CREATE,
            MapCreate {
                kind: MAP_TYPE_SOCKHASH,
                key_size: size_of::<Key>() as u32,
                value_size: size_of::<u64>() as u32,
                max_entries: most,
                flags: 0,
            },
        )?;
        let program = load(&map)?;
        let namespace = std::fs::File::open("/proc/thread-self/ns/net")?;
        let link = bpf(
            LINK_CREATE,
            LinkCreate {
                program: program.as_raw_fd(),
                target: namespace.as_raw_fd(),
                attach_type: ATTACH_SK_LOOKUP,
                flags: 0,
            },
        )?;
        Ok(Steering { map, _program: program, _link: link })
    }

    /// Datagrams for `at` go to `gate` from now on: a bound UDP socket.
    pub fn steer(&self, at: SocketAddrV4, gate: RawFd) -> io::Result<()> {
        let gate = u64::try_from(gate).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.change(MAP_UPDATE, at, &raw const gate)
    }

    /// They go to the socket that is bound there again.
    pub fn release(&self, at: SocketAddrV4) -> io::Result<()> {
        self.change(MAP_DELETE, at, std::ptr::null())
    }

    fn change(&self, command: libc::c_long, at: SocketAddrV4, value: *const u64) -> io::Result<()> {
        let key = Key::of(at);
        let entry = MapEntry {
            map: self.map.as_raw_fd(),
            pad: 0,
            key: (&raw const key) as u64,
            value: value as u64,
            flags: 0,
        };
        call(command, &entry).map(drop)
    }
}

/// One instruction (bpf.h, `struct bpf_insn`).
#[derive(Clone, Copy)]
#[repr(C)]
struct Instruction {
    code: u8,
    /// The destination's number below, the source's above.
    registers: u8,
    offset: i16,
    immediate: i32,
}

const fn instruction(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: to | from << 4, offset, immediate }
}

/// Loads a word of `offset` from where register `from` points.
const fn load_word(to: u8, from: u8, offset: i16) -> Instruction {
    instruction(0x61, to, from, offset, 0)
}
const fn store_word(at: i16, from: u8) -> Instruction {
    instruction(0x63, FRAME, from, at, 0)
}
const fn copy(to: u8, from: u8) -> Instruction {
    instruction(0xbf, to, from, 0, 0)
}
const fn set(to: u8, value: i32) -> Instruction {
    instruction(0xb7, to, 0, 0, value)
}
const fn add(to: u8, value: i32) -> Instruction {
    instruction(0x07, to, 0, 0, value)
}
/// Skips as many instructions unless register `what` holds `value`.
const fn unless(what: u8, value: i32, skip: i16) -> Instruction {
    instruction(0x55, what, 0, skip, value)
}
/// Skips as many if it does.
const fn when(what: u8, value: i32, skip: i16) -> Instruction {
    instruction(0x15, what, 0, skip, value)
}
const fn invoke(function: i32) -> Instruction {
    instruction(0x85, 0, 0, 0, function)
}

/// Results come in register 0, arguments go in 1 to 5, 6 to 9 outlast a call.
const FRAME: u8 = 10;
/// The key's place on the stack.
const KEY: i16 = -8;

fn program(map: &OwnedFd) -> [Instruction; 24] {
    [
        copy(6, 1),
        load_word(2, 6, FAMILY),
        unless(2, libc::AF_INET, 19),
        load_word(2, 6, PROTOCOL),
        unless(2, libc::IPPROTO_UDP, 17),
        load_word(2, 6, LOCAL_ADDRESS),
        store_word(KEY, 2),
        load_word(2, 6, LOCAL_PORT),
        store_word(KEY + 4, 2),
        copy(2, FRAME),
        add(2, KEY as i32),
        // A load of 64 bits takes two places; source 1 says that it is a map.
        instruction(0x18, 1, 1, 0, map.as_raw_fd()),
        instruction(0, 0, 0, 0, 0),
        invoke(MAP_LOOKUP),
        when(0, 0, 7),
        copy(7, 0),
        copy(1, 6),
        copy(2, 7),
        set(3, 0),
        invoke(SOCKET_ASSIGN),
        copy(1, 7),
        invoke(SOCKET_RELEASE),
        set(0, PASS),
        instruction(0x95, 0, 0, 0, 0),
    ]
}

fn load(map: &OwnedFd) -> io::Result<OwnedFd> {
    let instructions = program(map);
    let licence = c"MIT OR Apache-2.0";
    bpf(
        PROG_LOAD,
        ProgLoad {
            kind: PROG_TYPE_SK_LOOKUP,
            count: instructions.len() as u32,
            instructions: instructions.as_ptr() as u64,
            licence: licence.as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
            kernel_version: 0,
            flags: 0,
            name: *b"belfry_rtp\0\0\0\0\0\0",
            interface: 0,
            attach_type: ATTACH_SK_LOOKUP,
        },
    )
}

// What bpf(2) takes, command by command: the beginnings of `union bpf_attr`.

#[repr(C)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
}

#[repr(C)]
struct MapEntry {
    map: RawFd,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgLoad {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
}

#[repr(C)]
struct LinkCreate {
    program: RawFd,
    target: RawFd,
    attach_type: u32,
    flags: u32,
}

/// A command that gives a descriptor.
fn bpf<T>(command: libc::c_long, attributes: T) -> io::Result<OwnedFd> {
    let fd = call(command, &attributes)?;
    // SAFETY: the kernel just gave us this descriptor and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn call<T>(command: libc::c_long, attributes: &T) -> io::Result<RawFd> {
    // SAFETY: the attributes are one of the structures above, of the length given; what they point to
    // is read, and written nowhere, before the call returns.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>())
    };
    match result {
        0.. => Ok(result as RawFd),
        _ => Err(io::Error::last_os_error()),
    }
}
