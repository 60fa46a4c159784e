// SPDX-License-Identifier: GPL-2.0-only
//! Whose session is standard input? rustc label.rs && ./label NAME
use std::os::unix::io::AsRawFd;
use std::{env, io, process};

// As the crate libc has them.
const EDQUOT: i32 = 122;
extern "C" {
    fn setsockopt(fd: i32, level: i32, option: i32, value: *const u8, length: u32) -> i32;
}

/// False: the user has as many sessions as he may, turn the client away.
fn may_stay(connection: &impl AsRawFd, name: &[u8]) -> bool {
    let result = unsafe { setsockopt(connection.as_raw_fd(), 0x6863, 1, name.as_ptr(), name.len() as u32) };
    result == 0 || io::Error::last_os_error().raw_os_error() != Some(EDQUOT)
}

fn main() {
    let name = env::args().nth(1).expect("a name");
    let stays = may_stay(&io::stdin(), name.as_bytes());
    println!("{}", if stays { "welcome" } else { "too many sessions" });
    process::exit(!stays as i32);
}
