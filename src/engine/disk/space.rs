//! How full a disk is.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::record::retention::Space;

/// The disk that holds `path`, as `df` counts it: what is kept for root alone is not there.
#[allow(unsafe_code, reason = "the disk's level has no safe wrapper in std")]
pub fn space(path: &Path) -> io::Result<Space> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a plain structure of numbers for which all zero is valid.
    let mut disk: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends in NUL and, like the structure, lives until the call returns.
    if unsafe { libc::statvfs(path.as_ptr(), &raw mut disk) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let used = disk.f_blocks.saturating_sub(disk.f_bfree).saturating_mul(disk.f_frsize);
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    Ok(Space { total: used.saturating_add(free), used })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_disk_has_a_level() {
        let root = tempfile::tempdir().unwrap();
        let disk = space(root.path()).unwrap();
        assert!(disk.total > 0 && disk.used <= disk.total);
        assert!(space(Path::new("/nowhere/at/all")).is_err());
    }
}
